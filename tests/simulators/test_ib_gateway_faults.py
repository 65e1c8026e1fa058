"""Each fault of the Gateway once: what the client meets, and what the venue then holds."""

import asyncio
from decimal import Decimal
from typing import Any

import pytest

from simulators.control.faults import BadFault
from simulators.ib_gateway.simulated import SimulatedIbGateway
from tests.simulators.gateways import (
    COMMISSION,
    EXECUTION,
    OPEN_ORDER,
    ORDER_STATUS,
    PUT,
    Client,
    gateway,
)


def add(simulated: SimulatedIbGateway, kind: str, **more: Any) -> None:
    place = more.pop("place", "request")
    times, after = more.pop("times", 1), more.pop("after", 0)
    match = more.pop("match", {"method": "placeOrder"} if place == "request" else {})
    action = {"kind": kind, **more}
    fault = {"place": place, "times": times, "after": after, "match": match, "action": action}
    simulated.control.add_fault(fault)


def placed(simulated: SimulatedIbGateway) -> list[str]:
    return [str(order["client_order_id"]) for order in simulated.control.ledger()["orders"]]


def outcomes(simulated: SimulatedIbGateway) -> list[tuple[str, str, bool]]:
    """How each order ended by the request log: orderRef, outcome, whether it reached the venue."""
    entries = [e for e in simulated.control.requests() if e.method == "placeOrder"]
    return [(e.client_order_id, e.outcome, e.reached_venue) for e in entries]


@pytest.mark.parametrize(
    ("kind", "ends", "outcome", "is_placed"),
    [
        ("drop_request", "close", "closed", False),
        ("drop_request", "reset", "reset", False),
        ("refuse", "close", "reset", False),
        ("drop_reply", "close", "closed", True),
        ("drop_reply", "reset", "reset", True),
    ],
)
async def test_the_connection_ends_before_or_after_the_effect(
    kind: str, ends: str, outcome: str, is_placed: bool
) -> None:
    async with gateway() as simulated:
        client = await Client(simulated).start()
        add(simulated, kind, ends=ends)
        client.place("8.5", "sent")
        client.place("8.5", "behind")
        await client.until(lambda: client.link.ended)
        assert client.link.ended == ("close" if outcome == "closed" else "reset")
        assert not client.of(OPEN_ORDER, ORDER_STATUS)
        assert placed(simulated) == (["sent"] if is_placed else [])
        assert outcomes(simulated) == [("sent", outcome, is_placed)]


async def test_an_order_can_be_dropped_in_silence() -> None:
    async with gateway() as simulated:
        client = await Client(simulated).start()
        add(simulated, "drop_request", ends="hang")
        client.place("8.5", "lost")
        client.place("8.5", "next")
        await client.status(2, "Filled")
        assert client.statuses(1) == []
        assert placed(simulated) == ["next"]
        assert outcomes(simulated) == [("lost", "hang", False), ("next", "ok", True)]


async def test_an_order_that_was_taken_can_be_kept_silent_until_lists_are_asked_for() -> None:
    async with gateway() as simulated:
        client = await Client(simulated).start()
        add(simulated, "drop_reply", ends="hang")
        client.place("8.5", "silent")
        await client.until(lambda: simulated.control.ledger()["executions"])
        assert not client.of(OPEN_ORDER, ORDER_STATUS, EXECUTION, COMMISSION)
        told = await client.answers("55", 7, 3, 50, *[""] * 7)
        assert [m[26] for m in told if m[0] == EXECUTION] == ["silent"]


async def test_who_cancels_an_order_that_was_kept_silent_is_told_of_its_end() -> None:
    async with gateway() as simulated:
        client = await Client(simulated).start()
        add(simulated, "drop_reply", ends="hang")
        order_id = client.place("20", "silent")
        await client.until(lambda: placed(simulated))
        assert not client.of(OPEN_ORDER, ORDER_STATUS)
        client.send(4, 1, order_id, "")
        await client.status(order_id, "Cancelled")


@pytest.mark.parametrize("when", ["before", "after"])
async def test_an_error_can_come_before_the_effect_or_after_it(when: str) -> None:
    async with gateway() as simulated:
        client = await Client(simulated).start()
        add(simulated, "error", code=2102, text="still processing", when=when)
        client.place("8.5", "sent")
        (error,) = await client.until(lambda: [m for m in client.of("4") if m[2] == "1"])
        assert error[3:5] == ["2102", "still processing"]
        assert placed(simulated) == ([] if when == "before" else ["sent"])
        assert outcomes(simulated) == [("sent", "error 2102", when == "after")]


async def test_a_reply_can_end_in_the_middle_of_a_message() -> None:
    async with gateway() as simulated:
        client = await Client(simulated).start()
        complete = len(client.messages)
        add(simulated, "body", body="half")
        before = len(client.link.data)
        client.place("8.5", "half")
        await client.until(lambda: client.link.ended)
        assert len(client.messages) == complete
        assert len(client.link.data) > before + 100
        assert placed(simulated) == ["half"]


async def test_delays_come_before_the_effect_and_after_it() -> None:
    async with gateway() as simulated:
        client = await Client(simulated).start()
        add(simulated, "delay", delay_before_s=0.5)
        add(simulated, "delay", delay_after_s=1.0)
        client.place("20", "late")
        await asyncio.sleep(0.01)
        assert placed(simulated) == []
        await client.status(1, "Submitted")
        client.place("20", "told late")
        client.send(49, 1)
        await client.until(lambda: placed(simulated) == ["late", "told late"])
        await asyncio.sleep(0.05)
        assert client.statuses(2) == []
        assert not client.of("49")
        await client.status(2, "Submitted")
        kinds = [m[0] for m in client.messages]
        assert kinds.index("49") > kinds.index(OPEN_ORDER)


