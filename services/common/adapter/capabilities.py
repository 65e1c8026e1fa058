"""What an adapter says of itself in GetCapabilities."""

from __future__ import annotations

from dataclasses import dataclass

from services.common.domain.order_spec import OrderType, TimeInForce


@dataclass(frozen=True, slots=True)
class Capabilities:
    """What the venue and the account can do through this adapter.

    `entitlements` are for people and scripts, "name=value" ("feed=iex"). `enforces_unique_ids`:
    the venue itself refuses a second order under a used id.
    """

    order_types: tuple[OrderType, ...]
    times_in_force: tuple[TimeInForce, ...]
    enforces_unique_ids: bool
    fractional_quantities: bool
    entitlements: tuple[str, ...] = ()
