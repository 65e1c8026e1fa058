"""Cover: what an order that opens a short option must have behind it at the venue it goes to.

A short put needs its strike in cash, a short call its shares, at that venue and free of what is
held or ordered there already; and shares that stand behind short calls are not for sale. Both the
venue's fresh statement and our books are asked, and the stricter figure counts, since either may
be the one that has not heard of the latest fill. Long options that are held don't count as cover
yet; the long legs of a multi-leg order do, for its own short legs (`legs.naked_leg`).

A contract is what its symbol says. A venue is sent nothing else, so multiplier and underlying as a
client states them prove nothing: where they differ from the standard, no cover can be shown.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal

from services.common.domain.amounts import add, format_decimal, mul, sub, total
from services.common.domain.errors import Reason, Refused
from services.common.domain.executions import Side
from services.common.domain.instruments import Equity, Instrument, OptionContract, OptionRight
from services.common.domain.occ import guess_underlying
from services.common.domain.order_spec import OrderSpec
from services.common.domain.order_terms import OptionCombo, PositionIntent
from services.common.domain.reports import Balance, VenuePosition
from services.router.books.books import Books
from services.router.routing.quarantine_reserve import strangers_open

ZERO = Decimal(0)
_STANDARD_MULTIPLIER = Decimal(100)


@dataclass(frozen=True, slots=True)
class VenueFacts:
    """A venue's own statement, read for one decision and not older than the books."""

    balance: Balance
    positions: tuple[VenuePosition, ...]


def needs_cover(spec: OrderSpec) -> bool:
    """Whether the order opens a short option."""
    return (
        isinstance(spec.instrument, OptionContract)
        and spec.position_intent is PositionIntent.SELL_TO_OPEN
    )


def sells_cover(spec: OrderSpec, books: Books, account_id: str, venue: str) -> bool:
    """Whether the order sells shares of which some stand behind short calls at the venue."""
    return (
        isinstance(spec.instrument, Equity)
        and spec.side is Side.SELL
        and promised_shares(books, account_id, venue, spec.instrument.symbol) > 0
    )


def missing_cover(
    spec: OrderSpec, books: Books, account_id: str, venue: str, facts: VenueFacts
) -> str | None:
    """None if the venue has free what the order needs or sells, else what is missing, in words.

    Raises Refused NO_COVER for a contract on terms of which nobody but the client has told.
    """
    contract = spec.single
    if isinstance(contract, Equity):
        needed, underlying = spec.order_qty, contract.symbol
    else:
        underlying = _standard_underlying(contract)
        if contract.right is OptionRight.PUT:
            return _missing_cash(spec, contract, books, account_id, venue, facts)
        needed = mul(contract.multiplier, spec.order_qty)
    free = _free_shares(books, account_id, venue, facts, underlying)
    return _shortfall(venue, free, needed, f"shares of {underlying}")


def _missing_cash(
    spec: OrderSpec,
    contract: OptionContract,
    books: Books,
    account_id: str,
    venue: str,
    facts: VenueFacts,
) -> str | None:
    cash = facts.balance.cash
    if cash is None or cash.currency != contract.currency:
        return f"{venue} does not state its cash in {contract.currency}"
    ordered = _ordered_cash(books, account_id, venue)
    if ordered is None:
        return f"{venue} works a market order, and nobody knows what cash that will take"
    needed = mul(mul(contract.strike, contract.multiplier), spec.order_qty)
    free = _free_cash(books, account_id, venue, facts, sub(cash.amount, ordered))
    return _shortfall(venue, free, needed, "cash")


def _shortfall(venue: str, free: Decimal, needed: Decimal, what: str) -> str | None:
    if free >= needed:
        return None
    shown, wanted = format_decimal(max(free, ZERO)), format_decimal(needed)
    return f"{venue} has {shown} of the {wanted} in {what} free that the order needs"


def _standard_underlying(contract: OptionContract) -> str:
    """The underlying's ticker of a standard contract; Refused NO_COVER for any other."""
    known = guess_underlying(contract.root)
    if known is None or contract.underlying not in (None, known):
        raise Refused(
            Reason.NO_COVER,
            f"the shares behind {contract.occ} are not known: no cover can be shown",
        )
    if contract.multiplier != _STANDARD_MULTIPLIER:
        raise Refused(
            Reason.NO_COVER,
            f"{contract.occ} with a multiplier of {contract.multiplier} is not standard: "
            "no cover can be shown",
        )
    return known


