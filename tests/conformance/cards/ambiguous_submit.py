"""Ambiguous submit: an answer that says nothing certain is a doubt, and only evidence ends it."""

from __future__ import annotations

from decimal import Decimal

from services.common.contract.pb import broker_service_pb2 as pb
from tests.conformance.bench import CALL_S, Bench
from tests.conformance.card import Deck, Group, Mark
from tests.conformance.control import Body, Can, Reads, Sends
from tests.conformance.scene import BUY, LIMIT, Ticket

DECK = Deck(Group.AMBIGUOUS_SUBMIT, given="the market is open")
_LIMIT = ("type.limit", "tif.day", "rpc.GetOrder")
_DOUBT = (Mark.IN_DOUBT,)
_UNKNOWN = "submit limit: refused OUTCOME_UNKNOWN, effect UNKNOWN"


async def _low(b: Bench, qty: str = "1") -> Ticket:
    price = (await b.prices(b.scene.share)).low
    return b.ticket(b.scene.share, BUY, LIMIT, qty=qty, limit_price=price)


async def _sent_and_placed(b: Bench, ticket: Ticket) -> None:
    sent, placed = await b.venue.sends(ticket.base), await b.venue.orders(ticket.base)
    b.note(f"sent {sent}, placed {len(placed)}")


@DECK.card(
    "ASB-001",
    "A 500 after the order was taken: in doubt, then found",
    needs=_LIMIT,
    control=(Can.ERROR_AFTER, Can.TRUTH),
    marks=_DOUBT,
    expects=(_UNKNOWN, "look-up: FOUND ACCEPTED", "sent 1, placed 1"),
)
async def error_after(b: Bench) -> None:
    """Let the venue take an order and answer 500."""
    ticket = await _low(b)
    await b.venue.error_after(Sends.SUBMIT, ticket.base)
    await b.submit(ticket)
    await b.look_up(ticket)
    await _sent_and_placed(b, ticket)


@DECK.card(
    "ASB-002",
    "A 504 after the order was taken is told as working, and isn't sent again",
    needs=_LIMIT,
    control=(Can.ERROR_AFTER, Can.TRUTH),
    marks=_DOUBT,
    expects=(_UNKNOWN, "told: ACCEPTED", "sent 1, placed 1"),
)
async def gateway_timeout(b: Bench) -> None:
    """Let the venue take an order and answer 504, which some clients send again by themselves."""
    ticket = await _low(b)
    await b.venue.error_after(Sends.SUBMIT, ticket.base, status=504)
    await b.submit(ticket)
    await b.told(ticket, "ACCEPTED")
    await b.quiet()
    await _sent_and_placed(b, ticket)


@DECK.card(
    "ASB-003",
    "A 500 without effect is no less a doubt",
    needs=_LIMIT,
    control=(Can.ERROR_BEFORE, Can.TRUTH),
    marks=_DOUBT,
    expects=(_UNKNOWN, "look-up: ABSENT|UNKNOWN", "sent 1, placed 0"),
)
async def error_before(b: Bench) -> None:
    """Let the venue answer 500 and do nothing."""
    ticket = await _low(b)
    await b.venue.error_before(Sends.SUBMIT, ticket.base)
    await b.submit(ticket)
    await b.look_up(ticket)
    await _sent_and_placed(b, ticket)


@DECK.card(
    "ASB-004",
    "A connection that ends after the order was taken",
    needs=_LIMIT,
    control=(Can.LOSE_REPLY, Can.TRUTH),
    marks=_DOUBT,
    expects=(
        "submit limit: *ACCEPTED|UNKNOWN",
        "told: ACCEPTED",
        "look-up: FOUND ACCEPTED",
        "sent 1, placed 1",
    ),
)
async def connection_ends(b: Bench) -> None:
    """Let the venue take an order and cut the connection."""
    ticket = await _low(b)
    await b.venue.lose_reply(Sends.SUBMIT, ticket.base)
    await b.submit(ticket)
    await b.told(ticket, "ACCEPTED")
    await b.look_up(ticket)
    await _sent_and_placed(b, ticket)


