"""The end of a schedule: the venues' ledgers against what the router has booked.

Everything here is computed from the ledgers (`simulators.control.truth.ledger_json`) and from plain
values that the router gave out. Losses are what a ledger has and the router doesn't; duplicates
what the router has more often than the ledger.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from fractions import Fraction
from typing import Any, Final

from tests.simulation.checkers.finding import Finding, Kind

# What the router may say of an order that is live at the venue, and of one that ended there.
_LIVE: Final = frozenset(
    {"ACCEPTED", "PARTIALLY_FILLED", "PENDING_CANCEL", "PENDING_REPLACE", "SUSPENDED"}
)
_OPEN_AT_VENUE: Final = frozenset(
    {"pending_new", "accepted", "new", "partially_filled", "pending_cancel", "pending_replace"}
)
_ENDED: Final = {
    "filled": "FILLED",
    "canceled": "CANCELED",
    "expired": "EXPIRED",
    "rejected": "REJECTED",
    "replaced": "REPLACED",
}
_NEVER_THERE: Final = frozenset({"UNPLACED", "REJECTED", "IN_DOUBT"})


@dataclass(frozen=True, slots=True)
class Placed:
    """One placement as the router has it."""

    placement_id: str
    venue: str
    status: str
    venue_order_id: str


@dataclass(frozen=True, slots=True)
class Booked:
    """One order as the router has it."""

    client_order_id: str
    status: str
    cancel_requested: bool
    placements: tuple[Placed, ...]


@dataclass(frozen=True, slots=True)
class Fill:
    """One execution, at a venue or in the router's books. `cum_qty` is the order's after it."""

    venue: str
    placement_id: str
    symbol: str
    side: str
    qty: Decimal
    px: Decimal
    cum_qty: Decimal | None


@dataclass(frozen=True, slots=True)
class Charged:
    """What an execution cost, as the router has it; None if no venue told it."""

    venue: str
    exec_id: str
    fees: Decimal | None


@dataclass(frozen=True, slots=True)
class Held:
    """One position in the router's books."""

    venue: str
    symbol: str
    qty: Decimal
    realized_pnl: Decimal


@dataclass(frozen=True, slots=True)
class Account:
    """The router's books in plain values; fills in the order in which they were booked."""

    orders: Sequence[Booked]
    fills: Sequence[Fill]
    positions: Sequence[Held]
    charges: Sequence[Charged] = ()


Ledgers = Mapping[str, Mapping[str, Any]]
"""Per venue: its ledger."""


def check_settlement(
    ledgers: Ledgers,
    account: Account,
    multipliers: Mapping[str, int],
    without_expiry: Collection[str] = (),
    without_place: Collection[tuple[str, str]] = (),
) -> list[Finding]:
    """All that does not agree.

    `multipliers` gives each symbol's shares per unit. The venues in `without_expiry` call an order
    that has expired canceled, and one that was rejected later if nobody listened then. Of the
    orders in `without_place`, by venue and id there, the books do not tell after which quantity a
    fill came.
    """
    return [
        *_check_fills(ledgers, account, without_place),
        *_check_fees(ledgers, account),
        *_check_positions(ledgers, account),
        *_check_profit(account, multipliers),
        *_check_orders(ledgers, account, without_expiry),
    ]


# -- fills -----------------------------------------------------------------------------------


def ledger_fills(ledgers: Ledgers) -> Iterator[Fill]:
    """The fills of all venues that are not of orders placed by hand."""
    for venue, ledger in ledgers.items():
        by_hand = {o["venue_order_id"] for o in ledger["orders"] if o["by_hand"]}
        for e in ledger["executions"]:
            if e["venue_order_id"] not in by_hand:
                yield Fill(
                    venue,
                    e["client_order_id"],
                    e["symbol"],
                    e["side"].upper(),
                    Decimal(e["last_qty"]),
                    Decimal(e["last_px"]),
                    Decimal(e["cum_qty"]),
                )


def _check_fills(
    ledgers: Ledgers, account: Account, without_place: Collection[tuple[str, str]]
) -> Iterator[Finding]:
    there, booked = Counter(_placed_fills(ledgers, without_place)), Counter(account.fills)
    for fill, count in (there - booked).items():
        yield Finding(Kind.LOSS, f"{count} × not booked: {_shown(fill)}")
    for fill, count in (booked - there).items():
        kind = Kind.DUPLICATE if there[fill] else Kind.WRONG
        yield Finding(kind, f"{count} × booked and not at the venue: {_shown(fill)}")


def _placed_fills(ledgers: Ledgers, without_place: Collection[tuple[str, str]]) -> Iterator[Fill]:
    for fill in ledger_fills(ledgers):
        is_known = (fill.venue, fill.placement_id) not in without_place
        yield fill if is_known else replace(fill, cum_qty=None)


def _shown(fill: Fill) -> str:
    return (
        f"{fill.side} {fill.qty} {fill.symbol} at {fill.px} "
        f"({fill.placement_id} at {fill.venue}, {fill.cum_qty} filled after it)"
    )


def _check_fees(ledgers: Ledgers, account: Account) -> Iterator[Finding]:
    """What executions cost at the venues that charge anything; ids are theirs."""
    there = {
        (venue, e["exec_id"]): Decimal(e["fee"])
        for venue, ledger in ledgers.items()
        for e in ledger["executions"]
    }
    for charged in account.charges:
        fee = there.get((charged.venue, charged.exec_id))
        if fee and charged.fees is None:
            text = f"execution {charged.exec_id} cost {fee} at {charged.venue}: not booked"
            yield Finding(Kind.UNFINISHED, text)
        elif charged.fees is not None and charged.fees != fee:
            text = f"execution {charged.exec_id} cost {fee} at {charged.venue}: {charged.fees}"
            yield Finding(Kind.WRONG, text)