def _free_cash(
    books: Books, account_id: str, venue: str, facts: VenueFacts, unordered: Decimal
) -> Decimal:
    held = _short_held(books, account_id, venue, facts.positions)
    secured = total(
        mul(mul(c.strike, c.multiplier), qty) for c, qty in held if c.right is OptionRight.PUT
    )
    free = sub(unordered, secured)
    # The venue's own figure knows of holds that we can't see; it may only lower ours.
    own = facts.balance.options_buying_power
    return free if own is None else min(free, own.amount)


def _ordered_cash(books: Books, account_id: str, venue: str) -> Decimal | None:
    """Cash that open orders at the venue may still take: new short puts, and purchases.

    None if nobody can know: a purchase at the market is open.
    """
    needed = ZERO
    for spec, leaves in _open_at(books, account_id, venue):
        if isinstance(spec.instrument, OptionCombo):
            # Its short legs are covered by its long ones; what it costs is its net price.
            if spec.limit_price is None:
                return None
            paid = max(mul(spec.limit_price, _STANDARD_MULTIPLIER), ZERO)
            needed = add(needed, mul(paid, leaves))
            continue
        contract = spec.single
        if needs_cover(spec) and isinstance(contract, OptionContract):
            if contract.right is OptionRight.PUT:
                needed = add(needed, mul(mul(contract.strike, _size(contract)), leaves))
        elif spec.side is Side.BUY:
            if spec.limit_price is None:
                return None
            needed = add(needed, mul(mul(spec.limit_price, _size(contract)), leaves))
    return needed


def _size(instrument: Instrument) -> Decimal:
    """Units that one contract or share stands for; a client's word can't make a contract small."""
    if isinstance(instrument, Equity):
        return Decimal(1)
    return max(instrument.multiplier, _STANDARD_MULTIPLIER)


def _free_shares(
    books: Books, account_id: str, venue: str, facts: VenueFacts, underlying: str
) -> Decimal:
    stated = _stated(facts.positions, Equity(underlying))
    booked = books.positions.get((account_id, venue, underlying))
    # Shares that came before our time are only in the venue's statement; sales that it has not
    # heard of yet are only in ours.
    sold = min(booked.qty, ZERO) if booked is not None else ZERO
    ordered = total(
        leaves
        for spec, leaves in _open_at(books, account_id, venue)
        if spec.instrument.key == underlying and spec.side is Side.SELL
    )
    promised = promised_shares(books, account_id, venue, underlying, facts.positions)
    return sub(sub(add(stated, sold), promised), ordered)


def promised_shares(
    books: Books,
    account_id: str,
    venue: str,
    underlying: str,
    stated: tuple[VenuePosition, ...] = (),
) -> Decimal:
    """Shares that stand behind short calls at the venue, held or on order there."""
    calls = [
        (contract, qty)
        for contract, qty in _short_held(books, account_id, venue, stated)
        if contract.right is OptionRight.CALL
    ]
    for spec, leaves in _open_at(books, account_id, venue):
        contract = spec.instrument
        if (
            needs_cover(spec)
            and isinstance(contract, OptionContract)
            and contract.right is OptionRight.CALL
        ):
            calls.append((contract, leaves))
    return total(
        mul(_size(contract), qty)
        for contract, qty in calls
        if (guess_underlying(contract.root) or contract.underlying) == underlying
    )


def _open_at(books: Books, account_id: str, venue: str) -> Iterable[tuple[OrderSpec, Decimal]]:
    """Open orders at the venue, ours and others', with what each may still fill there."""
    yield from strangers_open(books, account_id, venue)
    for entry in books.open_entries(account_id):
        for placement in entry.order.placements:
            leaves = entry.order.may_be_live(placement)
            if placement.venue == venue and leaves > 0:
                yield entry.order.terms_of(placement), leaves


def _stated(positions: Iterable[VenuePosition], share: Equity) -> Decimal:
    """Shares that the venue states; one ticker in another currency is another company's share."""
    return total(
        p.qty
        for p in positions
        if isinstance(p.instrument, Equity)
        and (p.instrument.symbol, p.instrument.currency) == (share.symbol, share.currency)
    )


def _short_held(
    books: Books, account_id: str, venue: str, stated: tuple[VenuePosition, ...]
) -> list[tuple[OptionContract, Decimal]]:
    """Short options at the venue with their size, by books or statement, whichever is more."""
    short: dict[str, tuple[OptionContract, Decimal]] = {}
    booked = [(p.instrument, p.qty) for p in books.held(account_id) if p.venue == venue]
    for instrument, qty in [*booked, *((p.instrument, p.qty) for p in stated)]:
        if isinstance(instrument, OptionContract) and qty < 0:
            known = short.get(instrument.key)
            if known is None or known[1] < qty.copy_abs():
                short[instrument.key] = (instrument, qty.copy_abs())
    return list(short.values())
