"""Mutations besides submit and cancel of one order: replace, cancel all, close, exercise."""

from __future__ import annotations

import asyncio
from typing import Any, Final

from services.common.contract.convert import (
    cause_to_wire,
    change_from_wire,
    check_known_fields,
    instruction_to_wire,
    instrument_from_wire,
    optional_decimal_from_wire,
    optional_timestamp_from_wire,
)
from services.common.contract.convert.enums import ORDER_TYPES, TIMES_IN_FORCE
from services.common.contract.pb import broker_service_pb2 as pb
from services.common.domain.errors import InvalidRequest, TandemError
from services.common.domain.instruments import OptionContract
from services.common.domain.order_rules import check_order
from services.common.domain.order_spec import CLIENT_ORDER_ID, OrderSpec
from services.common.domain.reports import InstructionReport
from services.common.runtime.clock import Clock
from services.common.runtime.telemetry import current_traceparent
from services.router.api.requests import refuse_fence, require_known_venue
from services.router.api.wire import entry_to_wire
from services.router.books.books import Books
from services.router.books.entries import OrderEntry, OrderKey
from services.router.journal.records import Instruction, InstructionIntended
from services.router.routing.closing import CloseAsked, closing_order
from services.router.routing.desk import Desk
from services.router.routing.revising import Asked

_CANCELS_AT_ONCE: Final = 16


class ChangesServicer:
    """Serves them from the desk. Errors are raised; the server translates them."""

    _desk: Desk
    _books: Books
    _clock: Clock

    async def ReplaceOrder(self, request: pb.ReplaceOrderRequest, context: Any) -> Any:
        check_known_fields(request)
        refuse_fence(request)
        account = self._desk.required_account(request.account_id)
        _require_id(request.client_order_id, "client_order_id", known=True)
        _require_id(request.replace_id, "replace_id")
        asked = Asked(
            request.replace_id,
            change_from_wire(request),
            optional_timestamp_from_wire(request, "not_after", "not_after"),
        )
        entry = await self._desk.replace(account.account_id, request.client_order_id, asked)
        return pb.ReplaceOrderResponse(order=entry_to_wire(entry))

    async def CancelAllOrders(self, request: pb.CancelAllOrdersRequest, context: Any) -> Any:
        check_known_fields(request)
        refuse_fence(request)
        account = self._desk.required_account(request.account_id)
        require_known_venue(account, request.venue)
        key = None
        if request.HasField("instrument"):
            key = instrument_from_wire(request.instrument, "instrument").key
        orders = [
            entry
            for entry in self._books.open_entries(account.account_id)
            if key in (None, entry.order.spec.instrument.key)
            and request.venue in ("", *(p.venue for p in entry.order.placements))
        ]
        limit = asyncio.Semaphore(_CANCELS_AT_ONCE)
        reply = pb.CancelAllOrdersResponse()
        async with asyncio.TaskGroup() as tasks:
            cancels = [tasks.create_task(self._cancel(entry, limit)) for entry in orders]
        for entry, cancel in zip(orders, cancels, strict=True):
            outcome = cancel.result()
            if isinstance(outcome, TandemError):
                reply.failures.add(
                    order=entry_to_wire(self._books.orders[entry.key]),
                    cause=cause_to_wire(outcome.cause),
                )
            else:
                reply.orders.append(entry_to_wire(outcome))
        return reply

    async def _cancel(
        self, entry: OrderEntry, limit: asyncio.Semaphore
    ) -> OrderEntry | TandemError:
        async with limit:
            try:
                return await self._desk.cancel(*entry.key)
            except TandemError as error:
                return error

    async def ClosePosition(self, request: pb.ClosePositionRequest, context: Any) -> Any:
        check_known_fields(request)
        refuse_fence(request)
        account = self._desk.required_account(request.account_id)
        _require_id(request.client_order_id, "client_order_id")
        qty = optional_decimal_from_wire(request, "qty", "qty")
        if qty is not None and qty <= 0:
            raise InvalidRequest("qty", "must be above 0")
        asked = CloseAsked(
            client_order_id=request.client_order_id,
            instrument=instrument_from_wire(request.instrument, "instrument"),
            qty=qty,
            order_type=ORDER_TYPES.required(request.order_type, "order_type"),
            time_in_force=TIMES_IN_FORCE.required(request.time_in_force, "time_in_force"),
            limit_price=optional_decimal_from_wire(request, "limit_price", "limit_price"),
            not_after=optional_timestamp_from_wire(request, "not_after", "not_after"),
        )
        order = closing_order(
            asked, account.account_id, self._books, allow_uncovered=account.allow_uncovered
        )
        _check_close(order)
        entry = await self._desk.submit(
            account.account_id,
            order,
            received=self._clock.now(),
            traceparent=current_traceparent() or "",
        )
        return pb.ClosePositionResponse(order=entry_to_wire(entry))

    async def ExerciseOption(self, request: pb.ExerciseOptionRequest, context: Any) -> Any:
        qty = optional_decimal_from_wire(request, "qty", "qty")
        if qty is not None and (qty <= 0 or qty != qty.to_integral_value()):
            raise InvalidRequest("qty", "must be a whole number above 0")
        reply = pb.ExerciseOptionResponse()
        await self._instruct(request, Instruction.EXERCISE, qty, reply)
        return reply

    async def DoNotExercise(self, request: pb.DoNotExerciseRequest, context: Any) -> Any:
        reply = pb.DoNotExerciseResponse()
        await self._instruct(request, Instruction.DO_NOT_EXERCISE, None, reply)
        return reply

    async def _instruct(self, request: Any, kind: Instruction, qty: Any, reply: Any) -> None:
        check_known_fields(request)
        refuse_fence(request)
        account = self._desk.required_account(request.account_id)
        require_known_venue(account, request.venue)
        _require_id(request.client_order_id, "client_order_id")
        contract = instrument_from_wire(request.instrument, "instrument")
        if not isinstance(contract, OptionContract):
            raise InvalidRequest("instrument", "not an option")
        key: OrderKey = (account.account_id, request.client_order_id)
        entry = await self._desk.instructing.instruct(
            InstructionIntended(*key, kind, request.venue, contract, qty)
        )
        instruction_to_wire(InstructionReport(entry.status, entry.cause), reply)


def _check_close(order: OrderSpec) -> None:
    """As `check_order`, of a request whose fields are those of the order by themselves."""
    try:
        check_order(order)
    except InvalidRequest as error:
        why = error.message.removeprefix(f"{error.field}: ")
        raise InvalidRequest(error.field.removeprefix("order."), why) from error


def _require_id(text: str, field: str, *, known: bool = False) -> None:
    """Raise InvalidRequest unless the text can be a client's id; a `known` one is looked up."""
    if not text:
        raise InvalidRequest(field, "required")
    if not known and not CLIENT_ORDER_ID.fullmatch(text):
        raise InvalidRequest(field, "must be 1 to 64 of [A-Za-z0-9._-]")
