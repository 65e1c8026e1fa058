"""`BrokerService` over a venue gateway: checks the request, asks the gateway, writes the answer.

The venue, the account and the events are here; `mutations_servicer` has what changes something,
`records_servicer` and `market_servicer` have the reads. Errors are raised as ours and become
statuses in the server's outer layer. A read that fails is an error, never an empty answer.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from typing import Any

from services.common.adapter.capabilities import Capabilities
from services.common.adapter.feed import EventFeed
from services.common.adapter.fence_store import FenceStore
from services.common.adapter.market_servicer import MarketServicer
from services.common.adapter.mutations_servicer import MutationsServicer
from services.common.adapter.not_served import served_methods
from services.common.adapter.order_desk import OrderDesk
from services.common.adapter.port import VenueGateway
from services.common.adapter.records_servicer import RecordsServicer
from services.common.adapter.requests import heartbeat_s
from services.common.adapter.settings import AdapterSettings
from services.common.adapter.wire import capabilities_to_wire, item_to_wire, totals_to_wire
from services.common.contract.convert import (
    balance_to_wire,
    timestamp_to_wire,
    venue_status_to_wire,
    venue_to_wire,
)
from services.common.contract.pb import accounts_pb2, types_pb2
from services.common.contract.pb import broker_service_pb2 as pb
from services.common.domain.reports import VenueStatus
from services.common.runtime.clock import Clock


class BrokerServicer(MutationsServicer, RecordsServicer, MarketServicer):
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
        super().__init__(gateway, desk, feed, store, clock, settings, capabilities)
        self._server_version = server_version

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
