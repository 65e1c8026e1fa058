"""All that a line shows at a time, from the market as it is or as it was."""

from dataclasses import dataclass
from datetime import datetime

from simulators.ib_gateway import ticks as made
from simulators.ib_gateway.day_figures import DayBook
from simulators.ib_gateway.generic_ticks import Seen, generic_ticks
from simulators.ib_gateway.option_ticks import greek_ticks
from simulators.ib_gateway.subscriptions import Line, Told
from simulators.ib_gateway.ticks import GENERIC, HALTED, View
from simulators.venue.instruments import Instrument, OptionContract
from simulators.venue.market import Market
from simulators.venue.model_quotes import ModelQuotes
from simulators.venue.quotes import Quote, QuoteBook

_GENERAL_HALT = 1


class LiveMarket:
    """The market as it is now."""

    def __init__(self, market: Market) -> None:
        self._venue = market.venue
        self.model: ModelQuotes = market.model

    @property
    def quotes(self) -> QuoteBook:
        return self._venue.quotes

    @property
    def now(self) -> datetime:
        return self._venue.now


@dataclass(frozen=True, slots=True)
class Picture:
    """What a line shows. is_frozen: the last prices of a market that is closed or stands still."""

    ticks: Told
    is_frozen: bool


class LinePictures:
    """Makes pictures from one view of the market."""

    def __init__(self, market: Market, view: View, *, is_live: bool) -> None:
        self._market = market
        self._view = view
        self._is_live = is_live
        self._days = DayBook(market)

    def of(self, line: Line, *, wants_frozen: bool) -> Picture:
        """The line's picture now; a closed market has no prices unless frozen ones are wanted."""
        single = line.quoted.single
        if single is None:
            quote = made.combo_quote(line.quoted, self._view.quotes)
        else:
            quote = self._view.quotes.find(single.symbol)
        is_open = all(made.is_open(i, self._view.now) for i, _ in line.quoted.legs)
        is_shown = quote is not None and (is_open or wants_frozen)
        is_frozen = (quote is not None and quote.frozen) or (wants_frozen and not is_open)
        shown = made.quote_ticks(quote) if quote is not None and is_shown else made.no_quote()
        if quote is not None and single is not None:
            shown = {**shown, **self._of_single(line, single, quote, is_shown=is_shown)}
        return Picture(made.as_told(shown, is_live=self._is_live), is_frozen)

    def _of_single(
        self, line: Line, instrument: Instrument, quote: Quote, *, is_shown: bool
    ) -> Told:
        at = min(self._view.now, self._market.venue.quoted_at(quote))
        figures = self._days.of(instrument, self._view)
        ticks = made.trade_ticks(quote, instrument, at)
        if figures is not None:
            ticks.update(made.day_ticks(figures))
        ticks.update(made.close_ticks(self._market.venue.quotes.previous_close(instrument.symbol)))
        ticks[GENERIC, HALTED] = (0 if instrument.tradable else _GENERAL_HALT,)
        if isinstance(instrument, OptionContract) and line.has_greeks and is_shown:
            ticks.update(greek_ticks(instrument, self._view))
        volume = figures.volume if figures is not None else 0
        seen = Seen(instrument, quote, self._view, self._days, volume)
        return {**ticks, **generic_ticks(seen, line.generics)}
