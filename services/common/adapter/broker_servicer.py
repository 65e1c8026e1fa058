"""`BrokerService` over a venue gateway: checks the request, asks the gateway, writes the answer.

Errors are raised as ours and become statuses in the server's outer layer. A read that fails is an
error, never an empty answer.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import replace
from typing import Any, Final

from services.common.adapter.capabilities import Capabilities
from services.common.adapter.feed import EventFeed
from services.common.adapter.fence_store import FenceStore
from services.common.adapter.last_check import Terms
from services.common.adapter.listing import order_filter, order_query, scope_of
from services.common.adapter.not_served import NotServedYet, served_methods
from services.common.adapter.order_desk import OrderDesk
from services.common.adapter.paging import PagedLists
from services.common.adapter.port import ExecutionQuery, VenueGateway
from services.common.adapter.requests import (
    CLIENT_ID_LEN_MAX,
    heartbeat_s,
    require_account,
    require_client_id,
    require_own_tag,
    require_venue,
    terms_of,
)
from services.common.adapter.settings import AdapterSettings
from services.common.adapter.wire import capabilities_to_wire, item_to_wire, totals_to_wire
from services.common.contract.convert import (
    balance_to_wire,
    check_known_fields,
    execution_to_wire,
    instrument_from_wire,
    instrument_to_wire,
    lookup_to_wire,
    market_clock_to_wire,
    optional_timestamp_from_wire,
    position_to_wire,
    quote_to_wire,
    report_to_wire,
    spec_from_wire,
    timestamp_to_wire,
    venue_status_to_wire,
    venue_to_wire,
)
from services.common.contract.pb import accounts_pb2, types_pb2
from services.common.contract.pb import broker_service_pb2 as pb
from services.common.domain.errors import InvalidRequest, NotFound, ReadFailed, Reason
from services.common.domain.executions import Execution
from services.common.domain.reports import Lookup, OrderReport, VenueStatus
from services.common.runtime.clock import Clock

INSTRUMENTS_MAX: Final = 100


class BrokerServicer(NotServedYet):
    """Serves one account of one venue.

    `capabilities` is asked at each call: what the account is entitled to may be known only after
    the gateway has connected.
    """

    def __init__(
        self,
        gateway: VenueGateway,
        desk: OrderDesk,
        feed: EventFeed,
        store: FenceStore,
        clock: Clock,
        settings: AdapterSettings,
        capabilities: Callable[[], Capabilities],
        *,
        server_version: str,
    ) -> None:
        self._gateway = gateway
        self._desk = desk
        self._feed = feed
        self._store = store
        self._clock = clock
        self._settings = settings
        self._capabilities = capabilities
        self._server_version = server_version
        self._lists = PagedLists(
            clock, kept_s=settings.lists.kept_s, kept_max=settings.lists.kept_max
        )

    # -- the venue and the account -----------------------------------------------------------

    async def GetCapabilities(
        self, request: pb.GetCapabilitiesRequest, context: Any
    ) -> pb.GetCapabilitiesResponse:
        self._require_account(request.account_id, may_be_empty=True)
        venue = self._venue(await self._gateway.status())
        methods = served_methods(type(self))
        return pb.GetCapabilitiesResponse(
            venues=[capabilities_to_wire(self._capabilities(), venue, methods)],
            server_version=self._server_version,
        )

    async def GetStatus(self, request: pb.GetStatusRequest, context: Any) -> pb.GetStatusResponse:
        self._require_account(request.account_id, may_be_empty=True)
        status = self._shown(await self._gateway.status())
        return pb.GetStatusResponse(
            venues=[venue_status_to_wire(status, self._settings.account_tag)],
            as_of=timestamp_to_wire(self._clock.now()),
        )

    async def ListAccounts(
        self, request: pb.ListAccountsRequest, context: Any
    ) -> pb.ListAccountsResponse:
        venue = self._venue(await self._gateway.status())
        return pb.ListAccountsResponse(accounts=[self._account(venue)])

    async def GetAccount(
        self, request: pb.GetAccountRequest, context: Any
    ) -> pb.GetAccountResponse:
        self._require_account(request.account_id)
        status = await self._gateway.status()
        balance = await self._gateway.balance()
        return pb.GetAccountResponse(
            account=self._account(self._venue(status)),
            balances=[balance_to_wire(balance)],
            totals=totals_to_wire(balance),
            as_of=timestamp_to_wire(balance.as_of),
        )

    # -- orders ------------------------------------------------------------------------------

    async def SubmitOrder(
        self, request: pb.SubmitOrderRequest, context: Any
    ) -> pb.SubmitOrderResponse:
        check_known_fields(request)
        self._require_account(request.account_id)
        if not request.HasField("order"):
            raise InvalidRequest("order", "required")
        terms = self._terms(request, context)
        spec = spec_from_wire(request.order, placement=terms.claim is not None)
        require_own_tag(spec.client_order_id, self._settings.account_tag)
        require_venue(spec.venue_pin, self._settings.venue)
        self._capabilities().require(spec)
        return pb.SubmitOrderResponse(order=report_to_wire(await self._desk.submit(spec, terms)))

    async def CancelOrder(
        self, request: pb.CancelOrderRequest, context: Any
    ) -> pb.CancelOrderResponse:
        check_known_fields(request)
        self._require_account(request.account_id)
        terms = self._terms(request, context)
        require_client_id(request.client_order_id, fenced=terms.claim is not None)
        report = await self._desk.cancel(request.client_order_id, terms)
        return pb.CancelOrderResponse(order=report_to_wire(report))

    async def GetOrder(self, request: pb.GetOrderRequest, context: Any) -> pb.GetOrderResponse:
        self._require_account(request.account_id)
        require_venue(request.venue, self._settings.venue)
        client_id, venue_order_id = request.client_order_id, request.venue_order_id
        if bool(client_id) == bool(venue_order_id):
            raise InvalidRequest("client_order_id", "give either this or venue_order_id")
        if len(client_id) > CLIENT_ID_LEN_MAX:
            raise InvalidRequest("client_order_id", f"at most {CLIENT_ID_LEN_MAX} characters")
        session_id, as_of = self._gateway.session_id, self._clock.now()
        found = await self._gateway.find_order(client_id=client_id, venue_order_id=venue_order_id)
        if self._gateway.session_id != session_id:
            session_id = ""  # looked up across a gap: in no session
        return lookup_to_wire(found, as_of=as_of, session_id=session_id)

    async def ListOrders(
        self, request: pb.ListOrdersRequest, context: Any
    ) -> pb.ListOrdersResponse:
        self._require_account(request.account_id)
        require_venue(request.venue, self._settings.venue)
        keep = order_filter(request)
        query = order_query(request)

        async def read() -> Sequence[OrderReport]:
            return [report for report in await self._gateway.orders(query) if keep(report)]

        page = await self._lists.page(request.page, scope_of(request), read, self._feed.token)
        return pb.ListOrdersResponse(
            orders=map(report_to_wire, page.items),
            next_page_token=page.next_page_token,
            as_of=timestamp_to_wire(page.as_of),
            watch_token=page.watch_token,
        )

    async def ListExecutions(
        self, request: pb.ListExecutionsRequest, context: Any
    ) -> pb.ListExecutionsResponse:
        self._require_account(request.account_id)
        require_venue(request.venue, self._settings.venue)
        after = optional_timestamp_from_wire(request, "after", "after")
        before = optional_timestamp_from_wire(request, "before", "before")

        async def read() -> Sequence[Execution]:
            venue_order_id = await self._venue_order_id(request.client_order_id)
            return await self._gateway.executions(ExecutionQuery(after, before, venue_order_id))

        page = await self._lists.page(request.page, scope_of(request), read, self._feed.token)
        return pb.ListExecutionsResponse(
            executions=map(execution_to_wire, page.items),
            next_page_token=page.next_page_token,
            as_of=timestamp_to_wire(page.as_of),
            watch_token=page.watch_token,
        )

    # -- positions and market ----------------------------------------------------------------

    async def ListPositions(
        self, request: pb.ListPositionsRequest, context: Any
    ) -> pb.ListPositionsResponse:
        self._require_account(request.account_id)
        require_venue(request.venue, self._settings.venue)
        page = await self._lists.page(
            request.page, scope_of(request), self._gateway.positions, self._feed.token
        )
        return pb.ListPositionsResponse(
            positions=map(position_to_wire, page.items),
            next_page_token=page.next_page_token,
            as_of=timestamp_to_wire(page.as_of),
            watch_token=page.watch_token,
        )

    async def GetPosition(
        self, request: pb.GetPositionRequest, context: Any
    ) -> pb.GetPositionResponse:
        self._require_account(request.account_id)
        instrument = instrument_from_wire(request.instrument, "instrument")
        as_of = self._clock.now()
        held = [p for p in await self._gateway.positions() if p.instrument == instrument]
        return pb.GetPositionResponse(
            positions=map(position_to_wire, held), as_of=timestamp_to_wire(as_of)
        )

    async def GetQuotes(self, request: pb.GetQuotesRequest, context: Any) -> pb.GetQuotesResponse:
        self._require_account(request.account_id)
        require_venue(request.venue, self._settings.venue)
        if not 1 <= len(request.instruments) <= INSTRUMENTS_MAX:
            raise InvalidRequest("instruments", f"must be 1 to {INSTRUMENTS_MAX}")
        asked = {
            instrument.key: instrument
            for number, msg in enumerate(request.instruments)
            for instrument in [instrument_from_wire(msg, f"instruments[{number}]")]
        }
        quotes = await self._gateway.quotes(tuple(asked.values()))
        answered = {quote.instrument.key for quote in quotes}
        return pb.GetQuotesResponse(
            quotes=map(quote_to_wire, quotes),
            missing=[instrument_to_wire(asked[key]) for key in asked if key not in answered],
            venue=self._settings.venue,
        )

    async def GetMarketClock(
        self, request: pb.GetMarketClockRequest, context: Any
    ) -> pb.GetMarketClockResponse:
        self._require_account(request.account_id)
        require_venue(request.venue, self._settings.venue)
        return market_clock_to_wire(await self._gateway.market_clock(), self._settings.venue)

    # -- events ------------------------------------------------------------------------------

    async def WatchEvents(
        self, request: pb.WatchEventsRequest, context: Any
    ) -> AsyncIterator[pb.WatchEventsResponse]:
        self._require_account(request.account_id, may_be_empty=True)
        interval_s = heartbeat_s(request, self._settings.stream.heartbeat_s)
        async for item in self._feed.subscribe(request.resume_token, interval_s):
            event = item_to_wire(item, self._clock.now(), self._settings.account_tag, self._shown)
            yield pb.WatchEventsResponse(event=event)

    # -- inside ------------------------------------------------------------------------------

    def _require_account(self, asked: str, *, may_be_empty: bool = False) -> None:
        require_account(asked, self._settings.account_id, may_be_empty=may_be_empty)

    def _terms(self, request: pb.SubmitOrderRequest | pb.CancelOrderRequest, context: Any) -> Terms:
        return terms_of(request, self._clock, context, self._settings.default_deadline_s)

    def _venue(self, status: VenueStatus) -> types_pb2.Venue:
        return venue_to_wire(
            self._settings.venue,
            status.broker,
            status.venue_account_id,
            self._settings.account_tag,
            status.mode,
        )

    def _account(self, venue: types_pb2.Venue) -> accounts_pb2.Account:
        return accounts_pb2.Account(account_id=self._settings.account_id, venues=[venue])

    def _shown(self, status: VenueStatus) -> VenueStatus:
        """The gateway's word, not ready if orders can't be sent for the fence's sake."""
        why = self._store.failure
        if not why and self._store.seen is None and not self._settings.stand_alone:
            why = "no router has called Fence here yet"
        if not why or not status.ready:
            return status
        return replace(status, ready=False, reason=status.reason or why)

    async def _venue_order_id(self, client_order_id: str) -> str:
        if not client_order_id:
            return ""
        found = await self._gateway.find_order(client_id=client_order_id)
        if found.lookup is Lookup.UNKNOWN:
            raise ReadFailed(f"{client_order_id} can't be looked up: {found.reason}")
        if found.report is None:
            raise NotFound(Reason.ORDER_NOT_FOUND, f"the venue knows no order {client_order_id}")
        return found.report.venue_order_id
