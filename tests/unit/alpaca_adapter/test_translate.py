"""Unit tests of orders and executions: Alpaca's JSON to our records and back."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest

from services.alpaca_adapter import statuses
from services.alpaca_adapter.translate import Translator
from services.alpaca_adapter.wire_fields import Unreadable
from services.common.domain.errors import Reason
from services.common.domain.executions import ExecSource, ExecType, Side
from services.common.domain.instruments import Equity
from services.common.domain.occ import parse_occ
from services.common.domain.order_status import TERMINAL, OrderStatus, Signal
from services.common.domain.order_terms import OrderType, PositionIntent, TimeInForce
from tests.unit.alpaca_adapter.wire import (
    CLIENT_ID,
    VENUE_ID,
    VENUE_NOW,
    fill_json,
    order_json,
)

S, G = OrderStatus, Signal
PUT = "SPY241115P00400000"


@pytest.fixture
def translator() -> Translator:
    return Translator("alpaca", "main", lambda: VENUE_NOW)


# -- orders -------------------------------------------------------------------------------------


def test_an_order_is_read_whole(translator: Translator) -> None:
    report = translator.order_report(
        order_json(status="partially_filled", filled_qty="1", filled_avg_price="399.481234")
    )
    assert (report.venue, report.account_id) == ("alpaca", "main")
    assert (report.client_id, report.venue_order_id) == (CLIENT_ID, VENUE_ID)
    assert (report.status, report.signal) == (S.PARTIALLY_FILLED, G.ACKNOWLEDGED)
    assert (report.cum_qty, report.order_qty) == (Decimal(1), Decimal(2))
    assert (report.avg_px, report.limit_price) == (Decimal("399.481234"), Decimal("399.5"))
    assert (report.instrument, report.side) == (Equity("SPY"), Side.BUY)
    assert (report.order_type, report.time_in_force) == (OrderType.LIMIT, TimeInForce.DAY)
    assert report.position_intent is PositionIntent.BUY_TO_OPEN
    assert report.times.venue_time == datetime(2024, 11, 4, 15, 0, 1, 202449, tzinfo=UTC)
    assert report.times.received_time == VENUE_NOW
    assert report.times.trading_date == date(2024, 11, 4)
    assert report.created == datetime(2024, 11, 4, 15, 0, 0, 102449, tzinfo=UTC)
    assert report.cause is None


@pytest.mark.parametrize(
    ("raw_status", "status", "signal"),
    [
        ("new", S.ACCEPTED, G.ACKNOWLEDGED),
        ("accepted", S.ACCEPTED, G.ACKNOWLEDGED),
        ("pending_new", S.ACCEPTED, G.ACKNOWLEDGED),
        ("accepted_for_bidding", S.ACCEPTED, G.ACKNOWLEDGED),
        ("pending_review", S.ACCEPTED, G.ACKNOWLEDGED),
        ("stopped", S.ACCEPTED, G.ACKNOWLEDGED),
        ("partially_filled", S.PARTIALLY_FILLED, G.ACKNOWLEDGED),
        ("held", S.SUSPENDED, G.SUSPENDED),
        ("suspended", S.SUSPENDED, G.SUSPENDED),
        ("done_for_day", S.SUSPENDED, G.SUSPENDED),
        ("calculated", S.SUSPENDED, G.SUSPENDED),
        ("pending_cancel", S.PENDING_CANCEL, G.PENDING_CANCEL),
        ("pending_replace", S.PENDING_REPLACE, G.PENDING_REPLACE),
        ("filled", S.FILLED, G.FILLED),
        ("canceled", S.CANCELED, G.CANCELED),
        ("expired", S.EXPIRED, G.EXPIRED),
        ("rejected", S.REJECTED, G.REJECTED),
        ("replaced", S.REPLACED, G.REPLACED),
        ("a_status_of_next_year", S.ACCEPTED, G.ACKNOWLEDGED),
    ],
)
def test_every_status_has_its_place_and_an_unknown_one_is_live(
    translator: Translator, raw_status: str, status: OrderStatus, signal: Signal
) -> None:
    report = translator.order_report(order_json(status=raw_status))
    assert (report.status, report.signal, report.raw_status) == (status, signal, raw_status)


def test_only_alpacas_own_ends_end_an_order() -> None:
    ends = {raw for raw in statuses.STATUSES if statuses.is_ended(raw)}
    assert ends == {"filled", "canceled", "expired", "rejected", "replaced"}
    assert all((statuses.STATUSES[raw][0] in TERMINAL) == (raw in ends) for raw in ends)


def test_a_working_order_with_fills_is_partially_filled(translator: Translator) -> None:
    report = translator.order_report(order_json(status="new", filled_qty="1"))
    assert report.status is S.PARTIALLY_FILLED


def test_a_rejection_after_acceptance_has_a_cause(translator: Translator) -> None:
    report = translator.order_report(order_json(status="rejected"))
    assert report.cause is not None
    assert report.cause.reason is Reason.VENUE_REJECTED


def test_what_is_unknown_is_none_and_the_report_still_counts(translator: Translator) -> None:
    odd = order_json(
        asset_class="ipo",
        symbol="what is this",
        side="sideways",
        type="teleport",
        order_type="teleport",
        time_in_force="forever",
        position_intent="to_think",
        qty="a few",
        limit_price=True,
        filled_avg_price={},
        created_at="yesterday",
        submitted_at=None,
        updated_at=None,
        legs=None,
    )
    report = translator.order_report(odd)
    assert report.status is S.ACCEPTED
    assert report.instrument is None
    assert (report.side, report.order_type, report.time_in_force) == (None, None, None)
    assert (report.position_intent, report.order_qty, report.limit_price) == (None, None, None)
    assert (report.avg_px, report.created, report.times.venue_time) == (None, None, None)


@pytest.mark.parametrize("missing", ["client_order_id", "filled_qty", "qty", "legs", "symbol"])
def test_a_field_that_is_left_out_does_not_break_an_order(
    translator: Translator, missing: str
) -> None:
    order = order_json()
    del order[missing]
    assert translator.order_report(order).status is S.ACCEPTED


@pytest.mark.parametrize(
    "broken", [{"id": None}, {"status": ""}, {"status": 5}, {"filled_qty": "NaN"}]
)
def test_an_order_without_identity_status_or_figure_is_unreadable(
    translator: Translator, broken: dict[str, Any]
) -> None:
    with pytest.raises(Unreadable):
        translator.order_report(order_json(**broken))


@pytest.mark.parametrize("order", [None, [], "order", 5])
def test_what_is_no_object_is_unreadable(translator: Translator, order: Any) -> None:
    with pytest.raises(Unreadable):
        translator.order_report(order)


def test_options_are_read_by_their_occ_symbol(translator: Translator) -> None:
    report = translator.order_report(order_json(symbol=PUT, asset_class="us_option"))
    assert report.instrument == parse_occ(PUT)


@pytest.mark.parametrize(
    "foreign", [{"asset_class": "crypto", "symbol": "BTCUSD"}, {"symbol": "BTC/USD"}]
)
def test_an_order_in_another_kind_of_asset_has_no_instrument(
    translator: Translator, foreign: dict[str, Any]
) -> None:
    assert translator.order_report(order_json(**foreign)).instrument is None


def test_legs_are_orders_of_their_own(translator: Translator) -> None:
    leg = order_json(id="leg-1", client_order_id="leg", symbol=PUT, status="held", type="")
    parent = order_json(symbol="", side="", asset_class="", order_class="mleg", legs=[leg])
    reports = translator.reports(parent)
    assert [(r.venue_order_id, r.status) for r in reports] == [
        (VENUE_ID, S.ACCEPTED),
        ("leg-1", S.SUSPENDED),
    ]
    assert reports[0].instrument is None
    assert [r.parent for r in reports] == ["", VENUE_ID]


def test_an_exit_that_is_shown_alone_is_known_by_where_it_was_seen(
    translator: Translator,
) -> None:
    exit_ = order_json(id="exit-1", client_order_id="made-by-alpaca", status="held")
    translator.reports(order_json(order_class="bracket", legs=[exit_]))
    told = translator.order_report(exit_ | {"status": "new"})
    assert (told.client_id, told.parent) == ("made-by-alpaca", VENUE_ID)
    changed = translator.order_report(exit_ | {"id": "exit-2", "replaces": "exit-1"})
    assert (changed.replaces, changed.parent) == ("exit-1", VENUE_ID)


def test_both_ends_of_a_replace_are_read(translator: Translator) -> None:
    old = translator.order_report(order_json(status="replaced", replaced_by="new-1"))
    assert (old.status, old.replaced_by, old.replaces) == (S.REPLACED, "new-1", "")


# -- events -------------------------------------------------------------------------------------


def event(name: str, order: dict[str, Any] | None = None, **fields: Any) -> dict[str, Any]:
    return {
        "event": name,
        "execution_id": "exec-1",
        "order": order or order_json(),
        "timestamp": "2024-11-04T15:00:02.302449524Z",
        **fields,
    }


def fill_event(**fields: Any) -> dict[str, Any]:
    order = order_json(status="filled", filled_qty="2", filled_avg_price="399.48")
    return event("fill", order, price="399.47", qty="1.5", position_qty="2") | fields


def test_a_fill_gives_its_execution_and_its_order(translator: Translator) -> None:
    update = translator.update(fill_event())
    (execution,) = update.executions
    assert (execution.exec_id, execution.venue_order_id) == ("exec-1", VENUE_ID)
    assert (execution.client_id, execution.source) == (CLIENT_ID, ExecSource.STREAM)
    assert (execution.last_qty, execution.last_px) == (Decimal("1.5"), Decimal("399.47"))
    assert execution.cum_qty == Decimal(2)
    assert (execution.side, execution.instrument) == (Side.BUY, Equity("SPY"))
    assert execution.times.venue_time == datetime(2024, 11, 4, 15, 0, 2, 302449, tzinfo=UTC)
    assert (update.report.status, update.report.cum_qty) == (S.FILLED, Decimal(2))


def test_an_event_that_is_no_fill_has_no_execution(translator: Translator) -> None:
    # Alpaca gives every event an execution_id.
    update = translator.update(event("new"))
    assert update.executions == ()
    assert update.report.signal is G.ACKNOWLEDGED


@pytest.mark.parametrize(
    ("name", "raw_status", "signal"),
    [
        ("order_cancel_rejected", "new", G.CANCEL_REJECTED),
        ("order_replace_rejected", "new", G.REPLACE_REJECTED),
        ("order_cancel_rejected", "filled", G.FILLED),
        ("pending_cancel", "pending_cancel", G.PENDING_CANCEL),
        ("restated", "new", G.ACKNOWLEDGED),
        ("an_event_of_next_year", "new", G.ACKNOWLEDGED),
        ("replaced", "new", G.ACKNOWLEDGED),
    ],
)
def test_a_refused_cancel_is_a_signal_of_its_own_unless_the_order_has_ended(
    translator: Translator, name: str, raw_status: str, signal: Signal
) -> None:
    update = translator.update(event(name, order_json(status=raw_status)))
    assert update.report.signal is signal


@pytest.mark.parametrize("name", ["fill", "canceled", "expired", "rejected"])
def test_an_event_of_an_end_with_a_live_order_is_not_believed(
    translator: Translator, name: str
) -> None:
    with pytest.raises(Unreadable):
        translator.update(event(name, order_json(filled_qty="2"), price="1", qty="1"))


def test_a_fill_larger_than_its_order_has_filled_is_for_the_books_to_refuse(
    translator: Translator,
) -> None:
    # They keep it and tell a person; here it would only be read again, and be forgotten.
    (execution,) = translator.update(fill_event(qty="3")).executions
    assert (execution.last_qty, execution.cum_qty) == (Decimal(3), Decimal(2))


@pytest.mark.parametrize(
    "broken",
    [
        {"price": None},
        {"qty": None},
        {"qty": "0"},
        {"price": "cheap"},
        {"execution_id": None},
        {"order": None},
        {"event": None},
        {"order": order_json(status="filled", filled_qty=None)},
        {"order": order_json(status="filled", filled_qty="2", side="sideways")},
        {"order": order_json(status="filled", filled_qty="2", symbol="")},
    ],
)
def test_a_fill_that_lacks_what_a_fill_is_is_unreadable(
    translator: Translator, broken: dict[str, Any]
) -> None:
    with pytest.raises(Unreadable):
        translator.update(fill_event(**broken))


def test_a_multi_leg_fill_gives_one_execution_for_each_leg(translator: Translator) -> None:
    legs = [
        order_json(id="leg-1", symbol=PUT, side="sell", filled_qty="1", status="filled"),
        order_json(id="leg-2", symbol="SPY241115P00390000", filled_qty="1", status="filled"),
    ]
    order = order_json(
        symbol="", side="", asset_class="", order_class="mleg", legs=legs, status="filled"
    )
    fills = [
        {"execution_id": f"e{n}", "order_id": f"leg-{n}", "symbol": "x", "qty": "1", "price": "2"}
        for n in (1, 2)
    ]
    data = event("fill", order, legs=fills)
    del data["execution_id"]
    update = translator.update(data)
    assert [(e.exec_id, e.venue_order_id, e.side) for e in update.executions] == [
        ("e1", "leg-1", Side.SELL),
        ("e2", "leg-2", Side.BUY),
    ]


@pytest.mark.parametrize(
    ("name", "kind"), [("trade_bust", ExecType.BUST), ("trade_correct", ExecType.CORRECT)]
)
def test_what_revises_a_fill_names_it(translator: Translator, name: str, kind: ExecType) -> None:
    order = order_json(status="partially_filled", filled_qty="1")
    data = event(name, order, price="399.4", qty="-1", previous_execution_id="exec-0")
    (execution,) = translator.update(data).executions
    assert (execution.exec_type, execution.exec_ref_id) == (kind, "exec-0")
    assert (execution.exec_id, execution.cum_qty) == ("exec-1", None)
    assert (execution.last_qty, execution.last_px) == (Decimal(1), Decimal("399.4"))


def test_a_bust_under_the_id_of_its_fill_has_one_of_its_own(translator: Translator) -> None:
    (execution,) = translator.update(event("trade_bust", price="399.4", qty="1")).executions
    assert (execution.exec_id, execution.exec_ref_id) == ("trade_bust:exec-1", "exec-1")


def test_a_bust_that_says_too_little_still_tells_its_order(translator: Translator) -> None:
    update = translator.update(event("trade_bust"))
    assert (update.executions, update.report.venue_order_id) == ((), VENUE_ID)


def test_an_event_tells_what_is_nested_in_its_order(translator: Translator) -> None:
    exits = [order_json(id="exit-1", status="held"), order_json(id="exit-2", status="held")]
    update = translator.update(event("new", order_json(order_class="bracket", legs=exits)))
    assert [(r.venue_order_id, r.parent) for r in update.nested] == [
        ("exit-1", VENUE_ID),
        ("exit-2", VENUE_ID),
    ]


def test_a_fill_in_another_kind_of_asset_gives_no_execution(translator: Translator) -> None:
    order = order_json(status="filled", filled_qty="2", symbol="BTC/USD", asset_class="crypto")
    assert translator.update(fill_event(order=order)).executions == ()


# -- activities ---------------------------------------------------------------------------------


def test_a_fill_activity_gives_an_execution_under_its_own_id(translator: Translator) -> None:
    execution = translator.activity_execution(fill_json(), CLIENT_ID)
    assert execution is not None
    assert execution.exec_id == fill_json()["id"]
    assert (execution.client_id, execution.source) == (CLIENT_ID, ExecSource.QUERY)
    assert (execution.last_qty, execution.cum_qty) == (Decimal(2), Decimal(2))


def test_a_short_sale_is_a_sale(translator: Translator) -> None:
    execution = translator.activity_execution(fill_json(side="sell_short"), "")
    assert execution is not None
    assert execution.side is Side.SELL


def test_a_fill_activity_of_crypto_is_left_out(translator: Translator) -> None:
    assert translator.activity_execution(fill_json(symbol="BTC/USD"), "") is None


@pytest.mark.parametrize(
    "broken", [{"id": ""}, {"price": None}, {"transaction_time": None}, {"symbol": "bad symbol"}]
)
def test_a_fill_activity_that_cant_be_read_is_unreadable(
    translator: Translator, broken: dict[str, Any]
) -> None:
    with pytest.raises(Unreadable):
        translator.activity_execution(fill_json(**broken), "")
