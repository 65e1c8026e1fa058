"""Fences and tombstones: who may send, and what is never sent again."""

from __future__ import annotations

from services.common.contract.pb import adapter_service_pb2 as adapter_pb
from services.common.contract.pb import broker_service_pb2 as pb
from tests.conformance.acts import resting
from tests.conformance.bench import Bench
from tests.conformance.card import Deck, Group, Mark
from tests.conformance.control import Can, Reads, Sends
from tests.conformance.scene import BUY, LIMIT, Ticket

DECK = Deck(Group.FENCES, given="the adapter is fenced")
_FENCE = ("type.limit", "rpc.Fence")
_ORDER = ("type.limit", "rpc.FenceOrder")
_MARKS = (Mark.ADAPTER_ONLY,)


def _low(b: Bench) -> Ticket:
    return b.ticket(b.scene.share, BUY, LIMIT, limit_price="240")


async def _sent(b: Bench, ticket: Ticket) -> None:
    b.note(f"sent: {await b.venue.sends(ticket.base)}")


@DECK.card(
    "FNC-001",
    "Without a fence nothing is sent",
    needs=_FENCE,
    control=(Can.TRUTH,),
    marks=_MARKS,
    expects=("refused FENCE_REQUIRED|INVALID_FIELD, effect NONE", "sent: 0"),
)
async def fence_is_required(b: Bench) -> None:
    """Send an order under a client's own id, without a fence."""
    ticket = _low(b)
    ticket.spec.client_order_id = ticket.base
    request = pb.SubmitOrderRequest(account_id=b.account_id, order=ticket.spec)
    answer = await b.call(b.broker.SubmitOrder, request)
    b.note(answer.failure.words)
    await _sent(b, ticket)


@DECK.card(
    "FNC-002",
    "An older epoch sends nothing, and changes nothing",
    needs=(*_FENCE, "rpc.CancelOrder"),
    control=(Can.TRUTH,),
    marks=(*_MARKS, Mark.SPOILS),
    expects=(
        "submit limit: ACCEPTED",
        "submit limit: refused STALE_EPOCH, effect NONE",
        "cancel: refused STALE_EPOCH, effect NONE",
        "look-up: FOUND ACCEPTED",
        "sent: 0",
    ),
)
async def stale_epoch(b: Bench) -> None:
    """Take the adapter for epoch 5, send and cancel for epoch 4."""
    await b.take(5)
    working = await resting(b)
    ticket = _low(b)
    await b.submit(ticket, fence=b.fence(epoch=4))
    await b.cancel(working, fence=b.fence(epoch=4))
    await b.look_up(working)
    await _sent(b, ticket)


@DECK.card(
    "FNC-003",
    "A newer epoch takes the adapter, and is told what was before",
    needs=_FENCE,
    marks=(*_MARKS, Mark.SPOILS),
    control=(Can.TRUTH,),
    expects=("previous epoch: 1", "previous epoch: 9", "submit limit: ACCEPTED"),
)
async def newer_epoch(b: Bench) -> None:
    """Take the adapter for epoch 9, then for 10, and send for 10."""
    for epoch in (9, 10):
        reply = await b.take(epoch)
        b.note(f"previous epoch: {reply.previous.epoch}")
    await b.submit(_low(b))


@DECK.card(
    "FNC-004",
    "A session that isn't the current one sends nothing",
    needs=_FENCE,
    control=(Can.TRUTH,),
    marks=_MARKS,
    expects=("submit limit: refused STALE_SESSION, effect NONE", "sent: 0"),
)
async def stale_session(b: Bench) -> None:
    """Send an order for a session that never was."""
    ticket = _low(b)
    await b.submit(ticket, expected_session_id="another")
    await _sent(b, ticket)


@DECK.card(
    "FNC-005",
    "A fenced order names its session and a placement of this account",
    needs=_FENCE,
    control=(Can.TRUTH,),
    marks=_MARKS,
    expects=(
        "without a session: INVALID_FIELD",
        "another account's tag: INVALID_FIELD",
        "a client's own id: INVALID_FIELD",
        "sent: 0",
    ),
)
async def form_of_a_fenced_call(b: Bench) -> None:
    """Leave the session out; take another tag; take an id that is no placement."""
    ticket = _low(b)
    wrong_tag, plain = _low(b), _low(b)
    wrong_tag.spec.client_order_id = f"{wrong_tag.base}~other~1.0"
    plain.spec.client_order_id = plain.base
    for name, asked, changed in (
        ("without a session", ticket, {"expected_session_id": ""}),
        ("another account's tag", wrong_tag, {}),
        ("a client's own id", plain, {}),
    ):
        answer = await b.call(b.broker.SubmitOrder, b.submit_request(asked, **changed))
        assert answer.failure.effect == "NONE", answer.failure
        b.note(f"{name}: {answer.failure.reason}")
    await _sent(b, ticket)


