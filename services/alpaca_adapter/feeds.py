"""Which feed of market data to ask: the best that the account is entitled to.

Alpaca has a full feed that costs (sip, opra) and a free one beside it (iex, indicative), and no
endpoint that says which of them an account may have. So the better one is asked, and when Alpaca
refuses it the other; the refusal is remembered for a while, by what was asked: recent quotes may
be refused where old bars are not.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from typing import Final, TypeVar

import structlog

from services.alpaca_adapter.reads import NotEntitled
from services.alpaca_adapter.rest import Api
from services.common.domain.instruments import Instrument, OptionContract
from services.common.domain.market import QuoteQuality

T = TypeVar("T")

_log = structlog.stdlib.get_logger(__name__)

QUALITY: Final[Mapping[Api, Mapping[str, QuoteQuality]]] = {
    Api.STOCKS: {
        "iex": QuoteQuality.REALTIME,  # one exchange's book only, and in real time
        "sip": QuoteQuality.REALTIME,
        "delayed_sip": QuoteQuality.DELAYED,
    },
    Api.OPTIONS: {
        "opra": QuoteQuality.REALTIME,
        "indicative": QuoteQuality.INDICATIVE,
    },
}
_NEXT_BEST: Final = {"sip": "iex", "opra": "indicative"}


def api_of(instrument: Instrument) -> Api:
    """The interface that has an instrument's market data."""
    return Api.OPTIONS if isinstance(instrument, OptionContract) else Api.STOCKS


class Feeds:
    """Remembers what was refused. `stock_feed` and `option_feed` are the ones to ask first."""

    def __init__(
        self,
        monotonic: Callable[[], float],
        *,
        stock_feed: str,
        option_feed: str,
        refused_s: float,
    ) -> None:
        self._monotonic = monotonic
        self._first = {Api.STOCKS: stock_feed, Api.OPTIONS: option_feed}
        self._refused_s = refused_s
        self._refused_until: dict[tuple[str, str], float] = {}

    def to_ask(self, api: Api, what: str) -> list[str]:
        """The feeds for `what`, the first one first, without those refused of late.

        The last resort is always among them.
        """
        first = self._first[api]
        feeds = [first, _NEXT_BEST[first]] if first in _NEXT_BEST else [first]
        now = self._monotonic()
        return [f for f in feeds[:-1] if self._refused_until.get((what, f), now) <= now] + [
            feeds[-1]
        ]

    def refused(self, what: str, feed: str, why: str) -> None:
        """Alpaca refused `feed` for `what`."""
        _log.warning("feed_refused", feed=feed, what=what, reason=why)
        self._refused_until[(what, feed)] = self._monotonic() + self._refused_s

    async def ask_history(self, read: Callable[[str], Awaitable[T]]) -> tuple[T, str]:
        """Like `ask`, for the past of shares. A refusal is not remembered.

        sip is everybody's once it is 15 minutes old, so the next request may be answered; that it
        is delayed makes no difference to the past.
        """
        if self._first[Api.STOCKS] != "iex":
            with suppress(NotEntitled):
                return await read("sip"), "sip"
        return await read("iex"), "iex"

    async def ask(self, api: Api, what: str, read: Callable[[str], Awaitable[T]]) -> tuple[T, str]:
        """What `read` gives for the best feed that is not refused, and which one that is.

        Raises what `read` raises; NotEntitled only if the last resort is refused too.
        """
        *better, last = self.to_ask(api, what)
        for feed in better:
            try:
                return await read(feed), feed
            except NotEntitled as error:
                self.refused(what, feed, error.message)
        return await read(last), last
