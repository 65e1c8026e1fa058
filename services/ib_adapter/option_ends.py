"""How options end at IB: by executions that have no order, or by a position that is gone.

An assignment or exercise is two executions without an order: the option at a price of 0, and its
shares at the strike. What expires is the option alone. IB gives no word of which it was: the
shares tell.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from itertools import combinations
from typing import Final

from services.common.domain.activities import ActivityType
from services.common.domain.amounts import mul, total
from services.common.domain.executions import Side
from services.common.domain.instruments import Equity, Instrument, OptionContract, OptionRight
from services.common.domain.occ import guess_underlying
from services.ib_adapter import contracts
from services.ib_adapter.words import ExecutionWord

PAIR_WITHIN_S: Final = 300.0
_EXPLAINED_MAX: Final = 12
_SIDES: Final = {"BOT": Side.BUY, "SLD": Side.SELL}


@dataclass(frozen=True, slots=True)
class Moved:
    """A position that an execution without an order has changed; `qty` is signed."""

    exec_id: str
    instrument: Instrument
    qty: Decimal
    px: Decimal
    at: datetime


@dataclass(frozen=True, slots=True)
class Delivery:
    """An option that ended and the shares that came or went for it."""

    option: Moved
    shares: Moved


@dataclass(frozen=True, slots=True)
class Gone:
    """An option of which a part, or all, is held no more; `qty` is the change of the position."""

    option: OptionContract
    qty: Decimal


def is_orderless(word: ExecutionWord) -> bool:
    """Whether no order was filled by this execution."""
    return not word.perm_id and not word.order_ref and word.order_id <= 0


def moved(word: ExecutionWord) -> Moved:
    """What an execution did to a position. Raises Unreadable for what has no name here."""
    sign = Decimal(_SIDES[word.side].sign)
    instrument = contracts.instrument_of(word.contract)
    return Moved(word.exec_id, instrument, mul(word.last_qty, sign), word.last_px, word.venue_time)


def underlying_of(instrument: Instrument) -> str:
    """The symbol of the share that an option is on, or of a share itself."""
    if isinstance(instrument, Equity):
        return instrument.symbol
    return instrument.underlying or guess_underlying(instrument.root) or instrument.root


def delivered(option: OptionContract, qty: Decimal) -> Decimal:
    """The change of shares when an option's position changes by `qty` since it was exercised: a
    put gives shares to its seller and takes them from its owner, a call the other way round."""
    shares = mul(qty, option.multiplier)
    return shares if option.right is OptionRight.PUT else shares.copy_negate()


def kind_of(qty: Decimal) -> ActivityType:
    """Short contracts are assigned, long ones exercised."""
    return ActivityType.ASSIGNMENT if qty > 0 else ActivityType.EXERCISE


def pair(moves: Iterable[Moved]) -> tuple[list[Delivery], list[Moved]]:
    """Options with their shares, and what has no other half (yet)."""
    left, found = list(moves), []
    for option in [m for m in left if isinstance(m.instrument, OptionContract) and not m.px]:
        shares = next((m for m in left if _is_half(option, m)), None)
        if shares is not None:
            found.append(Delivery(option, shares))
            left = [m for m in left if m is not option and m is not shares]
    return found, left


def _is_half(option: Moved, shares: Moved) -> bool:
    if not isinstance(option.instrument, OptionContract):
        return False
    return (
        isinstance(shares.instrument, Equity)
        and shares.instrument.symbol == underlying_of(option.instrument)
        and shares.px == option.instrument.strike
        and shares.qty == delivered(option.instrument, option.qty)
        and abs((shares.at - option.at).total_seconds()) <= PAIR_WITHIN_S
    )


def explain(gone: Sequence[Gone], share_change: Decimal, expired: date) -> set[int] | None:
    """Which of the options (by place) were exercised, so that shares changed as they did.

    All options are on one share. What was not exercised must have expired, by `expired` at the
    latest. None if that can't be told: no choice of them fits, or several do.
    """
    if len(gone) > _EXPLAINED_MAX:
        return None
    live = {n for n, one in enumerate(gone) if one.option.expiry > expired}
    ended = [n for n in range(len(gone)) if n not in live]
    fitting = [
        {*some, *live}
        for count in range(len(ended) + 1)
        for some in combinations(ended, count)
        if total(delivered(gone[n].option, gone[n].qty) for n in (*some, *live)) == share_change
    ]
    return fitting[0] if len(fitting) == 1 else None
