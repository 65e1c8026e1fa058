"""Changes of orders, by a real gateway before a simulated one: taken, refused, and what is told."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import pytest

from services.common.adapter.port import ExecutionQuery, OrderQuery
from services.common.adapter.revisions import find_revisions, revision_id
from services.common.domain.errors import InvalidRequest, NotFound, Reason, Refused, Unavailable
from services.common.domain.executions import Side
from services.common.domain.order_status import OrderStatus, Signal
from services.common.domain.order_terms import (
    OrderChange,
    OrderClass,
    StopLoss,
    TakeProfit,
    TimeInForce,
)
from services.common.domain.reports import Lookup, OrderReport
from simulators.control.request_log import RequestEntry
from simulators.ib_gateway.simulated import SimulatedIbGateway
from tests.integration.ib_adapter.rig import (
    A1,
    A2,
    SPY,
    A,
    Rig,
    aged,
    eventually,
    fault,
    found,
    limit,
    orders_there,
    placed,
    price,
    resting,
    rig,
    settings_for,
)
from tests.integration.ib_adapter.test_combos import spread

Simulated = tuple[SimulatedIbGateway, int]


def sent(simulated: SimulatedIbGateway) -> Sequence[RequestEntry]:
    return simulated.control.requests()


async def shown(built: Rig, client_id: str) -> OrderReport:
    """The order as a look-up finds it."""
    report = (await built.gateway.find_order(client_id=client_id)).report
    assert report is not None, f"{client_id} was not found"
    return report


async def test_a_change_is_told_as_a_revision_of_its_own(ib: Simulated, log: Path) -> None:
    simulated, port = ib
    async with rig(settings_for(port), log) as built:
        old = await built.gateway.submit(resting(), built.check)
        new = await built.gateway.replace(A, A1, price("0.10"), built.check)
        assert (new.client_id, new.status) == (A1, OrderStatus.ACCEPTED)
        assert new.limit_price == Decimal("0.10")
        assert new.venue_order_id == f"{old.venue_order_id}.1"
        assert new.replaces == old.venue_order_id
        await eventually(lambda: built.sink.told(A)[-1] == "REPLACED")
        await eventually(lambda: built.sink.told(A1) == ["ACCEPTED"])
        was = await shown(built, A)
        assert (was.status, was.replaced_by) == (OrderStatus.REPLACED, new.venue_order_id)
        assert was.limit_price == Decimal("0.05")
        assert [o["limit_price"] for o in orders_there(simulated)] == ["0.1"]


async def test_revisions_are_found_by_either_id_and_listed_once_each(
    ib: Simulated, log: Path
) -> None:
    _, port = ib
    async with rig(settings_for(port), log) as built:
        old = await built.gateway.submit(resting(), built.check)
        await built.gateway.replace(A, A1, price("0.10"), built.check)
        new = await built.gateway.replace(A1, A2, price("0.15"), built.check)
        assert new.venue_order_id == f"{old.venue_order_id}.2"
        for report in (await shown(built, A), await shown(built, A1), new):
            found = await built.gateway.find_order(venue_order_id=report.venue_order_id)
            assert found.report is not None
            assert found.report.client_id == report.client_id
        listed = await built.gateway.orders(OrderQuery())
        assert [r.client_id for r in listed] == [A2, A1, A]
        [working] = await built.gateway.orders(OrderQuery(open_only=True))
        assert (working.client_id, working.replaces) == (A2, f"{old.venue_order_id}.1")


async def test_a_fill_is_of_the_revision_that_was_in_force(ib: Simulated, log: Path) -> None:
    simulated, port = ib
    async with rig(settings_for(port), log) as built:
        spec = limit(A, Side.BUY, "0.05", qty="3")
        old = await built.gateway.submit(spec, built.check)
        simulated.control.fill(A, Decimal(1), Decimal("0.05"))
        await eventually(lambda: len(built.sink.executions()) == 1)
        change = OrderChange(order_qty=Decimal(5), limit_price=Decimal("0.10"))
        new = await built.gateway.replace(A, A1, change, built.check)
        assert (new.order_qty, new.cum_qty) == (Decimal(4), Decimal(0))
        was = await shown(built, A)
        assert (was.status, was.order_qty, was.cum_qty) == (OrderStatus.REPLACED, 3, 1)
        simulated.control.fill(A, Decimal(4), Decimal("0.10"))
        await eventually(lambda: built.sink.last_status(A1) is OrderStatus.FILLED)
        told = [(e.client_id, e.last_qty, e.cum_qty) for e in built.sink.executions() if e.fees]
        assert told == [(A, 1, 1), (A1, 4, 4)]
        listed = await built.gateway.executions(ExecutionQuery(venue_order_id=new.venue_order_id))
        assert [(e.client_id, e.cum_qty) for e in listed] == [(A1, 4)]
        listed = await built.gateway.executions(ExecutionQuery(venue_order_id=old.venue_order_id))
        assert [(e.client_id, e.cum_qty) for e in listed] == [(A, 1)]


async def test_the_whole_order_is_written_again(ib: Simulated, log: Path) -> None:
    simulated, port = ib
    async with rig(settings_for(port), log) as built:
        spec = limit(A, Side.BUY, "300", qty="2", instrument=SPY)
        spec = replace(spec, time_in_force=TimeInForce.GTC, extended_hours=True)
        await built.gateway.submit(spec, built.check)
        await built.gateway.replace(A, A1, price("301"), built.check)
        first, second = [e.body for e in sent(simulated) if e.method == "placeOrder"]
        assert len(first) == len(second)
        changed = {(was, now) for was, now in zip(first, second, strict=True) if was != now}
        # Unset fields are shown as 0, or as what IB takes them for.
        assert changed <= {("2", "2.0"), ("300.0", "301.0"), ("", "0"), ("", "0.0")} | {
            ("", "O"),
            ("", "IB"),
        }
        [order] = orders_there(simulated)
        assert (order["limit_price"], order["order_qty"]) == ("301", "2")
        [report] = await built.gateway.orders(OrderQuery(open_only=True))
        assert (report.time_in_force, report.extended_hours) == (TimeInForce.GTC, True)


async def test_no_change_is_sent_under_a_number_that_is_given_out_again(
    ib: Simulated, log: Path
) -> None:
    """It would be another order there, beside the one that works."""
    simulated, port = ib
    async with rig(settings_for(port), log) as built:
        await built.gateway.submit(resting(), built.check)
        simulated.control.do("roll_back_ids", by=100)
        with pytest.raises(Refused) as refused:
            await built.gateway.replace(A, A1, price("301"), built.check)
        assert refused.value.reason is Reason.UNSUPPORTED_BY_VENUE
        assert len([e for e in sent(simulated) if e.method == "placeOrder"]) == 1
        [order] = orders_there(simulated)
        assert order["client_order_id"] == A


async def test_a_refused_change_leaves_the_order_live(ib: Simulated, log: Path) -> None:
    simulated, port = ib
    async with rig(settings_for(port), log) as built:
        await built.gateway.submit(resting(), built.check)
        # Off the tick: code 110.
        report = await built.gateway.replace(A, A1, price("0.0512"), built.check)
        assert (report.client_id, report.status) == (A, OrderStatus.ACCEPTED)
        assert report.signal is Signal.REPLACE_REJECTED
        assert report.cause is not None
        assert report.cause.reason is Reason.INVALID_PRICE
        assert (await built.gateway.find_order(client_id=A1)).lookup is Lookup.ABSENT
        again = await built.gateway.replace(A, A1, price("0.0512"), built.check)
        assert again.signal is Signal.REPLACE_REJECTED
        assert placed(simulated) == [A, A]
        new = await built.gateway.replace(A, A2, price("0.10"), built.check)
        assert (new.client_id, new.replaces) == (A2, report.venue_order_id)


async def test_the_same_change_again_is_the_same_change(ib: Simulated, log: Path) -> None:
    simulated, port = ib
    async with rig(settings_for(port), log) as built:
        await built.gateway.submit(resting(), built.check)
        first = await built.gateway.replace(A, A1, price("0.10"), built.check)
        again = await built.gateway.replace(A, A1, price("0.10"), built.check)
        assert again.venue_order_id == first.venue_order_id
        assert placed(simulated) == [A, A]
        with pytest.raises(Refused) as error:
            await built.gateway.replace(A, A1, price("0.15"), built.check)
        assert error.value.reason is Reason.CLIENT_ORDER_ID_REUSED
        with pytest.raises(Refused) as error:
            await built.gateway.replace(A1, A, price("0.15"), built.check)
        assert error.value.reason is Reason.CLIENT_ORDER_ID_REUSED


async def test_what_can_not_be_changed_is_refused_before_anything_is_sent(
    ib: Simulated, log: Path
) -> None:
    simulated, port = ib
    await aged(log)
    async with rig(settings_for(port), log) as built:
        await found(built, A, Lookup.ABSENT)
        with pytest.raises(NotFound):
            await built.gateway.replace(A, A1, price("0.10"), built.check)
        await built.gateway.submit(resting(), built.check)
        for change in (
            OrderChange(stop_price=Decimal(1)),
            OrderChange(trail_amount=Decimal(1)),
            price("0.05"),
            OrderChange(order_qty=Decimal("1.5")),
        ):
            with pytest.raises(InvalidRequest):
                await built.gateway.replace(A, A1, change, built.check)
        await built.gateway.replace(A, A1, price("0.10"), built.check)
        with pytest.raises(Refused) as error:
            await built.gateway.replace(A, A2, price("0.15"), built.check)
        assert error.value.reason is Reason.ORDER_ENDED
        await built.gateway.cancel(A1, built.check)
        await eventually(lambda: built.sink.last_status(A1) is OrderStatus.CANCELED)
        with pytest.raises(Refused) as error:
            await built.gateway.replace(A1, A2, price("0.15"), built.check)
        assert error.value.reason is Reason.ORDER_ENDED
        assert placed(simulated) == [A, A]


async def test_a_change_that_the_last_check_stopped_may_be_sent_later(
    ib: Simulated, log: Path
) -> None:
    simulated, port = ib

    def stop() -> None:
        raise Unavailable(Reason.NOT_AFTER_PASSED, "stopped")

    async with rig(settings_for(port), log) as built:
        await built.gateway.submit(resting(), built.check)
        with pytest.raises(Unavailable):
            await built.gateway.replace(A, A1, price("0.10"), stop)
        assert placed(simulated) == [A]
        assert (await built.gateway.find_order(client_id=A1)).lookup is Lookup.ABSENT
        assert (await shown(built, A)).status is OrderStatus.ACCEPTED
        new = await built.gateway.replace(A, A1, price("0.10"), built.check)
        assert new.client_id == A1


async def test_an_order_of_another_client_is_not_changed(ib: Simulated, log: Path) -> None:
    _, port = ib
    async with rig(settings_for(port), log) as built:
        await built.gateway.submit(resting(), built.check)
        other = log.with_name("other.sqlite")
        async with rig(settings_for(port, client_id=5), other) as second:
            with pytest.raises(Refused) as error:
                await second.gateway.replace(A, A1, price("0.10"), second.check)
            assert error.value.reason is Reason.NOT_PERMITTED


async def test_a_change_that_fills_at_once_is_told_with_its_fill(ib: Simulated, log: Path) -> None:
    _, port = ib
    async with rig(settings_for(port), log) as built:
        await built.gateway.submit(resting(), built.check)
        new = await built.gateway.replace(A, A1, price("20"), built.check)
        assert new.client_id == A1
        await eventually(lambda: built.sink.last_status(A1) is OrderStatus.FILLED)
        [execution] = [e for e in built.sink.executions() if e.fees]
        assert (execution.client_id, execution.cum_qty) == (A1, 1)
        assert built.sink.last_status(A) is OrderStatus.REPLACED
        was = await shown(built, A)
        assert (was.status, was.cum_qty) == (OrderStatus.REPLACED, 0)


async def test_terms_that_somebody_else_changed_are_told_as_shown(ib: Simulated, log: Path) -> None:
    simulated, port = ib
    async with rig(settings_for(port), log) as built:
        await built.gateway.submit(resting(), built.check)
        [order] = orders_there(simulated)
        anew = simulated.gateway.orders.find_perm_id(order["venue_order_id"])
        assert anew is not None
        by_hand = replace(anew.order.asked, limit_price=Decimal("0.20"))
        simulated.gateway.venue.amend(order["venue_order_id"], by_hand, lambda *_: None)
        await built.gateway.find_order(client_id=A)
        await eventually(lambda: built.sink.reports(A)[-1].limit_price == Decimal("0.20"))
        assert built.sink.last_status(A) is OrderStatus.ACCEPTED


async def test_an_order_that_is_being_canceled_is_not_changed(ib: Simulated, log: Path) -> None:
    simulated, port = ib
    async with rig(settings_for(port), log) as built:
        await built.gateway.submit(resting(), built.check)
        fault(simulated, "ignore_cancel", method="cancelOrder")
        canceling: asyncio.Task[OrderReport] = asyncio.create_task(
            built.gateway.cancel(A, built.check)
        )
        await eventually(lambda: any(e.method == "cancelOrder" for e in sent(simulated)))
        with pytest.raises(Refused) as error:
            await built.gateway.replace(A, A1, price("0.10"), built.check)
        assert error.value.reason is Reason.CHANGE_IN_PROGRESS
        canceling.cancel()
        await asyncio.gather(canceling, return_exceptions=True)
        assert placed(simulated) == [A]


async def test_an_id_of_a_change_is_no_id_of_an_order(ib: Simulated, log: Path) -> None:
    simulated, port = ib
    async with rig(settings_for(port), log) as built:
        await built.gateway.submit(resting(), built.check)
        await built.gateway.replace(A, A1, price("0.10"), built.check)
        with pytest.raises(Refused) as error:
            await built.gateway.submit(resting(A1), built.check)
        assert error.value.reason is Reason.CLIENT_ORDER_ID_REUSED
        again = await built.gateway.submit(resting(), built.check)
        assert (again.client_id, again.status) == (A, OrderStatus.REPLACED)
        assert placed(simulated) == [A, A]


async def test_a_client_follows_its_own_id_to_the_latest_revision(ib: Simulated, log: Path) -> None:
    _, port = ib
    async with rig(settings_for(port), log) as built:
        await built.gateway.submit(resting("mine"), built.check)
        first, second = revision_id("mine", "r-1"), revision_id("mine", "r-2")
        await built.gateway.replace("mine", first, price("0.10"), built.check)
        await built.gateway.replace(first, second, price("0.15"), built.check)
        chain = await find_revisions(built.gateway, "mine")
        assert [r.client_id for r in chain] == ["mine", first, second]
        assert chain[-1].limit_price == Decimal("0.15")


async def test_the_price_of_an_exit_is_changed_and_its_quantity_is_not(
    ib: Simulated, log: Path
) -> None:
    _, port = ib
    async with rig(settings_for(port), log) as built:
        spec = limit(A, Side.BUY, "300", qty="2", instrument=SPY)
        spec = replace(
            spec,
            order_class=OrderClass.BRACKET,
            take_profit=TakeProfit(Decimal(450)),
            stop_loss=StopLoss(Decimal(250)),
        )
        await built.gateway.submit(spec, built.check)
        exits = [r for r in await built.gateway.orders(OrderQuery()) if r.parent]
        [stop] = [r for r in exits if r.stop_price is not None]
        change = OrderChange(stop_price=Decimal(260))
        new = await built.gateway.replace(stop.client_id, "new-stop", change, built.check)
        assert (new.client_id, new.stop_price, new.order_qty) == ("new-stop", 260, 2)
        assert new.parent == stop.parent
        for client_id in (A, "new-stop"):
            more = OrderChange(order_qty=Decimal(3))
            with pytest.raises(Refused) as error:
                await built.gateway.replace(client_id, "more", more, built.check)
            assert error.value.reason is Reason.UNSUPPORTED_BY_VENUE
        head = await built.gateway.replace(A, A1, price("301"), built.check)
        assert (head.client_id, head.limit_price) == (A1, 301)


async def test_the_net_price_of_a_multi_leg_order_is_changed(ib: Simulated, log: Path) -> None:
    _, port = ib
    async with rig(settings_for(port), log) as built:
        await built.gateway.submit(spread("-9.50", qty="2"), built.check)
        more = OrderChange(order_qty=Decimal(3))
        with pytest.raises(Refused) as error:
            await built.gateway.replace(A, A1, more, built.check)
        assert error.value.reason is Reason.UNSUPPORTED_BY_VENUE
        new = await built.gateway.replace(A, A1, price("-3.40"), built.check)
        assert (new.client_id, new.limit_price) == (A1, Decimal("-3.4"))
        await eventually(lambda: built.sink.last_status(A1) is OrderStatus.FILLED)
        assert built.sink.last_status(A) is OrderStatus.REPLACED
        legs = {(e.instrument.key, e.client_id, e.cum_qty) for e in built.sink.executions()}
        assert {client_id for _, client_id, _ in legs} == {A1}
        assert len(legs) == len({e.exec_id for e in built.sink.executions()})
        [filled] = [r for r in built.sink.reports(A1) if r.status is OrderStatus.FILLED]
        assert filled.cum_qty == 2


async def test_a_change_that_never_got_here_is_absent_at_once(ib: Simulated, log: Path) -> None:
    _, port = ib
    async with rig(settings_for(port), log) as built:
        await built.gateway.submit(resting(), built.check)
        assert (await built.gateway.find_order(client_id=A1)).lookup is Lookup.ABSENT
        never = "never~sim~1.1"
        assert (await built.gateway.find_order(client_id=never)).lookup is Lookup.UNKNOWN
