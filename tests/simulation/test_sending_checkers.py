"""The checkers of what is sent and what is told see what they are there for."""

from __future__ import annotations

import asyncio
import struct
from datetime import UTC, datetime
from decimal import Decimal

import pytest

from services.common.domain.errors import Effect, Reason, VenueCause
from services.common.domain.order_events import Placement
from services.router.journal.records import (
    AlertRaised,
    FailedOver,
    PlacementIntended,
    Record,
    Severity,
)
from simulators.ib_gateway.settings import SIMULATED_ACCOUNT, IbGatewaySettings
from simulators.ib_gateway.simulated import build
from simulators.venue.orders import NewOrder, Order, OrderType, Side, TimeInForce
from tests.simulation.checkers.absence import AbsenceChecker, Listing
from tests.simulation.checkers.finding import Kind
from tests.simulation.checkers.intent import IntentChecker
from tests.simulation.evidence import check_failovers
from tests.simulation.venues.ib_wire import WrittenOrders

ID = "a~v0~1.0"
AT = datetime(2026, 3, 2, 15, 0, tzinfo=UTC)


# -- what is sent ------------------------------------------------------------------------------


def intent(send_log: set[bytes], journal: set[bytes]) -> IntentChecker:
    return IntentChecker(journal.__contains__, {"ib": send_log.__contains__}, lambda: 0.0)


def kinds(checker: IntentChecker | AbsenceChecker) -> list[Kind]:
    return [finding.kind for finding in checker.findings]


def test_what_is_in_journal_and_send_log_may_leave_once() -> None:
    checker = intent({ID.encode()}, {ID.encode()})
    checker.leaves_router(ID)
    checker.leaves_adapter("ib", ID, "7")
    assert kinds(checker) == []
    checker.leaves_adapter("ib", ID, "8")
    assert kinds(checker) == [Kind.DUPLICATE]


def test_what_is_missing_in_the_journal_or_the_send_log_must_not_leave() -> None:
    for checker in (intent(set(), {ID.encode()}), intent({ID.encode()}, set())):
        checker.leaves_adapter("ib", ID, "7")
        assert kinds(checker) == [Kind.INTENT]
    checker = intent(set(), {ID.encode()})
    checker.leaves_adapter("alpaca", ID)  # keeps no send log, and needs none
    assert kinds(checker) == []


def test_a_number_on_the_wire_must_be_above_all_before() -> None:
    ids = {b"a~v0~1.0", b"b~v0~1.0"}
    checker = intent(ids, ids)
    checker.leaves_adapter("ib", "a~v0~1.0", "7")
    checker.leaves_adapter("ib", "b~v0~1.0", "7")
    assert kinds(checker) == [Kind.DUPLICATE]


@pytest.mark.parametrize("step", [1, 7, 1000])
def test_orders_are_read_along_on_the_gateways_wire_however_they_are_cut(step: int) -> None:
    place = [b"3", b"12", *[b""] * 24, ID.encode(), b"1", b""]
    bodies = [b"v157..176", b"71\x002\x0017\x00\x00", b"\0".join(place), b"4\x001\x0012\x00\x00"]
    data = b"API\0" + b"".join(struct.pack(">I", len(body)) + body for body in bodies)
    seen: list[tuple[str, str]] = []
    tap = WrittenOrders(lambda *order: seen.append(order))
    for start in range(0, len(data), step):
        tap(data[start : start + step])
    assert seen == [(ID, "12")]


# -- what is told to be absent -----------------------------------------------------------------


class Venue:
    """A simulated Gateway's venue, its time in the test's hands, watched by a checker."""

    def __init__(self) -> None:
        self.now_s = 0.0
        self.checker = AbsenceChecker(lambda: self.now_s)
        self.venue = build(IbGatewaySettings(), lambda: self.now_s).venue
        self.venue.subscribe(lambda event: self.checker.venue_event("ib", event))

    def place(self, limit: str) -> Order:
        order = self.venue.submit(
            NewOrder(
                account_id=SIMULATED_ACCOUNT,
                symbol="SPY",
                side=Side.BUY,
                order_qty=Decimal(2),
                order_type=OrderType.LIMIT,
                time_in_force=TimeInForce.DAY,
                limit_price=Decimal(limit),
                client_order_id=ID,
            )
        )
        self.now_s += 1.0
        self.venue.advance()
        return order


@pytest.fixture
async def venue() -> Venue:
    await asyncio.sleep(0)  # a simulator wants a running loop
    return Venue()


async def test_an_order_that_was_there_before_the_question_is_not_absent(venue: Venue) -> None:
    venue.place("390.00")
    venue.checker.said_absent("ib", ID, asked_at_s=0.0)
    venue.checker.said_absent("alpaca", ID, asked_at_s=1.0)
    assert kinds(venue.checker) == []
    venue.checker.said_absent("ib", ID, asked_at_s=1.0)
    assert kinds(venue.checker) == [Kind.WRONG]


async def test_all_open_orders_are_all(venue: Venue) -> None:
    venue.place("390.00")
    venue.checker.said_all_open("ib", [ID], asked_at_s=1.0)
    assert kinds(venue.checker) == []
    venue.checker.said_all_open("ib", [], asked_at_s=1.0)
    assert kinds(venue.checker) == [Kind.WRONG]


async def test_all_executions_are_all(venue: Venue) -> None:
    venue.place("400.02")
    whole = frozenset({(ID, Decimal(2))})
    for listed in (whole, frozenset()):
        venue.checker.said_all_executions(Listing("ib", None, "", 2.0, listed))
    assert kinds(venue.checker) == [Kind.WRONG]


# -- failovers -----------------------------------------------------------------------------------


def failover(to_venue: str = "ib", placed_at: str = "ib") -> list[Record]:
    cause = VenueCause("alpaca", Reason.VENUE_UNAVAILABLE, "down", Effect.NONE, "")
    return [
        FailedOver("main", "a", "alpaca", to_venue, cause),
        AlertRaised("FAILOVER", Severity.WARNING, "", "main", "alpaca", "a", (cause,)),
        PlacementIntended("main", "a", Placement(ID, placed_at, Decimal(1), AT, "")),
    ]


def test_a_failover_is_counted_alarmed_and_leads_where_it_says() -> None:
    assert list(check_failovers(failover(), 1, lambda _: False)) == []


@pytest.mark.parametrize(
    ("records", "counted", "is_exit"),
    [
        (failover(), 0, False),
        (failover()[:1] + failover()[2:], 1, False),
        (failover(placed_at="alpaca"), 1, False),
        (failover()[:2], 1, False),
        (failover(), 1, True),
    ],
    ids=["not counted", "not alarmed", "elsewhere", "nowhere", "an exit"],
)
def test_what_is_wrong_with_a_failover_is_found(
    records: list[Record], counted: int, is_exit: bool
) -> None:
    assert [f.kind for f in check_failovers(records, counted, lambda _: is_exit)] == [Kind.WRONG]
