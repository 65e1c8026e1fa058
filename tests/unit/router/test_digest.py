"""The digest: equal for equal books, and another after any change in them."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from dataclasses import fields, is_dataclass, replace
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from services.common.domain.errors import Cause, Effect, Reason, VenueCause
from services.common.domain.executions import Side
from services.common.domain.instruments import OptionContract
from services.common.domain.order_events import PlacementReleased
from services.common.domain.order_status import OrderStatus, Signal
from services.common.domain.order_terms import OrderChange, OrderType, PositionIntent, TimeInForce
from services.common.domain.reports import VenueState
from services.router.books.books import Books
from services.router.books.digest import digest
from services.router.books.shelves import ShelfList
from services.router.journal import codec
from services.router.journal.records import (
    NO_VENUE,
    ActivityBooked,
    AlertRaised,
    EpochTaken,
    FailedOver,
    Instruction,
    InstructionAnswered,
    InstructionIntended,
    PlacementFreed,
    QuarantineClosed,
    Quarantined,
    Record,
    ReplaceIntended,
    RestoreFound,
    RestoreRead,
    Severity,
    TradingState,
    TradingStateSet,
    VenueStateChanged,
)
from services.router.routing.adopting import external_order
from tests.unit.domain.orders import NOW, activity, execution, spec
from tests.unit.router.folded import Folded
from tests.unit.router.scripted_port import report

CAUSE = VenueCause("alpaca", Reason.RATE_LIMITED, "429", Effect.NONE)
DERIVED = {"by_placement", "by_venue_order", "activity_keys", "execution_places", "moved_by"}
"""Ways to find a thing, made of the things themselves."""


STRANGER = replace(
    report(spec(), OrderStatus.ACCEPTED, Signal.ACKNOWLEDGED),
    order_type=OrderType.LIMIT,
    time_in_force=TimeInForce.DAY,
    limit_price=Decimal("8.50"),
)
CONTRACT = spec().single
assert isinstance(CONTRACT, OptionContract)
EXERCISE = InstructionIntended("main", "x-1", Instruction.EXERCISE, "alpaca", CONTRACT, Decimal(2))


def venue(state: VenueState, session_id: str) -> VenueStateChanged:
    ready = state is VenueState.UP
    return VenueStateChanged(
        "main", "alpaca", state, "", ready=ready, session_id=session_id, clock_offset_s=1.5
    )


def rich() -> Folded:
    """Books with some of everything."""
    fold = Folded()
    fold.held(spec(client_order_id="a"))
    fold.fill(fold.order(spec(client_order_id="b"), "second"), "3")
    buy = spec(client_order_id="c", side=Side.BUY, position_intent=PositionIntent.BUY_TO_CLOSE)
    fold.fill(fold.order(replace(buy, order_qty=Decimal(4))), "4", "8.10")
    fold.order(spec(client_order_id="d"), signal=Signal.DOUBTED)
    fold.cancel("d")
    fold.order(spec(client_order_id="h"), signal=None, is_held=True)
    fold.add(
        FailedOver("main", "b", "alpaca", "second", CAUSE),
        Quarantined("q-1", "main", "alpaca", "a stranger", execution=execution("x")),
        ActivityBooked("main", activity("a-1")),
        EXERCISE,
        venue(VenueState.UP, "session-1"),
        TradingStateSet("main", TradingState.REDUCING, "test", "me"),
        AlertRaised(NO_VENUE, Severity.CRITICAL, "", "second"),
        RestoreFound("second", "alpaca", NOW, "a copy"),
    )
    return fold


def test_two_folds_of_one_journal_give_the_same() -> None:
    fold = rich()
    again = Books()
    for seq, record in enumerate(fold.records, start=1):
        data = codec.encode(seq, NOW + timedelta(seconds=seq), record)
        again.apply(*codec.decode(data))
    assert digest(again) == digest(fold.books)
    assert vars(again) == vars(fold.books)


RECORDS: list[Record] = [
    EpochTaken(1, 2, "node"),
    EpochTaken(2, 1, "node"),
    TradingStateSet("", TradingState.HALTED, "begun", "tandem"),
    TradingStateSet("", TradingState.ACTIVE, "another reason", "tandem"),
    FailedOver("main", "a", "alpaca", "second", CAUSE),
    AlertRaised(NO_VENUE, Severity.CRITICAL, "", "main"),
    Quarantined("q-2", "main", "alpaca", "a stranger"),
    Quarantined("q-1", "main", "alpaca", "a stranger, by now", execution=execution("x")),
    QuarantineClosed("q-1", "main", adopted=False, reason="known", actor="me"),
    external_order(STRANGER, at=NOW, reason="mine", actor="me"),
    ActivityBooked("main", activity("a-2")),
    replace(EXERCISE, client_order_id="x-2"),
    InstructionAnswered("main", "x-1", OrderStatus.IN_DOUBT, Cause(Reason.OUTCOME_UNKNOWN, "")),
    ReplaceIntended("main", "a", "r-1", OrderChange(limit_price=Decimal(9))),
    PlacementFreed("main", "h", PlacementReleased("h~al~1.0", Decimal(3), NOW, "session-2")),
    RestoreFound("main", "alpaca", None, "a copy"),
    RestoreRead("second", "alpaca", 3),
    venue(VenueState.DOWN, ""),
    venue(VenueState.UP, "session-2"),
]


@pytest.mark.parametrize("record", RECORDS, ids=lambda record: type(record).__name__)
def test_a_record_that_changes_the_books_changes_it(record: Record) -> None:
    fold = rich()
    before = digest(fold.books)
    fold.add(record)
    assert digest(fold.books) != before


def test_each_step_of_an_order_changes_it() -> None:
    fold = Folded()
    seen = {digest(fold.books)}
    steps: list[Any] = [
        lambda: fold.order(spec(), signal=None),
        lambda: fold.fill("o-1~al~1.0", "4"),
        lambda: fold.fill("o-1~al~1.0", "3", "8.60"),
        lambda: fold.cancel("o-1"),
    ]
    for step in steps:
        step()
        seen.add(digest(fold.books))
    assert len(seen) == 1 + len(steps)


def test_an_alert_is_told_and_changes_nothing() -> None:
    fold = rich()
    before = digest(fold.books)
    fold.add(AlertRaised("TEST", Severity.INFO, ""))
    assert digest(fold.books) == before


def altered(value: Any) -> Any:
    """The same thing, different."""
    if isinstance(value, Mapping):
        return dict(list(value.items())[1:])
    if isinstance(value, list | ShelfList):
        return value[1:]
    if isinstance(value, int):
        return value + 1
    if isinstance(value, str):
        return f"{value}1"
    if is_dataclass(value) and not isinstance(value, type):
        first = fields(value)[0].name
        return replace(value, **{first: altered(getattr(value, first))})
    return value + timedelta(microseconds=1)


@pytest.mark.parametrize("name", sorted(set(vars(Books())) - DERIVED))
def test_nothing_in_the_books_escapes_it(name: str) -> None:
    fold = rich()
    before = digest(fold.books)
    other = copy.copy(fold.books)
    value = getattr(other, name)
    assert value, "the books of this test have some of everything"
    setattr(other, name, altered(value))
    assert digest(other) != before
