"""A small real BrokerService on a real socket: orders, a stream with tokens, faults on request."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Any

import grpc
from google.protobuf import any_pb2, duration_pb2
from google.protobuf.message import Message
from google.rpc import (  # type: ignore[import-untyped, unused-ignore]
    code_pb2,
    error_details_pb2,
    status_pb2,
)
from grpc_status import rpc_status
from tandem_client.pb import (
    accounts_pb2,
    broker_service_pb2,
    broker_service_pb2_grpc,
    errors_pb2,
    events_pb2,
    operations_service_pb2,
    operations_service_pb2_grpc,
    orders_pb2,
    types_pb2,
)

Context = Any
ACCOUNT = "main"
SYMBOL = "SPY241115P00400000"
JOURNAL_ID = "5a000000-0000-4000-8000-000000000001"


def decimal(text: str) -> types_pb2.Decimal:
    return types_pb2.Decimal(value=text)


def option() -> types_pb2.Instrument:
    return types_pb2.Instrument(option=types_pb2.Option(occ_symbol=SYMBOL))


def failure(
    code: int,
    reason: str,
    message: str,
    *,
    effect: int | None = errors_pb2.EFFECT_NONE,
    field: str = "",
    retry_after_s: int = 0,
    venue_causes: tuple[errors_pb2.VenueCause, ...] = (),
) -> status_pb2.Status:
    """A status as Tandem's servers send it; without `effect` it has no FailureDetail."""
    details: list[Message] = [error_details_pb2.ErrorInfo(reason=reason, domain="tandem.v1")]
    if effect is not None:
        details.append(
            errors_pb2.FailureDetail(
                effect=effect,  # type: ignore[arg-type]
                venue_causes=venue_causes,
            )
        )
    if field:
        violation = error_details_pb2.BadRequest.FieldViolation(field=field, description=message)
        details.append(error_details_pb2.BadRequest(field_violations=[violation]))
    if retry_after_s:
        delay = duration_pb2.Duration(seconds=retry_after_s)
        details.append(error_details_pb2.RetryInfo(retry_delay=delay))
    packed = []
    for detail in details:
        packed.append(any_pb2.Any())
        packed[-1].Pack(detail)
    return status_pb2.Status(code=code, message=message, details=packed)


TOKEN_EXPIRED = failure(code_pb2.OUT_OF_RANGE, "TOKEN_EXPIRED", "the token is too old", effect=None)


async def abort(context: Context, status: status_pb2.Status) -> None:
    to_status: Any = rpc_status.to_status
    await context.abort_with_status(to_status(status))


Fault = Callable[[Context], Any]


