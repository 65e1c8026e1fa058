"""alpaca-py's data stream, tapped as the one of trade_updates: a connection to one feed.

The SDK connects, authorises and subscribes; every frame goes to the listener before it, since it
logs and drops what a handler can't take. Its own way to change a running subscription blocks the
event loop, so what is wanted is sent here.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection
from dataclasses import replace
from random import Random
from typing import ClassVar, Literal, Protocol, TypeAlias

import msgspec
from alpaca.data.live.websocket import DataStream

from services.alpaca_adapter.stream import (
    Frame,
    Stream,
    StreamListener,
    StreamTerms,
    Tapped,
    ignore,
)

Action: TypeAlias = Literal["subscribe", "unsubscribe"]


class QuoteSocket(Stream, Protocol):
    """A connection to one feed that keeps itself up, and what it is subscribed to."""

    def want(self, symbols: Collection[str]) -> None:
        """What a connection subscribes to once it is made; at least one symbol."""

    async def change(self, action: Action, symbols: Collection[str]) -> None:
        """Ask for more or less on this connection; the answer is heard, and nothing awaited."""


OpenQuoteSocket = Callable[[str, StreamListener], QuoteSocket]
"""Opens a connection to the feed at an address; connects only when it runs."""


class TappedQuotes(Tapped, DataStream):  # type: ignore[misc]
    """One feed's quotes. Made by `quote_opener`."""

    _gives_up: ClassVar[bool] = True  # when the account may not have the feed
    _nothing: ClassVar[Frame] = msgspec.msgpack.encode([])

    def __init__(
        self, key: str, secret: str, terms: StreamTerms, listener: StreamListener, random: Random
    ) -> None:
        super().__init__(
            terms.url, key, secret, raw_data=True, websocket_params=terms.socket_params()
        )
        self._terms = terms
        self._listener = listener
        self._random = random

    def want(self, symbols: Collection[str]) -> None:
        """See `QuoteSocket`. The SDK subscribes to what has a handler."""
        self._handlers["quotes"] = dict.fromkeys(symbols, ignore)

    async def change(self, action: Action, symbols: Collection[str]) -> None:
        """See `QuoteSocket`. Raises TimeoutError, and what a socket that is gone raises."""
        socket = self._ws
        if socket is None:
            return  # it subscribes to what is wanted once it is back
        async with asyncio.timeout(self._terms.open_s):
            asked = {"action": action, "quotes": sorted(symbols)}
            await socket.send(msgspec.msgpack.encode(asked))


def quote_opener(key: str, secret: str, terms: StreamTerms, random: Random) -> OpenQuoteSocket:
    """How a feed is connected to with these credentials and terms; the address is its own."""

    def open_socket(url: str, listener: StreamListener) -> QuoteSocket:
        return TappedQuotes(key, secret, replace(terms, url=url), listener, random)

    return open_socket