# -- positions -------------------------------------------------------------------------------


def _check_positions(ledgers: Ledgers, account: Account) -> Iterator[Finding]:
    """What the fills of our orders come to, and the venue's own word where nobody else traded."""
    there: dict[tuple[str, str], Decimal] = {}
    for fill in ledger_fills(ledgers):
        key = (fill.venue, fill.symbol)
        there[key] = there.get(key, Decimal(0)) + fill.qty * (1 if fill.side == "BUY" else -1)
    for venue, ledger in ledgers.items():
        if not any(order["by_hand"] for order in ledger["orders"]):
            ours = {symbol: qty for (v, symbol), qty in there.items() if v == venue and qty}
            assert ours == _stated(ledger), "the ledger contradicts itself"
    held = {(p.venue, p.symbol): p.qty for p in account.positions if p.qty}
    for key in sorted(there.keys() | held.keys()):
        if there.get(key, 0) != held.get(key, 0):
            text = f"{key[1]} at {key[0]}: {there.get(key, 0)}, booked are {held.get(key, 0)}"
            yield Finding(Kind.WRONG, text)


def _stated(ledger: Mapping[str, Any]) -> dict[str, Decimal]:
    return {
        position["symbol"]: Decimal(position["qty"])
        for owner in ledger["accounts"].values()
        for position in owner["positions"]
    }


def _check_profit(account: Account, multipliers: Mapping[str, int]) -> Iterator[Finding]:
    """Realised profit, computed anew from the fills, first in first out as they were booked."""
    lots: dict[tuple[str, str], list[list[Fraction]]] = {}
    realised: dict[tuple[str, str], Fraction] = {}
    for fill in account.fills:
        key = (fill.venue, fill.symbol)
        gain = _trade(lots.setdefault(key, []), fill)
        realised[key] = realised.get(key, Fraction(0)) + gain * multipliers[fill.symbol]
    for position in account.positions:
        wanted = realised.get((position.venue, position.symbol), Fraction(0))
        if Fraction(position.realized_pnl) != wanted:
            text = f"profit of {position.symbol}: {position.realized_pnl}, it is {float(wanted)}"
            yield Finding(Kind.WRONG, text)


def _trade(lots: list[list[Fraction]], fill: Fill) -> Fraction:
    """Close the oldest opposite lots, open with the rest; the profit per share and unit."""
    left = Fraction(fill.qty) * (1 if fill.side == "BUY" else -1)
    px, gain = Fraction(fill.px), Fraction(0)
    while left and lots and lots[0][0] * left < 0:
        qty, paid = lots[0]
        closed = qty if abs(qty) <= abs(left) else -left
        gain += closed * (px - paid)
        left += closed
        lots[0][0] -= closed
        if not lots[0][0]:
            del lots[0]
    if left:
        lots.append([left, px])
    return gain


# -- orders ----------------------------------------------------------------------------------


def _check_orders(
    ledgers: Ledgers, account: Account, without_expiry: Collection[str]
) -> Iterator[Finding]:
    there = {
        (venue, order["client_order_id"]): order
        for venue, ledger in ledgers.items()
        for order in ledger["orders"]
        if not order["by_hand"]
    }
    for booked in account.orders:
        for placed in booked.placements:
            order = there.pop((placed.venue, placed.placement_id), None)
            ended = _ENDED | ({"expired": "CANCELED"} if placed.venue in without_expiry else {})
            if (placed.venue in without_expiry) and _is_rejected_unheard(placed, order):
                continue
            yield from _check_placement(booked, placed, order, ended)
    for (venue, placement_id), order in there.items():
        text = f"{placement_id} is {order['status']} at {venue}, the router has no such placement"
        yield Finding(Kind.LOSS, text)


def _is_rejected_unheard(placed: Placed, order: Mapping[str, Any] | None) -> bool:
    return order is not None and (order["status"], placed.status) == ("rejected", "CANCELED")


def _check_placement(
    booked: Booked, placed: Placed, order: Mapping[str, Any] | None, ended: Mapping[str, str]
) -> Iterator[Finding]:
    what = f"{placed.placement_id} is {placed.status}"
    if order is None:
        if placed.status not in _NEVER_THERE:
            yield Finding(Kind.WRONG, f"{what}, {placed.venue} has no such order")
        return
    if placed.venue_order_id not in ("", order["venue_order_id"]):
        yield Finding(Kind.WRONG, f"{what} as {placed.venue_order_id}, which it is not there")
    if order["status"] in _OPEN_AT_VENUE:
        yield from _check_live(booked, placed, order, what)
    elif order["status"] == "rejected" and placed.status == "UNPLACED":
        return  # a replace that was turned down: it has had no effect, which is what both say
    elif placed.status != ended[order["status"]]:
        kind = Kind.UNFINISHED if placed.status == "IN_DOUBT" else Kind.WRONG
        yield Finding(kind, f"{what}, at {placed.venue} it is {order['status']}")


def _check_live(
    booked: Booked, placed: Placed, order: Mapping[str, Any], what: str
) -> Iterator[Finding]:
    if placed.status == "IN_DOUBT":
        yield Finding(Kind.UNFINISHED, f"{what}, {placed.venue} shows it: {order['status']}")
    elif placed.status not in _LIVE:
        yield Finding(Kind.LOSS, f"{what}, and live at {placed.venue}: {order['status']}")
    if booked.cancel_requested:
        text = f"{what}, its cancel was never carried out: {order['status']} at {placed.venue}"
        yield Finding(Kind.UNFINISHED, text)
