"""The terms of an order as IB shows it, in our words.

Tolerant where an order still counts without a term: an order type that has no name here is None.
IB shows fields that an order does not use as 0 or not at all; only those of its type are terms.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from decimal import Decimal
from typing import Any

from services.common.domain.order_spec import OrderSpec
from services.common.domain.order_terms import OrderType, TimeInForce
from services.ib_adapter.evidence import OrderFacts
from services.ib_adapter.order_words import (
    CLOSING_TYPES,
    ORDER_TYPES,
    STOPPED,
    TIMES_IN_FORCE,
    TRAILING,
)


@dataclass(frozen=True, slots=True)
class Shown:
    """The terms of an order; the names are those of `OrderReport`."""

    order_type: OrderType | None
    time_in_force: TimeInForce | None
    limit_price: Decimal | None
    stop_price: Decimal | None
    trail_amount: Decimal | None
    trail_percent: Decimal | None
    extended_hours: bool

    def as_terms(self) -> dict[str, Any]:
        """The same by name."""
        return {field.name: getattr(self, field.name) for field in fields(self)}


def read_terms(facts: OrderFacts) -> Shown:
    """The terms that an order shows; None where it shows none that we know."""
    kind = facts.order_type
    trails = kind == TRAILING
    percent = facts.trail_percent if trails else None
    return Shown(
        order_type=ORDER_TYPES.get(kind),
        time_in_force=TimeInForce.CLS
        if kind in CLOSING_TYPES
        else TIMES_IN_FORCE.get(facts.time_in_force),
        limit_price=facts.limit_price,
        stop_price=facts.aux_price if kind in STOPPED else None,
        # One that trails by percent may show the distance that this comes to now as well.
        trail_amount=(facts.aux_price or None) if trails and not percent else None,
        trail_percent=percent or None,
        extended_hours=facts.outside_hours,
    )


def asked_terms(spec: OrderSpec) -> dict[str, Any]:
    """The same terms of an order as asked for."""
    return {field.name: getattr(spec, field.name) for field in fields(Shown)}
