"""Ambiguous replace: neither its 200 nor its error is trusted; both terms may be live."""

from __future__ import annotations

from services.common.contract.pb import broker_service_pb2 as pb
from tests.conformance.acts import listed, live_prices, resting
from tests.conformance.bench import Bench
from tests.conformance.card import Deck, Group, Mark
from tests.conformance.control import Body, Can, Sends, VenueOrder

DECK = Deck(Group.AMBIGUOUS_REPLACE, given="an order rests")
_REPLACE = ("type.limit", "rpc.ReplaceOrder")
_DOUBT = (Mark.IN_DOUBT,)
_LIVE = ("new", "accepted", "partially_filled")
_FOUND = "replace: *ACCEPTED|UNKNOWN"  # in doubt, or looked up and found
_UNKNOWN = "replace: refused OUTCOME_UNKNOWN, effect UNKNOWN"


@DECK.card(
    "ARP-001",
    "A 500 after the replace was taken: the new revision is found",
    needs=_REPLACE,
    control=(Can.ERROR_AFTER, Can.TRUTH),
    marks=_DOUBT,
    expects=("submit limit: ACCEPTED", _FOUND, "new: FOUND ACCEPTED", "live: 241"),
)
async def error_after(b: Bench) -> None:
    """Let the venue take a replace and answer 500."""
    ticket = await resting(b)
    new_id = b.next_revision(ticket)
    await b.venue.error_after(Sends.REPLACE, ticket.base)
    await b.replace(ticket, limit_price="241")
    b.note(f"new: {await b.looked_up(ticket, new_id)}")
    b.note(f"live: {await live_prices(b, ticket)}")


@DECK.card(
    "ARP-002",
    "A 500 without effect: the old terms live, the new ones are nowhere",
    needs=_REPLACE,
    control=(Can.ERROR_BEFORE, Can.TRUTH),
    marks=_DOUBT,
    expects=(
        "submit limit: ACCEPTED",
        "replace: *UNKNOWN|rejected*",
        "new: ABSENT|UNKNOWN",
        "look-up: FOUND ACCEPTED",
        "live: 239.95",
    ),
)
async def error_before(b: Bench) -> None:
    """Let the venue answer 500 to a replace and do nothing."""
    ticket = await resting(b)
    new_id = b.next_revision(ticket)
    await b.venue.error_before(Sends.REPLACE, ticket.base)
    await b.replace(ticket, limit_price="241")
    b.note(f"new: {await b.looked_up(ticket, new_id)}")
    await b.look_up(ticket)
    b.note(f"live: {await live_prices(b, ticket)}")


@DECK.card(
    "ARP-003",
    "A connection that ends after the replace was taken: both ends of the chain are told",
    needs=(*_REPLACE, "replace_new_venue_id"),
    control=(Can.LOSE_REPLY, Can.TRUTH),
    marks=_DOUBT,
    expects=("submit limit: ACCEPTED", _FOUND, "told: REPLACED", "live: 241"),
)
async def reply_is_lost(b: Bench) -> None:
    """Let the venue take a replace and cut the connection."""
    ticket = await resting(b)
    await b.venue.lose_reply(Sends.REPLACE, ticket.base)
    await b.replace(ticket, limit_price="241")
    await b.told(ticket, "REPLACED")
    b.note(f"live: {await live_prices(b, ticket)}")


@DECK.card(
    "ARP-004",
    "A replace that never reached the venue: the old terms can be canceled",
    needs=(*_REPLACE, "rpc.CancelOrder"),
    control=(Can.LOSE_REQUEST, Can.TRUTH),
    marks=_DOUBT,
    expects=(
        "submit limit: ACCEPTED",
        _UNKNOWN,
        "cancel: PENDING_CANCEL|CANCELED",
        "told: CANCELED",
        "live: ",
    ),
)
async def request_is_lost(b: Bench) -> None:
    """Lose a replace, then cancel the order."""
    ticket = await resting(b)
    await b.venue.lose_request(Sends.REPLACE, ticket.base)
    await b.replace(ticket, limit_price="241")
    await b.ready()
    await b.cancel(ticket)
    await b.told(ticket, "CANCELED")
    b.note(f"live: {await live_prices(b, ticket)}")


@DECK.card(
    "ARP-005",
    "A page of HTML for a replace that was taken",
    needs=_REPLACE,
    control=(Can.BAD_BODY, Can.TRUTH),
    marks=_DOUBT,
    expects=(
        "submit limit: ACCEPTED",
        "replace: *",
        "new: FOUND ACCEPTED",
        "replaces at the venue: 1",
    ),
)
async def html_body(b: Bench) -> None:
    """Let the venue take a replace and answer with a page."""
    ticket = await resting(b)
    new_id = b.next_revision(ticket)
    await b.venue.bad_body(Sends.REPLACE, Body.HTML, ticket.base)
    await b.replace(ticket, limit_price="241")
    b.note(f"new: {await b.looked_up(ticket, new_id)}")
    b.note(f"replaces at the venue: {await b.venue.sends(ticket.base, Sends.REPLACE)}")


@DECK.card(
    "ARP-006",
    "The same change again after a lost answer leaves one order live",
    needs=_REPLACE,
    control=(Can.ERROR_AFTER, Can.TRUTH),
    marks=_DOUBT,
    expects=(
        "submit limit: ACCEPTED",
        _FOUND,
        "again: no second order",
        "live: 241",
    ),
)
async def sent_again(b: Bench) -> None:
    """Lose the answer to a replace, send it again."""
    ticket = await resting(b)
    request = b.replace_request(ticket, limit_price="241")
    await b.venue.error_after(Sends.REPLACE, ticket.base)
    await b.replace(ticket, limit_price="241", replace_id=request.replace_id)
    again = await b.call(b.broker.ReplaceOrder, request)
    if not again.has_failed:
        assert again.order.spec.limit_price.value == "241", again.order
    b.note("again: no second order")
    b.note(f"live: {await live_prices(b, ticket)}")


