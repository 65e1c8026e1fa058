"""What is refused: by whom, for which reason, and that nothing happened."""

from __future__ import annotations

from typing import Any

from google.protobuf.unknown_fields import UnknownFieldSet

from services.common.contract.pb import broker_service_pb2 as pb
from services.common.contract.pb import types_pb2
from tests.conformance.acts import hold
from tests.conformance.bench import Bench
from tests.conformance.card import Deck, Group, Mark
from tests.conformance.control import Can, Sends
from tests.conformance.scene import (
    BTO,
    BUY,
    DAY,
    IOC,
    LIMIT,
    MARKET,
    SELL,
    STO,
    Ticket,
)

DECK = Deck(Group.REFUSALS, given="the market is open")
_LIMIT = ("type.limit", "tif.day")
_UNKNOWN_FIELD = b"\xba\x3e\x03new"  # field 999, as a later release might send it


async def _placed(b: Bench, ticket: Ticket) -> None:
    b.note(f"sent: {await b.venue.sends(ticket.base)}")


@DECK.card(
    "REF-001",
    "More than the account can pay",
    needs=_LIMIT,
    control=(Can.TRUTH,),
    expects=("submit limit: REJECTED INSUFFICIENT_BUYING_POWER", "look-up: *"),
)
async def no_money(b: Bench) -> None:
    """Bid for ten million shares."""
    price = (await b.prices(b.scene.share)).takes_ask
    ticket = b.ticket(b.scene.share, BUY, LIMIT, qty="10000000", limit_price=price)
    answer = await b.submit(ticket)
    assert answer.order.cause.message, "the broker's words are missing"
    await b.look_up(ticket)


@DECK.card(
    "REF-002",
    "An instrument that isn't listed",
    needs=_LIMIT,
    control=(Can.TRUTH,),
    expects=("submit limit: * INSTRUMENT_NOT_FOUND*", "placed: 0"),
)
async def not_listed(b: Bench) -> None:
    """Bid for a share that doesn't exist."""
    ticket = b.ticket("ZZZZQ", BUY, LIMIT, limit_price="10")
    answer = await b.call(b.broker.SubmitOrder, b.submit_request(ticket))
    if answer.has_failed:
        b.note(f"submit limit: {answer.failure.words}")
        assert answer.failure.effect == "NONE", answer.failure
    else:
        assert answer.order.cause.reason == 10, answer.order
        b.note("submit limit: REJECTED INSTRUMENT_NOT_FOUND")
    b.note(f"placed: {len(await b.venue.orders(ticket.base))}")


@DECK.card(
    "REF-003",
    "A price off the venue's tick is refused, never rounded",
    needs=(*_LIMIT, "refuses_off_tick_prices"),
    control=(Can.TRUTH,),
    expects=("submit limit: *INVALID_PRICE*", "placed: 0"),
)
async def off_tick(b: Bench) -> None:
    """Bid with a tenth of a cent."""
    ticket = b.ticket(b.scene.share, BUY, LIMIT, limit_price="240.123")
    await b.submit(ticket)
    b.note(f"placed: {len(await b.venue.orders(ticket.base))}")


@DECK.card(
    "REF-004",
    "A possible wash trade",
    needs=(*_LIMIT, "refuses_wash_trades"),
    control=(Can.TRUTH,),
    given="one share is held",
    expects=("submit limit: ACCEPTED", "submit limit: REJECTED WASH_TRADE"),
)
async def wash_trade(b: Bench) -> None:
    """Offer a share, then bid that price."""
    await hold(b, b.scene.share, "1")
    offer = b.ticket(b.scene.share, SELL, LIMIT, limit_price="405")
    await b.works(offer)
    await b.submit(b.ticket(b.scene.share, BUY, LIMIT, limit_price="405"))


@DECK.card(
    "REF-005",
    "An uncovered call",
    needs=("type.limit", "refuses_uncovered_calls"),
    control=(Can.ACCOUNT, Can.TRUTH),
    given="the account may sell covered calls only",
    expects=("submit limit: REJECTED NOT_PERMITTED|INSUFFICIENT_QTY", "placed: 0"),
)
async def uncovered_call(b: Bench) -> None:
    """Sell a call without the shares."""
    await b.venue.account(options_level=1)
    price = (await b.prices(b.scene.call)).takes_bid
    ticket = b.ticket(b.scene.call, SELL, LIMIT, limit_price=price, intent=STO)
    await b.submit(ticket)
    b.note(f"placed: {len(await b.venue.orders(ticket.base))}")


