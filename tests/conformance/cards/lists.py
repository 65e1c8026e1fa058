"""Lists and look-ups: all of it, or an error."""

from __future__ import annotations

from datetime import timedelta

from services.common.contract.pb import broker_service_pb2 as pb
from tests.conformance.acts import hold, listed, resting
from tests.conformance.bench import CALL_S, Bench
from tests.conformance.card import Deck, Group, Mark
from tests.conformance.control import Can, Reads
from tests.conformance.scene import BUY, LIMIT, Ticket, instrument

DECK = Deck(Group.LISTS, given="the market is open")
_ORDERS = ("type.limit", "rpc.ListOrders")


async def _many(b: Bench, count: int) -> list[Ticket]:
    price = (await b.prices(b.scene.share)).low
    tickets = [b.ticket(b.scene.share, BUY, LIMIT, limit_price=price) for _ in range(count)]
    for ticket in tickets:
        answer = await b.call(b.broker.SubmitOrder, b.submit_request(ticket))
        assert not answer.has_failed, answer.failure
    return tickets


def _own(b: Bench, orders: list[object]) -> list[str]:
    prefix = b.tickets[0].base.rpartition("-")[0]
    ids = [order.spec.client_order_id for order in orders]  # type: ignore[attr-defined]
    return [i for i in ids if i.startswith(prefix)]


@DECK.card(
    "LIS-001",
    "Pages of two make the whole list, newest first, none twice",
    needs=_ORDERS,
    marks=(Mark.PAPER,),
    expects=("5 orders on 3 pages or more", "newest first"),
)
async def pages(b: Bench) -> None:
    """Place five orders, list by twos."""
    tickets = await _many(b, 5)
    ids: list[str] = []
    token, count = "", 0
    while True:
        request = pb.ListOrdersRequest(account_id=b.account_id, filter=pb.ORDER_FILTER_OPEN)
        request.page.page_size = 2
        request.page.page_token = token
        reply = await b.broker.ListOrders(request, timeout=CALL_S)
        assert len(reply.orders) <= 2, reply
        ids += _own(b, list(reply.orders))
        count += 1
        token = reply.next_page_token
        if not token:
            break
    assert len(ids) == len(set(ids)), ids
    assert count >= 3
    b.note(f"{len(ids)} orders on 3 pages or more")
    wanted = [ticket.base for ticket in reversed(tickets)]
    assert [i.partition("~")[0] for i in ids] == wanted, ids
    b.note("newest first")


@DECK.card(
    "LIS-002",
    "Open, closed and all are what they say",
    needs=(*_ORDERS, "rpc.CancelOrder"),
    marks=(Mark.PAPER,),
    expects=(
        "submit limit: ACCEPTED",
        "submit limit: ACCEPTED",
        "cancel: PENDING_CANCEL|CANCELED",
        "told: CANCELED",
        "open: the first; closed: the second; all: both",
    ),
)
async def filters(b: Bench) -> None:
    """Place two orders, cancel one, list three ways."""
    first = await resting(b)
    second = await resting(b)
    await b.cancel(second)
    await b.told(second, "CANCELED")
    found = {}
    for name in ("OPEN", "CLOSED", "ALL"):
        orders = await listed(
            b, "ListOrders", "orders", filter=pb.OrderFilter.Value(f"ORDER_FILTER_{name}")
        )
        found[name] = {i.partition("~")[0] for i in _own(b, orders)}
    assert found["OPEN"] == {first.base}, found
    assert found["CLOSED"] == {second.base}, found
    assert found["ALL"] == {first.base, second.base}, found
    b.note("open: the first; closed: the second; all: both")


@DECK.card(
    "LIS-003",
    "Orders of one instrument",
    needs=_ORDERS,
    expects=("submit limit: ACCEPTED", "submit limit: ACCEPTED", "1 of the other share"),
)
async def by_instrument(b: Bench) -> None:
    """Place orders of two shares, list those of one."""
    await resting(b)
    other = await resting(b, share=b.scene.other_share)
    orders = await listed(
        b,
        "ListOrders",
        "orders",
        filter=pb.ORDER_FILTER_OPEN,
        instrument=instrument(b.scene.other_share),
    )
    assert [i.partition("~")[0] for i in _own(b, orders)] == [other.base]
    b.note(f"{len(orders)} of the other share")


@DECK.card(
    "LIS-004",
    "A list that can't be read to its end is an error, never a part",
    needs=_ORDERS,
    control=(Can.FAIL_READS,),
    marks=(Mark.ADAPTER_ONLY,),
    expects=("submit limit: ACCEPTED", "ListOrders: refused READ_FAILED|VENUE_UNAVAILABLE"),
)
async def failing_orders(b: Bench) -> None:
    """Let reads of orders fail, list them."""
    await resting(b)
    await b.venue.fail_reads(Reads.ORDERS)
    request = pb.ListOrdersRequest(account_id=b.account_id)
    await b.refused("ListOrders", request)


