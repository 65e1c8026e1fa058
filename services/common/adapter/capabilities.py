"""What an adapter says of itself in GetCapabilities."""

from __future__ import annotations

from dataclasses import dataclass

from services.common.domain.errors import Reason, Refused
from services.common.domain.order_spec import OrderSpec
from services.common.domain.order_terms import OrderClass, OrderType, TimeInForce


@dataclass(frozen=True, slots=True)
class Capabilities:
    """What the venue and the account can do through this adapter.

    `entitlements` are for people and scripts, "name=value" ("feed=iex"). `enforces_unique_ids`:
    the venue itself refuses a second order under a used id. `not_offered` names RPCs that the
    gateway leaves out.
    """

    order_types: tuple[OrderType, ...]
    times_in_force: tuple[TimeInForce, ...]
    enforces_unique_ids: bool
    fractional_quantities: bool
    entitlements: tuple[str, ...] = ()
    order_classes: tuple[OrderClass, ...] = (OrderClass.SIMPLE,)
    not_offered: tuple[str, ...] = ()

    def require(self, spec: OrderSpec) -> None:
        """Raise Refused UNSUPPORTED_BY_VENUE, naming the field, for an order of another kind."""
        for field, asked, offered in (
            ("order_type", spec.order_type, self.order_types),
            ("time_in_force", spec.time_in_force, self.times_in_force),
            ("order_class", spec.order_class, self.order_classes),
        ):
            if asked not in offered:
                raise _unsupported(field, f"{asked.value} is not taken by this venue")
        if spec.notional is not None and not self.fractional_quantities:
            raise _unsupported("notional", "this venue takes quantities only")


def _unsupported(field: str, why: str) -> Refused:
    return Refused(Reason.UNSUPPORTED_BY_VENUE, f"order.{field}: {why}")
