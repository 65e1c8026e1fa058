"""Unit tests of what counts as news, and of ids whose sends are unproven."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest

from services.alpaca_adapter import told as told_module
from services.alpaca_adapter import unproven as unproven_module
from services.alpaca_adapter.told import Inconsistent, Told
from services.alpaca_adapter.translate import Translator
from services.alpaca_adapter.unproven import Unproven
from services.common.domain.executions import ExecSource, Execution
from services.common.domain.reports import OrderReport
from tests.unit.alpaca_adapter.wire import VENUE_NOW, ManualClock, fill_json, order_json

TRANSLATOR = Translator("alpaca", "main", lambda: VENUE_NOW)


def report(status: str = "new", filled_qty: str = "0", seconds: int = 0) -> OrderReport:
    found = TRANSLATOR.order_report(order_json(status=status, filled_qty=filled_qty))
    at = VENUE_NOW + timedelta(seconds=seconds)
    return replace(found, times=replace(found.times, venue_time=at))


def execution(exec_id: str, cum_qty: str, source: ExecSource, qty: str = "1") -> Execution:
    found = TRANSLATOR.activity_execution(fill_json(id=exec_id, qty=qty, cum_qty=cum_qty), "")
    assert found is not None
    return replace(found, source=source)


def test_a_fill_that_the_stream_told_is_no_news_under_the_id_of_the_activity() -> None:
    told = Told()
    told.note_execution(execution("stream-1", "1", ExecSource.STREAM))
    assert not told.is_news_of_execution(execution("20241104::1", "1", ExecSource.QUERY))
    assert told.is_news_of_execution(execution("20241104::2", "2", ExecSource.QUERY))


def test_a_recovered_fill_is_no_news_when_the_stream_tells_it_late() -> None:
    told = Told()
    told.note_execution(execution("20241104::1", "1", ExecSource.QUERY))
    assert not told.is_news_of_execution(execution("stream-1", "1", ExecSource.STREAM))


def test_an_event_that_comes_twice_is_told_once() -> None:
    told = Told()
    told.note_execution(execution("stream-1", "1", ExecSource.STREAM))
    assert not told.is_news_of_execution(execution("stream-1", "1", ExecSource.STREAM))


def test_two_fills_of_the_stream_with_one_filled_quantity_are_a_contradiction() -> None:
    told = Told()
    told.note_execution(execution("stream-1", "2", ExecSource.STREAM))
    with pytest.raises(Inconsistent):
        told.is_news_of_execution(execution("stream-2", "2", ExecSource.STREAM))


def test_a_fill_of_another_size_under_a_known_quantity_is_told() -> None:
    told = Told()
    told.note_execution(execution("stream-1", "2", ExecSource.STREAM, qty="1"))
    assert told.is_news_of_execution(execution("20241104::1", "2", ExecSource.QUERY, qty="2"))


def test_an_order_is_news_if_it_says_more_and_not_if_it_is_older() -> None:
    told = Told()
    assert told.is_news_of_order(report("new", seconds=1))
    told.note_order(report("partially_filled", "1", seconds=5))
    assert not told.is_news_of_order(report("partially_filled", "1", seconds=5))
    assert not told.is_news_of_order(report("new", seconds=1))
    assert told.is_news_of_order(report("partially_filled", "2", seconds=6))
    assert told.is_news_of_order(report("canceled", "1", seconds=6))


def test_open_orders_are_those_whose_end_was_not_told() -> None:
    told = Told()
    told.note_order(report("new"))
    (venue_order_id,) = told.open_orders()
    told.note_order(report("pending_cancel", seconds=1))
    assert told.open_orders() == {venue_order_id}
    told.note_order(report("canceled", seconds=2))
    assert told.open_orders() == set()


def test_the_filled_quantity_that_was_told_only_grows() -> None:
    told = Told()
    told.note_execution(execution("stream-2", "2", ExecSource.STREAM))
    told.note_execution(execution("stream-1", "1", ExecSource.STREAM))
    assert told.reached(fill_json()["order_id"]) == Decimal(2)


def test_memory_is_bounded_and_the_oldest_is_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(told_module, "EXECUTIONS_MAX", 2)
    told = Told()
    for number in range(1, 4):
        told.note_execution(execution(f"stream-{number}", str(number), ExecSource.STREAM))
    assert told.is_news_of_execution(execution("stream-1", "1", ExecSource.STREAM))
    assert not told.is_news_of_execution(execution("stream-3", "3", ExecSource.STREAM))


def test_an_unproven_send_may_land_until_it_has_ended_and_settled() -> None:
    clock = ManualClock()
    unproven = Unproven(clock.monotonic, request_s=2.0, settling_s=60.0)
    unproven.begin("a")
    clock.at += 61.9
    assert unproven.may_still_land("a")
    clock.at += 0.2
    assert not unproven.may_still_land("a")
    assert unproven.is_open("a")
    unproven.found("a")
    assert not unproven.is_open("a")


def test_the_end_of_one_send_says_nothing_of_another() -> None:
    clock = ManualClock()
    unproven = Unproven(clock.monotonic, request_s=2.0, settling_s=60.0)
    unproven.begin("a")
    clock.at += 1.0
    second = unproven.begin("a")
    unproven.end("a", second)
    assert unproven.is_open("a")
    assert not unproven.is_open("b")


def test_what_was_forgotten_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(unproven_module, "REMEMBERED_MAX", 1)
    unproven = Unproven(ManualClock().monotonic, request_s=2.0, settling_s=60.0)
    unproven.begin("a")
    assert not unproven.forgot
    unproven.begin("b")
    assert unproven.forgot
    assert not unproven.is_open("a")
