"""`VenuePort` over gRPC: the contract is all that the router knows of an adapter."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeVar

import grpc
import structlog

from services.common.contract.convert import (
    activity_from_wire,
    balance_from_wire,
    change_to_wire,
    duration_to_wire,
    execution_from_wire,
    instruction_from_wire,
    instrument_to_wire,
    lookup_from_wire,
    optional_decimal_to_wire,
    optional_timestamp_to_wire,
    position_from_wire,
    proof_from_wire,
    report_from_wire,
    spec_to_wire,
    timestamp_to_wire,
    venue_status_from_wire,
)
from services.common.contract.pb import (
    adapter_service_pb2,
    adapter_service_pb2_grpc,
    broker_service_pb2,
    broker_service_pb2_grpc,
    events_pb2,
    types_pb2,
)
from services.common.contract.status import from_rpc_error
from services.common.domain.activities import Activity
from services.common.domain.errors import ReadFailed, Reason, Unavailable
from services.common.domain.executions import Execution
from services.common.domain.external_orders import ExternalId
from services.common.domain.order_spec import OrderSpec
from services.common.domain.order_terms import OrderChange
from services.common.domain.reports import (
    Balance,
    FenceProof,
    InstructionReport,
    LookupResult,
    OrderReport,
    VenuePosition,
    VenueStatus,
)
from services.router.journal.records import Instruction, InstructionIntended
from services.router.routing.venue import Claim, Fenced, Pulse, VenueNews
from services.router.routing.venue_data import VenueData

_log = structlog.stdlib.get_logger(__name__)
_PAGE_SIZE = 500
_READY = grpc.ChannelConnectivity.READY

Reply = TypeVar("Reply")


@dataclass(frozen=True, slots=True)
class ClientSettings:
    """Deadlines towards an adapter, in seconds. A send's is long: its answer decides much."""

    send_timeout_s: float = 15.0
    read_timeout_s: float = 10.0
    heartbeat_s: float = 2.0
    silence_max_s: float = 6.0


