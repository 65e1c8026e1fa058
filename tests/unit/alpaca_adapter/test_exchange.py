"""Unit tests of the gate to the wire, and of reading what came back."""

from __future__ import annotations

import threading

import pytest

from services.alpaca_adapter.exchange import Exchange, NotSent, current_exchange, run_in
from services.common.domain.errors import Reason, Refused
from tests.unit.alpaca_adapter.wire import ManualClock, Reply, answer


def test_a_write_that_was_forbidden_never_begins() -> None:
    exchange = Exchange(5.0, ManualClock().monotonic)
    assert exchange.forbid("its caller had given up")
    with pytest.raises(NotSent, match="given up"):
        exchange.begin_write()
    assert not exchange.began


def test_a_write_that_began_cant_be_forbidden() -> None:
    exchange = Exchange(5.0, ManualClock().monotonic)
    exchange.begin_write()
    assert not exchange.forbid("too late")
    assert exchange.began


def test_a_write_does_not_begin_after_the_deadline() -> None:
    clock = ManualClock()
    checked: list[str] = []
    exchange = Exchange(5.0, clock.monotonic, lambda: checked.append("asked"))
    clock.at += 5.0
    with pytest.raises(NotSent):
        exchange.begin_write()
    assert checked == []


def test_the_last_check_decides_at_the_very_moment() -> None:
    def refuses() -> None:
        raise Refused(Reason.NOT_AFTER_PASSED, "too late")

    exchange = Exchange(5.0, ManualClock().monotonic, refuses)
    with pytest.raises(Refused):
        exchange.begin_write()
    assert not exchange.began
    assert exchange.forbid("nothing left")


def test_giving_up_waits_for_a_check_under_way_and_then_knows() -> None:
    entered, go_on = threading.Event(), threading.Event()

    def check() -> None:
        entered.set()
        assert go_on.wait(5.0)

    exchange = Exchange(60.0, ManualClock().monotonic, check)
    worker = threading.Thread(target=exchange.begin_write)
    worker.start()
    assert entered.wait(5.0)
    threading.Timer(0.02, go_on.set).start()
    assert not exchange.forbid("too late")
    worker.join(5.0)
    assert exchange.began


def test_a_request_outside_of_an_exchange_is_a_fault() -> None:
    with pytest.raises(RuntimeError):
        current_exchange()
    exchange = Exchange(5.0, ManualClock().monotonic)
    assert run_in(exchange, current_exchange) is exchange
    with pytest.raises(RuntimeError):
        current_exchange()


@pytest.mark.parametrize("raw", [b"", b"<html>", b'{"a": 1', b"\xff\xfe", b'{"a": Infinity}'])
def test_a_body_that_is_no_json_is_kept_as_an_excerpt(raw: bytes) -> None:
    read = answer(Reply(200, raw=raw))
    assert (read.is_json, read.content) == (False, None)
    assert read.ok


def test_an_excerpt_is_short() -> None:
    assert len(answer(Reply(500, raw=b"x" * 100_000)).excerpt) == 200


def test_header_names_are_in_lower_case() -> None:
    read = answer(Reply(200, {}, headers={"X-RateLimit-Limit": "200"}))
    assert read.headers == {"x-ratelimit-limit": "200"}
