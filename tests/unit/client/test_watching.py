"""The event stream: complete through breaks, and honest where it can't be."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing, asynccontextmanager

import grpc
import pytest
from tandem_client import (
    Event,
    Heartbeat,
    InvalidRequest,
    Order,
    OrderSpec,
    OrderStatus,
    OutcomeUnknown,
    TandemClient,
    TokenExpired,
    Unreachable,
    WaitTimeout,
    WatchOptions,
)
from tandem_client.pb import types_pb2

from tests.unit.client.small_server import SmallBroker, SmallServer

ACCEPTED = types_pb2.ORDER_STATUS_ACCEPTED
FILLED = types_pb2.ORDER_STATUS_FILLED
IN_DOUBT = types_pb2.ORDER_STATUS_IN_DOUBT


async def until(condition: object, timeout_s: float = 20.0) -> None:
    """Poll until `condition()` holds."""
    async with asyncio.timeout(timeout_s):
        while not condition():  # type: ignore[operator]
            await asyncio.sleep(0.005)


async def next_order(stream: AsyncIterator[Event]) -> tuple[str, str]:
    event = await asyncio.wait_for(anext(stream), 20)
    assert isinstance(event.what, Order)
    return event.what.client_order_id, event.token


@asynccontextmanager
async def watching(
    client: TandemClient, broker: SmallBroker, **options: float
) -> AsyncIterator[AsyncGenerator[Event, None]]:
    """A watch whose call has reached the server; it has given the order "first" already."""
    stream = client.watch(None, WatchOptions(**options))  # type: ignore[arg-type]
    async with aclosing(stream):
        first = asyncio.ensure_future(next_order(stream))
        await until(lambda: broker.open_watches)
        broker.put("first", ACCEPTED)
        assert (await first)[0] == "first"
        yield stream


async def test_events_are_told_from_the_token_on(client: TandemClient, broker: SmallBroker) -> None:
    broker.put("old", ACCEPTED)
    token = await client.watch_token()
    broker.put("new", ACCEPTED)
    async with aclosing(client.watch(token)) as stream:
        assert await next_order(stream) == ("new", "2")


async def test_what_happened_during_a_break_is_told(
    client: TandemClient, server: SmallServer, broker: SmallBroker
) -> None:
    async with watching(client, broker) as stream:
        await server.stop()
        broker.put("in between", ACCEPTED)
        await server.start()
        assert await next_order(stream) == ("in between", "2")
    assert broker.watches[-1] == "1"


@pytest.mark.parametrize("code", [grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.CANCELLED])
async def test_a_cut_stream_is_resumed_without_a_repeat(
    client: TandemClient, broker: SmallBroker, code: grpc.StatusCode
) -> None:
    broker.cut_code = code
    async with watching(client, broker) as stream:
        for number in range(2, 5):
            broker.cut_streams()
            broker.put(f"o{number}", ACCEPTED)
            assert await next_order(stream) == (f"o{number}", str(number))


async def test_a_heartbeat_does_not_lose_the_token(
    client: TandemClient, broker: SmallBroker
) -> None:
    async with watching(client, broker) as stream:
        following = asyncio.ensure_future(next_order(stream))
        seen = broker.heartbeats
        broker.wake()
        await until(lambda: broker.heartbeats > seen)
        broker.cut_streams()
        await until(lambda: len(broker.watches) > 1)
        broker.put("after it", ACCEPTED)
        assert await following == ("after it", "2")
    assert broker.watches == ["0", "1"]


async def test_a_stream_that_falls_silent_is_opened_anew(
    client: TandemClient, broker: SmallBroker
) -> None:
    broker.silent = True
    async with aclosing(client.watch("0", WatchOptions(heartbeat_s=0.05))) as stream:
        waiting = asyncio.ensure_future(next_order(stream))
        await until(lambda: len(broker.watches) > 1)
        broker.silent = False
        broker.put("at last", ACCEPTED)
        assert (await waiting)[0] == "at last"


async def test_an_expired_token_is_the_callers_to_mend(
    client: TandemClient, broker: SmallBroker
) -> None:
    broker.oldest_token = 5
    with pytest.raises(TokenExpired):
        await anext(client.watch("1"))


async def test_a_bad_request_is_not_tried_again(client: TandemClient, broker: SmallBroker) -> None:
    broker.account_ids = ["a", "b"]
    with pytest.raises(InvalidRequest):
        await anext(client.watch())


async def test_a_server_that_stays_away_ends_the_watch(
    client: TandemClient, server: SmallServer, broker: SmallBroker
) -> None:
    async with watching(client, broker, give_up_s=0.3) as stream:
        await server.stop()
        async with asyncio.timeout(30):
            with pytest.raises(Unreachable):
                await anext(stream)


async def test_heartbeats_are_told_to_those_who_ask(client: TandemClient) -> None:
    options = WatchOptions(heartbeat_s=0.05, heartbeats=True)
    async with aclosing(client.watch(None, options)) as stream:
        event = await asyncio.wait_for(anext(stream), 20)
    assert isinstance(event.what, Heartbeat)


async def test_a_closed_watch_ends_at_the_server(client: TandemClient, broker: SmallBroker) -> None:
    async with watching(client, broker):
        assert broker.open_watches == 1
    await until(lambda: broker.open_watches == 0)


async def test_a_canceled_watch_ends_at_the_server(
    client: TandemClient, broker: SmallBroker
) -> None:
    async def read() -> None:
        async with aclosing(client.watch()) as stream:
            await anext(stream)

    reading = asyncio.create_task(read())
    await until(lambda: broker.open_watches)
    reading.cancel()
    with pytest.raises(asyncio.CancelledError):
        await reading
    await until(lambda: broker.open_watches == 0)


async def test_submit_and_wait_sees_a_fill_that_precedes_the_answer(
    client: TandemClient, broker: SmallBroker, spec: OrderSpec
) -> None:
    """The answer is from before the fill, and the stream is opened after it."""

    async def fill_and_answer_late(context: object) -> None:
        await until(lambda: "my-1" in broker.orders)
        broker.put("my-1", FILLED)
        broker.orders["my-1"].status = ACCEPTED
        broker.orders["my-1"].sequence = 1

    broker.on_submit = fill_and_answer_late
    order = await client.submit_and_wait(spec, deadline_s=20)
    assert order.status is OrderStatus.FILLED
    assert broker.submits == 1


async def test_submit_and_wait_follows_until_the_order_has_ended(
    client: TandemClient, broker: SmallBroker, spec: OrderSpec
) -> None:
    waiting = asyncio.create_task(client.submit_and_wait(spec, deadline_s=20))
    await until(lambda: broker.open_watches)
    broker.put("another", FILLED)
    broker.put("my-1", types_pb2.ORDER_STATUS_PARTIALLY_FILLED)
    assert not waiting.done()
    broker.put("my-1", types_pb2.ORDER_STATUS_CANCELED)
    assert (await waiting).status is OrderStatus.CANCELED


async def test_submit_and_wait_hands_an_order_in_doubt_back(
    client: TandemClient, broker: SmallBroker, spec: OrderSpec
) -> None:
    broker.accepted_status = IN_DOUBT
    order = await client.submit_and_wait(spec, deadline_s=20)
    assert order.status is OrderStatus.IN_DOUBT


async def test_older_news_does_not_undo_the_answer(
    client: TandemClient, broker: SmallBroker, spec: OrderSpec
) -> None:
    """The doubt was over before the answer: its event must not end the wait."""

    async def resolve(context: object) -> None:
        broker.put("my-1", ACCEPTED)

    broker.accepted_status, broker.on_submit = IN_DOUBT, resolve
    waiting = asyncio.create_task(client.submit_and_wait(spec, deadline_s=20))
    await until(lambda: broker.open_watches)
    broker.put("my-1", FILLED)
    assert (await waiting).status is OrderStatus.FILLED


async def test_a_passed_deadline_leaves_the_order_as_it_is(
    client: TandemClient, broker: SmallBroker, spec: OrderSpec
) -> None:
    await client.account_id()  # connected: the deadline is for the order
    with pytest.raises(WaitTimeout, match=r"my-1 is ACCEPTED after 1 s") as caught:
        await client.submit_and_wait(spec, deadline_s=1)
    assert caught.value.order.status is OrderStatus.ACCEPTED
    assert broker.orders["my-1"].status == ACCEPTED
    assert broker.submits == 1


async def test_a_lost_answer_is_looked_up_and_not_sent_again(
    client: TandemClient, server: SmallServer, broker: SmallBroker, spec: OrderSpec
) -> None:
    async def lose_the_answer(context: object) -> None:
        stopping.append(asyncio.ensure_future(server.stop()))
        await asyncio.Event().wait()

    stopping: list[asyncio.Future[None]] = []
    broker.on_submit = lose_the_answer
    waiting = asyncio.create_task(client.submit_and_wait(spec, deadline_s=20))
    await until(lambda: stopping)
    await stopping[0]
    broker.put("my-1", FILLED)
    await server.start()
    assert (await waiting).status is OrderStatus.FILLED
    assert broker.submits == 1


async def test_an_order_that_nobody_tells_of_is_an_unknown_outcome(
    client: TandemClient, broker: SmallBroker, spec: OrderSpec
) -> None:
    async def swallow(context: object) -> None:
        raise RuntimeError("lost")

    await client.account_id()
    broker.before_submit = swallow
    with pytest.raises(OutcomeUnknown, match="my-1: no word on the order"):
        await client.submit_and_wait(spec, deadline_s=1)
    assert broker.submits == 1


async def test_a_lost_answer_to_a_repeat_is_found_though_no_event_comes(
    client: TandemClient, broker: SmallBroker, spec: OrderSpec
) -> None:
    async def swallow(context: object) -> None:
        raise RuntimeError("lost")

    broker.put("my-1", FILLED)
    broker.on_submit = swallow
    assert (await client.submit_and_wait(spec, deadline_s=20)).status is OrderStatus.FILLED
    assert broker.submits == 1


async def test_a_wait_survives_an_expired_token(
    client: TandemClient, broker: SmallBroker, spec: OrderSpec
) -> None:
    async def expire(context: object) -> None:
        broker.oldest_token = 1

    broker.on_submit = expire
    waiting = asyncio.create_task(client.submit_and_wait(spec, deadline_s=20))
    await until(lambda: broker.open_watches)
    assert broker.watches == ["0", "1"]
    broker.put("my-1", FILLED)
    assert (await waiting).status is OrderStatus.FILLED
