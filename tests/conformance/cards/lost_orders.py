"""The life of a lost order, after Hummingbot's cases: not found is not gone."""

from __future__ import annotations

import asyncio
from collections import Counter

from tests.conformance.acts import TUESDAY, clock
from tests.conformance.answers import fence_words
from tests.conformance.bench import Bench
from tests.conformance.card import Deck, Group, Mark
from tests.conformance.control import Can, Reads, Sends
from tests.conformance.scene import BUY, LIMIT, Ticket

DECK = Deck(Group.LOST_ORDER, given="an order whose answer was lost")
_LIMIT = ("type.limit", "tif.day", "rpc.GetOrder")
_MARKS = (Mark.IN_DOUBT,)
_LOST = "submit limit: *ACCEPTED|FILLED|UNKNOWN"  # in doubt, or found by the server itself
_UNKNOWN = "submit limit: refused OUTCOME_UNKNOWN, effect UNKNOWN"


async def _lost(b: Bench, *, qty: str = "1") -> Ticket:
    price = (await b.prices(b.scene.share)).low
    ticket = b.ticket(b.scene.share, BUY, LIMIT, qty=qty, limit_price=price)
    await b.venue.lose_reply(Sends.SUBMIT, ticket.base, hang=True)
    await b.submit(ticket)
    return ticket


@DECK.card(
    "LST-001",
    "Lost, found, filled",
    needs=_LIMIT,
    control=(Can.LOSE_REPLY, Can.FILL, Can.TRUTH),
    marks=_MARKS,
    expects=(
        _LOST,
        "look-up: FOUND ACCEPTED",
        "fills: 1 + 1",
        "told: FILLED",
        "books agree",
    ),
)
async def found_then_filled(b: Bench) -> None:
    """Find a lost order, then let it fill in two parts."""
    ticket = await _lost(b, qty="2")
    await b.look_up(ticket)
    for _ in range(2):
        await b.venue.fill(b.at_venue(ticket), "1", "239")
    await b.fills(ticket, "2")
    await b.told(ticket, "FILLED")
    await b.agrees(ticket)


@DECK.card(
    "LST-002",
    "Lost, canceled: a cancel reaches an order that nobody has confirmed",
    needs=(*_LIMIT, "rpc.CancelOrder"),
    control=(Can.LOSE_REPLY, Can.TRUTH),
    marks=_MARKS,
    expects=(_LOST, "cancel: PENDING_CANCEL|CANCELED", "told: CANCELED", "placed: 1"),
)
async def canceled_unfound(b: Bench) -> None:
    """Cancel a lost order without a look-up."""
    ticket = await _lost(b)
    await b.cancel(ticket)
    await b.told(ticket, "CANCELED")
    b.note(f"placed: {len(await b.venue.orders(ticket.base))}")


@DECK.card(
    "LST-003",
    "Absent now, there later: an order on its way arrives after a look-up",
    needs=(*_LIMIT, "looks_up_beside"),
    control=(Can.DELAY, Can.TRUTH),
    marks=_MARKS,
    expects=(_UNKNOWN, "look-up: ABSENT|UNKNOWN", "told: ACCEPTED", "look-up: FOUND ACCEPTED"),
)
async def arrives_late(b: Bench) -> None:
    """Let the venue take an order two seconds after everyone has stopped waiting."""
    price = (await b.prices(b.scene.share)).low
    ticket = b.ticket(b.scene.share, BUY, LIMIT, limit_price=price)
    await b.venue.delay_effect(Sends.SUBMIT, 4.0, ticket.base)
    await b.submit(ticket)
    await b.look_up(ticket)
    await b.told(ticket, "ACCEPTED")
    await b.look_up(ticket)