@DECK.card(
    "FNC-006",
    "A placement that is there is found, not fenced",
    needs=_ORDER,
    control=(Can.TRUTH,),
    marks=_MARKS,
    expects=("submit limit: ACCEPTED", "fence order: FOUND", "look-up: FOUND ACCEPTED"),
)
async def found(b: Bench) -> None:
    """Fence an order that rests at the venue."""
    ticket = await resting(b)
    answer = await b.fence_order(ticket)
    assert answer.order.placement_id == ticket.client_id, answer.order
    await b.look_up(ticket)


@DECK.card(
    "FNC-007",
    "A placement that was never sent is fenced, and is never sent from then on",
    needs=_ORDER,
    control=(Can.TRUTH,),
    marks=_MARKS,
    expects=(
        "fence order: FENCED",
        "submit limit: refused PLACEMENT_FENCED, effect NONE",
        "sent: 0",
    ),
)
async def fenced(b: Bench) -> None:
    """Fence a placement, then send it."""
    ticket = _low(b)
    await b.fence_order(ticket)
    await b.submit(ticket)
    await _sent(b, ticket)


@DECK.card(
    "FNC-008",
    "Fenced twice is fenced",
    needs=_ORDER,
    control=(Can.TRUTH,),
    marks=_MARKS,
    expects=("fence order: FENCED", "fence order: FENCED", "placed: 0"),
)
async def fenced_twice(b: Bench) -> None:
    """Fence a placement, and once more."""
    ticket = _low(b)
    await b.fence_order(ticket)
    await b.fence_order(ticket)
    b.note(f"placed: {len(await b.venue.orders(ticket.base))}")


@DECK.card(
    "FNC-009",
    "Right after a lost send nothing is proven: it has to settle first",
    needs=_ORDER,
    control=(Can.LOSE_REQUEST, Can.TRUTH),
    marks=_MARKS,
    expects=(
        "submit limit: refused OUTCOME_UNKNOWN, effect UNKNOWN",
        "at once: UNKNOWN, wait",
        "fence order: FENCED",
        "submit limit: refused PLACEMENT_FENCED, effect NONE",
    ),
)
async def settles_first(b: Bench) -> None:
    """Lose an order on its way; ask at once, then when it has settled."""
    ticket = _low(b)
    await b.venue.lose_request(Sends.SUBMIT, ticket.base)
    await b.submit(ticket)
    answer = await b.try_fence_order(ticket)
    assert answer.reply.outcome == adapter_pb.FENCE_OUTCOME_UNKNOWN, answer.reply
    session_id = b.session_id
    b.note(f"at once: UNKNOWN, {'wait' if await b.may_settle(answer) else 'for good'}")
    await b.fence_order(ticket, session_id=session_id)
    await b.submit(ticket)


@DECK.card(
    "FNC-010",
    "While look-ups fail nothing is fenced",
    needs=_ORDER,
    control=(Can.FAIL_READS, Can.TRUTH),
    marks=_MARKS,
    expects=("not fenced", "fence order: FENCED"),
)
async def no_proof_without_reads(b: Bench) -> None:
    """Let look-ups fail, ask; then let them work, ask."""
    ticket = _low(b)
    await b.venue.fail_reads(Reads.LOOK_UP)
    answer = await b.try_fence_order(ticket)
    if not answer.has_failed:
        assert answer.reply.outcome == adapter_pb.FENCE_OUTCOME_UNKNOWN, answer.reply
    b.note("not fenced")
    await b.venue.clear_faults()
    await b.fence_order(ticket)


@DECK.card(
    "FNC-011",
    "An order that arrives late is found, not fenced",
    needs=_ORDER,
    control=(Can.LOSE_REPLY, Can.TRUTH),
    marks=_MARKS,
    expects=(
        "submit limit: *ACCEPTED|UNKNOWN",
        "fence order: FOUND",
        "placed: 1",
    ),
)
async def lost_answer_is_found(b: Bench) -> None:
    """Lose the answer to an order, then fence it."""
    ticket = _low(b)
    await b.venue.lose_reply(Sends.SUBMIT, ticket.base, hang=True)
    await b.submit(ticket)
    await b.fence_order(ticket)
    b.note(f"placed: {len(await b.venue.orders(ticket.base))}")


@DECK.card(
    "FNC-012",
    "An older epoch fences nothing",
    needs=_ORDER,
    control=(Can.TRUTH,),
    marks=(*_MARKS, Mark.SPOILS),
    expects=("refused STALE_EPOCH*", "submit limit: ACCEPTED"),
)
async def stale_router_fences_nothing(b: Bench) -> None:
    """Take the adapter for epoch 5, fence a placement for epoch 4, send it for 5."""
    await b.take(5)
    ticket = _low(b)
    answer = await b.try_fence_order(ticket, fence=b.fence(epoch=4))
    b.note(answer.failure.words)
    await b.submit(ticket)
