"""The bench: what a card acts with. Whatever it sees becomes a step of the card's story."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from decimal import Decimal
from typing import Any, Final

import grpc

from services.common.contract.pb import adapter_service_pb2 as adapter_pb
from services.common.contract.pb import broker_service_pb2 as pb
from services.common.contract.pb import orders_pb2, types_pb2
from services.common.contract.pb.adapter_service_pb2_grpc import AdapterServiceStub
from services.common.contract.pb.broker_service_pb2_grpc import BrokerServiceStub
from tests.conformance.answers import (
    Answer,
    amounts_of,
    found_words,
    is_at_market,
    is_replace_rejected,
    is_working,
    label_of,
    status_name,
    words_of,
)
from tests.conformance.card import Card
from tests.conformance.control import VenueControl
from tests.conformance.failures import read_failure
from tests.conformance.fencing import Fencing
from tests.conformance.hearing import PATIENCE_S, Hearing, eventually, has_ended, once
from tests.conformance.scene import Prices, Scene, Ticket, instrument, spec
from tests.conformance.server import Role, ServerProcess, Stand
from tests.conformance.story import Story

CALL_S: Final = 25.0
_POLL_S: Final = 0.02
_POLL_REAL_S: Final = 0.2  # each question costs a request of a real account's budget


class Bench(Fencing):
    """Calls of one server for one card. Made by `at`.

    Calls of a kind that has an own method are told to the story by themselves; others by `note`.
    """

    def __init__(self, stand: Stand, scene: Scene, run: str, card: Card) -> None:
        super().__init__(stand.server)
        self.stand = stand
        self.scene = scene
        self.story = Story(card.expects)
        self.tickets: list[Ticket] = []
        self._prefix = f"{run}-{card.card_id.replace('-', '').lower()}"
        self._prices: dict[str, Prices] = {}
        self.remarks: list[str] = []
        """What is worth telling a person, and no step."""
        self._poll_s = _POLL_REAL_S if stand.control is None else _POLL_S
        self.was_reopened = False
        """Whether the stream was left and taken up again: what was told may be told again."""
        self._channel = grpc.aio.insecure_channel(stand.server.address, options=_FAST_RECONNECT)
        self.broker: Any = BrokerServiceStub(self._channel)
        self.adapter: Any = AdapterServiceStub(self._channel)
        self.hearing = Hearing(self.broker, stand.server.account_id)

    @classmethod
    @asynccontextmanager
    async def at(cls, stand: Stand, scene: Scene, run: str, card: Card) -> AsyncIterator[Bench]:
        """A bench whose server takes orders and is listened to."""
        bench = cls(stand, scene, run, card)
        try:
            await bench.ready()
            await bench.hearing.open()
            yield bench
        finally:
            await bench.close()

    async def close(self) -> None:
        """Stop listening and let go of the server."""
        await self.hearing.close()
        await self._channel.close()

    # -- what it stands on -------------------------------------------------------------------

    @property
    def venue(self) -> VenueControl:
        """The venue's control; a card that asks for it says so in its `control`."""
        assert self.stand.control is not None, "this card needs control of the venue"
        return self.stand.control

    @property
    def process(self) -> ServerProcess:
        """The server's process; a card that asks for it is marked RESTARTS."""
        assert self.stand.process is not None, "this card needs the server's process"
        return self.stand.process

    def note(self, step: str) -> None:
        """Tell the story what was seen."""
        self.story.tell(step)

    async def ready(self) -> types_pb2.Venue:
        """Fence the server if it is to be, and wait until orders can be sent."""
        await self._reachable()
        if self.server.fenced:
            await self.take(self.epoch)
        ends_at = time.monotonic() + PATIENCE_S.get()
        while True:
            told = (await self.broker.GetStatus(self._status(), timeout=CALL_S)).venues
            if told and all(venue.ready for venue in told):
                self.session_id = told[0].session_id
                venue: types_pb2.Venue = told[0].venue
                return venue
            assert time.monotonic() < ends_at, f"the server takes no orders: {told}"
            await asyncio.sleep(self._poll_s)

    async def take(self, epoch: int) -> adapter_pb.FenceResponse:
        """Fence the adapter for an epoch; later changes carry it."""
        self.epoch = epoch
        request = adapter_pb.FenceRequest(fence=self.fence())
        reply: adapter_pb.FenceResponse = await self.adapter.Fence(request, timeout=CALL_S)
        return reply

    async def prices(self, symbol: str) -> Prices:
        """Where the market of an instrument stands; asked once in a card."""
        if symbol not in self._prices:
            request = pb.GetQuotesRequest(
                account_id=self.account_id, instruments=[instrument(symbol)]
            )
            (quote,) = (await self.broker.GetQuotes(request, timeout=CALL_S)).quotes
            bid, ask = Decimal(quote.bid_price.value), Decimal(quote.ask_price.value)
            self._prices[symbol] = Prices(bid, ask)
        return self._prices[symbol]

    def forget_prices(self) -> None:
        """Ask for prices anew."""
        self._prices.clear()

    # -- orders ------------------------------------------------------------------------------

    def ticket(self, symbol: str, side: int, order_type: int, **given: Any) -> Ticket:
        """An order under a fresh id, not sent yet."""
        return self.ticket_for(spec(symbol, side, order_type, **given))

    def ticket_for(self, made: orders_pb2.OrderSpec, base: str = "") -> Ticket:
        """An order as it is written, under a fresh id or that one."""
        base = base or f"{self._prefix}-{len(self.tickets) + 1}"
        made.client_order_id = self.placement(base)
        made.instrument.SetInParent() if made.HasField("instrument") else None
        ticket = Ticket(base, made.client_order_id, made, label_of(made))
        self.tickets.append(ticket)
        return ticket

    def key(self, name: str) -> str:
        """A key of this card's own, for what is no order."""
        return f"{self._prefix}-{name}"

    def at_venue(self, ticket: Ticket) -> str:
        """The client id by which the venue knows an order, as far as it can be foretold here."""
        if self.is_router:
            return f"{ticket.base}~{self.stand.venue_tag}~1.{ticket.changes}"
        return ticket.current_id if self.venue.renames else ticket.client_id

    async def submit(self, ticket: Ticket, **changed: Any) -> Answer:
        """Send an order; `changed` are fields of the request."""
        answer = await self.call(self.broker.SubmitOrder, self.submit_request(ticket, **changed))
        self.note(f"submit {ticket.label}: {words_of(answer)}")
        return answer

    async def works(self, ticket: Ticket) -> Answer:
        """Send an order, wait until it is told as working and is at market; one step for all."""
        answer = await self.call(self.broker.SubmitOrder, self.submit_request(ticket))
        self.note(f"submit {ticket.label}: {words_of(answer)}")
        if self.stand.control is None:
            await self._told(ticket, is_at_market, "the market", after=0)
            return answer
        await self._told(ticket, is_working, "working", after=0)
        await self.eventually(lambda: self._has_come_to_market(ticket), "the order at market")
        return answer

    async def cancel(self, ticket: Ticket, **changed: Any) -> Answer:
        """Ask for the end of an order."""
        answer = await self.call(self.broker.CancelOrder, self.cancel_request(ticket, **changed))
        self.note(f"cancel: {words_of(answer)}")
        return answer

    async def replace(self, ticket: Ticket, **given: Any) -> Answer:
        """Ask for other terms; amounts as text. Each call has a replace_id of its own."""
        request = self.replace_request(ticket, **given)
        answer = await self.call(self.broker.ReplaceOrder, request)
        if self.server.fenced and not answer.has_failed and not answer.order.replace_rejected:
            ticket.revisions.append(request.replace_id)
        if self.is_router and not answer.has_failed:
            ticket.changes += 1
        rejected = " replace rejected" if is_replace_rejected(answer) else ""
        self.note(f"replace: {words_of(answer)}{rejected}")
        return answer

    async def revised(self, ticket: Ticket, *, limit_price: str = "", **given: str) -> None:
        """Wait until a look-up shows the order live with these terms."""
        wanted = {
            name: text for name, text in {"limit_price": limit_price, **given}.items() if text
        }

        async def is_so() -> bool:
            found = await self.find(ticket, ticket.current_id)
            order = found.reply.order
            return not has_ended(order) and all(
                Decimal(getattr(order.spec, name).value or "0") == Decimal(text)
                for name, text in wanted.items()
            )

        await self.eventually(is_so, f"{wanted} of {ticket.current_id}")
        self.note("works with the new terms")

    async def look_up(self, ticket: Ticket) -> Answer:
        """Look an order up."""
        answer = await self.find(ticket)
        self.note(f"look-up: {found_words(answer)}")
        return answer

    async def looked_up(self, ticket: Ticket, client_id: str) -> str:
        """What a look-up of one of its revisions finds, in words. Without revisions of its own at
        this server it is the order that is looked up."""
        return found_words(await self.find(ticket, client_id if self.server.fenced else ""))

    async def find(self, ticket: Ticket, client_id: str = "") -> Answer:
        """Look an order up without a step."""
        request = pb.GetOrderRequest(
            account_id=self.account_id, client_order_id=client_id or ticket.current_id
        )
        return await self.call(self.broker.GetOrder, request)

    async def refused(self, name: str, request: Any) -> Answer:
        """Make a reading call that must fail; a failed read has no effect to be told."""
        answer = await self.call(getattr(self.broker, name), request)
        if not answer.has_failed:
            self.note(f"{name}: answered")
        failure = answer.failure
        self.note(f"{name}: refused {failure.reason or failure.code.name}")
        return answer

    async def call(self, method: Callable[..., Awaitable[Any]], request: Any) -> Answer:
        """Make a call; what it came to."""
        try:
            return Answer(await method(request, timeout=CALL_S))
        except grpc.aio.AioRpcError as error:
            return Answer(failure=read_failure(error))

    # -- what is told ------------------------------------------------------------------------

    async def told(self, ticket: Ticket, *statuses: str, after: int = 0) -> orders_pb2.Order:
        """Wait until the stream tells of one of these statuses."""
        wanted = {types_pb2.OrderStatus.Value("ORDER_STATUS_" + name) for name in statuses}
        order = await self._told(
            ticket, lambda told: told.status in wanted, " or ".join(statuses), after=after
        )
        self.note(f"told: {status_name(order.status)}")
        return order

    async def path(self, ticket: Ticket) -> orders_pb2.Order:
        """Wait until the order has ended; tell all that was told of it on its way."""
        order = await self._told(ticket, has_ended, "the end", after=0)
        names: list[str] = []
        for told in self.hearing.orders(ticket):
            if not names or names[-1] != status_name(told.status):
                names.append(status_name(told.status))
        self.note(f"path: {' > '.join(names)}")
        return order

    async def fills(self, ticket: Ticket, qty: str) -> list[orders_pb2.Execution]:
        """Wait until executions of this quantity were told, each once."""
        wanted = Decimal(qty)
        await eventually(
            lambda: self._filled(ticket) >= wanted, f"fills of {qty} ({ticket.client_id})"
        )
        executions = once(self.hearing.executions(ticket))
        parts = " + ".join(execution.last_qty.value for execution in executions)
        self.note(f"fills: {parts}")
        return executions

    async def quiet(self) -> None:
        """Wait until everything that is under way on the stream was told: an order sent for this
        alone is told after it."""
        prices = await self.prices(self.scene.third_share)
        marker = self.ticket(
            self.scene.third_share,
            types_pb2.SIDE_BUY,
            types_pb2.ORDER_TYPE_LIMIT,
            limit_price=prices.low,
        )
        answer = await self.call(self.broker.SubmitOrder, self.submit_request(marker))
        assert not answer.has_failed, f"the marker was refused: {answer.failure}"
        await self._told(marker, lambda order: True, "the marker", after=0)

    async def agrees(self, ticket: Ticket) -> None:
        """Compare what was told and what is listed with the venue's own fills."""
        truth = sorted(
            (fill.last_qty, fill.last_px) for fill in await self.venue.fills(ticket.base)
        )
        told = sorted(amounts_of(once(self.hearing.executions(ticket))))
        request = pb.ListExecutionsRequest(
            account_id=self.account_id, client_order_id=ticket.client_id
        )
        listed = await self.broker.ListExecutions(request, timeout=CALL_S)
        assert sorted(amounts_of(once(list(listed.executions)))) == truth, f"{listed}: {truth}"
        assert told == truth, f"told {told}, true {truth}"
        self.note("books agree")

    async def eventually(self, ask: Callable[[], Awaitable[Any]], what: str) -> Any:
        """The first true answer of a question."""
        ends_at = time.monotonic() + PATIENCE_S.get()
        while not (answer := await ask()):
            assert time.monotonic() < ends_at, f"waited for {what}; still {answer!r}"
            await asyncio.sleep(self._poll_s)
        return answer

    async def listen_again(self, resume_token: str = "") -> None:
        """Leave the event stream and take it up again."""
        self.was_reopened = True
        await self.hearing.open(resume_token)

    def mark(self) -> int:
        """How much was heard so far."""
        return len(self.hearing.heard)

    # -- inside ------------------------------------------------------------------------------

    async def _told(
        self,
        ticket: Ticket,
        wanted: Callable[[orders_pb2.Order], bool],
        what: str,
        *,
        after: int,
    ) -> orders_pb2.Order:
        def find() -> orders_pb2.Order | None:
            told = self.hearing.orders(ticket, after)
            return next((order for order in told if wanted(order)), None)

        found = await eventually(find, f"{what} of {ticket.client_id}")
        assert found is not None
        return found

    async def _has_come_to_market(self, ticket: Ticket) -> bool:
        orders = await self.venue.orders(ticket.base)
        return bool(orders) and all(order.status != "pending_new" for order in orders)

    def _filled(self, ticket: Ticket) -> Decimal:
        told = once(self.hearing.executions(ticket))
        return sum((Decimal(e.last_qty.value) for e in told), Decimal(0))

    async def _reachable(self) -> None:
        await asyncio.wait_for(self._channel.channel_ready(), PATIENCE_S.get())

    def _status(self) -> pb.GetStatusRequest:
        return pb.GetStatusRequest(account_id=self.account_id)

    @property
    def is_router(self) -> bool:
        """Whether a router answers."""
        return self.server.role is Role.ROUTER


_FAST_RECONNECT: Final = [
    ("grpc.initial_reconnect_backoff_ms", 50),
    ("grpc.min_reconnect_backoff_ms", 50),
    ("grpc.max_reconnect_backoff_ms", 500),
    ("grpc.use_local_subchannel_pool", 1),
]
