"""What of a holding may be closed or exercised: not what is promised to something else.

Open exits and instructions to exercise have their contracts to themselves, and so have strangers'
orders (see `quarantine_reserve`). And long options that cover the short legs of multi-leg orders
stay while the short ones do: for each expiry, as many longs of the root and right that live at
least as long as there are shorts. Shorts that were sold by an order of their own had cash or
shares behind them and need no long.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from decimal import Decimal

from services.common.domain.amounts import add, mul, sub, total
from services.common.domain.executions import Side
from services.common.domain.fills import begun_qty, filled_of_leg
from services.common.domain.instruments import Instrument, OptionContract
from services.common.domain.order_status import OrderStatus
from services.common.domain.order_terms import OptionCombo, OrderLeg, PositionIntent
from services.router.books.books import Books
from services.router.books.positions import Position
from services.router.journal.records import Instruction, InstructionIntended
from services.router.routing.legs import needed_of, parts_of
from services.router.routing.quarantine_reserve import reserved

ZERO = Decimal(0)
_STANDS = frozenset({OrderStatus.PENDING_NEW, OrderStatus.ACCEPTED})

Dated = tuple[date, Decimal]
"""Contracts by their expiry: longs that cover are positive, shorts that need them negative."""


def free_of(
    instrument: Instrument,
    side: Side,
    account_id: str,
    books: Books,
    *,
    despite_doubts: bool = False,
) -> tuple[dict[str, Decimal], dict[str, Decimal]]:
    """Per venue: what `side` could close that no exit or instruction has, and what is held.

    `despite_doubts` leaves instructions in doubt aside: a person who has looked may repeat one.
    """
    held = {
        p.venue: p.qty.copy_abs()
        for p in books.held(account_id)
        if p.instrument.key == instrument.key and p.qty * side.sign < 0
    }
    free = dict(held)
    for entry in books.open_entries(account_id):
        part = (instrument.key, side)
        ratios = [qty for key, way, qty in parts_of(entry.order.spec) if (key, way) == part]
        for placement in entry.order.placements:
            if ratios and placement.venue in free:
                live = mul(entry.order.may_be_live(placement), total(ratios))
                free[placement.venue] = sub(free[placement.venue], live)
    for venue, qty in held.items():  # what others close there is told of apart
        taken = reserved((instrument.key, side), qty, account_id, venue, books)
        free[venue] = sub(free[venue], taken)
    if side is Side.SELL:
        stands = _STANDS if despite_doubts else _STANDS | {OrderStatus.IN_DOUBT}
        for told in _exercised(instrument, account_id, books, stands):
            if told.venue in free:
                qty = held[told.venue] if told.qty is None else told.qty
                free[told.venue] = sub(free[told.venue], qty)
    return {venue: max(qty, ZERO) for venue, qty in free.items()}, held


def _exercised(
    contract: Instrument, account_id: str, books: Books, stands: frozenset[OrderStatus]
) -> Iterator[InstructionIntended]:
    for entry in books.instructions.values():
        told = entry.record
        is_of_it = (told.account_id, told.contract.key) == (account_id, contract.key)
        if is_of_it and told.instruction is Instruction.EXERCISE and entry.status in stands:
            yield told


def spare_longs(
    contract: OptionContract, qty: Decimal, account_id: str, venue: str, books: Books
) -> Decimal:
    """How many of `qty` long contracts may go without leaving a short leg naked."""
    dated = _balance(contract, account_id, venue, books)
    needy = {expiry for expiry, left in dated if left < 0 and expiry <= contract.expiry}
    return max(min([qty, *(_at_least(dated, day) for day in needy)]), ZERO)


def bares_a_short(
    combo: OptionCombo, order_qty: Decimal, account_id: str, venue: str, books: Books
) -> bool:
    """Whether a multi-leg order would take away longs that short legs held there need."""
    sold = [
        leg.contract for leg in combo.legs if leg.position_intent is PositionIntent.SELL_TO_CLOSE
    ]
    for contract in sold:
        before = _balance(contract, account_id, venue, books)
        after = before + list(_changes(contract, combo, order_qty, account_id, venue, books))
        days = {expiry for expiry, _ in after}
        if any(_at_least(after, day) < min(_at_least(before, day), ZERO) for day in days):
            return True
    return False


def _changes(
    like: OptionContract,
    combo: OptionCombo,
    order_qty: Decimal,
    account_id: str,
    venue: str,
    books: Books,
) -> Iterator[Dated]:
    """What the order adds to longs and takes from them, or to and from the shorts' need."""
    needed = _needed(like, account_id, venue, books)
    for leg in combo.legs:
        if not _is_like(leg.contract, like):
            continue
        qty = needed_of(leg, order_qty)
        if leg.position_intent is PositionIntent.BUY_TO_CLOSE:
            qty = min(qty, needed.get(leg.contract, ZERO))
        yield leg.contract.expiry, mul(qty, Decimal(leg.side.sign))


