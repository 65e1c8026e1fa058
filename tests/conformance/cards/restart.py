"""Restart: a server that was killed comes back with the truth, and sends nothing by itself."""

from __future__ import annotations

import asyncio

from services.common.contract.pb import adapter_service_pb2 as adapter_pb
from services.common.contract.pb import broker_service_pb2 as pb
from tests.conformance.acts import listed, resting
from tests.conformance.answers import Answer
from tests.conformance.bench import Bench
from tests.conformance.card import Deck, Group, Mark
from tests.conformance.control import Can, Sends
from tests.conformance.scene import BUY, LIMIT, MARKET, symbol_of

DECK = Deck(Group.RESTART, given="the market is open")
_LIMIT = ("type.limit", "tif.day")
_MARKS = (Mark.RESTARTS,)


async def _killed(b: Bench) -> None:
    await b.hearing.close()
    await b.process.kill()
    b.note("killed")


async def _serves(b: Bench) -> bool:
    answer = await b.call(b.broker.GetStatus, pb.GetStatusRequest(account_id=b.account_id))
    return not answer.has_failed


def _words(answer: Answer) -> str:
    return answer.failure.words if answer.has_failed else "taken"


async def _back(b: Bench) -> None:
    await b.process.start()
    await b.ready()
    await b.listen_again()
    b.note("back")


@DECK.card(
    "RST-001",
    "A working order is still there after a kill, and can be canceled",
    needs=(*_LIMIT, "rpc.CancelOrder"),
    control=(Can.TRUTH,),
    marks=_MARKS,
    expects=(
        "submit limit: ACCEPTED",
        "killed",
        "back",
        "look-up: FOUND ACCEPTED",
        "cancel: PENDING_CANCEL|CANCELED",
        "told: CANCELED",
    ),
)
async def working_order(b: Bench) -> None:
    """Kill the server while an order rests."""
    ticket = await resting(b)
    await _killed(b)
    await _back(b)
    await b.look_up(ticket)
    after = b.mark()
    await b.cancel(ticket)
    await b.told(ticket, "CANCELED", after=max(0, after - 1))


@DECK.card(
    "RST-002",
    "A fill while the server was down is known after it",
    needs=(*_LIMIT, "rpc.ListExecutions"),
    control=(Can.FILL, Can.TRUTH),
    marks=_MARKS,
    expects=("submit limit: ACCEPTED", "killed", "back", "look-up: FOUND FILLED", "listed: 1"),
)
async def fill_while_down(b: Bench) -> None:
    """Fill an order while the server is down."""
    ticket = await resting(b)
    await _killed(b)
    await b.venue.fill(b.at_venue(ticket), "1", "239")
    await _back(b)

    async def is_filled() -> bool:
        found = await b.find(ticket)
        return not found.has_failed and found.order.status == 8

    await b.eventually(is_filled, "the fill")
    await b.look_up(ticket)
    executions = await listed(b, "ListExecutions", "executions", client_order_id=ticket.client_id)
    b.note(f"listed: {len(executions)}")


@DECK.card(
    "RST-003",
    "A cancel by its owner's hand while the server was down is known after it",
    needs=_LIMIT,
    control=(Can.CANCEL_BY_HAND,),
    marks=_MARKS,
    expects=("submit limit: ACCEPTED", "killed", "back", "look-up: FOUND CANCELED"),
)
async def canceled_while_down(b: Bench) -> None:
    """Cancel an order at the venue while the server is down."""
    ticket = await resting(b)
    await _killed(b)
    await b.venue.cancel_by_hand(b.at_venue(ticket))
    await _back(b)

    async def has_ended() -> bool:
        found = await b.find(ticket)
        return not found.has_failed and found.order.status == 9

    await b.eventually(has_ended, "the end")
    await b.look_up(ticket)


