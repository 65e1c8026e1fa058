"""Where an order may go, case by case. What is held and open is folded from records."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from services.common.domain.errors import Effect, NotFound, ReadFailed, Reason, Refused
from services.common.domain.executions import Side
from services.common.domain.order_spec import OrderSpec
from services.common.domain.order_status import Signal
from services.common.domain.order_terms import PositionIntent
from services.router.books.books import Books
from services.router.risk.gate import Role
from services.router.routing.plan import plan_order
from services.router.routing.planned import Plan
from services.router.routing.venue import VenueView
from tests.unit.domain.orders import instrument, spec
from tests.unit.router.folded import Folded
from tests.unit.router.test_cover import facts

STO, STC = PositionIntent.SELL_TO_OPEN, PositionIntent.SELL_TO_CLOSE
BTO, BTC = PositionIntent.BUY_TO_OPEN, PositionIntent.BUY_TO_CLOSE


def view(name: str, *, ready: bool = True, takes_entries: bool = True) -> VenueView:
    why = "" if takes_entries else "it is down"
    return VenueView(name, name[:2], ready, takes_entries, why, "session-1")


BOTH = (view("alpaca"), view("second"))
LATE = (view("alpaca", takes_entries=False), view("second"))
DOWN = (view("alpaca", ready=False, takes_entries=False), view("second"))


def put(intent: PositionIntent, qty: str = "10", name: str = "x", **changes: Any) -> OrderSpec:
    return spec(
        client_order_id=name,
        side=intent.side,
        position_intent=intent,
        order_qty=Decimal(qty),
        **changes,
    )


def stock(side: Side, qty: str = "10", name: str = "x", **changes: Any) -> OrderSpec:
    made = spec(client_order_id=name, side=side, order_qty=Decimal(qty), **changes)
    return replace(made, instrument=instrument("SPY"), position_intent=None)


def plan(
    order: OrderSpec,
    books: Books | Folded | None = None,
    views: Sequence[VenueView] = BOTH,
    **named: Any,
) -> Plan:
    known = books.books if isinstance(books, Folded) else books or Folded().books
    given = {"alpaca": facts("10000000"), "second": facts("10000000")}
    return plan_order(order, "main", known, views, named.pop("facts", given), **named)


def refusal(order: OrderSpec, fold: Folded, views: Sequence[VenueView] = BOTH, **named: Any) -> Any:
    with pytest.raises(Refused) as refused:
        plan(order, fold, views, **named)
    assert refused.value.effect is Effect.NONE
    return refused.value.reason


def names(planned: Plan) -> list[str]:
    return [one.name for one in planned.candidates]


def short(qty: str = "10", venue: str = "alpaca") -> Folded:
    fold = Folded()
    fold.held(put(STO, qty, "held"), venue)
    return fold


# -- entries --


@pytest.mark.parametrize(
    ("changes", "views", "wanted"),
    [
        ({}, BOTH, ["alpaca", "second"]),
        ({"venue_preference": "second"}, BOTH, ["second", "alpaca"]),
        ({"venue_preference": "nowhere"}, BOTH, ["alpaca", "second"]),
        ({"venue_pin": "second"}, BOTH, ["second"]),
        ({"venue_pin": "alpaca", "venue_preference": "second"}, BOTH, ["alpaca"]),
        ({}, LATE, ["second"]),
        ({}, DOWN, ["second"]),
        ({}, DOWN[:1], []),
    ],
)
def test_an_entry_goes_to_the_preferred_venue_that_takes_it(
    changes: dict[str, str], views: Sequence[VenueView], wanted: list[str]
) -> None:
    planned = plan(stock(Side.BUY, **changes), views=views)
    assert planned.role is Role.ENTRY
    assert names(planned) == wanted
    assert len(planned.candidates) + len(planned.passed_over) >= (
        1 if "venue_pin" in changes else len(views)
    )


def test_an_entry_pinned_to_a_venue_that_cannot_take_it_is_refused() -> None:
    order = stock(Side.BUY, venue_pin="alpaca")
    assert refusal(order, Folded(), LATE) is Reason.HOLDER_UNAVAILABLE


def test_a_pin_to_a_venue_of_nobody_is_not_found() -> None:
    with pytest.raises(NotFound) as refused:
        plan(stock(Side.BUY, venue_pin="nowhere"))
    assert refused.value.reason is Reason.VENUE_NOT_FOUND


# -- what is an exit --


@pytest.mark.parametrize(
    ("held", "side", "role"),
    [
        (None, Side.BUY, Role.ENTRY),
        (None, Side.SELL, Role.ENTRY),
        (Side.BUY, Side.BUY, Role.ENTRY),
        (Side.BUY, Side.SELL, Role.EXIT),
        (Side.SELL, Side.BUY, Role.EXIT),
        (Side.SELL, Side.SELL, Role.ENTRY),
    ],
)
def test_an_order_without_an_intent_is_an_exit_if_it_reduces(
    held: Side | None, side: Side, role: Role
) -> None:
    fold = Folded()
    if held is not None:
        fold.held(stock(held, "10", "held"))
    assert plan(stock(side), fold).role is role


@pytest.mark.parametrize(
    ("held", "intent", "fits"),
    [
        (None, STO, True),
        (None, BTO, True),
        (None, STC, False),
        (None, BTC, False),
        (STO, STO, True),
        (STO, BTC, True),
        (STO, BTO, False),  # it would close
        (STO, STC, False),  # there is nothing long
        (BTO, BTO, True),
        (BTO, STC, True),
        (BTO, STO, False),
        (BTO, BTC, False),
    ],
)
def test_an_intent_must_fit_what_is_held(
    held: PositionIntent | None, intent: PositionIntent, fits: bool
) -> None:
    fold = Folded()
    if held is not None:
        fold.held(put(held, "10", "held"), "second")
    if fits:
        assert plan(put(intent), fold).role is (Role.ENTRY if intent.opens else Role.EXIT)
    else:
        assert refusal(put(intent), fold) is Reason.INTENT_MISMATCH


def test_what_another_account_holds_is_not_ours() -> None:
    fold = Folded()
    placed = fold.order(put(STO, "10", "held"), account_id="other")
    fold.fill(placed, "10", account_id="other")
    assert refusal(put(BTC), fold) is Reason.INTENT_MISMATCH


# -- exits --


@pytest.mark.parametrize("venue", ["alpaca", "second"])
def test_an_exit_has_one_candidate_the_holder(venue: str) -> None:
    planned = plan(put(BTC, venue_preference="alpaca"), short(venue=venue))
    assert planned.role is Role.EXIT
    assert names(planned) == [venue]


def test_an_exit_goes_to_a_fenced_venue_before_it_takes_entries() -> None:
    assert names(plan(put(BTC), short(), LATE)) == ["alpaca"]


def test_an_exit_never_goes_elsewhere() -> None:
    assert refusal(put(BTC), short(), DOWN) is Reason.HOLDER_UNAVAILABLE


def test_an_exit_pinned_beside_the_position_is_refused() -> None:
    assert refusal(put(BTC, venue_pin="second"), short()) is Reason.WOULD_CROSS_ZERO


def test_an_exit_of_more_than_is_held_is_refused() -> None:
    assert refusal(put(BTC, "11"), short("10")) is Reason.WOULD_CROSS_ZERO


def test_an_exit_that_one_of_two_holders_can_take_goes_there_whole() -> None:
    fold = short("6")
    fold.held(put(STO, "6", "held-2"), "second")
    assert names(plan(put(BTC, "6"), fold)) == ["alpaca"]
    assert names(plan(put(BTC, "6", venue_pin="second"), fold)) == ["second"]
    assert names(plan(put(BTC, "6"), fold, DOWN)) == ["second"]


@pytest.mark.parametrize(
    ("signal", "free"),
    [
        (None, 4),
        (Signal.ACKNOWLEDGED, 4),
        (Signal.DOUBTED, 4),
        (Signal.PENDING_CANCEL, 4),
        (Signal.NOT_SENT, 10),
        (Signal.REJECTED, 10),
        (Signal.CANCELED, 10),
        (Signal.FILLED, 4),  # the venue says so, its fills are not booked yet
    ],
)
def test_what_another_exit_may_still_take_is_not_free(signal: Signal | None, free: int) -> None:
    fold = short("10")
    fold.order(put(BTC, "6", "exit"), signal=signal)
    assert names(plan(put(BTC, str(free)), fold)) == ["alpaca"]
    reason = refusal(put(BTC, str(free + 1)), fold)
    assert reason is (Reason.INSUFFICIENT_QTY if free < 10 else Reason.WOULD_CROSS_ZERO)


def test_a_partly_filled_exit_reserves_only_its_rest() -> None:
    fold = short("10")
    fold.fill(fold.order(put(BTC, "6", "exit")), "2")
    assert names(plan(put(BTC, "4"), fold)) == ["alpaca"]
    assert refusal(put(BTC, "5"), fold) is Reason.INSUFFICIENT_QTY


def test_an_exit_at_another_venue_reserves_nothing_here() -> None:
    fold = short("10")
    fold.held(put(STO, "10", "held-2"), "second")
    fold.order(put(BTC, "10", "exit"), "second")
    assert names(plan(put(BTC, "10"), fold)) == ["alpaca"]


def test_shares_behind_a_short_call_are_not_sold() -> None:
    fold = Folded()
    fold.held(stock(Side.BUY, "150", "held"))
    call = put(STO, "1", "call", instrument=instrument("SPY241115C00600000"))
    fold.order(replace(call, limit_price=Decimal(1)))
    assert names(plan(stock(Side.SELL, "50"), fold)) == ["alpaca"]
    assert refusal(stock(Side.SELL, "51"), fold) is Reason.INSUFFICIENT_QTY
    assert names(plan(stock(Side.SELL, "150"), fold, allow_uncovered=True)) == ["alpaca"]


# -- cover --


def test_an_order_that_needs_cover_goes_only_where_it_is() -> None:
    given = {"alpaca": facts("0"), "second": facts("400000")}
    planned = plan(put(STO), facts=given)
    assert names(planned) == ["second"]
    assert [(c.venue, c.reason) for c in planned.passed_over] == [("alpaca", Reason.NO_COVER)]


def test_without_cover_anywhere_it_is_refused_and_with_leave_it_goes() -> None:
    given = {"alpaca": facts("0"), "second": facts("0")}
    assert refusal(put(STO), Folded(), facts=given) is Reason.NO_COVER
    assert names(plan(put(STO), facts={}, allow_uncovered=True)) == ["alpaca", "second"]


def test_cover_that_may_be_at_a_venue_that_is_down_is_said_to_be_elsewhere() -> None:
    given = {"second": facts("0")}
    assert refusal(put(STO), Folded(), DOWN, facts=given) is Reason.COVER_ELSEWHERE


def test_an_account_that_could_not_be_read_covers_nothing() -> None:
    given = {"alpaca": ReadFailed("500"), "second": ReadFailed("500")}
    planned = plan(put(STO), facts=given)
    assert names(planned) == []
    assert all("can't be shown" in cause.message for cause in planned.passed_over)
    assert names(plan(put(STO), facts={})) == []


def test_a_sale_of_shares_older_than_the_books_leaves_a_calls_cover_alone() -> None:
    fold = Folded()
    call = put(STO, "1", "call", instrument=instrument("SPY241115C00600000"))
    fold.held(replace(call, limit_price=Decimal(1)))
    sale = stock(Side.SELL, "50")
    given = {"alpaca": facts(SPY="149")}
    assert names(plan(sale, fold, facts=given)) == ["second"]  # nothing is promised there
    pinned = replace(sale, venue_pin="alpaca")
    assert refusal(pinned, fold, facts=given) is Reason.NO_COVER
    assert names(plan(pinned, fold, facts={"alpaca": facts(SPY="150")})) == ["alpaca"]
