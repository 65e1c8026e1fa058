"""Multi-leg orders, leg by leg: what each leg does to positions, and what covers the short ones.

A short leg that opens is covered by a long leg of the same order that opens, of the same root and
right, and lives at least as long. Nothing else counts: neither what is held beside the order nor
cash, since a venue works such an order as a whole and judges it as one.
"""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal

from services.common.domain.amounts import mul
from services.common.domain.errors import Reason, Refused
from services.common.domain.executions import Side
from services.common.domain.instruments import OptionContract
from services.common.domain.order_spec import OrderSpec
from services.common.domain.order_terms import OptionCombo, OrderLeg, PositionIntent
from services.router.books.books import Books
from services.router.risk.gate import Role

Part = tuple[str, Side, Decimal]
"""Instrument key, side, and quantity per unit of the order."""


def parts_of(spec: OrderSpec) -> Iterator[Part]:
    """What a unit of an order trades: itself, or its legs."""
    if isinstance(spec.instrument, OptionCombo):
        for leg in spec.instrument.legs:
            yield leg.contract.key, leg.side, Decimal(leg.ratio_qty)
    else:
        yield spec.instrument.key, spec.side, Decimal(1)


def closing_legs(combo: OptionCombo) -> list[OrderLeg]:
    """Legs that reduce what is held."""
    return [leg for leg in combo.legs if not leg.position_intent.opens]


def role_of_legs(combo: OptionCombo, account_id: str, books: Books) -> Role:
    """EXIT if every leg closes. Refused INTENT_MISMATCH if the books contradict a leg."""
    for number, leg in enumerate(combo.legs):
        opposite = _held_against(leg, account_id, books)
        field = f"order.legs[{number}].position_intent"
        what = f"{field}: {leg.position_intent.value} of {leg.contract.key}"
        if leg.position_intent.opens and opposite:
            raise Refused(
                Reason.INTENT_MISMATCH, f"{what} would reduce what is held; close it first"
            )
        if not leg.position_intent.opens and not opposite:
            raise Refused(
                Reason.INTENT_MISMATCH, f"{what}, but the books hold nothing that it would close"
            )
    return Role.EXIT if len(closing_legs(combo)) == len(combo.legs) else Role.ENTRY


def needed_of(leg: OrderLeg, order_qty: Decimal) -> Decimal:
    """Contracts of a leg for a quantity of the order."""
    return mul(Decimal(leg.ratio_qty), order_qty)


def naked_leg(combo: OptionCombo) -> OptionContract | None:
    """A short leg that the order opens and no long leg of it covers; None if all are covered."""
    free = {
        leg.contract: leg.ratio_qty
        for leg in combo.legs
        if leg.position_intent is PositionIntent.BUY_TO_OPEN
    }
    shorts = [leg for leg in combo.legs if leg.position_intent is PositionIntent.SELL_TO_OPEN]
    # The longest short first, and the shortest long that does: none is taken from a needier one.
    for leg in sorted(shorts, key=lambda short: short.contract.expiry, reverse=True):
        naked = leg.ratio_qty
        for contract in sorted(free, key=lambda long: long.expiry):
            if _covers(contract, leg.contract):
                taken = min(naked, free[contract])
                free[contract] -= taken
                naked -= taken
        if naked:
            return leg.contract
    return None


def _covers(long: OptionContract, short: OptionContract) -> bool:
    same = (long.root, long.right) == (short.root, short.right)
    return same and long.expiry >= short.expiry


def _held_against(leg: OrderLeg, account_id: str, books: Books) -> bool:
    return any(
        p.instrument.key == leg.contract.key and p.qty * leg.side.sign < 0
        for p in books.held(account_id)
    )