@DECK.card(
    "LST-004",
    "An order on its way is not fenced off while it may arrive",
    needs=(*_LIMIT, "rpc.FenceOrder"),
    control=(Can.DELAY, Can.TRUTH),
    marks=(*_MARKS, Mark.ADAPTER_ONLY),
    expects=(_UNKNOWN, "not fenced before it settled", "fence order: FOUND", "placed: 1"),
)
async def not_fenced_on_its_way(b: Bench) -> None:
    """Let the venue take an order late, and ask for its fence at once."""
    price = (await b.prices(b.scene.share)).low
    ticket = b.ticket(b.scene.share, BUY, LIMIT, limit_price=price)
    await b.venue.delay_effect(Sends.SUBMIT, 1.8, ticket.base)
    await b.submit(ticket)
    answer = await b.try_fence_order(ticket)
    assert answer.has_failed or answer.reply.outcome != 2, answer.reply
    b.note("not fenced before it settled")
    await b.fence_order(ticket)
    b.note(f"placed: {len(await b.venue.orders(ticket.base))}")


@DECK.card(
    "LST-005",
    "Lost and filled before it is found: the fill is told, the order is known",
    needs=("type.limit", "rpc.GetOrder"),
    control=(Can.LOSE_REPLY, Can.TRUTH),
    marks=_MARKS,
    expects=(_LOST, "told: FILLED", "fills: 3", "look-up: FOUND FILLED"),
)
async def filled_unfound(b: Bench) -> None:
    """Lose the answer to an order that fills at once."""
    price = (await b.prices(b.scene.share)).takes_ask
    ticket = b.ticket(b.scene.share, BUY, LIMIT, qty="3", limit_price=price)
    await b.venue.lose_reply(Sends.SUBMIT, ticket.base, hang=True)
    await b.submit(ticket)
    await b.told(ticket, "FILLED")
    await b.fills(ticket, "3")
    await b.look_up(ticket)


@DECK.card(
    "LST-006",
    "A look-up that fails once, twice, three times makes no order gone",
    needs=_LIMIT,
    control=(Can.LOSE_REPLY, Can.FAIL_READS, Can.TRUTH),
    marks=(*_MARKS, Mark.ADAPTER_ONLY),
    expects=(
        _LOST,
        "look-up: refused READ_FAILED|VENUE_UNAVAILABLE*",
        "look-up: refused READ_FAILED|VENUE_UNAVAILABLE*",
        "look-up: refused READ_FAILED|VENUE_UNAVAILABLE*",
        "look-up: FOUND ACCEPTED",
    ),
)
async def failing_look_ups(b: Bench) -> None:
    """Look a lost order up while look-ups fail, then when they work."""
    ticket = await _lost(b)
    await b.venue.fail_reads(Reads.LOOK_UP)
    for _ in range(3):
        await b.look_up(ticket)
    await b.venue.clear_faults()
    await b.ready()
    await b.look_up(ticket)


@DECK.card(
    "LST-007",
    "Confirmed, and yet nowhere: an order that the venue lost is not called working for ever",
    needs=_LIMIT,
    control=(Can.VANISH, Can.TRUTH),
    marks=_MARKS,
    expects=("submit limit: ACCEPTED", "look-up: ABSENT|UNKNOWN", "placed: 0", "filled: 0"),
)
async def vanished(b: Bench) -> None:
    """Let the venue confirm an order that it never has."""
    price = (await b.prices(b.scene.share)).low
    ticket = b.ticket(b.scene.share, BUY, LIMIT, limit_price=price)
    await b.venue.vanish(ticket.base)
    await b.submit(ticket)
    await b.look_up(ticket)
    b.note(f"placed: {len(await b.venue.orders(ticket.base))}")
    b.note(f"filled: {len(b.hearing.executions(ticket))}")


