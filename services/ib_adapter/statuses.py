"""IB's order statuses in our words, and what a status proves.

Only the Gateway's own word counts here: the statuses that a client library makes up for itself,
such as "Cancelled" after a warning, never get this far.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Final

from services.common.domain.order_status import TERMINAL, OrderStatus, Signal

_S = OrderStatus
_G = Signal

_WORKS: Final = (_S.ACCEPTED, _G.ACKNOWLEDGED)

STATUSES: Final[dict[str, tuple[OrderStatus, Signal]]] = {
    "PreSubmitted": _WORKS,
    "Submitted": _WORKS,
    "PendingCancel": (_S.PENDING_CANCEL, _G.PENDING_CANCEL),
    "ApiCancelled": (_S.CANCELED, _G.CANCELED),
    "Cancelled": (_S.CANCELED, _G.CANCELED),
    "Filled": (_S.FILLED, _G.FILLED),
    # Rejected for margin, or held: it can become active again, so it is live.
    "Inactive": (_S.SUSPENDED, _G.SUSPENDED),
}

# The Gateway has it and has not heard from IB: neither accepted nor refused.
UNPROVEN: Final = frozenset({"", "ApiPending", "PendingSubmit"})


def read_status(
    raw_status: str, *, filled: Decimal, order_qty: Decimal | None, is_completed: bool
) -> tuple[OrderStatus, Signal]:
    """Status and signal of an order that shows `raw_status` and so much filled.

    `is_completed`: it was read from the list of completed orders, so it has ended whatever it
    shows. Filled in full is filled: IB may send no status after a market order's last fill. A
    status that this release does not know is live.
    """
    status, signal = STATUSES.get(raw_status, _WORKS)
    if status in TERMINAL:
        return status, signal
    if order_qty is not None and filled >= order_qty > 0:
        return _S.FILLED, _G.FILLED
    if is_completed:
        if raw_status == "Inactive":  # refused, by IB or later by the exchange
            return _S.REJECTED, _G.REJECTED
        return _S.CANCELED, _G.CANCELED
    if status is _S.ACCEPTED and filled > 0:
        return _S.PARTIALLY_FILLED, signal
    return status, signal