@DECK.card(
    "REF-006",
    "Options take day and good till canceled only",
    needs=("type.limit", "tif.ioc", "refuses_option_times_in_force"),
    control=(Can.TRUTH,),
    expects=("submit: refused or rejected by name", "placed: 0"),
)
async def option_time_in_force(b: Bench) -> None:
    """Bid for a put, immediate or cancel."""
    price = (await b.prices(b.scene.put)).low
    ticket = b.ticket(b.scene.put, BUY, LIMIT, limit_price=price, tif=IOC, intent=BTO)
    answer = await b.call(b.broker.SubmitOrder, b.submit_request(ticket))
    if answer.has_failed:
        assert answer.failure.effect == "NONE", answer.failure
        assert answer.failure.reason in ("UNSUPPORTED_BY_VENUE", "INVALID_FIELD"), answer.failure
    else:
        assert answer.order.cause.reason, answer.order
    b.note("submit: refused or rejected by name")
    b.note(f"placed: {len(await b.venue.orders(ticket.base))}")


@DECK.card(
    "REF-007",
    "Half a contract",
    needs=_LIMIT,
    control=(Can.TRUTH,),
    expects=("submit limit: refused INVALID_FIELD, effect NONE", "sent: 0"),
)
async def half_a_contract(b: Bench) -> None:
    """Bid for half a put."""
    price = (await b.prices(b.scene.put)).low
    ticket = b.ticket(b.scene.put, BUY, LIMIT, qty="0.5", limit_price=price, intent=BTO)
    await b.submit(ticket)
    await _placed(b, ticket)


@DECK.card(
    "REF-008",
    "An option order that doesn't say whether it opens",
    needs=_LIMIT,
    control=(Can.TRUTH,),
    expects=(
        "submit limit: refused INVALID_FIELD, effect NONE",
        "names order.position_intent",
        "sent: 0",
    ),
)
async def no_intent(b: Bench) -> None:
    """Bid for a put without an intent."""
    ticket = b.ticket(b.scene.put, BUY, LIMIT, limit_price="0.05")
    answer = await b.submit(ticket)
    b.note(f"names {answer.failure.field}")
    await _placed(b, ticket)


@DECK.card(
    "REF-009",
    "A quantity of zero, of less, and in a form that isn't in the grammar",
    needs=("type.market",),
    control=(Can.TRUTH,),
    expects=(
        "0: INVALID_FIELD, effect NONE",
        "-1: INVALID_FIELD, effect NONE",
        "1e2: INVALID_FIELD, effect NONE",
        "NaN: INVALID_FIELD, effect NONE",
        "01: INVALID_FIELD, effect NONE",
        "-0: INVALID_FIELD, effect NONE",
    ),
)
async def bad_quantities(b: Bench) -> None:
    """Send orders with quantities that are none."""
    for text in ("0", "-1", "1e2", "NaN", "01", "-0"):
        ticket = b.ticket(b.scene.share, BUY, MARKET, qty=text)
        answer = await b.call(b.broker.SubmitOrder, b.submit_request(ticket))
        b.note(f"{text}: {answer.failure.reason}, effect {answer.failure.effect}")
        assert not await b.venue.sends(ticket.base)


@DECK.card(
    "REF-010",
    "A limit order without a limit, a market order with one",
    needs=("type.limit", "type.market"),
    control=(Can.TRUTH,),
    expects=(
        "submit limit: refused INVALID_FIELD, effect NONE",
        "submit market: refused INVALID_FIELD, effect NONE",
        "sent: 0",
    ),
)
async def prices_fit_types(b: Bench) -> None:
    """Send both."""
    await b.submit(b.ticket(b.scene.share, BUY, LIMIT))
    ticket = b.ticket(b.scene.share, BUY, MARKET, limit_price="400")
    await b.submit(ticket)
    await _placed(b, ticket)


@DECK.card(
    "REF-011",
    "A field that the server doesn't know is refused, not overlooked",
    needs=_LIMIT,
    control=(Can.TRUTH,),
    expects=("submit limit: refused UNSUPPORTED_FIELD, effect NONE", "sent: 0"),
)
async def unknown_field(b: Bench) -> None:
    """Send an order with a field of a later release."""
    ticket = b.ticket(b.scene.share, BUY, LIMIT, limit_price="240")
    raw = ticket.spec.SerializeToString() + _UNKNOWN_FIELD
    ticket.spec = type(ticket.spec).FromString(raw)
    assert len(UnknownFieldSet(ticket.spec)) == 1
    await b.submit(ticket)
    await _placed(b, ticket)


@DECK.card(
    "REF-012",
    "An order type that the server doesn't know is refused",
    needs=_LIMIT,
    control=(Can.TRUTH,),
    expects=("submit: UNSUPPORTED_FIELD, effect NONE", "sent: 0"),
)
async def unknown_type(b: Bench) -> None:
    """Send an order of a type of a later release."""
    ticket = b.ticket(b.scene.share, BUY, LIMIT, limit_price="240")
    ticket.spec.order_type = 77  # type: ignore[assignment]
    answer = await b.call(b.broker.SubmitOrder, b.submit_request(ticket))
    b.note(f"submit: {answer.failure.reason}, effect {answer.failure.effect}")
    await _placed(b, ticket)


