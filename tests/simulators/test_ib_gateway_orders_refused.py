"""What IB may say against an order, a modify or a cancel, and that the order stands as it says."""

from typing import Any

import pytest

from simulators.ib_gateway.error_texts import text_of_code
from tests.simulators.gateways import ERROR, OPEN_ORDER, ORDER_STATUS, Client, gateway
from tests.simulators.ib_orders import Trader, read_by_ib_insync

CODES = [
    *(103, 104, 105, 107, 110, 154, 161, 200, 201, 203, 320, 321, 322, 329, 387, 388, 399, 404),
    *(434, 435, 460, 461, 462, 463, 2102, 2109, 2137, 2161, 10052, 10147, 10148, 10149, 10243),
    *(10328, 10349),
]


async def trader(simulated: Any) -> Trader:
    return Trader(await Client(simulated).start())


def strike(simulated: Any, method: str, kind: str, **action: Any) -> None:
    fault = {"match": {"method": method}, "action": {"kind": kind, **action}}
    simulated.control.add_fault(fault)


async def resting(t: Trader) -> int:
    order = t.place("SELL", "1", "LMT", lmt="20", ref="rests")
    await t.at_market(order)
    return order


@pytest.mark.parametrize("code", CODES)
async def test_each_code_can_be_had_against_an_order_that_was_not_placed(code: int) -> None:
    async with gateway() as simulated:
        t = await trader(simulated)
        strike(simulated, "placeOrder", "error", code=code)
        order = t.place("SELL", "1", "LMT", lmt="20")
        (error,) = await t.client.until(lambda: t.client.of(ERROR)[3:])
        assert error[2:5] == [str(order), str(code), text_of_code(code)]
        assert "simulator" not in error[4]
        assert simulated.control.ledger()["orders"] == []


@pytest.mark.parametrize("code", [399, 404, 2109, 2161, 10349])
async def test_a_notice_comes_besides_and_the_order_is_live(code: int) -> None:
    async with gateway() as simulated:
        t = await trader(simulated)
        strike(simulated, "placeOrder", "notice", code=code)
        order = t.place("SELL", "1", "LMT", lmt="20")
        await t.status(order, "Submitted")
        assert t.client.errors() == [(order, code)]


async def test_a_notice_may_say_that_a_cancel_is_too_late() -> None:
    async with gateway() as simulated:
        t = await trader(simulated)
        order = await resting(t)
        strike(simulated, "cancelOrder", "error", code=10148, text="too late")
        t.cancel(order)
        await t.client.failed(order, 10148)
        assert t.client.statuses(order)[-1] == "Submitted"


async def test_what_ib_rejects_is_an_error_and_then_inactive_with_a_perm_id() -> None:
    async with gateway() as simulated:
        t = await trader(simulated)
        order = t.place("SELL", "3", "LMT", lmt="8.5", ref="too big")
        await t.status(order, "Inactive")
        told = [m for m in t.client.messages if m[0] in (ERROR, OPEN_ORDER, ORDER_STATUS)][3:]
        assert [m[0] for m in told] == [ERROR, OPEN_ORDER, ORDER_STATUS]
        assert told[0][2:4] == [str(order), "201"]
        assert told[1][25] == told[2][6] != "0"
        assert await t.client.answers("53", 16, 1) == [["53", "1"]]
        (completed,) = [m for m in await t.client.answers("102", 99, 0) if m[0] == "101"]
        assert (completed[22], completed[23]) == ("too big", told[2][6])
        _, _, state = read_by_ib_insync(completed, 176)
        assert (state.status, state.completedStatus) == ("Cancelled", "Rejected")
        t.cancel(order)
        await t.client.failed(order, 10148)
        t.place("SELL", "1", "LMT", order, lmt="8.5")
        await t.client.failed(order, 103)
        assert simulated.control.ledger()["orders"] == []


async def test_an_order_can_be_rejected_a_moment_after_it_was_taken() -> None:
    async with gateway() as simulated:
        t = await trader(simulated)
        strike(simulated, "placeOrder", "reject_order")
        order = t.place("SELL", "1", "LMT", lmt="20")
        await t.status(order, "Inactive")
        await t.client.failed(order, 201)
        assert t.client.statuses(order) == ["PreSubmitted", "Inactive"]
        assert await t.client.answers("53", 5, 1) == [["53", "1"]]