class SmallBroker(broker_service_pb2_grpc.BrokerServiceServicer):
    """Keeps orders and events in memory. A token is the number of events before it.

    `on_submit` acts instead of answering once the order is booked; `before_submit` before it.
    """

    def __init__(self) -> None:
        self.orders: dict[str, orders_pb2.Order] = {}
        self.executions: list[orders_pb2.Execution] = []
        self.positions: list[accounts_pb2.Position] = []
        self.account_ids = [ACCOUNT]
        self.submits = 0
        self.watches: list[str] = []
        self.open_watches = 0
        self.submit_requests: list[broker_service_pb2.SubmitOrderRequest] = []
        self.before_submit: Fault | None = None
        self.on_submit: Fault | None = None
        self.on_read: Fault | None = None
        self.accepted_status = types_pb2.ORDER_STATUS_ACCEPTED
        self.oldest_token = 0
        self.silent = False
        self.heartbeats = 0
        self.cut_code = grpc.StatusCode.UNAVAILABLE
        self.page_size = 2
        self._events: list[events_pb2.Event] = []
        self._changed = asyncio.Event()
        self._cut = asyncio.Event()

    def put(self, client_order_id: str, status: int, **changes: Any) -> orders_pb2.Order:
        """Book a change of an order and tell it."""
        order = self.orders.setdefault(client_order_id, orders_pb2.Order(account_id=ACCOUNT))
        order.spec.client_order_id = client_order_id
        order.status = status  # type: ignore[assignment]
        order.sequence = len(self._events) + 1
        for name, value in changes.items():
            getattr(order, name).CopyFrom(value)
        copy = orders_pb2.Order()
        copy.CopyFrom(order)
        self.tell(order=copy)
        return copy

    def tell(self, **what: Any) -> None:
        number = len(self._events) + 1
        self._events.append(events_pb2.Event(sequence=number, token=str(number), **what))
        self.wake()

    def wake(self) -> None:
        """Have every stream tell what is new, and a heartbeat after it."""
        self._changed.set()
        self._changed = asyncio.Event()

    def cut_streams(self) -> None:
        """End every open stream as a broken connection would."""
        self._cut.set()
        self._cut = asyncio.Event()

    async def _read(self, context: Context) -> None:
        if self.on_read is not None:
            await self.on_read(context)

    async def ListAccounts(self, request: Any, context: Context) -> Any:
        await self._read(context)
        venue = types_pb2.Venue(name="alpaca", broker="alpaca", mode=types_pb2.ACCOUNT_MODE_PAPER)
        accounts = [
            accounts_pb2.Account(account_id=name, venues=[venue]) for name in self.account_ids
        ]
        return broker_service_pb2.ListAccountsResponse(accounts=accounts)

    async def GetStatus(self, request: Any, context: Context) -> Any:
        await self._read(context)
        venue = events_pb2.VenueStatus(
            venue=types_pb2.Venue(name="alpaca", mode=types_pb2.ACCOUNT_MODE_PAPER),
            state=events_pb2.VENUE_STATE_UP,
            ready=True,
            probe_s=0.012,
        )
        state = events_pb2.TradingStateChange(state=events_pb2.TRADING_STATE_ACTIVE)
        return broker_service_pb2.GetStatusResponse(venues=[venue], trading_state=state)

    async def SubmitOrder(self, request: Any, context: Context) -> Any:
        self.submits += 1
        self.submit_requests.append(request)
        if self.before_submit is not None:
            await self.before_submit(context)
        name = request.order.client_order_id
        if name not in self.orders:
            self.put(name, self.accepted_status, spec=request.order, leaves_qty=decimal("1"))
        if self.on_submit is not None:
            await self.on_submit(context)
        return broker_service_pb2.SubmitOrderResponse(order=self.orders[name])

    async def CancelOrder(self, request: Any, context: Context) -> Any:
        order = self.orders.get(request.client_order_id)
        if order is None or order.status == types_pb2.ORDER_STATUS_FILLED:
            await abort(
                context,
                failure(code_pb2.FAILED_PRECONDITION, "ORDER_ENDED", "the order has ended"),
            )
        return broker_service_pb2.CancelOrderResponse(
            order=self.put(request.client_order_id, types_pb2.ORDER_STATUS_PENDING_CANCEL)
        )

    async def GetOrder(self, request: Any, context: Context) -> Any:
        await self._read(context)
        order = self.orders.get(request.client_order_id)
        if order is None:
            return broker_service_pb2.GetOrderResponse(
                lookup=broker_service_pb2.ORDER_LOOKUP_ABSENT
            )
        return broker_service_pb2.GetOrderResponse(
            lookup=broker_service_pb2.ORDER_LOOKUP_FOUND, order=order
        )

    async def ListOrders(self, request: Any, context: Context) -> Any:
        await self._read(context)
        start = int(request.page.page_token or 0)
        listed = list(reversed(self.orders.values()))
        end = start + self.page_size
        return broker_service_pb2.ListOrdersResponse(
            orders=listed[start:end],
            next_page_token=str(end) if end < len(listed) else "",
            watch_token=str(len(self._events)),
        )

    async def ListPositions(self, request: Any, context: Context) -> Any:
        await self._read(context)
        return broker_service_pb2.ListPositionsResponse(positions=self.positions)

    async def ListExecutions(self, request: Any, context: Context) -> Any:
        await self._read(context)
        return broker_service_pb2.ListExecutionsResponse(executions=self.executions)

    async def GetAccount(self, request: Any, context: Context) -> Any:
        await self._read(context)
        cash = types_pb2.Money(amount=decimal("100000"), currency_code="USD")
        balance = accounts_pb2.VenueBalance(venue="alpaca", cash=cash, options_level=2)
        total = accounts_pb2.CurrencyTotal(currency_code="USD", cash=cash)
        return broker_service_pb2.GetAccountResponse(
            account=accounts_pb2.Account(account_id=ACCOUNT), balances=[balance], totals=[total]
        )

    async def WatchEvents(self, request: Any, context: Context) -> AsyncIterator[Any]:
        self.watches.append(request.resume_token)
        token = request.resume_token
        position = int(token) if token else len(self._events)
        interval_s = request.heartbeat_interval.ToTimedelta().total_seconds()
        if position < self.oldest_token:
            await abort(context, TOKEN_EXPIRED)
        self.open_watches += 1
        try:
            while True:
                changed, cut = self._changed, self._cut
                for event in () if self.silent else self._events[position:]:
                    yield broker_service_pb2.WatchEventsResponse(event=event)
                    position += 1
                await _first_of(changed, cut, interval_s)
                if cut.is_set():
                    await context.abort(self.cut_code, "cut")
                if not self.silent:
                    self.heartbeats += 1
                    beat = events_pb2.Event(heartbeat=events_pb2.Heartbeat())
                    yield broker_service_pb2.WatchEventsResponse(event=beat)
        finally:
            self.open_watches -= 1


