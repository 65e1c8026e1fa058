"""What a call came to, and how a story tells it."""

from __future__ import annotations

from decimal import Decimal
from typing import Any, Final

from services.common.contract.pb import adapter_service_pb2 as adapter_pb
from services.common.contract.pb import broker_service_pb2 as pb
from services.common.contract.pb import orders_pb2, types_pb2
from tests.conformance.failures import Failure

_STATUS: Final = "ORDER_STATUS_"
_WORKING: Final = (types_pb2.ORDER_STATUS_ACCEPTED, types_pb2.ORDER_STATUS_SUSPENDED)


class Answer:
    """What a call came to: an order or another reply, or a failure."""

    def __init__(self, reply: Any = None, failure: Failure | None = None) -> None:
        self._reply = reply
        self._failure = failure

    @property
    def reply(self) -> Any:
        """The reply; the call must have been answered."""
        assert self._failure is None, f"it failed: {self._failure}"
        return self._reply

    @property
    def order(self) -> orders_pb2.Order:
        """The order in the reply."""
        order: orders_pb2.Order = self.reply.order
        return order

    @property
    def failure(self) -> Failure:
        """The failure; the call must have failed."""
        assert self._failure is not None, f"it was answered: {self._reply}"
        return self._failure

    @property
    def has_failed(self) -> bool:
        """Whether it is a failure."""
        return self._failure is not None


def label_of(made: orders_pb2.OrderSpec) -> str:
    order_class = types_pb2.OrderClass.Name(made.order_class).removeprefix("ORDER_CLASS_")
    tif = types_pb2.TimeInForce.Name(made.time_in_force).removeprefix("TIME_IN_FORCE_")
    order_type = types_pb2.OrderType.Name(made.order_type).removeprefix("ORDER_TYPE_")
    kinds = [order_type] if order_class in ("UNSPECIFIED", "SIMPLE") else [order_class]
    if tif != "DAY":
        kinds.append(tif)
    return " ".join(kinds).lower()


def status_name(status: int) -> str:
    return types_pb2.OrderStatus.Name(status).removeprefix(_STATUS)  # type: ignore[arg-type]


def words_of(answer: Answer) -> str:
    if answer.has_failed:
        return answer.failure.words
    order = answer.order
    cause = order.cause.reason
    if order.status == types_pb2.ORDER_STATUS_REJECTED:
        from services.common.contract.pb import errors_pb2

        return f"REJECTED {errors_pb2.ErrorReason.Name(cause).removeprefix('ERROR_REASON_')}"
    return status_name(order.status)


def fence_words(answer: Answer) -> str:
    if answer.has_failed:
        return answer.failure.words
    name = adapter_pb.FenceOutcome.Name(answer.reply.outcome)
    return name.removeprefix("FENCE_OUTCOME_")


def found_words(answer: Answer) -> str:
    if answer.has_failed:
        return answer.failure.words
    lookup = pb.OrderLookup.Name(answer.reply.lookup).removeprefix("ORDER_LOOKUP_")
    if answer.reply.lookup != pb.ORDER_LOOKUP_FOUND:
        return lookup
    return f"{lookup} {status_name(answer.reply.order.status)}"


def is_replace_rejected(answer: Answer) -> bool:
    return not answer.has_failed and answer.order.replace_rejected


def is_working(order: orders_pb2.Order) -> bool:
    """Whether it is taken, at market or waiting for it."""
    return order.status in _WORKING


def is_at_market(order: orders_pb2.Order) -> bool:
    """Whether it works, and not only by the venue's promise."""
    return is_working(order) and not order.raw_status.lower().startswith("pending")


def amounts_of(executions: Any) -> list[tuple[Decimal, Decimal]]:
    """Quantities and prices."""
    return [(Decimal(e.last_qty.value), Decimal(e.last_px.value)) for e in executions]
