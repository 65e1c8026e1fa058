"""What an order would cost, on the wire."""

from __future__ import annotations

from services.common.contract.convert.amounts import (
    optional_money_from_wire,
    optional_money_to_wire,
)
from services.common.contract.convert.executions import fee_from_wire, fee_to_wire
from services.common.contract.convert.replies import reading, require_text
from services.common.contract.convert.texts import text_to_wire
from services.common.contract.pb import broker_service_pb2
from services.common.domain.reports import Preview

_AMOUNTS = (
    "cash_effect",
    "initial_margin_change",
    "maintenance_margin_change",
    "buying_power_after",
)


def preview_to_wire(preview: Preview) -> broker_service_pb2.PreviewOrderResponse:
    """Write a preview; what nobody knows stays unset."""
    return broker_service_pb2.PreviewOrderResponse(
        venue=preview.venue,
        fees=map(fee_to_wire, preview.fees),
        estimated=preview.estimated,
        warnings=map(text_to_wire, preview.warnings),
        **{name: optional_money_to_wire(getattr(preview, name)) for name in _AMOUNTS},
    )


def preview_from_wire(msg: broker_service_pb2.PreviewOrderResponse) -> Preview:
    """Read a preview. ReadFailed naming what is missing or malformed."""
    with reading("preview"):
        return Preview(
            venue=require_text(msg.venue, "venue"),
            estimated=msg.estimated,
            fees=tuple(map(fee_from_wire, msg.fees)),
            warnings=tuple(msg.warnings),
            **{name: optional_money_from_wire(msg, name, name) for name in _AMOUNTS},
        )