@DECK.card(
    "LIS-005",
    "Executions that can't be read are an error, never none",
    needs=("rpc.ListExecutions", "type.market"),
    control=(Can.FAIL_READS,),
    marks=(Mark.ADAPTER_ONLY,),
    given="one share is held",
    expects=("ListExecutions: refused READ_FAILED|VENUE_UNAVAILABLE", "then 1"),
)
async def failing_executions(b: Bench) -> None:
    """Let reads of executions fail, list them; then let them work."""
    ticket = await hold(b, b.scene.share, "1")
    await b.venue.fail_reads(Reads.EXECUTIONS)
    request = pb.ListExecutionsRequest(account_id=b.account_id, client_order_id=ticket.client_id)
    await b.refused("ListExecutions", request)
    await b.venue.clear_faults()
    reply = await b.broker.ListExecutions(request, timeout=CALL_S)
    b.note(f"then {len(reply.executions)}")


@DECK.card(
    "LIS-006",
    "Reads are tried again where the venue asks for patience",
    needs=("rpc.ListPositions",),
    control=(Can.FAIL_READS, Can.RATE_LIMIT),
    marks=(Mark.ADAPTER_ONLY,),
    expects=("positions were read", "clock was read"),
)
async def reads_are_tried_again(b: Bench) -> None:
    """Let one read fail, and another one twice."""
    await b.venue.fail_reads(Reads.POSITIONS, times=1)
    request = pb.ListPositionsRequest(account_id=b.account_id)
    await b.broker.ListPositions(request, timeout=CALL_S)
    b.note("positions were read")
    await b.venue.fail_reads(Reads.CLOCK, times=2)
    clock = pb.GetMarketClockRequest(account_id=b.account_id)
    assert (await b.broker.GetMarketClock(clock, timeout=CALL_S)).HasField("venue_time")
    b.note("clock was read")


@DECK.card(
    "LIS-007",
    "A page token that isn't the server's is refused",
    needs=_ORDERS,
    marks=(Mark.PAPER,),
    expects=(
        "ListOrders: refused INVALID_TOKEN",
        "ListPositions: refused INVALID_TOKEN",
    ),
)
async def foreign_tokens(b: Bench) -> None:
    """Ask for a page of nothing."""
    for name, request in (
        ("ListOrders", pb.ListOrdersRequest(account_id=b.account_id)),
        ("ListPositions", pb.ListPositionsRequest(account_id=b.account_id)),
    ):
        request.page.page_token = "nothing"
        await b.refused(name, request)


@DECK.card(
    "LIS-008",
    "A look-up of an id that was never sent is absent, in an OK answer",
    needs=("rpc.GetOrder", "proves_absence"),
    marks=(Mark.PAPER,),
    expects=("look-up: ABSENT",),
)
async def absent(b: Bench) -> None:
    """Look up an id that was never sent."""
    await b.look_up(b.ticket(b.scene.share, BUY, LIMIT, limit_price="1"))


@DECK.card(
    "LIS-009",
    "A list between two times has what began in between",
    needs=(*_ORDERS, "order_times"),
    control=(Can.CLOCK,),
    expects=("submit limit: ACCEPTED", "since before it: 1", "since after it: 0"),
)
async def between_times(b: Bench) -> None:
    """Place an order, list since a minute before it and since a minute after it."""
    ticket = await resting(b)
    times = (await b.find(ticket)).order.created
    told = times.venue_time if times.HasField("venue_time") else times.received_time
    created = told.ToDatetime()
    for name, shift in (("since before it", -60), ("since after it", 60)):
        request = pb.ListOrdersRequest(account_id=b.account_id)
        request.after.FromDatetime(created + timedelta(seconds=shift))
        reply = await b.broker.ListOrders(request, timeout=CALL_S)
        b.note(f"{name}: {len(_own(b, list(reply.orders)))}")


@DECK.card(
    "LIS-010",
    "More orders than one page of the venue holds are all listed",
    needs=_ORDERS,
    control=(Can.TRUTH,),
    marks=(Mark.ADAPTER_ONLY,),
    expects=("60 listed",),
)
async def more_than_a_page(b: Bench) -> None:
    """Place sixty orders, where the venue's default page has fifty."""
    await _many(b, 60)
    orders = await listed(b, "ListOrders", "orders", filter=pb.ORDER_FILTER_OPEN)
    b.note(f"{len(_own(b, orders))} listed")
