"""`BrokerService` at the router: orders and positions from the books, the rest from the venues."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from typing import Any

from services.common.contract.convert import (
    check_known_fields,
    instrument_from_wire,
    optional_timestamp_from_wire,
    spec_from_wire,
    timestamp_to_wire,
)
from services.common.contract.pb import broker_service_pb2 as pb
from services.common.contract.pb import broker_service_pb2_grpc
from services.common.domain.errors import InvalidRequest
from services.common.runtime.clock import Clock
from services.common.runtime.telemetry import current_traceparent
from services.router.api.balances import read_account
from services.router.api.capabilities import KnownCapabilities, require_routable
from services.router.api.changes_service import ChangesServicer
from services.router.api.market_service import MarketServicer
from services.router.api.not_served import BROKER_METHODS, not_served
from services.router.api.paging import page_of
from services.router.api.requests import refuse_fence, require_clients_own
from services.router.api.shelf_paging import shelf_page
from services.router.api.told import once_durable
from services.router.api.views import (
    account_to_wire,
    activity_filter,
    between,
    count_in_doubt,
    count_quarantined,
    link_to_wire,
    order_filter,
    strictest_gate,
)
from services.router.api.watch import watch_events
from services.router.api.wire import (
    booked_activity_to_wire,
    booked_to_wire,
    entry_to_wire,
    gate_to_wire,
    held_to_wire,
)
from services.router.books.books import Books
from services.router.books.entries import BookedActivity, BookedExecution, OrderEntry
from services.router.books.watching import Watching
from services.router.journal.journal import Journal
from services.router.routing.accounts import AccountLinks
from services.router.routing.desk import Desk
from services.router.routing.quote_stream import QuoteStreams, QuoteStreamSettings


@not_served(*BROKER_METHODS)
class BrokerServicer(
    ChangesServicer, MarketServicer, broker_service_pb2_grpc.BrokerServiceServicer
):
    """The contract, served from the books. Errors are raised; the server translates them."""

    def __init__(
        self,
        desk: Desk,
        books: Books,
        journal: Journal,
        watching: Watching,
        clock: Clock,
        version: str,
    ) -> None:
        self._desk = desk
        self._books = books
        self._journal = journal
        self._watching = watching
        self._clock = clock
        self._version = version
        self._capabilities = KnownCapabilities(clock.monotonic)
        self._quote_streams = QuoteStreams(clock, QuoteStreamSettings())

    def drain(self) -> None:
        """End the streams of quotes: this process is stopping."""
        self._quote_streams.close()

    # -- orders ------------------------------------------------------------------------------

    async def SubmitOrder(self, request: pb.SubmitOrderRequest, context: Any) -> Any:
        check_known_fields(request)
        refuse_fence(request)
        account_id = self._desk.required_account(request.account_id).account_id
        spec = spec_from_wire(request.order)
        require_routable(spec)
        require_clients_own(spec.client_order_id, self._books, account_id)
        entry = await self._desk.submit(
            account_id,
            spec,
            received=self._clock.now(),
            traceparent=current_traceparent() or "",
        )
        return pb.SubmitOrderResponse(order=entry_to_wire(entry))

    async def CancelOrder(self, request: pb.CancelOrderRequest, context: Any) -> Any:
        check_known_fields(request)
        refuse_fence(request)
        account = self._desk.required_account(request.account_id)
        if request.venue_order_id:
            raise InvalidRequest("venue_order_id", "set by routers only")
        if not request.client_order_id:
            raise InvalidRequest("client_order_id", "required")
        entry = await self._desk.cancel(account.account_id, request.client_order_id)
        return pb.CancelOrderResponse(order=entry_to_wire(entry))

    async def GetOrder(self, request: pb.GetOrderRequest, context: Any) -> Any:
        account = self._desk.required_account(request.account_id)
        if bool(request.client_order_id) == bool(request.venue_order_id):
            raise InvalidRequest("client_order_id", "give either this or venue_order_id")
        entry = self._find(account, request)
        reply = pb.GetOrderResponse(
            lookup=pb.ORDER_LOOKUP_ABSENT, as_of=timestamp_to_wire(self._clock.now())
        )
        if entry is not None:
            reply.lookup = pb.ORDER_LOOKUP_FOUND
            reply.order.CopyFrom(entry_to_wire(entry))
        return await once_durable(self._journal, reply)

    def _find(self, account: AccountLinks, request: pb.GetOrderRequest) -> OrderEntry | None:
        if request.client_order_id:
            return self._books.find(account.account_id, request.client_order_id)
        names = [link.name for link in account.links]
        if not request.venue and len(names) > 1:
            raise InvalidRequest("venue", "required with venue_order_id: there are several")
        venue = request.venue or names[0]
        key = (account.account_id, venue, request.venue_order_id)
        owner = self._books.by_venue_order.get(key)
        return self._books.orders[owner] if owner is not None else None

    async def ListOrders(self, request: pb.ListOrdersRequest, context: Any) -> Any:
        account = self._desk.required_account(request.account_id)
        fits, account_id = order_filter(request), account.account_id
        reply = pb.ListOrdersResponse(
            as_of=timestamp_to_wire(self._clock.now()), watch_token=self._watching.token()
        )
        if request.filter in (pb.ORDER_FILTER_OPEN, pb.ORDER_FILTER_IN_DOUBT):
            entries = [e for e in self._books.open_entries(account_id) if fits(e)]
            entries.sort(key=_first_seq, reverse=True)
            page, token = page_of(entries, request.page, _first_seq)
        else:
            page, token = await shelf_page(
                self._books.orders,
                request.page,
                _first_seq,
                lambda entry: entry.key[0] == account_id and fits(entry),
            )
        reply.orders.extend(map(entry_to_wire, page))
        reply.next_page_token = token
        return await once_durable(self._journal, reply)

    async def ListExecutions(self, request: pb.ListExecutionsRequest, context: Any) -> Any:
        account = self._desk.required_account(request.account_id)
        order_id = request.client_order_id
        if order_id and request.venue_order_id:
            raise InvalidRequest("venue_order_id", "give either this or client_order_id")
        after = optional_timestamp_from_wire(request, "after", "after")
        before = optional_timestamp_from_wire(request, "before", "before")
        reply = pb.ListExecutionsResponse(
            as_of=timestamp_to_wire(self._clock.now()), watch_token=self._watching.token()
        )

        def fits(booked: BookedExecution) -> bool:
            return (
                booked.execution.account_id == account.account_id
                and order_id in ("", booked.client_order_id, booked.execution.client_id)
                and request.venue_order_id in ("", booked.execution.venue_order_id)
                and request.venue in ("", booked.execution.venue)
                and between(booked.execution.times.venue_time, after, before)
            )

        shelf = self._books.executions.shelf
        page, reply.next_page_token = await shelf_page(shelf, request.page, _seq, fits)
        reply.executions.extend(map(booked_to_wire, page))
        return await once_durable(self._journal, reply)

    async def ListActivities(self, request: pb.ListActivitiesRequest, context: Any) -> Any:
        account = self._desk.required_account(request.account_id)
        fits = activity_filter(request)
        reply = pb.ListActivitiesResponse(
            as_of=timestamp_to_wire(self._clock.now()), watch_token=self._watching.token()
        )
        page, reply.next_page_token = await shelf_page(
            self._books.activities.shelf,
            request.page,
            _seq,
            lambda b: b.activity.account_id == account.account_id and fits(b.activity),
        )
        reply.activities.extend(map(booked_activity_to_wire, page))
        return await once_durable(self._journal, reply)

    # -- account -----------------------------------------------------------------------------

    async def GetAccount(self, request: pb.GetAccountRequest, context: Any) -> Any:
        return await read_account(self._desk.required_account(request.account_id), self._clock)

    async def ListPositions(self, request: pb.ListPositionsRequest, context: Any) -> Any:
        account = self._desk.required_account(request.account_id)
        # Positions are never forgotten, so their places stay while others open and close.
        numbered = [
            (number, position)
            for number, position in self._books.positions.in_memory()
            if position.account_id == account.account_id
            and position.lots
            and request.venue in ("", position.venue)
        ]
        page, token = page_of(reversed(numbered), request.page, lambda item: item[0])
        reply = pb.ListPositionsResponse(
            positions=[held_to_wire(position) for _, position in page],
            next_page_token=token,
            as_of=timestamp_to_wire(self._clock.now()),
            watch_token=self._watching.token(),
        )
        return await once_durable(self._journal, reply)

    async def GetPosition(self, request: pb.GetPositionRequest, context: Any) -> Any:
        account = self._desk.required_account(request.account_id)
        instrument = instrument_from_wire(request.instrument, "instrument")
        reply = pb.GetPositionResponse(
            positions=[
                held_to_wire(position)
                for position in self._books.held(account.account_id)
                if position.instrument.key == instrument.key
            ],
            as_of=timestamp_to_wire(self._clock.now()),
        )
        return await once_durable(self._journal, reply)

    # -- venues ------------------------------------------------------------------------------

    async def GetStatus(self, request: pb.GetStatusRequest, context: Any) -> Any:
        accounts = self._accounts_of(request.account_id)
        ids = [account.account_id for account in accounts]
        last, now = self._books.last_failover, self._clock.now()
        reply = pb.GetStatusResponse(
            venues=[link_to_wire(link, self._books) for a in accounts for link in a.links],
            trading_state=gate_to_wire(strictest_gate(self._books, request.account_id)),
            as_of=timestamp_to_wire(now),
            failover_count=self._books.failover_count,
            last_failover=None if last is None else timestamp_to_wire(last),
            in_doubt_count=sum(count_in_doubt(self._books, i) for i in ids),
            quarantined_count=sum(count_quarantined(self._books, i) for i in ids),
            failover_count_today=sum(self._books.failovers.today(i, now) for i in ids),
        )
        return await once_durable(self._journal, reply)

    async def ListAccounts(self, request: pb.ListAccountsRequest, context: Any) -> Any:
        return pb.ListAccountsResponse(
            accounts=[account_to_wire(account) for account in self._desk.accounts.values()]
        )

    # -- events ------------------------------------------------------------------------------

    async def WatchEvents(self, request: pb.WatchEventsRequest, context: Any) -> AsyncIterator[Any]:
        accounts = self._accounts_of(request.account_id)
        tags = {(a.account_id, link.name): link.account_tag for a in accounts for link in a.links}
        async for event in watch_events(request, self._watching, self._clock, tags):
            yield pb.WatchEventsResponse(event=event)

    # -- accounts ----------------------------------------------------------------------------

    def _accounts_of(self, account_id: str) -> Sequence[AccountLinks]:
        if account_id:
            return [self._desk.account(account_id)]
        return list(self._desk.accounts.values())


def _first_seq(entry: OrderEntry) -> int:
    return entry.first_seq


def _seq(booked: BookedExecution | BookedActivity) -> int:
    return booked.seq