class VenueClient(VenueData):
    """One venue account behind the adapter on `channel`, under the logical `account_id`."""

    def __init__(
        self, account_id: str, venue: str, channel: grpc.aio.Channel, settings: ClientSettings
    ) -> None:
        self._account_id = account_id
        self._venue = venue
        self._channel = channel
        self._settings = settings
        self._broker = broker_service_pb2_grpc.BrokerServiceStub(channel)
        self._adapter = adapter_service_pb2_grpc.AdapterServiceStub(channel)

    # -- mutations ---------------------------------------------------------------------------

    async def fence(self, claim: Claim) -> Fenced:
        request = adapter_service_pb2.FenceRequest(fence=_claim_to_wire(claim))
        reply = await self._read(self._adapter.Fence, request)
        previous = _claim_from_wire(reply.previous) if reply.HasField("previous") else None
        return Fenced(previous, reply.session_id)

    async def submit(self, spec: OrderSpec, claim: Claim, session_id: str) -> OrderReport:
        request = broker_service_pb2.SubmitOrderRequest(
            account_id=self._account_id,
            order=spec_to_wire(spec),
            fence=_claim_to_wire(claim),
            expected_session_id=session_id,
        )
        reply = await self._mutate(self._broker.SubmitOrder, request)
        return report_from_wire(reply.order, mutation=True)

    async def cancel(self, placement_id: str, claim: Claim, session_id: str) -> OrderReport:
        found = ExternalId.parse(placement_id)
        request = broker_service_pb2.CancelOrderRequest(
            account_id=self._account_id,
            client_order_id="" if found else placement_id,
            venue_order_id=found.venue_order_id if found else "",
            fence=_claim_to_wire(claim),
            expected_session_id=session_id,
        )
        reply = await self._mutate(self._broker.CancelOrder, request)
        return report_from_wire(reply.order, mutation=True)

    async def replace(
        self,
        placement_id: str,
        revision_id: str,
        change: OrderChange,
        claim: Claim,
        session_id: str,
        *,
        not_after: datetime | None = None,
    ) -> OrderReport:
        request = change_to_wire(change)
        if not_after is not None:
            request.not_after.CopyFrom(timestamp_to_wire(not_after))
        request.account_id = self._account_id
        request.client_order_id = placement_id
        request.replace_id = revision_id
        request.fence.CopyFrom(_claim_to_wire(claim))
        request.expected_session_id = session_id
        reply = await self._mutate(self._broker.ReplaceOrder, request)
        return report_from_wire(reply.order, mutation=True)

    async def exercise(
        self, instruction: InstructionIntended, claim: Claim, session_id: str
    ) -> InstructionReport:
        common: dict[str, Any] = {
            "account_id": self._account_id,
            "client_order_id": instruction.client_order_id,
            "instrument": instrument_to_wire(instruction.contract),
            "fence": _claim_to_wire(claim),
            "expected_session_id": session_id,
        }
        if instruction.instruction is Instruction.EXERCISE:
            exercise = broker_service_pb2.ExerciseOptionRequest(
                **common, qty=optional_decimal_to_wire(instruction.qty)
            )
            return instruction_from_wire(await self._mutate(self._broker.ExerciseOption, exercise))
        refrain = broker_service_pb2.DoNotExerciseRequest(**common)
        return instruction_from_wire(await self._mutate(self._broker.DoNotExercise, refrain))

    # -- reads -------------------------------------------------------------------------------

    async def find_order(self, placement_id: str) -> LookupResult:
        found = ExternalId.parse(placement_id)
        request = broker_service_pb2.GetOrderRequest(
            account_id=self._account_id,
            client_order_id="" if found else placement_id,
            venue_order_id=found.venue_order_id if found else "",
        )
        return lookup_from_wire(await self._read(self._broker.GetOrder, request))

    async def fence_order(
        self, placement_id: str, attempted_at: datetime, session_id: str, claim: Claim
    ) -> FenceProof:
        request = adapter_service_pb2.FenceOrderRequest(
            account_id=self._account_id,
            placement_id=placement_id,
            attempted_at=timestamp_to_wire(attempted_at),
            session_id=session_id,
            fence=_claim_to_wire(claim),
        )
        return proof_from_wire(await self._read(self._adapter.FenceOrder, request))

    async def open_orders(self) -> Sequence[OrderReport]:
        return await self._list(broker_service_pb2.ORDER_FILTER_OPEN, None)

    async def orders(self, *, after: datetime | None = None) -> Sequence[OrderReport]:
        return await self._list(broker_service_pb2.ORDER_FILTER_ALL, after)

    async def _list(
        self, which: broker_service_pb2.OrderFilter.ValueType, after: datetime | None
    ) -> list[OrderReport]:
        found: list[OrderReport] = []
        page = types_pb2.PageRequest(page_size=_PAGE_SIZE)
        while True:
            request = broker_service_pb2.ListOrdersRequest(
                account_id=self._account_id,
                filter=which,
                after=optional_timestamp_to_wire(after),
                page=page,
            )
            reply = await self._read(self._broker.ListOrders, request)
            found += (report_from_wire(order) for order in reply.orders)
            if not reply.next_page_token:
                return found
            page.page_token = reply.next_page_token

    async def executions(
        self, *, after: datetime | None = None, placement_id: str = ""
    ) -> Sequence[Execution]:
        found: list[Execution] = []
        external = ExternalId.parse(placement_id)
        page = types_pb2.PageRequest(page_size=_PAGE_SIZE)
        while True:
            request = broker_service_pb2.ListExecutionsRequest(
                account_id=self._account_id,
                client_order_id="" if external else placement_id,
                venue_order_id=external.venue_order_id if external else "",
                after=optional_timestamp_to_wire(after),
                page=page,
            )
            reply = await self._read(self._broker.ListExecutions, request)
            found += (execution_from_wire(execution) for execution in reply.executions)
            if not reply.next_page_token:
                return found
            page.page_token = reply.next_page_token

    async def activities(self, *, after: datetime | None = None) -> Sequence[Activity]:
        found: list[Activity] = []
        page = types_pb2.PageRequest(page_size=_PAGE_SIZE)
        while True:
            request = broker_service_pb2.ListActivitiesRequest(
                account_id=self._account_id, after=optional_timestamp_to_wire(after), page=page
            )
            reply = await self._read(self._broker.ListActivities, request)
            found += (activity_from_wire(activity) for activity in reply.activities)
            if not reply.next_page_token:
                return found
            page.page_token = reply.next_page_token

    async def balance(self) -> Balance:
        request = broker_service_pb2.GetAccountRequest(account_id=self._account_id)
        reply = await self._read(self._broker.GetAccount, request)
        stated = [b for b in reply.balances if not b.unavailable]
        if len(stated) != 1:
            why = ", ".join(b.unavailable_reason for b in reply.balances) or "nothing stated"
            raise ReadFailed(f"{self._venue}: the account could not be read: {why}")
        return balance_from_wire(stated[0])

    async def positions(self) -> Sequence[VenuePosition]:
        found: list[VenuePosition] = []
        page = types_pb2.PageRequest(page_size=_PAGE_SIZE)
        while True:
            request = broker_service_pb2.ListPositionsRequest(
                account_id=self._account_id, page=page
            )
            reply = await self._read(self._broker.ListPositions, request)
            found += (position_from_wire(position) for position in reply.positions)
            if not reply.next_page_token:
                return found
            page.page_token = reply.next_page_token

    async def status(self) -> VenueStatus:
        request = broker_service_pb2.GetStatusRequest(account_id=self._account_id)
        reply = await self._read(self._broker.GetStatus, request)
        if len(reply.venues) != 1:
            raise ReadFailed(f"{self._venue}: the adapter speaks of {len(reply.venues)} venues")
        return venue_status_from_wire(reply.venues[0])

    async def watch(self) -> AsyncIterator[VenueNews]:
        request = broker_service_pb2.WatchEventsRequest(
            account_id=self._account_id,
            heartbeat_interval=duration_to_wire(self._settings.heartbeat_s),
        )
        call = self._broker.WatchEvents(request)
        try:
            while True:
                async with asyncio.timeout(self._settings.silence_max_s):
                    reply = await call.read()
                if not isinstance(reply, broker_service_pb2.WatchEventsResponse):
                    return  # the end of the stream
                news = self._news(reply.event)
                if news is not None:
                    yield news
        except TimeoutError as error:
            raise ReadFailed(f"{self._venue}: the adapter's event stream fell silent") from error
        except grpc.aio.AioRpcError as error:
            raise from_rpc_error(error, mutation=False) from error
        finally:
            call.cancel()

    def _news(self, event: events_pb2.Event) -> VenueNews | None:
        """An event as news; one that can't be read raises, so that it is read another way."""
        match event.WhichOneof("kind"):
            case "heartbeat":
                return Pulse(event.heartbeat.session_id)
            case "order":
                return report_from_wire(event.order)
            case "execution":
                return execution_from_wire(event.execution)
            case "activity":
                return activity_from_wire(event.activity)
            case "venue_status":
                return venue_status_from_wire(event.venue_status)
            case kind:  # later releases of the contract may tell more
                _log.warning("event_not_understood", venue=self._venue, kind=kind)
                return None

    # -- calls -------------------------------------------------------------------------------

    async def _mutate(self, method: Callable[..., Awaitable[Reply]], request: object) -> Reply:
        """Call once. Effect NONE only without a connection or by the adapter's own word."""
        if self._channel.get_state(try_to_connect=True) is not _READY:
            raise Unavailable(
                Reason.VENUE_UNAVAILABLE, f"{self._venue}: its adapter can't be reached"
            )
        try:
            return await method(request, timeout=self._settings.send_timeout_s)
        except grpc.aio.AioRpcError as error:
            raise from_rpc_error(error, mutation=True) from error

    async def _read(self, method: Callable[..., Awaitable[Reply]], request: object) -> Reply:
        try:
            return await method(request, timeout=self._settings.read_timeout_s)
        except grpc.aio.AioRpcError as error:
            raise from_rpc_error(error, mutation=False) from error


def _claim_to_wire(claim: Claim) -> broker_service_pb2.Fence:
    return broker_service_pb2.Fence(
        journal_id=claim.journal_id,
        generation=claim.generation,
        epoch=claim.epoch,
        head_sequence=claim.head_seq,
        head_hash=claim.head_hash,
    )


def _claim_from_wire(msg: broker_service_pb2.Fence) -> Claim:
    return Claim(msg.journal_id, msg.generation, msg.epoch, msg.head_sequence, msg.head_hash)