@DECK.card(
    "RST-004",
    "The same order sent again after a kill is still one order",
    needs=(*_LIMIT, "unique_ids"),
    control=(Can.TRUTH,),
    marks=_MARKS,
    expects=(
        "submit limit: ACCEPTED",
        "killed",
        "back",
        "submit limit: ACCEPTED",
        "placed: 1",
    ),
)
async def sent_again(b: Bench) -> None:
    """Kill the server, send the order again."""
    ticket = await resting(b)
    await _killed(b)
    await _back(b)
    await b.submit(ticket)
    b.note(f"placed: {len(await b.venue.orders(ticket.base))}")


@DECK.card(
    "RST-005",
    "A server killed while it sends sends nothing again when it is back",
    needs=_LIMIT,
    control=(Can.LOSE_REPLY, Can.TRUTH),
    marks=(*_MARKS, Mark.IN_DOUBT),
    expects=("killed", "back", "look-up: FOUND ACCEPTED", "sent: 1", "placed: 1"),
)
async def killed_while_sending(b: Bench) -> None:
    """Kill the server while it waits for the venue's answer."""
    price = (await b.prices(b.scene.share)).low
    ticket = b.ticket(b.scene.share, BUY, LIMIT, limit_price=price)
    await b.venue.lose_reply(Sends.SUBMIT, ticket.base, hang=True)
    call = asyncio.create_task(b.call(b.broker.SubmitOrder, b.submit_request(ticket)))

    async def is_placed() -> bool:
        return bool(await b.venue.orders(ticket.base))

    await b.eventually(is_placed, "the order at the venue")
    await _killed(b)
    assert (await call).has_failed
    await _back(b)
    await b.look_up(ticket)
    b.note(f"sent: {await b.venue.sends(ticket.base)}")
    b.note(f"placed: {len(await b.venue.orders(ticket.base))}")


@DECK.card(
    "RST-006",
    "A fence outlives a kill: an older epoch is refused",
    needs=(*_LIMIT, "rpc.Fence"),
    control=(Can.TRUTH,),
    marks=(*_MARKS, Mark.ADAPTER_ONLY, Mark.SPOILS),
    expects=(
        "killed",
        "fence: refused STALE_EPOCH*",
        "submit limit: refused STALE_EPOCH, effect NONE",
        "sent: 0",
    ),
)
async def fence_outlives(b: Bench) -> None:
    """Take the adapter for epoch 7, kill it, fence and send for epoch 6."""
    await b.take(7)
    await _killed(b)
    await b.process.start()
    b.was_reopened = True
    await b.eventually(lambda: _serves(b), "the server")
    answer = await b.call(b.adapter.Fence, adapter_pb.FenceRequest(fence=b.fence(epoch=6)))
    b.note(f"fence: {_words(answer)}")
    ticket = b.ticket(b.scene.share, BUY, LIMIT, limit_price="240")
    await b.submit(ticket, fence=b.fence(epoch=6))
    b.note(f"sent: {await b.venue.sends(ticket.base)}")


@DECK.card(
    "RST-007",
    "A tombstone outlives a kill: a fenced placement is never sent",
    needs=(*_LIMIT, "rpc.FenceOrder"),
    control=(Can.TRUTH,),
    marks=(*_MARKS, Mark.ADAPTER_ONLY),
    expects=(
        "fence order: FENCED",
        "killed",
        "back",
        "submit limit: refused PLACEMENT_FENCED, effect NONE",
        "sent: 0",
    ),
)
async def tombstone_outlives(b: Bench) -> None:
    """Fence a placement that was never sent, kill the adapter, send it."""
    ticket = b.ticket(b.scene.share, BUY, LIMIT, limit_price="240")
    await b.fence_order(ticket)
    await _killed(b)
    await _back(b)
    await b.submit(ticket)
    b.note(f"sent: {await b.venue.sends(ticket.base)}")


