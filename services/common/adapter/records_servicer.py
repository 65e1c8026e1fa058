"""What an account has and has had: orders, executions, activities and positions, as the venue
tells them. A read that fails is an error, never an empty answer.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from services.common.adapter.listing import activity_query, order_filter, order_query, scope_of
from services.common.adapter.port import ExecutionQuery
from services.common.adapter.requests import CLIENT_ID_LEN_MAX
from services.common.adapter.revisions import find_latest, is_clients_own
from services.common.adapter.served_account import ServedAccount
from services.common.contract.convert import (
    activity_to_wire,
    execution_to_wire,
    instrument_from_wire,
    lookup_to_wire,
    optional_timestamp_from_wire,
    position_to_wire,
    report_to_wire,
    timestamp_to_wire,
)
from services.common.contract.pb import broker_service_pb2 as pb
from services.common.domain.activities import Activity
from services.common.domain.errors import InvalidRequest, NotFound, ReadFailed, Reason
from services.common.domain.executions import Execution
from services.common.domain.reports import Lookup, OrderReport


class RecordsServicer(ServedAccount):
    """The part of `BrokerService` that reads the account's records."""

    async def GetOrder(self, request: pb.GetOrderRequest, context: Any) -> pb.GetOrderResponse:
        self._require_here(request.account_id, request.venue)
        client_id, venue_order_id = request.client_order_id, request.venue_order_id
        if bool(client_id) == bool(venue_order_id):
            raise InvalidRequest("client_order_id", "give either this or venue_order_id")
        if len(client_id) > CLIENT_ID_LEN_MAX:
            raise InvalidRequest("client_order_id", f"at most {CLIENT_ID_LEN_MAX} characters")
        session_id, as_of = self._gateway.session_id, self._clock.now()
        if is_clients_own(client_id):
            found = await find_latest(self._gateway, client_id)
        else:
            found = await self._gateway.find_order(
                client_id=client_id, venue_order_id=venue_order_id
            )
        if self._gateway.session_id != session_id:
            session_id = ""  # looked up across a gap: in no session
        return lookup_to_wire(found, as_of=as_of, session_id=session_id)

    async def ListOrders(
        self, request: pb.ListOrdersRequest, context: Any
    ) -> pb.ListOrdersResponse:
        self._require_here(request.account_id, request.venue)
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
        self._require_here(request.account_id, request.venue)
        after = optional_timestamp_from_wire(request, "after", "after")
        before = optional_timestamp_from_wire(request, "before", "before")
        if request.client_order_id and request.venue_order_id:
            raise InvalidRequest("venue_order_id", "give either this or client_order_id")

        async def read() -> Sequence[Execution]:
            venue_order_id = request.venue_order_id or await self._venue_order_id(
                request.client_order_id
            )
            return await self._gateway.executions(ExecutionQuery(after, before, venue_order_id))

        page = await self._lists.page(request.page, scope_of(request), read, self._feed.token)
        return pb.ListExecutionsResponse(
            executions=map(execution_to_wire, page.items),
            next_page_token=page.next_page_token,
            as_of=timestamp_to_wire(page.as_of),
            watch_token=page.watch_token,
        )

    async def ListActivities(
        self, request: pb.ListActivitiesRequest, context: Any
    ) -> pb.ListActivitiesResponse:
        self._require_here(request.account_id, request.venue)
        query = activity_query(request)

        async def read() -> Sequence[Activity]:
            return await self._gateway.activities(query)

        page = await self._lists.page(request.page, scope_of(request), read, self._feed.token)
        return pb.ListActivitiesResponse(
            activities=map(activity_to_wire, page.items),
            next_page_token=page.next_page_token,
            as_of=timestamp_to_wire(page.as_of),
            watch_token=page.watch_token,
        )

    async def ListPositions(
        self, request: pb.ListPositionsRequest, context: Any
    ) -> pb.ListPositionsResponse:
        self._require_here(request.account_id, request.venue)
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

    async def _venue_order_id(self, client_order_id: str) -> str:
        if not client_order_id:
            return ""
        found = await self._gateway.find_order(client_id=client_order_id)
        if found.lookup is Lookup.UNKNOWN:
            raise ReadFailed(f"{client_order_id} can't be looked up: {found.reason}")
        if found.report is None:
            raise NotFound(Reason.ORDER_NOT_FOUND, f"the venue knows no order {client_order_id}")
        return found.report.venue_order_id
