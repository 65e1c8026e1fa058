"""What a schedule is made of: orders, faults, and when all is to be well again."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class PlannedOrder:
    """One order of the trader. `qty` is whole, `limit` a decimal in text or "" for a market order.

    `closes` names the entry that an exit closes: it is sent once that has filled. `cancel_at_s`
    is 0 for none. `again_at_s` are the times at which the same order is sent once more. At
    `replace_at_s`, if not 0, other terms are asked for: `replace_limit`, and `replace_qty` if that
    is not 0. Only the venue `pin` may get it, if that is set.
    """

    client_order_id: str
    at_s: float
    symbol: str
    side: str
    qty: int
    limit: str
    intent: str
    timeout_s: float
    closes: str = ""
    cancel_at_s: float = 0.0
    again_at_s: tuple[float, ...] = ()
    replace_at_s: float = 0.0
    replace_limit: str = ""
    replace_qty: int = 0
    pin: str = ""

    @property
    def asked_qty(self) -> int:
        """The largest quantity that is ever asked for."""
        return max(self.qty, self.replace_qty)


@dataclass(frozen=True, slots=True)
class PlannedFault:
    """One fault: its kind, where (a venue), when, and a number that decides its details.

    With a `boundary` it is let loose when that `operation` on `client_order_id` comes there.
    """

    at_s: float
    kind: str
    venue: str
    salt: int
    boundary: str = ""
    operation: str = ""
    client_order_id: str = ""


@dataclass(frozen=True, slots=True)
class Schedule:
    """A seed's orders and faults. At `heal_at_s` all faults end."""

    seed: int
    venues: tuple[str, ...]
    orders: tuple[PlannedOrder, ...]
    faults: tuple[PlannedFault, ...]
    heal_at_s: float