async def test_a_modify_can_be_rejected_a_moment_after_it_was_taken() -> None:
    async with gateway() as simulated:
        t = await trader(simulated)
        order = await resting(t)
        strike(simulated, "placeOrder", "reject_replace")
        t.place("SELL", "1", "LMT", order, lmt="19", ref="rests")
        await t.client.failed(order, 201)
        assert t.last(OPEN_ORDER, order)[16] == "20"
        t.cancel(order)
        await t.status(order, "Cancelled")


async def test_a_modify_can_be_shown_as_taken_before_it_is_rejected() -> None:
    async with gateway() as simulated:
        t = await trader(simulated)
        order = await resting(t)
        strike(simulated, "placeOrder", "echo_replace", delay_after_s=0.3)
        t.place("SELL", "1", "LMT", order, lmt="19", ref="rests")
        await t.client.until(lambda: t.last(OPEN_ORDER, order)[16] == "19")
        (listed,) = [m for m in await t.client.answers("53", 16, 1) if m[0] == OPEN_ORDER]
        assert (listed[16], t.client.statuses(order)[-1]) == ("19", "Submitted")
        assert simulated.control.ledger()["orders"][0]["limit_price"] == "20"
        await t.client.failed(order, 201)
        await t.client.until(lambda: t.last(OPEN_ORDER, order)[16] == "20")
        t.cancel(order)
        await t.status(order, "Cancelled")


async def test_a_gateway_that_restarts_no_longer_shows_what_it_had_shown_as_taken() -> None:
    async with gateway() as simulated:
        t = await trader(simulated)
        order = await resting(t)
        strike(simulated, "placeOrder", "echo_replace", delay_after_s=60)
        t.place("SELL", "1", "LMT", order, lmt="19", ref="rests")
        await t.client.until(lambda: t.last(OPEN_ORDER, order)[16] == "19")
        simulated.control.do("restart", refuse_s=0)
        again = await Client(simulated).start()
        (listed,) = [m for m in await again.answers("53", 16, 1) if m[0] == OPEN_ORDER]
        assert listed[16] == "20"


async def test_a_cancel_can_be_rejected_or_forgotten() -> None:
    async with gateway() as simulated:
        t = await trader(simulated)
        order = await resting(t)
        strike(simulated, "cancelOrder", "ignore_cancel")
        t.cancel(order)
        strike(simulated, "cancelOrder", "reject_cancel")
        t.cancel(order)
        await t.client.failed(order, 10148)
        assert t.client.statuses(order)[-3:] == ["Submitted", "PendingCancel", "Submitted"]
        t.cancel(order)
        await t.status(order, "Cancelled")


async def test_an_inactive_order_is_live_until_it_is_canceled() -> None:
    async with gateway() as simulated:
        t = await trader(simulated)
        strike(simulated, "placeOrder", "inactive_order", code=201)
        order = t.place("SELL", "1", "LMT", lmt="8.5")
        await t.status(order, "Inactive")
        await t.client.failed(order, 201)
        (opened,) = [m for m in await t.client.answers("53", 16, 1) if m[0] == ORDER_STATUS]
        assert (opened[2], opened[6] != "0") == ("Inactive", True)
        t.cancel(order)
        await t.status(order, "Cancelled")


async def test_a_modify_brings_an_inactive_order_to_market() -> None:
    async with gateway() as simulated:
        t = await trader(simulated)
        strike(simulated, "placeOrder", "inactive_order")
        order = t.place("SELL", "1", "LMT", lmt="8.5")
        await t.status(order, "Inactive")
        t.place("SELL", "1", "LMT", order, lmt="8.4")
        await t.status(order, "Filled")


async def test_a_field_that_is_no_number_where_there_must_be_one_is_320() -> None:
    async with gateway() as simulated:
        t = await trader(simulated)
        order = t.place("SELL", "1", "LMT", lmt="20", triggerMethod="always")
        await t.client.failed(order, 320)
        order = t.place("SELL", "1", "LMT", lmt="20", solicited="true")
        await t.status(order, "Submitted")
        assert t.order(order).solicited
