"""`TandemClient`: trading through a router, or an adapter, from Python."""

from __future__ import annotations

import functools
from collections.abc import AsyncGenerator, Iterable
from contextlib import aclosing
from datetime import datetime

from tandem_client.accounts import AccountFigures, Activity, Position, VenueCapabilities
from tandem_client.base import read_page, write_span
from tandem_client.change_calls import ChangeCalls
from tandem_client.enums import ActivityType, OrderFilter
from tandem_client.events import Event, StatusReport
from tandem_client.instruments import Instrument
from tandem_client.market_calls import MarketCalls
from tandem_client.orders import Execution, Order, OrderAnswer, OrderSpec
from tandem_client.pages import Pages
from tandem_client.pb import accounts_pb2, types_pb2
from tandem_client.pb import broker_service_pb2 as pb
from tandem_client.waiting import submit_and_wait
from tandem_client.watching import DEFAULT_WATCH, Watch, WatchOptions
from tandem_client.wire import accounts, events, orders, values
from tandem_client.wire.instruments import write_instrument


class TandemClient(ChangeCalls, MarketCalls):
    """Speaks to one BrokerService for one account. Made inside a running event loop.

    `async with TandemClient() as client:` closes it. Without `account_id` the server's only
    account is used; if it serves several, the first call raises InvalidRequest naming them.

    Each call has a deadline, `deadline_s` seconds unless the call names another; at most
    `connect_timeout_s` of it is spent on connecting. Every method raises `TandemError`s (see
    `tandem_client.errors`). Canceling an awaiting task ends the waiting only: what was sent may
    still happen. No call is ever sent twice by this library.

    Each call (not a watch) carries the trace it belongs to: what `traceparent` gives when it is
    made, or else OpenTelemetry's current span, if that library is installed.
    """

    async def status(self) -> StatusReport:
        """Whether orders can be sent now: venues and trading state."""
        return await self._connection.read(
            self._stub.GetStatus,
            pb.GetStatusRequest(account_id=self._account_id or ""),
            events.read_status,
            asked="status",
        )

    async def capabilities(self) -> tuple[VenueCapabilities, ...]:
        """What can be done at each venue of the account, through this server."""
        return await self._connection.read(
            self._stub.GetCapabilities,
            pb.GetCapabilitiesRequest(account_id=await self.account_id()),
            lambda reply: tuple(map(accounts.read_capabilities, reply.venues)),
            asked="capabilities",
        )

    async def submit(self, spec: OrderSpec, *, deadline_s: float | None = None) -> Order:
        """Send an order, once, and answer with its first outcome; it does not wait for fills.

        The order may be REJECTED or IN_DOUBT: look at its status. The same spec again under the
        same client_order_id answers with the same order. On OutcomeUnknown look it up by its id
        (`order`), or submit the very same spec again; never under a new id.
        """
        message = orders.write_spec(spec)
        request = pb.SubmitOrderRequest(account_id=await self.account_id(), order=message)
        return await self._connection.change(
            self._stub.SubmitOrder,
            request,
            lambda reply: orders.read_order(reply.order),
            asked=f"submit {spec.client_order_id}",
            deadline_s=deadline_s,
        )

    async def submit_and_wait(self, spec: OrderSpec, deadline_s: float) -> Order:
        """Send an order, once, and wait until it has ended, is in doubt or at no venue.

        Raises WaitTimeout with the order after `deadline_s` seconds; the order stays as it is.
        Raises OutcomeUnknown if the deadline passes and nobody has told of the order at all.
        """
        return await submit_and_wait(self, spec, deadline_s)

    async def cancel(self, client_order_id: str, *, deadline_s: float | None = None) -> Order:
        """Ask for the end of an order, which is live until its status says otherwise.

        Canceling twice is the same as once; an ended order raises Refused / ORDER_ENDED.
        """
        request = pb.CancelOrderRequest(
            account_id=await self.account_id(), client_order_id=client_order_id
        )
        return await self._connection.change(
            self._stub.CancelOrder,
            request,
            lambda reply: orders.read_order(reply.order),
            asked=f"cancel {client_order_id}",
            deadline_s=deadline_s,
        )

    async def order(self, client_order_id: str, *, deadline_s: float | None = None) -> OrderAnswer:
        """Look an order up. ABSENT is information, not proof; a failed look-up is an error."""
        request = pb.GetOrderRequest(
            account_id=await self.account_id(), client_order_id=client_order_id
        )
        return await self._connection.read(
            self._stub.GetOrder,
            request,
            orders.read_answer,
            asked=f"order {client_order_id}",
            deadline_s=deadline_s,
        )

    def orders(
        self,
        which: OrderFilter = OrderFilter.ALL,
        *,
        instrument: Instrument | None = None,
        after: datetime | None = None,
        before: datetime | None = None,
        strategy_tag: str = "",
        venue: str = "",
    ) -> Pages[Order]:
        """Orders, newest first: iterate them, or `await client.orders().all()`.

        `after` and `before` bound their creation.
        """
        request = pb.ListOrdersRequest(
            filter=values.write_enum(pb.OrderFilter, which), strategy_tag=strategy_tag, venue=venue
        )
        if instrument is not None:
            request.instrument.CopyFrom(write_instrument(instrument, "instrument"))
        write_span(request, after, before)
        read = functools.partial(read_page, "orders", orders.read_order)
        return self._pages(self._stub.ListOrders, request, read, "orders")

    def positions(self, *, venue: str = "") -> Pages[Position]:
        """Open positions, one per instrument and venue."""
        request = pb.ListPositionsRequest(venue=venue)
        read = functools.partial(read_page, "positions", accounts.read_position)
        return self._pages(self._stub.ListPositions, request, read, "positions")

    async def position(self, instrument: Instrument) -> tuple[Position, ...]:
        """The positions in one instrument, one per venue that holds it; none is proven."""
        request = pb.GetPositionRequest(
            account_id=await self.account_id(),
            instrument=write_instrument(instrument, "instrument"),
        )
        return await self._connection.read(
            self._stub.GetPosition,
            request,
            lambda reply: tuple(map(accounts.read_position, reply.positions)),
            asked="position",
        )

    def executions(
        self,
        *,
        client_order_id: str = "",
        after: datetime | None = None,
        before: datetime | None = None,
        venue: str = "",
    ) -> Pages[Execution]:
        """Executions, newest first; of one order if named."""
        request = pb.ListExecutionsRequest(client_order_id=client_order_id, venue=venue)
        write_span(request, after, before)
        read = functools.partial(read_page, "executions", orders.read_execution)
        return self._pages(self._stub.ListExecutions, request, read, "executions")

    def activities(
        self,
        kinds: Iterable[ActivityType] = (),
        *,
        after: datetime | None = None,
        before: datetime | None = None,
        venue: str = "",
    ) -> Pages[Activity]:
        """Assignments, fees, dividends and the like, newest first; of these kinds if given."""
        request = pb.ListActivitiesRequest(
            activity_types=[values.write_enum(accounts_pb2.ActivityType, kind) for kind in kinds],
            venue=venue,
        )
        write_span(request, after, before)
        read = functools.partial(read_page, "activities", accounts.read_activity)
        return self._pages(self._stub.ListActivities, request, read, "activities")

    async def account(self) -> AccountFigures:
        """Balances as each venue states them, and their sums per currency."""
        return await self._connection.read(
            self._stub.GetAccount,
            pb.GetAccountRequest(account_id=await self.account_id()),
            accounts.read_figures,
            asked="account",
        )

    async def watch_token(self, *, deadline_s: float | None = None) -> str:
        """A token to watch from: every change after this call is told."""
        request = pb.ListOrdersRequest(
            account_id=await self.account_id(),
            filter=pb.ORDER_FILTER_OPEN,
            page=types_pb2.PageRequest(page_size=1),
        )
        return await self._connection.read(
            self._stub.ListOrders,
            request,
            lambda reply: str(reply.watch_token),
            asked="orders",
            deadline_s=deadline_s,
        )

    async def watch(
        self, token: str | None = None, options: WatchOptions = DEFAULT_WATCH
    ) -> AsyncGenerator[Event, None]:
        """Every change from now, or from `token` on, through reconnects, without a gap.

        Raises TokenExpired if the token is too old: list, then watch from the list's token.
        Raises Unreachable after `options.give_up_s` without a sign of the server. Close the
        iterator (`contextlib.aclosing`) to end the call at the server at once.
        """
        start = await self.watch_token() if token is None else token
        watch = Watch(self._connection, await self.account_id(), start, options)
        async with aclosing(watch.events()) as stream:
            async for event in stream:
                yield event