@DECK.card(
    "ASB-005",
    "A page of HTML with status 200",
    needs=_LIMIT,
    control=(Can.BAD_BODY, Can.TRUTH),
    marks=_DOUBT,
    expects=(_UNKNOWN, "look-up: FOUND ACCEPTED", "the venue has 1", "sent 1, placed 1"),
)
async def html_body(b: Bench) -> None:
    """Let the venue take an order and answer with a page."""
    ticket = await _low(b)
    await b.venue.bad_body(Sends.SUBMIT, Body.HTML, ticket.base)
    await b.submit(ticket)
    found = await b.look_up(ticket)
    b.note(f"the venue has {found.order.spec.order_qty.value}")
    await _sent_and_placed(b, ticket)


@DECK.card(
    "ASB-006",
    "Half an answer",
    needs=_LIMIT,
    control=(Can.BAD_BODY, Can.TRUTH),
    marks=_DOUBT,
    expects=(_UNKNOWN, "told: ACCEPTED", "look-up: FOUND ACCEPTED"),
)
async def half_a_body(b: Bench) -> None:
    """Let the venue take an order and answer with half of its words."""
    ticket = await _low(b)
    await b.venue.bad_body(Sends.SUBMIT, Body.HALF, ticket.base)
    await b.submit(ticket)
    await b.told(ticket, "ACCEPTED")
    await b.look_up(ticket)


@DECK.card(
    "ASB-007",
    "An empty answer with status 200",
    needs=_LIMIT,
    control=(Can.BAD_BODY, Can.TRUTH),
    marks=_DOUBT,
    expects=(_UNKNOWN, "sent 1, placed 1", "look-up: FOUND ACCEPTED"),
)
async def empty_body(b: Bench) -> None:
    """Let the venue take an order and answer with nothing."""
    ticket = await _low(b)
    await b.venue.bad_body(Sends.SUBMIT, Body.EMPTY, ticket.base)
    await b.submit(ticket)
    await _sent_and_placed(b, ticket)
    await b.look_up(ticket)


@DECK.card(
    "ASB-008",
    "A connection that ends before the order was read",
    needs=_LIMIT,
    control=(Can.REFUSE_CONNECTION, Can.TRUTH),
    marks=_DOUBT,
    expects=("submit limit: refused *", "sent 1, placed 0", "look-up: ABSENT"),
)
async def connection_refused(b: Bench) -> None:
    """Let the venue cut the connection without effect."""
    ticket = await _low(b)
    await b.venue.refuse_connection(Sends.SUBMIT, ticket.base)
    await b.submit(ticket)
    await _sent_and_placed(b, ticket)
    await b.look_up(ticket)


@DECK.card(
    "ASB-009",
    "The same order sent again after a lost answer is the order that is there",
    needs=(*_LIMIT, "unique_ids"),
    control=(Can.ERROR_AFTER, Can.TRUTH),
    marks=_DOUBT,
    expects=(_UNKNOWN, "submit limit: ACCEPTED", "sent 2, placed 1"),
)
async def sent_again(b: Bench) -> None:
    """Lose the answer, then send the order again: the venue refuses the used id."""
    ticket = await _low(b)
    await b.venue.error_after(Sends.SUBMIT, ticket.base)
    await b.submit(ticket)
    await b.submit(ticket)
    await _sent_and_placed(b, ticket)


@DECK.card(
    "ASB-010",
    "Another order under that id is refused by name",
    needs=(*_LIMIT, "unique_ids"),
    control=(Can.ERROR_AFTER, Can.TRUTH),
    marks=_DOUBT,
    expects=(
        _UNKNOWN,
        "submit limit: refused CLIENT_ORDER_ID_REUSED, effect NONE",
        "the venue has 1",
    ),
)
async def another_order(b: Bench) -> None:
    """Lose the answer, then send two of what one was sent of."""
    ticket = await _low(b)
    await b.venue.error_after(Sends.SUBMIT, ticket.base)
    await b.submit(ticket)
    ticket.spec.order_qty.value = "2"
    await b.submit(ticket)
    (order,) = await b.venue.orders(ticket.base)
    b.note(f"the venue has {order.order_qty}")


