"""The report of one revision, made of what IB shows of the whole order."""

from __future__ import annotations

from dataclasses import replace

from services.common.domain.order_status import TERMINAL, OrderStatus, Signal
from services.common.domain.reports import OrderReport
from services.ib_adapter.revision_parts import Part


def revised(report: OrderReport, part: Part) -> OrderReport:
    """`report` was written of `part.facts`: here it gets the revision's own ids and status."""
    if not part.is_revised:
        return report
    status, signal = _standing(report, part)
    ended_otherwise = status is not report.status
    return replace(
        report,
        client_id=part.client_id,
        venue_order_id=part.venue_order_id,
        status=status,
        signal=signal,
        cause=part.cause or (None if ended_otherwise else report.cause),
        replaces=part.replaces,
        replaced_by=part.replaced_by,
    )


def _standing(report: OrderReport, part: Part) -> tuple[OrderStatus, Signal]:
    if part.is_replaced:
        return OrderStatus.REPLACED, Signal.REPLACED
    if part.is_taken_back:
        if report.cum_qty:  # it was rejected with something filled: its rest was
            return OrderStatus.CANCELED, Signal.CANCELED
        return OrderStatus.REJECTED, Signal.REJECTED
    if part.is_reopened and report.signal is Signal.ACKNOWLEDGED:
        return report.status, Signal.REOPENED
    if part.is_cut and report.status is OrderStatus.FILLED:
        return OrderStatus.CANCELED, Signal.CANCELED
    if part.is_in_doubt and report.status in TERMINAL and not _has_ended(report, part):
        # What filled may be of the change, which then works on.
        filled = report.cum_qty > 0
        return OrderStatus.PARTIALLY_FILLED if filled else OrderStatus.ACCEPTED, Signal.ACKNOWLEDGED
    return report.status, report.signal


def _has_ended(report: OrderReport, part: Part) -> bool:
    """Whether an order with a change in doubt has ended all the same: by IB's own word, and no fill
    of it is left to be told. Filled with less than its quantity it is by a change of that."""
    if part.awaits_fills:
        return False
    if report.status is not OrderStatus.FILLED:
        return True
    is_whole = report.order_qty is None or report.cum_qty >= report.order_qty
    return part.facts.raw_status == "Filled" and is_whole