def _balance(like: OptionContract, account_id: str, venue: str, books: Books) -> list[Dated]:
    """Longs of a root and right that nothing else has, and the shorts that need them."""
    needed = _needed(like, account_id, venue, books)
    dated = [(short.expiry, mul(qty, Decimal(-1))) for short, qty in needed.items()]
    for long in _held_like(like, account_id, venue, books):
        if isinstance(long.instrument, OptionContract) and long.qty > 0:
            free, _ = free_of(long.instrument, Side.SELL, account_id, books)
            dated.append((long.instrument.expiry, free[venue]))
    return dated


def _needed(
    like: OptionContract, account_id: str, venue: str, books: Books
) -> dict[OptionContract, Decimal]:
    """Short contracts that a long one must cover: sold as legs, held or about to be."""
    needed: dict[OptionContract, Decimal] = {}
    for short in _held_like(like, account_id, venue, books):
        if isinstance(short.instrument, OptionContract) and short.qty < 0:
            needed[short.instrument] = _sold_as_leg(short, books)
    for leg, live, coming in _live_legs(account_id, venue, books):
        known = needed.get(leg.contract, ZERO)
        if leg.position_intent is PositionIntent.BUY_TO_CLOSE and known:
            needed[leg.contract] = max(sub(known, live), ZERO)
        elif leg.position_intent is PositionIntent.SELL_TO_OPEN and _is_like(leg.contract, like):
            needed[leg.contract] = add(known, coming)
    return {short: qty for short, qty in needed.items() if qty}


def _live_legs(
    account_id: str, venue: str, books: Books
) -> Iterator[tuple[OrderLeg, Decimal, Decimal]]:
    """Legs of open orders, what may still fill of each, and of that what other legs wait for."""
    for entry in books.open_entries(account_id):
        order, combo = entry.order, entry.order.spec.instrument
        for placement in order.placements:
            live = order.may_be_live(placement)
            if placement.venue != venue or live <= 0 or not isinstance(combo, OptionCombo):
                continue
            fills = [e for e in order.executions if e.client_id == placement.placement_id]
            begun = begun_qty(combo, fills)
            for leg in combo.legs:
                waited = sub(needed_of(leg, begun), filled_of_leg(leg, fills))
                yield leg, needed_of(leg, live), max(waited, ZERO)


def _sold_as_leg(short: Position, books: Books) -> Decimal:
    """What is left of a short position that legs of multi-leg orders opened."""
    lots = {lot.exec_id: lot.qty.copy_abs() for lot in short.lots}
    sold = ZERO
    for booked in reversed(books.executions):  # what is held is mostly recent
        if not lots:
            break
        made = booked.execution
        where = (made.account_id, made.venue, made.instrument.key)
        if where != (short.account_id, short.venue, short.instrument.key):
            continue
        qty = lots.pop(made.exec_id, ZERO)
        order = books.orders[short.account_id, booked.client_order_id].order
        if isinstance(order.spec.instrument, OptionCombo):
            sold = add(sold, qty)
    return sold


def _held_like(
    like: OptionContract, account_id: str, venue: str, books: Books
) -> Iterator[Position]:
    for position in books.held(account_id):
        if position.venue == venue and _is_like(position.instrument, like):
            yield position


def _is_like(contract: Instrument, like: OptionContract) -> bool:
    """Whether one can cover the other, but for its expiry."""
    if not isinstance(contract, OptionContract):
        return False
    return (contract.root, contract.right) == (like.root, like.right)


def _at_least(dated: list[Dated], day: date) -> Decimal:
    """What is left over of those that live until the day."""
    return total(qty for expiry, qty in dated if expiry >= day)
