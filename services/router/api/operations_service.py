"""`OperationsService`: the operator's eyes and hand. Every change is journaled with its actor."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from services.common.contract.convert import (
    check_known_fields,
    optional_timestamp_to_wire,
    timestamp_to_wire,
)
from services.common.contract.pb import events_pb2, operations_service_pb2_grpc
from services.common.contract.pb import operations_service_pb2 as pb
from services.common.domain.errors import InvalidRequest
from services.common.domain.order_status import OrderStatus
from services.common.runtime.clock import Clock
from services.router.api.not_served import OPERATIONS_METHODS, not_served
from services.router.api.paging import page_of
from services.router.api.told import once_durable
from services.router.api.views import (
    account_to_wire,
    count_in_doubt,
    count_quarantined,
    link_to_wire,
    strictest_gate,
)
from services.router.api.wire import entry_to_wire, gate_to_wire, quarantined_to_wire
from services.router.books.books import Books
from services.router.journal.journal import Journal
from services.router.journal.records import TradingState, TradingStateSet
from services.router.journal.store import JournalError
from services.router.routing.accounts import AccountLinks
from services.router.routing.desk import Desk
from services.router.routing.work import not_durable

_TEXT_LEN_MAX = 500
_STATES = {
    events_pb2.TRADING_STATE_ACTIVE: TradingState.ACTIVE,
    events_pb2.TRADING_STATE_REDUCING: TradingState.REDUCING,
    events_pb2.TRADING_STATE_HALTED: TradingState.HALTED,
}


@not_served(*OPERATIONS_METHODS)
class OperationsServicer(operations_service_pb2_grpc.OperationsServiceServicer):
    """Served on a port of its own. Errors are raised; the server translates them."""

    def __init__(
        self, desk: Desk, books: Books, journal: Journal, clock: Clock, version: str
    ) -> None:
        self._desk = desk
        self._books = books
        self._journal = journal
        self._clock = clock
        self._version = version
        self._started: datetime = clock.now()

    async def GetFleet(self, request: pb.GetFleetRequest, context: Any) -> Any:
        books, head = self._books, self._journal.head
        reply = pb.GetFleetResponse(
            accounts=map(self._fleet_account, self._desk.accounts.values()),
            journal_id=books.journal_id,
            generation=books.generation,
            epoch=books.epoch,
            head_sequence=head.seq,
            head_hash=head.hash,
            server_version=self._version,
            started=timestamp_to_wire(self._started),
            failover_count=books.failover_count,
            last_failover=optional_timestamp_to_wire(books.last_failover),
        )
        return await once_durable(self._journal, reply)

    def _fleet_account(self, account: AccountLinks) -> pb.FleetAccount:
        account_id = account.account_id
        return pb.FleetAccount(
            account=account_to_wire(account),
            trading_state=gate_to_wire(strictest_gate(self._books, account_id)),
            venues=[link_to_wire(link, self._books) for link in account.links],
            open_orders=sum(1 for _ in self._books.open_entries(account_id)),
            in_doubt_orders=count_in_doubt(self._books, account_id),
            quarantined=count_quarantined(self._books, account_id),
        )

    async def SetTradingState(self, request: pb.SetTradingStateRequest, context: Any) -> Any:
        check_known_fields(request)
        if request.account_id:
            self._desk.account(request.account_id)
        state = _STATES.get(request.state)
        if state is None:
            raise InvalidRequest("state", "required: ACTIVE, REDUCING or HALTED")
        reason = _text(request.reason, "reason", required=True)
        actor = _text(request.actor, "actor", required=False) or "operator"
        try:
            self._journal.record(TradingStateSet(request.account_id, state, reason, actor))
        except JournalError as error:
            raise not_durable(error) from error
        gate = self._books.gates[request.account_id]
        reply = pb.SetTradingStateResponse(change=gate_to_wire(gate))
        return await once_durable(self._journal, reply)

    async def ListInDoubtOrders(self, request: pb.ListInDoubtOrdersRequest, context: Any) -> Any:
        entries = [
            entry
            for account_id in self._ids(request.account_id)
            for entry in self._books.open_entries(account_id)
            if entry.order.status is OrderStatus.IN_DOUBT
        ]
        entries.sort(key=lambda entry: entry.first_seq)  # oldest doubt first
        page, token = page_of(entries, request.page, lambda entry: -entry.first_seq)
        reply = pb.ListInDoubtOrdersResponse(orders=map(entry_to_wire, page), next_page_token=token)
        return await once_durable(self._journal, reply)

    async def ListQuarantined(self, request: pb.ListQuarantinedRequest, context: Any) -> Any:
        ids = self._ids(request.account_id)
        kept = [k for k in self._books.quarantine.values() if k.record.account_id in ids]
        numbered = [(-number, record) for number, record in enumerate(kept)]
        page, token = page_of(numbered, request.page, lambda item: item[0])
        reply = pb.ListQuarantinedResponse(
            records=[quarantined_to_wire(record) for _, record in page], next_page_token=token
        )
        return await once_durable(self._journal, reply)

    def _ids(self, account_id: str) -> list[str]:
        if not account_id:
            return list(self._desk.accounts)
        return [self._desk.account(account_id).account_id]


def _text(text: str, field: str, *, required: bool) -> str:
    text = text.strip()
    if required and not text:
        raise InvalidRequest(field, "required")
    if len(text) > _TEXT_LEN_MAX or not text.isprintable():
        raise InvalidRequest(field, f"must be printable, at most {_TEXT_LEN_MAX} characters")
    return text
