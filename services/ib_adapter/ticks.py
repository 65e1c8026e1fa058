"""What the ticks of one request have told so far: two sides, the last trade, greeks, kind of data.

A tick has a number and a value. Those that are delayed have numbers of their own, so a request that
was answered with them can't be taken for a live one. A price of -1 or 0 is IB's "there is none",
which is a word as good as any: that nothing was told of a side yet is another thing.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal
from enum import Enum, IntEnum
from typing import Final

from services.common.domain.errors import ReadFailed
from services.common.domain.market import Greeks
from services.ib_adapter import figures


class Side(Enum):
    """What a price and its size are of."""

    BID = "bid"
    ASK = "ask"
    LAST = "last"


class DataType(IntEnum):
    """Which data IB sends, in its own numbers; 0 if it has not said."""

    UNKNOWN = 0
    LIVE = 1
    FROZEN = 2
    DELAYED = 3
    DELAYED_FROZEN = 4


_PRICES: Final = {
    1: Side.BID,
    2: Side.ASK,
    4: Side.LAST,
    66: Side.BID,
    67: Side.ASK,
    68: Side.LAST,
}
_SIZES: Final = {
    0: Side.BID,
    3: Side.ASK,
    5: Side.LAST,
    69: Side.BID,
    70: Side.ASK,
    71: Side.LAST,
}
_LAST_TIMES: Final = frozenset({45, 88})
_HALTED: Final = frozenset({49, 90})
# Which computation goes before which: the model's, of the last trade, of the bid, of the ask.
_COMPUTED: Final = {13: 0, 83: 0, 12: 1, 82: 1, 10: 2, 80: 2, 11: 3, 81: 3}
_FIRST_DELAYED: Final = 66
_DELAYED_TYPES: Final = (DataType.DELAYED, DataType.DELAYED_FROZEN)
_UNSET_GREEK: Final = -2.0
_UNSET_VOLATILITY: Final = -1.0


class Ticks:
    """The last word on each part. A side that is not in `prices` was not told of yet."""

    def __init__(self) -> None:
        self.prices: dict[Side, Decimal | None] = {}
        self.sizes: dict[Side, Decimal] = {}
        self.data_type = DataType.UNKNOWN
        self.is_halted = False
        self.last_trade_time: datetime | None = None
        self._computed: dict[int, Greeks] = {}

    @property
    def are_both_sides_told(self) -> bool:
        """Whether bid and ask are known, be it that there is none."""
        return Side.BID in self.prices and Side.ASK in self.prices

    @property
    def is_quote_whole(self) -> bool:
        """Both sides, a size for each that has a price, and the kind of data."""
        return (
            self.are_both_sides_told
            and self.data_type is not DataType.UNKNOWN
            and all(self.price(s) is None or s in self.sizes for s in (Side.BID, Side.ASK))
        )

    @property
    def greeks(self) -> Greeks | None:
        """The model's, else those of the last trade, the bid, the ask; None if none were told."""
        return self._computed[min(self._computed)] if self._computed else None

    @property
    def has_model_greeks(self) -> bool:
        """Whether the best of them have come."""
        return 0 in self._computed

    def price(self, side: Side) -> Decimal | None:
        """The price of a side, None if there is none or none was told."""
        return self.prices.get(side)

    def size(self, side: Side) -> Decimal | None:
        """The size at a price; None without a price."""
        return self.sizes.get(side) if self.price(side) is not None else None

    def take_price(self, number: int, price: float, size: float) -> None:
        """A price with its size."""
        side = _PRICES.get(number)
        if side is None:
            return
        self._note_delayed(number)
        self.prices[side] = figures.decimal(price) if price > 0 else None
        self._set_size(side, size)

    def take_size(self, number: int, size: float) -> None:
        """A size by itself."""
        side = _SIZES.get(number)
        if side is not None:
            self._note_delayed(number)
            self._set_size(side, size)

    def take_text(self, number: int, text: str) -> None:
        """A value that is text: of these only the time of the last trade is of use."""
        if number in _LAST_TIMES and text.isascii() and text.isdigit() and len(text) <= 10:
            self.last_trade_time = datetime.fromtimestamp(int(text), UTC)

    def take_generic(self, number: int, value: float) -> None:
        """A value that is neither: 1 and 2 are kinds of halt, 0 and -1 are none."""
        if number in _HALTED:
            self.is_halted = value > 0

    def take_greeks(self, number: int, greeks: Greeks | None) -> None:
        """A computation; None is one that has nothing set."""
        rank = _COMPUTED.get(number)
        if rank is None:
            return
        if greeks is None:
            self._computed.pop(rank, None)
        else:
            self._computed[rank] = greeks

    def take_type(self, number: int) -> None:
        """Which kind of data comes from here on."""
        try:
            self.data_type = DataType(number)
        except ValueError:
            self.data_type = DataType.UNKNOWN

    def _note_delayed(self, number: int) -> None:
        if number >= _FIRST_DELAYED and self.data_type not in _DELAYED_TYPES:
            self.data_type = DataType.DELAYED

    def _set_size(self, side: Side, size: float) -> None:
        value = figures.decimal(size)
        if value is None or value < 0:
            self.sizes.pop(side, None)
        else:
            self.sizes[side] = value


def computed_greeks(
    volatility: float, delta: float, gamma: float, vega: float, theta: float
) -> Greeks | None:
    """A computation's values; what is not set is None, and so is one without any."""
    values = {
        name: _set_number(value, _UNSET_GREEK)
        for name, value in (("delta", delta), ("gamma", gamma), ("vega", vega), ("theta", theta))
    }
    implied = _set_number(volatility, _UNSET_VOLATILITY)
    if implied is not None and implied < 0:
        implied = None
    if implied is None and all(value is None for value in values.values()):
        return None
    return Greeks(**values, implied_volatility=implied)


def _set_number(value: float, unset: float) -> float | None:
    is_set = math.isfinite(value) and abs(value) != figures.UNSET_FLOAT and value != unset
    return value if is_set else None


class TickLine:
    """One request for ticks. `on_tick` is called after each; `done` is its end.

    `done` gives True if the Gateway said that there is no more (a snapshot), False if whoever
    asked has enough; or it raises what went wrong. Needs a running loop.
    """

    def __init__(self, on_tick: Callable[[TickLine], None]) -> None:
        self.ticks = Ticks()
        self.done: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        self._on_tick = on_tick

    def told(self) -> None:
        """A tick was taken."""
        if not self.done.done():
            self._on_tick(self)

    def finish(self, *, by_gateway: bool) -> None:
        """Nothing more will come, or is needed."""
        if not self.done.done():
            self.done.set_result(by_gateway)

    def fail(self, error: ReadFailed) -> None:
        """No ticks will come any more."""
        if not self.done.done():
            self.done.set_exception(error)
            self.done.exception()  # taken: whoever gave up waiting must not have it logged
