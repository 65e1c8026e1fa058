"""What came of an instruction to exercise, or not to, on the wire."""

from __future__ import annotations

from services.common.contract.convert.causes import cause_from_wire, optional_cause_to_wire
from services.common.contract.convert.enums import ORDER_STATUSES
from services.common.contract.pb import broker_service_pb2
from services.common.domain.errors import InvalidRequest, OutcomeUnknown
from services.common.domain.order_status import OrderStatus
from services.common.domain.reports import InstructionReport

Answer = broker_service_pb2.ExerciseOptionResponse | broker_service_pb2.DoNotExerciseResponse


def instruction_to_wire(report: InstructionReport, answer: Answer) -> None:
    """Write what came of an instruction into its answer."""
    answer.status = ORDER_STATUSES.to_wire(report.status)
    cause = optional_cause_to_wire(report.cause)
    if cause is not None:
        answer.cause.CopyFrom(cause)


def instruction_from_wire(answer: Answer) -> InstructionReport:
    """Read a venue's word on an instruction: ACCEPTED or REJECTED.

    OutcomeUnknown for anything else: an answer that can't be read proves nothing.
    """
    try:
        status = ORDER_STATUSES.required(answer.status, "status")
        cause = cause_from_wire(answer.cause) if answer.HasField("cause") else None
    except InvalidRequest as error:
        raise OutcomeUnknown(f"unreadable answer: {error.message}") from error
    if status not in (OrderStatus.ACCEPTED, OrderStatus.REJECTED):
        raise OutcomeUnknown(f"an instruction can't be {status.value} at a venue")
    return InstructionReport(status, cause)