@DECK.card(
    "LST-008",
    "Lost and fenced: the next placement is another order",
    needs=(*_LIMIT, "rpc.FenceOrder"),
    control=(Can.LOSE_REQUEST, Can.TRUTH),
    marks=(*_MARKS, Mark.ADAPTER_ONLY),
    expects=(
        _UNKNOWN,
        "fence order: FENCED",
        "submit limit: ACCEPTED",
        "placed under 2.0 alone",
    ),
)
async def next_placement(b: Bench) -> None:
    """Lose an order on its way, fence it, send the next placement."""
    price = (await b.prices(b.scene.share)).low
    ticket = b.ticket(b.scene.share, BUY, LIMIT, limit_price=price)
    await b.venue.lose_request(Sends.SUBMIT, ticket.base)
    await b.submit(ticket)
    await b.fence_order(ticket)
    ticket.client_id = ticket.spec.client_order_id = b.placement(ticket.base, 2)
    await b.submit(ticket)
    (order,) = await b.venue.orders(ticket.base)
    b.note(f"placed under {order.client_id.rpartition('~')[2]} alone")


_WRITTEN = 60
_ARRIVE = 20


async def _proven(b: Bench, ticket: Ticket, session_id: str) -> str:
    """What a fence makes of a placement, once it has settled."""

    async def settled() -> str:
        answer = await b.try_fence_order(ticket, session_id=session_id)
        waits = not answer.has_failed and answer.reply.HasField("retry_after_s")
        return "" if waits else fence_words(answer)

    return str(await b.eventually(settled, f"the fence of {ticket.client_id}"))


@DECK.card(
    "LST-009",
    "Sixty sent, the connection lost after twenty: twenty are found, forty proven absent",
    needs=(*_LIMIT, "rpc.FenceOrder"),
    control=(Can.CUT_AFTER, Can.TRUTH),
    marks=(*_MARKS, Mark.ADAPTER_ONLY, Mark.SPOILS),
    expects=("60 sent, none confirmed", "placed: 20", "20 FOUND, 40 FENCED", "placed: 20"),
)
async def lost_with_sixty_in_it(b: Bench) -> None:
    """Send sixty orders at once; let the connection end when twenty have arrived."""
    price = (await b.prices(b.scene.share)).low
    tickets = [b.ticket(b.scene.share, BUY, LIMIT, limit_price=price) for _ in range(_WRITTEN)]
    await b.venue.cut_after(_ARRIVE)
    answers = await asyncio.gather(
        *(b.call(b.broker.SubmitOrder, b.submit_request(ticket)) for ticket in tickets)
    )
    confirmed = [answer.order for answer in answers if not answer.has_failed]
    b.note(f"{len(answers)} sent, {len(confirmed) or 'none'} confirmed")
    session_id = b.session_id
    await b.ready()
    b.note(f"placed: {len(await b.venue.orders(b.key('')))}")
    outcomes = [await _proven(b, ticket, session_id) for ticket in tickets]
    for outcome, answer in zip(outcomes, answers, strict=True):
        assert outcome != "FOUND" or answer.failure.effect == "UNKNOWN", answer.failure
    proven = Counter(outcomes)
    words = sorted(proven.items(), key=lambda item: item[1])
    b.note(", ".join(f"{count} {word}" for word, count in words))
    b.note(f"placed: {len(await b.venue.orders(b.key('')))}")


@DECK.card(
    "LST-010",
    "Of yesterday's lost order nobody says that it never was: lists reach back a day",
    needs=(*_LIMIT, "rpc.FenceOrder", "lists_reach_a_day"),
    control=(Can.LOSE_REQUEST, Can.CLOCK, Can.TRUTH),
    marks=(*_MARKS, Mark.ADAPTER_ONLY, Mark.SPOILS),
    expects=(_UNKNOWN, "look-up: UNKNOWN", "UNKNOWN", "placed: 0"),
)
async def unknown_the_next_day(b: Bench) -> None:
    """Lose an order on its way; ask for it on the next trading day."""
    price = (await b.prices(b.scene.share)).low
    ticket = b.ticket(b.scene.share, BUY, LIMIT, limit_price=price)
    await b.venue.lose_request(Sends.SUBMIT, ticket.base, hang=True)
    await b.submit(ticket)
    session_id = b.session_id
    await clock(b, TUESDAY, 10)
    await b.look_up(ticket)
    answer = await b.try_fence_order(ticket, session_id=session_id)
    b.note(fence_words(answer))
    b.note(f"placed: {len(await b.venue.orders(ticket.base))}")