async def _first_of(changed: asyncio.Event, cut: asyncio.Event, timeout_s: float) -> None:
    waits = [asyncio.ensure_future(event.wait()) for event in (changed, cut)]
    try:
        await asyncio.wait(waits, timeout=timeout_s, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for wait in waits:
            wait.cancel()


class SmallOperations(operations_service_pb2_grpc.OperationsServiceServicer):
    """Sets a trading state, lists one quarantined order, has a journal of nine records."""

    def __init__(self) -> None:
        self.requests: list[operations_service_pb2.SetTradingStateRequest] = []
        self.resolved: list[operations_service_pb2.ResolveInDoubtOrderRequest] = []
        self.decided: list[operations_service_pb2.AdoptOrderRequest] = []
        self.checks: list[operations_service_pb2.VerifyJournalRequest] = []
        self.damaged_at = 0

    async def SetTradingState(self, request: Any, context: Context) -> Any:
        self.requests.append(request)
        if not request.reason:
            await abort(
                context,
                failure(code_pb2.INVALID_ARGUMENT, "INVALID_FIELD", "say why", field="reason"),
            )
        change = events_pb2.TradingStateChange(
            account_id=request.account_id,
            state=request.state,
            reason=request.reason,
            actor=request.actor,
        )
        return operations_service_pb2.SetTradingStateResponse(change=change)

    async def ListQuarantined(self, request: Any, context: Context) -> Any:
        order = orders_pb2.Order(spec=orders_pb2.OrderSpec(client_order_id="by-hand"))
        record = events_pb2.QuarantineRecord(
            quarantine_id="q1", account_id=ACCOUNT, venue="alpaca", reason="not ours", order=order
        )
        return operations_service_pb2.ListQuarantinedResponse(records=[record])

    async def AdoptOrder(self, request: Any, context: Context) -> Any:
        self.decided.append(request)
        if request.quarantine_id != "q1":
            text = "quarantine_id: no record"
            await abort(context, failure(code_pb2.NOT_FOUND, "ORDER_NOT_FOUND", text))
        record = events_pb2.QuarantineRecord(
            quarantine_id="q1",
            account_id=ACCOUNT,
            closed=True,
            closed_reason=request.reason,
            closed_by=request.actor,
            client_order_id="" if request.dismiss else "external-alpaca-7",
        )
        return operations_service_pb2.AdoptOrderResponse(record=record)

    async def ListInDoubtOrders(self, request: Any, context: Context) -> Any:
        placement = orders_pb2.Placement(placement_id="my-1~al~1.0", venue="alpaca")
        order = orders_pb2.Order(
            account_id=ACCOUNT,
            spec=orders_pb2.OrderSpec(client_order_id="my-1"),
            status=types_pb2.ORDER_STATUS_IN_DOUBT,
            placements=[placement],
        )
        return operations_service_pb2.ListInDoubtOrdersResponse(orders=[order])

    async def ResolveInDoubtOrder(self, request: Any, context: Context) -> Any:
        self.resolved.append(request)
        order = orders_pb2.Order(
            account_id=ACCOUNT,
            spec=orders_pb2.OrderSpec(client_order_id=request.client_order_id),
            status=types_pb2.ORDER_STATUS_CANCELED,
        )
        return operations_service_pb2.ResolveInDoubtOrderResponse(order=order)

    async def GetFleet(self, request: Any, context: Context) -> Any:
        return operations_service_pb2.GetFleetResponse(
            journal_id=JOURNAL_ID, head_sequence=9, head_hash=b"9" * 32
        )

    async def VerifyJournal(self, request: Any, context: Context) -> Any:
        self.checks.append(request)
        return operations_service_pb2.VerifyJournalResponse(
            intact=not self.damaged_at,
            checked=8 if self.damaged_at else 9,
            first_bad_sequence=self.damaged_at,
            problem="its content does not fit its hash" if self.damaged_at else "",
            head_sequence=9,
            head_hash=b"9" * 32,
            journal_id=JOURNAL_ID,
        )

    async def ExportJournal(self, request: Any, context: Context) -> AsyncIterator[Any]:
        for number in range(max(request.from_sequence, 1), 4):
            yield operations_service_pb2.ExportJournalResponse(
                sequence=number, record_json=f'{{"seq":{number}}}', hash=bytes([number]) * 32
            )


class SmallServer:
    """Both services on one free port of loopback, which a restart keeps."""

    def __init__(self) -> None:
        self.broker = SmallBroker()  # type: ignore[abstract]  # the rest is UNIMPLEMENTED
        self.operations = SmallOperations()  # type: ignore[abstract]
        self.port = 0
        self._server: grpc.aio.Server | None = None

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.port}"

    async def start(self) -> None:
        self._server = grpc.aio.server(options=[("grpc.so_reuseport", 0)])
        broker_service_pb2_grpc.add_BrokerServiceServicer_to_server(self.broker, self._server)
        operations_service_pb2_grpc.add_OperationsServiceServicer_to_server(
            self.operations, self._server
        )
        self.port = self._server.add_insecure_port(self.address)
        await self._server.start()

    async def stop(self) -> None:
        if self._server is not None:
            await self._server.stop(0)
            self._server = None