@DECK.card(
    "ARP-007",
    "A fill while a replace is in doubt is booked, and never more than was asked for",
    needs=_REPLACE,
    control=(Can.ERROR_AFTER, Can.FILL, Can.TRUTH),
    marks=_DOUBT,
    expects=("submit limit: ACCEPTED", _FOUND, "fills: 2", "told: FILLED", "filled: 2 of 2"),
)
async def fill_in_doubt(b: Bench) -> None:
    """Lose the answer to a replace, then let what is live fill."""
    ticket = await resting(b, qty="2")
    new_id = b.next_revision(ticket)
    await b.venue.error_after(Sends.REPLACE, ticket.base)
    await b.replace(ticket, limit_price="241")
    live = new_id if b.server.fenced and b.venue.renames else b.at_venue(ticket)
    await b.venue.fill(live, "2", "241")
    await b.fills(ticket, "2")
    await b.told(ticket, "FILLED")
    filled = sum(fill.last_qty for fill in await b.venue.fills(ticket.base))
    b.note(f"filled: {filled} of 2")


@DECK.card(
    "ARP-008",
    "Events of a replace that are lost are made up for",
    needs=_REPLACE,
    control=(Can.DROP_EVENT, Can.TRUTH),
    expects=(
        "submit limit: ACCEPTED",
        "replace: ACCEPTED|PENDING_REPLACE",
        "works with the new terms",
        "live: 241",
        "told as working at 241",
    ),
)
async def events_are_lost(b: Bench) -> None:
    """Lose what the stream tells of a replace."""
    ticket = await resting(b)
    await b.venue.drop_event(ticket.base, times=0)
    await b.replace(ticket, limit_price="241")
    await b.revised(ticket, limit_price="241")
    b.note(f"live: {await live_prices(b, ticket)}")

    async def is_told() -> bool:
        told = b.hearing.orders(ticket)
        return any(order.spec.limit_price.value == "241" for order in told)

    await b.eventually(is_told, "the new terms on the stream")
    b.note("told as working at 241")


@DECK.card(
    "ARP-009",
    "Too many requests: the replace had no effect, the old terms live",
    needs=_REPLACE,
    control=(Can.RATE_LIMIT, Can.TRUTH),
    marks=(Mark.ADAPTER_ONLY, Mark.SPOILS),
    expects=(
        "submit limit: ACCEPTED",
        "replace: refused RATE_LIMITED, effect NONE",
        "live: 239.95",
    ),
)
async def rate_limited(b: Bench) -> None:
    """Let the venue say to a replace that there were too many requests."""
    ticket = await resting(b)
    await b.venue.rate_limit(Sends.REPLACE, ticket.base)
    await b.replace(ticket, limit_price="241")
    b.note(f"live: {await live_prices(b, ticket)}")


@DECK.card(
    "ARP-010",
    "A replace that is refused after its 200: the old terms work, and fill",
    needs=_REPLACE,
    control=(Can.REFUSE_LATER, Can.FILL, Can.TRUTH),
    expects=(
        "submit limit: ACCEPTED",
        "replace: ACCEPTED|PENDING_REPLACE|refused*",  # a server may know it by then
        "live: 239.95",
        "fills: 1",
        "told: FILLED",
    ),
)
async def refused_later(b: Bench) -> None:
    """Let the venue confirm a replace and turn it down a moment later, then fill."""
    ticket = await resting(b)
    old_id = b.at_venue(ticket)
    await b.venue.refuse_later(Sends.REPLACE, ticket.base)
    await b.replace(ticket, limit_price="241")

    async def is_old() -> bool:
        return await live_prices(b, ticket) == "239.95"

    await b.eventually(is_old, "the old terms at the venue")
    b.note(f"live: {await live_prices(b, ticket)}")
    await b.venue.fill(old_id, "1", "239.95")
    await b.fills(ticket, "1")
    await b.told(ticket, "FILLED")


@DECK.card(
    "ARP-011",
    "A change that leaves the order of before beside it: both are found",
    needs=(*_REPLACE, "rpc.ListOrders"),
    control=(Can.DOUBLE_REPLACE, Can.TRUTH),
    marks=(Mark.ADAPTER_ONLY,),
    expects=(
        "submit limit: ACCEPTED",
        "replace: *",
        "live at the venue: 2",
        "listed: 2",
    ),
)
async def both_are_live(b: Bench) -> None:
    """Let a change make a second live order; list what is open."""
    ticket = await resting(b)
    await b.venue.double_replace()
    await b.replace(ticket, limit_price="241")

    async def live() -> list[VenueOrder]:
        return [o for o in await b.venue.orders(ticket.base) if o.status in _LIVE]

    async def two() -> bool:
        return len(await live()) == 2

    await b.eventually(two, "the second order")
    b.note("live at the venue: 2")

    async def both() -> bool:
        shown = await listed(b, "ListOrders", "orders", filter=pb.ORDER_FILTER_OPEN)
        own = {o.venue_order_id for o in shown if o.placement_id.startswith(f"{ticket.base}~")}
        return len(own) == 2

    await b.eventually(both, "both in the list")
    b.note("listed: 2")