@DECK.card(
    "REF-013",
    "A request without an account, an order, a side, a type",
    needs=_LIMIT,
    control=(Can.TRUTH,),
    expects=(
        "account_id: INVALID_FIELD, effect NONE",
        "order*: INVALID_FIELD, effect NONE",
        "order.side: INVALID_FIELD, effect NONE",
        "order.order_type: INVALID_FIELD, effect NONE",
        "order.time_in_force: INVALID_FIELD, effect NONE",
        "order.instrument*: INVALID_FIELD, effect NONE",
    ),
)
async def required_fields(b: Bench) -> None:
    """Leave one of them out at a time."""
    for left_out in ("account_id", "order", "side", "order_type", "time_in_force", "instrument"):
        ticket = b.ticket(b.scene.share, BUY, LIMIT, limit_price="240", tif=DAY)
        request = b.submit_request(ticket)
        holder: Any = request if left_out in ("account_id", "order") else request.order
        holder.ClearField(left_out)
        answer = await b.call(b.broker.SubmitOrder, request)
        failure = answer.failure
        b.note(f"{failure.field}: {failure.reason}, effect {failure.effect}")


@DECK.card(
    "REF-014",
    "Too many requests: no effect, with the time to wait",
    needs=_LIMIT,
    control=(Can.RATE_LIMIT, Can.TRUTH),
    marks=(Mark.ADAPTER_ONLY, Mark.SPOILS),
    expects=("submit limit: refused RATE_LIMITED, effect NONE", "placed: 0", "sent: 1"),
)
async def rate_limited(b: Bench) -> None:
    """Let the venue say that there were too many requests."""
    ticket = b.ticket(b.scene.share, BUY, LIMIT, limit_price="240")
    await b.venue.rate_limit(Sends.SUBMIT, ticket.base)
    answer = await b.submit(ticket)
    if b.stand.venue == "alpaca":
        assert answer.failure.retry_after_s is not None, answer.failure
    b.note(f"placed: {len(await b.venue.orders(ticket.base))}")
    await _placed(b, ticket)


@DECK.card(
    "REF-015",
    "A 200 may be followed by a rejection: it is told, with its end",
    needs=_LIMIT,
    control=(Can.REJECT,),
    expects=("submit limit: ACCEPTED", "told: REJECTED", "look-up: FOUND REJECTED"),
)
async def late_rejection(b: Bench) -> None:
    """Let the venue reject an order that it has accepted."""
    ticket = b.ticket(b.scene.share, BUY, LIMIT, limit_price="240")
    await b.works(ticket)
    await b.venue.reject(b.at_venue(ticket))
    await b.told(ticket, "REJECTED")
    await b.look_up(ticket)


@DECK.card(
    "REF-016",
    "Another venue's pin is refused",
    needs=_LIMIT,
    control=(Can.TRUTH,),
    expects=("submit limit: refused VENUE_NOT_FOUND, effect NONE", "sent: 0"),
)
async def pinned_elsewhere(b: Bench) -> None:
    """Pin an order to a venue that isn't here."""
    ticket = b.ticket(b.scene.share, BUY, LIMIT, limit_price="240", venue_pin="elsewhere")
    await b.submit(ticket)
    await _placed(b, ticket)


@DECK.card(
    "REF-017",
    "A status that nobody knows doesn't break a list, and the order counts as live",
    needs=("rpc.ListOrders",),
    control=(Can.ODD_STATUS,),
    marks=(Mark.ADAPTER_ONLY,),
    expects=("submit limit: ACCEPTED|SUSPENDED|PENDING_NEW|IN_DOUBT", "listed"),
)
async def odd_status(b: Bench) -> None:
    """Let the venue answer with a status of a later release."""
    ticket = b.ticket(b.scene.share, BUY, LIMIT, limit_price="240")
    await b.venue.odd_status(Sends.SUBMIT, ticket.base)
    answer = await b.submit(ticket)
    assert answer.order.status not in (
        types_pb2.ORDER_STATUS_FILLED,
        types_pb2.ORDER_STATUS_CANCELED,
        types_pb2.ORDER_STATUS_REJECTED,
    )
    reply = await b.broker.ListOrders(pb.ListOrdersRequest(account_id=b.account_id), timeout=20)
    assert any(order.placement_id == ticket.client_id for order in reply.orders), reply
    b.note("listed")


@DECK.card(
    "REF-018",
    "What the venue only remarks on is no refusal",
    needs=("type.limit",),
    control=(Can.NOTICE, Can.TRUTH),
    expects=("submit limit: ACCEPTED", "look-up: FOUND ACCEPTED", "placed: 1"),
)
async def remark_is_no_refusal(b: Bench) -> None:
    """Let the venue say something of an order that it takes."""
    price = (await b.prices(b.scene.share)).low
    ticket = b.ticket(b.scene.share, BUY, LIMIT, limit_price=price)
    await b.venue.remark(ticket.base)
    await b.works(ticket)
    await b.look_up(ticket)
    b.note(f"placed: {len(await b.venue.orders(ticket.base))}")
