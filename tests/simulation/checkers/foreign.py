"""Orders at a venue that are somebody else's: placed by hand, or by another program."""

from __future__ import annotations

from typing import Any

from simulators.venue.orders import Order

_MARK = "~"  # is in every placement id, and in no id of anybody else here


def is_foreign(order: Order) -> bool:
    """Whether the router has nothing to do with an order."""
    return order.asked.by_hand or _MARK not in order.client_order_id


def mark_foreign(ledger: dict[str, Any]) -> dict[str, Any]:
    """The ledger, with other programs' orders told as placed by hand."""
    for order in ledger["orders"]:
        order["by_hand"] = order["by_hand"] or _MARK not in order["client_order_id"]
    return ledger
