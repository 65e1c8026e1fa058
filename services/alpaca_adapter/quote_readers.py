"""Who reads which quotes of a stream, and the latest quote of each."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager

from services.alpaca_adapter.symbols import wire_symbol
from services.common.adapter.conflated import ConflatedQuotes, is_news
from services.common.domain.errors import TandemError, Unavailable
from services.common.domain.instruments import Instrument
from services.common.domain.market import Quote


class QuoteReaders:
    """The readers of one stream, which takes `symbols_max` symbols at once.

    `too_many` makes the error that one more is refused with; `on_change` is called when other
    symbols may be wanted.
    """

    def __init__(
        self,
        symbols_max: int,
        *,
        too_many: Callable[[], Unavailable],
        on_change: Callable[[], None],
    ) -> None:
        self._symbols_max = symbols_max
        self._too_many = too_many
        self._on_change = on_change
        self._readers: dict[ConflatedQuotes, Mapping[str, Instrument]] = {}
        self._wanted: dict[str, Instrument] = {}
        self._latest: dict[str, Quote] = {}

    @property
    def wanted(self) -> Mapping[str, Instrument]:
        """What is read now, by symbol."""
        return self._wanted

    @contextmanager
    def joined(self, reader: ConflatedQuotes, instruments: Sequence[Instrument]) -> Iterator[None]:
        """Give the reader the quotes of these while the block lasts, and what is known at once.

        Raises what `too_many` makes if there would be too many symbols.
        """
        symbols = {wire_symbol(instrument): instrument for instrument in instruments}
        if len(self._wanted.keys() | symbols.keys()) > self._symbols_max:
            raise self._too_many()
        self._readers[reader] = symbols
        for symbol in symbols:
            if symbol in self._latest:
                reader.offer_first(self._latest[symbol])
        self._count()
        try:
            yield
        finally:
            self._readers.pop(reader, None)
            self._count()

    def tell(self, symbol: str, quote: Quote) -> None:
        """A newer quote of a symbol that is wanted."""
        self._latest[symbol] = quote
        for reader in self._readers:
            reader.offer(quote)

    def catch_up(self, quotes: Iterable[Quote], feed: str) -> None:
        """The latest of the feed, read once the stream was subscribed to: what changed while it
        was not yet is told to those who heard an older one."""
        for quote in quotes:
            if quote.feed == feed:
                for reader in self._readers:
                    reader.offer_if_news(quote)

    def news(self, quotes: Iterable[Quote], feed: str) -> list[tuple[str, Quote]]:
        """Those of the feed that are newer than what was told, and say something else.

        Where nothing was told they are what the next ones are compared with.
        """
        found = []
        for quote in quotes:
            symbol = wire_symbol(quote.instrument)
            if quote.feed != feed or symbol not in self._wanted:
                continue
            if is_news(quote, self._latest.setdefault(symbol, quote)):
                found.append((symbol, quote))
        return found

    def interrupted(self) -> None:
        """Quotes may be missing from here on."""
        self._latest.clear()
        for reader, symbols in self._readers.items():
            reader.interrupted(symbols.values())

    def fail(self, error: TandemError, symbols: Collection[str] | None = None) -> None:
        """End the readers that want any of these symbols, all of them by default."""
        for reader, wanted in list(self._readers.items()):
            if symbols is None or not wanted.keys().isdisjoint(symbols):
                del self._readers[reader]  # at once, though it may be slow to leave
                reader.fail(error)
        self._count()

    def _count(self) -> None:
        self._wanted = {
            symbol: instrument
            for symbols in self._readers.values()
            for symbol, instrument in symbols.items()
        }
        self._latest = {s: quote for s, quote in self._latest.items() if s in self._wanted}
        self._on_change()