async def test_an_order_can_vanish_stall_or_go_inactive() -> None:
    async with gateway() as simulated:
        client = await Client(simulated).start()
        for kind in ("vanish_order", "stall_order", "inactive_order"):
            add(simulated, kind)
            client.place("8.5", kind)
        await client.status(3, "Inactive")
        await asyncio.sleep(0.1)
        assert [client.statuses(n) for n in (1, 2, 3)] == [
            ["PreSubmitted"],
            ["PreSubmitted"],
            ["Inactive"],
        ]
        assert placed(simulated) == ["stall_order", "inactive_order"]
        opened = await client.answers("53", 16, 1)
        assert [m[23] for m in opened if m[0] == OPEN_ORDER] == placed(simulated)
        client.send(4, 1, 3, "")
        await client.status(3, "Cancelled")


async def test_an_inactive_order_can_come_back_to_life() -> None:
    async with gateway() as simulated:
        client = await Client(simulated).start()
        await client.status(client.place("20", "held"), "Submitted")
        assert simulated.control.do("inactivate", order="held")["status"] == "Inactive"
        simulated.control.set_quote(PUT, Decimal(21), Decimal(22))
        await asyncio.sleep(0.05)
        assert client.statuses(1)[-1] == "Inactive"
        simulated.control.do("activate", order="held")
        await client.status(1, "Filled")


@pytest.mark.parametrize(
    ("kind", "told"),
    [("drop", 0), ("duplicate", 2), ("hold", 0)],
)
async def test_an_event_can_be_lost_doubled_or_held(kind: str, told: int) -> None:
    async with gateway() as simulated:
        client = await Client(simulated).start()
        add(simulated, kind, place="event", match={"event": "execDetails"})
        client.place("8.5", "x")
        await client.until(lambda: client.of(COMMISSION))
        assert len(client.of(EXECUTION)) == told
        assert simulated.control.release_events() == (1 if kind == "hold" else 0)
        assert len(client.of(EXECUTION)) == told + (1 if kind == "hold" else 0)


async def test_events_can_come_in_reverse() -> None:
    async with gateway() as simulated:
        client = await Client(simulated).start()
        match = {"event": "execDetails", "client_order_id_prefix": "a"}
        add(simulated, "hold", place="event", match={"event": "o*", "client_order_id_prefix": "a"})
        add(simulated, "reorder", place="event", times=2, match=match)
        await client.status(client.place("20", "a1"), "Submitted")
        await client.status(client.place("20", "a2"), "Submitted")
        for ref in ("a1", "a2"):
            simulated.control.fill(ref)
        assert [m[26] for m in client.of(EXECUTION)] == ["a2", "a1"]


@pytest.mark.parametrize(("kind", "ends"), [("disconnect", "reset"), ("garble", "close")])
async def test_an_event_can_end_the_connection(kind: str, ends: str) -> None:
    async with gateway() as simulated:
        client = await Client(simulated).start()
        add(simulated, kind, place="event", match={"event": "execDetails"})
        client.place("8.5", "cut")
        await client.until(lambda: client.link.ended)
        assert client.link.ended == ends
        assert not client.of(EXECUTION)
        assert placed(simulated) == ["cut"]


async def test_a_client_that_connects_can_be_refused_delayed_or_never_answered() -> None:
    async with gateway() as simulated:
        for kind in ("refuse", "hang"):
            add(simulated, kind, place="connect")
            client = Client(simulated)
            client.send(71, 2, 1, "")
            await asyncio.sleep(0.02)
            assert client.link.data == b""
            assert client.link.ended == ("reset" if kind == "refuse" else "")
        add(simulated, "delay", place="connect", delay_before_s=0.1)
        client = Client(simulated)
        client.send(71, 2, 1, "")
        await asyncio.sleep(0.02)
        assert client.link.data == b""
        await client.until(lambda: client.of("9"))


async def test_a_half_dead_connection_reads_and_never_answers() -> None:
    async with gateway() as simulated:
        client, other = await Client(simulated).start(1), await Client(simulated).start(2)
        await client.status(client.place("20", "rests"), "Submitted")
        before = len(client.link.data)
        assert simulated.control.do("blackhole", client_id=1) == {"silent": 1}
        client.send(49, 1)
        client.place("8.5", "unread")
        simulated.control.fill("rests")
        assert await other.answers("49", 49, 1)
        assert (len(client.link.data), client.link.ended) == (before, "")
        assert placed(simulated) == ["rests"]


@pytest.mark.parametrize(
    ("ends", "seen"), [("close", "close"), ("reset", "reset"), ("half", "close")]
)
async def test_a_client_can_be_cut_off_at_once(ends: str, seen: str) -> None:
    async with gateway() as simulated:
        client, other = await Client(simulated).start(1), await Client(simulated).start(2)
        before = len(client.link.data)
        simulated.control.do("disconnect", client_id=1, ends=ends)
        assert client.link.ended == seen
        assert (len(client.link.data) > before) is (ends == "half")
        assert other.link.ended == ""
        assert simulated.control.disconnect_streams() == 1
        assert other.link.ended == "reset"


@pytest.mark.parametrize(
    "fault",
    [
        {"action": {"kind": "status"}},
        {"action": {"kind": "order_status"}},
        {"place": "event", "action": {"kind": "reject_order"}},
        {"place": "connect", "action": {"kind": "drop_reply"}},
    ],
)
async def test_a_fault_that_only_another_simulator_has_is_refused(fault: Any) -> None:
    async with gateway() as simulated:
        with pytest.raises(BadFault):
            simulated.control.add_fault(fault)