@DECK.card(
    "ASB-011",
    "A refusal for the money that its own first attempt holds is not believed",
    needs=(*_LIMIT, "unique_ids"),
    control=(Can.ERROR_AFTER, Can.TRUTH),
    marks=_DOUBT,
    given="an order would take most of what the account can pay",
    expects=(_UNKNOWN, "submit limit: ACCEPTED", "placed: 1, live"),
)
async def refused_for_its_own_money(b: Bench) -> None:
    """Lose the answer to an order that takes nearly all buying power, then send it again."""
    prices = await b.prices(b.scene.share)
    request = pb.GetAccountRequest(account_id=b.account_id)
    balance = (await b.broker.GetAccount(request, timeout=CALL_S)).balances[0]
    power = Decimal(balance.buying_power.amount.value)
    qty = str(int(power * Decimal("0.8") / Decimal(prices.low)))
    ticket = await _low(b, qty)
    await b.venue.error_after(Sends.SUBMIT, ticket.base)
    await b.submit(ticket)
    await b.submit(ticket)
    (order,) = await b.venue.orders(ticket.base)
    is_live = order.status in ("new", "pending_new")
    b.note(f"placed: 1, {'live' if is_live else order.status}")


@DECK.card(
    "ASB-012",
    "While look-ups fail a doubt stays a doubt",
    needs=_LIMIT,
    control=(Can.ERROR_AFTER, Can.FAIL_READS, Can.TRUTH),
    marks=(*_DOUBT, Mark.ADAPTER_ONLY),
    expects=(
        _UNKNOWN,
        "look-up: refused READ_FAILED|VENUE_UNAVAILABLE*",
        "look-up: FOUND ACCEPTED",
    ),
)
async def look_ups_fail(b: Bench) -> None:
    """Lose the answer, let look-ups fail, then let them work."""
    ticket = await _low(b)
    await b.venue.error_after(Sends.SUBMIT, ticket.base)
    await b.venue.fail_reads(Reads.LOOK_UP)
    await b.submit(ticket)
    await b.look_up(ticket)
    await b.venue.clear_faults()
    await b.ready()
    await b.look_up(ticket)


@DECK.card(
    "ASB-013",
    "An order that fills before anyone has found it is told with its fill",
    needs=("type.limit", "rpc.GetOrder"),
    control=(Can.ERROR_AFTER, Can.TRUTH),
    marks=_DOUBT,
    expects=(_UNKNOWN, "fills: 2", "told: FILLED", "look-up: FOUND FILLED", "books agree"),
)
async def fills_in_doubt(b: Bench) -> None:
    """Lose the answer to an order that fills at once."""
    price = (await b.prices(b.scene.share)).takes_ask
    ticket = b.ticket(b.scene.share, BUY, LIMIT, qty="2", limit_price=price)
    await b.venue.error_after(Sends.SUBMIT, ticket.base)
    await b.submit(ticket)
    await b.fills(ticket, "2")
    await b.told(ticket, "FILLED")
    await b.look_up(ticket)
    await b.agrees(ticket)


@DECK.card(
    "ASB-014",
    "After a request that was lost, the same order may be sent again",
    needs=(*_LIMIT, "unique_ids"),
    control=(Can.LOSE_REQUEST, Can.TRUTH),
    marks=_DOUBT,
    expects=(_UNKNOWN, "submit limit: ACCEPTED", "sent 2, placed 1", "told: ACCEPTED"),
)
async def sent_again_after_loss(b: Bench) -> None:
    """Lose the request, then send the order again."""
    ticket = await _low(b)
    await b.venue.lose_request(Sends.SUBMIT, ticket.base)
    await b.submit(ticket)
    await b.submit(ticket)
    await _sent_and_placed(b, ticket)
    await b.told(ticket, "ACCEPTED")
