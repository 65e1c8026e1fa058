"""Orders that no venue took: each cause is answered, and a person is told, once an outage."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import pytest

from services.common.domain.errors import Cause, Effect, Reason, Refused, Unavailable
from services.common.domain.order_spec import OrderSpec
from services.common.domain.order_status import OrderStatus, Signal
from services.common.domain.reports import OrderReport, VenuePosition
from services.router.journal.records import Severity, TradingState, TradingStateSet
from tests.unit.domain.orders import instrument, spec
from tests.unit.router.harness import (
    Running,
    closing,
    held_short,
    router,
    share_order,
    until,
    virtual,
)
from tests.unit.router.scripted_port import ScriptedPort, refuses, report
from tests.unit.router.test_failback import BOTH, comes_back, goes_down

NOT_SENT = Unavailable(Reason.RATE_LIMITED, "the venue said 429")
NO_VENUE, HOLDER = "ALL_VENUES_UNAVAILABLE", "HOLDER_UNAVAILABLE"


def rejects(reason: Reason) -> Callable[[OrderSpec], OrderReport]:
    def answer(order: OrderSpec) -> OrderReport:
        made = report(order, OrderStatus.REJECTED, Signal.REJECTED)
        return replace(made, cause=Cause(reason, f"no: {reason.value}"))

    return answer


async def refused(running: Running, order: OrderSpec) -> Unavailable:
    with pytest.raises(Unavailable) as failed:
        await running.submit(order)
    assert failed.value.effect is Effect.NONE
    return failed.value


# -- entries --


@virtual
async def test_with_one_venue_down_and_one_that_was_never_there_both_causes_are_told_once(
    tmp_path: Path,
) -> None:
    ports = {name: ScriptedPort(name, reachable=name == "alpaca") for name in BOTH}
    async with router(tmp_path / "j.db", ports=ports, wait_ready=False) as running:
        await until(lambda: running.core.links["main", "alpaca"].view().takes_entries)
        await goes_down(running)
        for number in range(3):
            error = await refused(running, share_order(client_order_id=f"o-{number}"))
            assert error.reason is Reason.ALL_VENUES_UNAVAILABLE
            assert [cause.venue for cause in error.venue_causes] == ["alpaca", "second"]
            assert all(cause.message in error.message for cause in error.venue_causes)
        (alert,) = running.alerts(NO_VENUE)
        assert alert.severity is Severity.CRITICAL
        assert {cause.venue for cause in alert.venue_causes} == set(BOTH)


@virtual
async def test_a_venue_that_refuses_for_its_own_sake_while_the_other_is_down_is_an_outage(
    tmp_path: Path,
) -> None:
    async with router(tmp_path / "j.db", *BOTH) as running:
        await goes_down(running, "second")
        running.alpaca.answer = rejects(Reason.CREDENTIALS_REFUSED)
        entry = await running.submit(share_order())
        assert entry.order.status is OrderStatus.REJECTED
        (alert,) = running.alerts(NO_VENUE)
        assert {(c.venue, c.reason) for c in alert.venue_causes} == {
            ("alpaca", Reason.CREDENTIALS_REFUSED),
            ("second", Reason.VENUE_UNAVAILABLE),
        }
        await running.submit(share_order(client_order_id="o-2"))
        assert len(running.alerts(NO_VENUE)) == 1
        await comes_back(running, "second")
        await goes_down(running, "second")
        await running.submit(share_order(client_order_id="o-3"))
        assert len(running.alerts(NO_VENUE)) == 2  # another outage


@virtual
async def test_an_order_that_is_wrong_everywhere_is_no_outage(tmp_path: Path) -> None:
    async with router(tmp_path / "j.db", *BOTH) as running:
        for port in running.ports.values():
            port.answer = rejects(Reason.INSTRUMENT_NOT_FOUND)
        entry = await running.submit(share_order())
        assert entry.order.status is OrderStatus.REJECTED
        assert [p.venue for p in entry.order.placements] == list(BOTH)
        assert running.alerts(NO_VENUE) == []


@virtual
async def test_a_gate_that_closes_before_the_send_is_no_outage(tmp_path: Path) -> None:
    async with router(tmp_path / "j.db", *BOTH) as running:
        waiting = asyncio.ensure_future(running.submit(share_order()))
        await until(lambda: "o-1~al~1.0" in running.core.books.by_placement, step_s=0.0001)
        halted = TradingStateSet("main", TradingState.HALTED, "test", "me")
        running.core.journal.record(halted)
        with pytest.raises(Unavailable):
            await waiting
        assert running.alpaca.sent == running.second.sent == []
        assert running.alerts(NO_VENUE) == []


@virtual
async def test_a_person_hears_of_it_though_the_client_is_gone(tmp_path: Path) -> None:
    async with router(tmp_path / "j.db", *BOTH) as running:
        running.alpaca.hold = asyncio.Event()
        for port in running.ports.values():
            port.answer = refuses(NOT_SENT)
        waiting = asyncio.ensure_future(running.submit(share_order()))
        await until(lambda: running.alpaca.sent)
        waiting.cancel()
        running.alpaca.hold.set()
        await until(lambda: running.alerts(NO_VENUE))
        assert running.order().order.status is OrderStatus.UNPLACED


@virtual
async def test_an_order_that_is_sent_again_names_each_venues_latest_cause(tmp_path: Path) -> None:
    async with router(tmp_path / "j.db", *BOTH) as running:
        for port in running.ports.values():
            port.answer = refuses(NOT_SENT)
        await refused(running, share_order())
        running.alpaca.answer = refuses(Unavailable(Reason.VENUE_NOT_READY, "not yet"))
        error = await refused(running, share_order())
        told = [(cause.venue, cause.message) for cause in error.venue_causes]
        assert told == [("alpaca", "not yet"), ("second", NOT_SENT.message)]


# -- exits, pins and covered orders --


@virtual
async def test_an_exit_whose_holder_is_down_is_told_once_a_minute_at_most(tmp_path: Path) -> None:
    async with router(tmp_path / "j.db", *BOTH) as running:
        await held_short(running)
        await goes_down(running)
        for number in range(3):
            with pytest.raises(Refused) as leaving:
                await running.submit(closing(client_order_id=f"x-{number}"))
            assert leaving.value.reason is Reason.HOLDER_UNAVAILABLE
        (alert,) = running.alerts(HOLDER)
        assert (alert.severity, alert.venue, alert.client_order_id) == (
            Severity.CRITICAL,
            "alpaca",
            "x-0",
        )
        await asyncio.sleep(61)
        with pytest.raises(Refused):
            await running.submit(closing(client_order_id="x-9"))
        assert len(running.alerts(HOLDER)) == 2
        assert running.alerts(NO_VENUE) == []
        assert running.second.sent == []


@virtual
async def test_an_exit_that_its_holder_did_not_take_is_told_as_such(tmp_path: Path) -> None:
    async with router(tmp_path / "j.db", *BOTH) as running:
        await held_short(running)
        running.alpaca.answer = refuses(NOT_SENT)
        await refused(running, closing())
        (alert,) = running.alerts(HOLDER)
        assert NOT_SENT.message in alert.message
        assert running.alerts(NO_VENUE) == []


@virtual
async def test_a_pinned_entry_that_is_taken_nowhere_is_told_as_such(tmp_path: Path) -> None:
    async with router(tmp_path / "j.db", *BOTH) as running:
        running.alpaca.answer = refuses(NOT_SENT)
        await refused(running, share_order(venue_pin="alpaca"))
        assert [alert.venue for alert in running.alerts(HOLDER)] == ["alpaca"]
        assert running.alerts(NO_VENUE) == []


@virtual
async def test_a_covered_call_whose_shares_are_at_a_venue_that_is_down_is_told(
    tmp_path: Path,
) -> None:
    shares = VenuePosition("second", "main", instrument("SPY"), Decimal(100))
    ports = {"alpaca": ScriptedPort("alpaca"), "second": ScriptedPort("second", held=[shares])}
    call = spec(instrument=instrument("SPY241115C00600000"), order_qty=Decimal(1))
    async with router(tmp_path / "j.db", ports=ports) as running:
        await goes_down(running, "second")
        with pytest.raises(Refused) as naked:
            await running.submit(call)
        assert naked.value.reason is Reason.COVER_ELSEWHERE
        (alert,) = running.alerts("COVER_ELSEWHERE")
        assert {cause.venue for cause in alert.venue_causes} == set(BOTH)
        assert alert.severity is Severity.WARNING
        assert running.alpaca.sent == []