@DECK.card(
    "RST-008",
    "An adapter that has lost its memory sends nothing before it is fenced",
    needs=(*_LIMIT, "rpc.Fence"),
    control=(Can.TRUTH,),
    marks=(*_MARKS, Mark.ADAPTER_ONLY, Mark.SPOILS),
    expects=(
        "killed",
        "submit limit: refused FENCE_NOT_TAKEN, effect NONE",
        "fenced anew: nothing seen before",
        "sent: 0",
    ),
)
async def memory_is_lost(b: Bench) -> None:
    """Kill the adapter, take its files away, send an order."""
    await _killed(b)
    await b.process.forget()
    await b.process.start()
    b.was_reopened = True
    ticket = b.ticket(b.scene.share, BUY, LIMIT, limit_price="240")

    async def told() -> bool:
        answer = await b.call(b.broker.GetStatus, pb.GetStatusRequest(account_id=b.account_id))
        return not answer.has_failed and bool(answer.reply.venues[0].session_id)

    await b.eventually(told, "a session")
    await b.submit(ticket)
    previous = (await b.take(1)).HasField("previous")
    b.note(f"fenced anew: {'something' if previous else 'nothing'} seen before")
    b.note(f"sent: {await b.venue.sends(ticket.base)}")


@DECK.card(
    "RST-009",
    "The session before a restart is over",
    needs=_LIMIT,
    control=(Can.TRUTH,),
    marks=(*_MARKS, Mark.ADAPTER_ONLY),
    expects=(
        "killed",
        "back",
        "submit limit: refused STALE_SESSION, effect NONE",
        "sent: 0",
    ),
)
async def session_is_over(b: Bench) -> None:
    """Kill the adapter, send an order for the session before."""
    old = b.session_id
    await _killed(b)
    await _back(b)
    ticket = b.ticket(b.scene.share, BUY, LIMIT, limit_price="240")
    await b.submit(ticket, expected_session_id=old)
    b.note(f"sent: {await b.venue.sends(ticket.base)}")


@DECK.card(
    "RST-010",
    "An orderly stop lets an order that is on its way finish",
    needs=_LIMIT,
    control=(Can.DELAY, Can.TRUTH),
    marks=_MARKS,
    expects=("answer: ACCEPTED|UNKNOWN", "back", "look-up: FOUND ACCEPTED", "placed: 1"),
)
async def orderly_stop(b: Bench) -> None:
    """Stop the server while the venue takes its time."""
    price = (await b.prices(b.scene.share)).low
    ticket = b.ticket(b.scene.share, BUY, LIMIT, limit_price=price)
    await b.venue.delay(Sends.SUBMIT, 0.7, ticket.base)
    call = asyncio.create_task(b.call(b.broker.SubmitOrder, b.submit_request(ticket)))

    async def is_placed() -> bool:
        return bool(await b.venue.orders(ticket.base))

    await b.eventually(is_placed, "the order at the venue")
    await b.hearing.close()
    await b.process.stop()
    answer = await call
    if answer.has_failed:
        assert answer.failure.effect in ("", "UNKNOWN"), answer.failure
    b.note(f"answer: {'UNKNOWN' if answer.has_failed else 'ACCEPTED'}")
    await _back(b)

    async def is_found() -> bool:
        found = await b.find(ticket)
        return not found.has_failed and found.order.status == 3

    await b.eventually(is_found, "the order")
    await b.look_up(ticket)
    b.note(f"placed: {len(await b.venue.orders(ticket.base))}")


@DECK.card(
    "RST-011",
    "What was held before a restart is held after it, and nothing is sent to change it",
    needs=("type.market", "rpc.ListPositions"),
    control=(Can.TRUTH,),
    marks=_MARKS,
    expects=(
        "submit market: ACCEPTED|FILLED",
        "fills: 2",
        "killed",
        "back",
        "held: 2",
        "orders at the venue: 1",
    ),
)
async def position_stays(b: Bench) -> None:
    """Kill the server while shares are held."""
    ticket = b.ticket(b.scene.share, BUY, MARKET, qty="2")
    await b.submit(ticket)
    await b.fills(ticket, "2")
    before = len(await b.venue.orders())
    await _killed(b)
    await _back(b)
    told = await listed(b, "ListPositions", "positions")
    (position,) = [p for p in told if symbol_of(p.instrument) == b.scene.share]
    b.note(f"held: {position.qty.value}")
    b.note(f"orders at the venue: {len(await b.venue.orders()) - before + 1}")
