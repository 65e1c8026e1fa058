"""Multi-leg orders: one contract of kind BAG at IB, whose legs are options by their numbers.

A unit is bought, at a net price that is negative where it is received, with IB as with us. Routed
SMART and without the mark "non-guaranteed", all legs fill or none. IB tells an execution of the
whole and one of each leg; the legs' are what is booked.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from services.common.domain.errors import InvalidRequest
from services.common.domain.order_terms import OptionCombo
from services.ib_adapter.contracts import SMART
from services.ib_adapter.library import ComboLeg, Contract

BAG: Final = "BAG"
# The only word that it takes from most: whether a leg opens or closes is not said.
_SAME_AS_POSITION: Final = 0


def is_combo(contract: Contract | None) -> bool:
    """Whether it is the contract of a multi-leg order."""
    return contract is not None and contract.secType == BAG


def bag_of(combo: OptionCombo, legs: Iterable[Contract]) -> Contract:
    """The contract of a multi-leg order; `legs` are those of its legs, in their order.

    Raises InvalidRequest naming the legs if they are not on one underlying, in one currency, for
    the same number of shares: a net price of those would say nothing.
    """
    contracts = list(legs)
    first = contracts[0]
    for name in ("symbol", "currency", "multiplier"):
        if any(getattr(contract, name) != getattr(first, name) for contract in contracts):
            raise InvalidRequest("order.legs", f"the legs differ in {name}")
    return Contract(
        secType=BAG,
        symbol=first.symbol,
        exchange=SMART,
        currency=first.currency,
        comboLegs=[
            ComboLeg(
                conId=contract.conId,
                ratio=leg.ratio_qty,
                action=leg.side.value,
                exchange=SMART,
                openClose=_SAME_AS_POSITION,
            )
            for leg, contract in zip(combo.legs, contracts, strict=True)
        ],
    )


def ratios(contract: Contract | None) -> dict[int, int]:
    """Contracts of each leg in a unit, by the leg's number; legs without one are not told."""
    legs = () if contract is None else contract.comboLegs or ()
    return {leg.conId: leg.ratio for leg in legs if leg.conId and leg.ratio > 0}


def has_same_legs(one: Contract, other: Contract) -> bool:
    """Whether two contracts have the same legs, in whatever order."""
    return _legs(one) == _legs(other)


def _legs(contract: Contract) -> set[tuple[int, int, str]]:
    return {(leg.conId, leg.ratio, leg.action) for leg in contract.comboLegs or ()}
