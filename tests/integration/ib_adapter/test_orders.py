"""Orders, fills, commissions, cancels and reads, against the simulated Gateway."""

from __future__ import annotations

import asyncio
from decimal import Decimal
from pathlib import Path

import pytest

from services.common.adapter.port import ExecutionQuery, OrderQuery
from services.common.domain.amounts import Money
from services.common.domain.errors import (
    InvalidRequest,
    NotFound,
    OutcomeUnknown,
    ReadFailed,
    Reason,
    Refused,
    Unavailable,
)
from services.common.domain.executions import ExecSource, Side
from services.common.domain.instruments import Equity
from services.common.domain.market import QuoteQuality
from services.common.domain.occ import parse_occ
from services.common.domain.order_spec import OrderSpec
from services.common.domain.order_status import OrderStatus, Signal
from services.common.domain.order_terms import OrderType, TimeInForce
from services.common.domain.reports import Lookup, VenueState
from simulators.ib_gateway.simulated import SimulatedIbGateway
from tests.integration.ib_adapter.rig import (
    HASTY,
    PUT,
    SPY,
    A,
    aged,
    crossing,
    eventually,
    fault,
    found,
    limit,
    orders_there,
    placed,
    resting,
    rig,
    say,
    settings_for,
)
from tests.simulators.gateways import gateway_on_port

Simulated = tuple[SimulatedIbGateway, int]


async def test_an_order_is_accepted_with_its_perm_id(ib: Simulated, log: Path) -> None:
    simulated, port = ib
    async with rig(settings_for(port), log) as built:
        report = await built.gateway.submit(resting(), built.check)
        assert (report.client_id, report.status) == (A, OrderStatus.ACCEPTED)
        assert report.venue_order_id == orders_there(simulated)[0]["venue_order_id"]
        assert (report.instrument, report.side) == (PUT, Side.BUY)
        assert (report.order_qty, report.limit_price) == (Decimal(1), Decimal("0.05"))
        assert len(built.checks) == 1


async def test_a_fill_is_told_with_its_commission_before_the_order_that_shows_it(
    ib: Simulated, log: Path
) -> None:
    _, port = ib
    async with rig(settings_for(port), log) as built:
        await built.gateway.submit(crossing(), built.check)
        await eventually(lambda: built.sink.last_status(A) is OrderStatus.FILLED)
        assert built.sink.told(A)[-2:] == ["execution", "FILLED"]
        [execution] = built.sink.executions()
        assert (execution.last_qty, execution.last_px) == (Decimal(1), Decimal("8.5"))
        assert [fee.amount for fee in execution.fees] == [Money(Decimal(1), "USD")]
        assert execution.source is ExecSource.STREAM
        assert built.sink.reports(A)[-1].avg_px == Decimal("8.5")


@pytest.mark.parametrize("told_first", ["exec_first", "status_first"])
async def test_the_order_of_the_gateways_messages_does_not_matter(
    log: Path, told_first: str
) -> None:
    async with (
        gateway_on_port(fill_events=told_first) as (_, port),
        rig(settings_for(port), log) as built,
    ):
        await built.gateway.submit(crossing(qty="2"), built.check)
        await eventually(lambda: built.sink.last_status(A) is OrderStatus.FILLED)
        assert built.sink.told(A)[-2:] == ["execution", "FILLED"]
        assert built.sink.sessions() == ["session-1"]


async def test_a_fill_without_a_commission_is_told_after_a_moment(ib: Simulated, log: Path) -> None:
    simulated, port = ib
    fault(simulated, "drop", event="commissionReport")
    # No moment at all: a look at the positions may fetch the commission that was lost.
    async with rig(settings_for(port, orders={"commission_wait_s": 0.0}), log) as built:
        await built.gateway.submit(crossing(), built.check)
        await eventually(lambda: built.sink.executions())
        assert built.sink.executions()[0].fees == ()


async def test_a_late_commission_is_told_with_its_execution_once_more(
    ib: Simulated, log: Path
) -> None:
    _, port = ib
    async with rig(settings_for(port, orders={"commission_wait_s": 0.0}), log) as built:
        await built.gateway.submit(crossing(), built.check)
        await eventually(lambda: len(built.sink.executions()) == 2)
        first, second = built.sink.executions()
        assert first.exec_id == second.exec_id
        assert (first.fees, [fee.amount.amount for fee in second.fees]) == ((), [Decimal(1)])


async def test_a_market_order_that_fills_without_a_status_is_filled(
    ib: Simulated, log: Path
) -> None:
    simulated, port = ib
    async with rig(settings_for(port), log) as built:
        fault(simulated, "drop", event="orderStatus", times=0)
        fault(simulated, "drop", event="openOrder", times=0)
        spec = OrderSpec(A, SPY, Side.BUY, Decimal(2), OrderType.MARKET, TimeInForce.DAY)
        report = await built.gateway.submit(spec, built.check)
        assert report.cum_qty == Decimal(2)
        await eventually(lambda: built.sink.last_status(A) is OrderStatus.FILLED)
        assert built.sink.told(A) == ["execution", "FILLED"]


async def test_a_refusal_by_code_is_a_rejection_with_its_reason(ib: Simulated, log: Path) -> None:
    _, port = ib
    async with rig(settings_for(port), log) as built:
        report = await built.gateway.submit(crossing(qty="1000"), built.check)
        assert (report.status, report.signal) == (OrderStatus.REJECTED, Signal.REJECTED)
        assert report.cause is not None
        assert report.cause.reason is Reason.INSUFFICIENT_BUYING_POWER
        assert report.cause.venue_code == "201"


@pytest.mark.parametrize("code", [103, 105, 161, 165, 10328, 10147, 99999])
async def test_a_code_that_does_not_say_refused_leaves_the_order_in_doubt(
    ib: Simulated, log: Path, code: int
) -> None:
    simulated, port = ib
    fault(simulated, "error", method="placeOrder", code=code, text="?", when="before")
    async with rig(settings_for(port, **HASTY), log) as built:
        with pytest.raises(OutcomeUnknown):
            await built.gateway.submit(resting(), built.check)


@pytest.mark.parametrize("code", [103, 105, 161, 321, 399, 2109, 10147, 10311, 10328, 10349])
async def test_no_code_ends_an_order_that_was_accepted(ib: Simulated, log: Path, code: int) -> None:
    simulated, port = ib
    async with rig(settings_for(port), log) as built:
        await built.gateway.submit(resting(), built.check)
        send = await built.send_log.find(A)
        assert send is not None
        say(simulated, send.order_id, code)
        await built.gateway.status()  # what was said before this answer has arrived
        assert built.sink.last_status(A) is OrderStatus.ACCEPTED
        found = await built.gateway.find_order(client_id=A)
        assert found.report is not None
        assert found.report.status is OrderStatus.ACCEPTED


async def test_an_inactive_order_is_live_and_not_executing(ib: Simulated, log: Path) -> None:
    simulated, port = ib
    fault(simulated, "inactive_order", method="placeOrder")
    async with rig(settings_for(port, **HASTY), log) as built:
        report = await built.gateway.submit(resting(), built.check)
        assert (report.status, report.raw_status) == (OrderStatus.SUSPENDED, "Inactive")
        simulated.control.do("activate", order=A)
        await eventually(lambda: built.sink.last_status(A) is OrderStatus.ACCEPTED)


async def test_a_canceled_order_ends_by_the_gateways_word(ib: Simulated, log: Path) -> None:
    _, port = ib
    async with rig(settings_for(port), log) as built:
        await built.gateway.submit(resting(), built.check)
        report = await built.gateway.cancel(A, built.check)
        assert report.status in (OrderStatus.PENDING_CANCEL, OrderStatus.CANCELED)
        await eventually(lambda: built.sink.last_status(A) is OrderStatus.CANCELED)
        with pytest.raises(Refused) as refused:
            await built.gateway.cancel(A, built.check)
        assert refused.value.reason is Reason.ORDER_ENDED


async def test_an_order_that_nobody_knows_cant_be_canceled(ib: Simulated, log: Path) -> None:
    _, port = ib
    await aged(log)
    async with rig(settings_for(port, settling_s=0.001), log) as built:
        await found(built, A, Lookup.ABSENT)
        with pytest.raises(NotFound) as error:
            await built.gateway.cancel(A, built.check)
        assert error.value.reason is Reason.ORDER_NOT_FOUND


@pytest.mark.parametrize("code", [161, 10147, 10148])
async def test_a_refused_cancel_is_read_back(ib: Simulated, log: Path, code: int) -> None:
    simulated, port = ib
    async with rig(settings_for(port), log) as built:
        await built.gateway.submit(resting(), built.check)
        fault(simulated, "error", method="cancelOrder", code=code, text="no", when="before")
        report = await built.gateway.cancel(A, built.check)
        assert (report.status, report.signal) == (OrderStatus.ACCEPTED, Signal.CANCEL_REJECTED)


async def test_a_cancel_that_nobody_answers_is_not_said_to_be_pending(
    ib: Simulated, log: Path
) -> None:
    """It would never be asked for again, and the order would stay live."""
    simulated, port = ib
    async with rig(settings_for(port, **HASTY), log) as built:
        await built.gateway.submit(resting(), built.check)
        fault(simulated, "drop_request", ends="hang", method="cancelOrder")
        with pytest.raises(OutcomeUnknown, match="said nothing"):
            await built.gateway.cancel(A, built.check)
        assert built.sink.last_status(A) is OrderStatus.ACCEPTED


async def test_an_order_of_another_client_cant_be_canceled(ib: Simulated, log: Path) -> None:
    _, port = ib
    async with rig(settings_for(port, client_id=5), log) as first:
        await first.gateway.submit(resting(), first.check)
        other = log.with_name("other.sqlite")
        async with rig(settings_for(port, client_id=6), other) as second:
            await found(second, A, Lookup.FOUND)
            with pytest.raises(Refused) as refused:
                await second.gateway.cancel(A, second.check)
            assert refused.value.reason is Reason.NOT_PERMITTED
            assert second.checks == []


async def test_what_the_last_check_refuses_is_not_written_and_may_be_sent_later(
    ib: Simulated, log: Path
) -> None:
    simulated, port = ib

    def refuse() -> None:
        raise Refused(Reason.STALE_EPOCH, "not any more")

    async with rig(settings_for(port), log) as built:
        with pytest.raises(Refused):
            await built.gateway.submit(resting(), refuse)
        assert placed(simulated) == []
        send = await built.send_log.find(A)
        assert send is not None
        assert send.not_sent
        report = await built.gateway.submit(resting(), built.check)
        assert report.status is OrderStatus.ACCEPTED
        assert placed(simulated) == [A]


async def test_nothing_is_written_behind_what_still_waits(
    ib: Simulated, log: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    simulated, port = ib
    async with rig(settings_for(port), log) as built:
        await built.gateway.quotes([PUT])  # the contract is known: no request is needed
        with monkeypatch.context() as patched:
            transport = built.gateway._parts.session.wire().client.conn.transport
            patched.setattr(transport, "get_write_buffer_size", lambda: 10)
            with pytest.raises(Unavailable, match="10 bytes before it"):
                await built.gateway.submit(resting(), built.check)
        assert built.checks == []
        assert placed(simulated) == []
        assert (await built.gateway.submit(resting(), built.check)).status is OrderStatus.ACCEPTED


async def test_an_id_is_sent_once_whatever_is_asked(ib: Simulated, log: Path) -> None:
    simulated, port = ib
    async with rig(settings_for(port), log) as built:
        first = await built.gateway.submit(resting(), built.check)
        again = await built.gateway.submit(resting(), built.check)
        assert again.venue_order_id == first.venue_order_id
        with pytest.raises(Refused) as refused:
            await built.gateway.submit(limit(A, Side.BUY, "0.10"), built.check)
        assert refused.value.reason is Reason.CLIENT_ORDER_ID_REUSED
    async with rig(settings_for(port), log) as later:
        again = await later.gateway.submit(resting(), later.check)
        assert again.venue_order_id == first.venue_order_id
    assert placed(simulated) == [A]


async def test_what_ib_cant_take_is_refused_before_anything_is_sent(
    ib: Simulated, log: Path
) -> None:
    simulated, port = ib
    unknown = limit(A, Side.BUY, "1", instrument=Equity("ZZZZ"))
    half = limit(A, Side.BUY, "1", qty="0.5", instrument=SPY)
    exact = limit(A, Side.BUY, "0.1000000000000000001", instrument=SPY)
    async with rig(settings_for(port), log) as built:
        with pytest.raises(Refused) as refused:
            await built.gateway.submit(unknown, built.check)
        assert refused.value.reason is Reason.INSTRUMENT_NOT_FOUND
        for spec, name in ((half, "order.order_qty"), (exact, "order.limit_price")):
            with pytest.raises(InvalidRequest) as invalid:
                await built.gateway.submit(spec, built.check)
            assert invalid.value.field == name
        assert await built.send_log.find(A) is None
    assert placed(simulated) == []


async def test_lists_give_what_the_gateway_has(ib: Simulated, log: Path) -> None:
    _, port = ib
    async with rig(settings_for(port), log) as built:
        await built.gateway.submit(crossing(A), built.check)
        await built.gateway.submit(resting("b~sim~1.0"), built.check)
        await eventually(lambda: built.sink.last_status(A) is OrderStatus.FILLED)
        orders = await built.gateway.orders(OrderQuery())
        assert [(o.client_id, o.status) for o in orders] == [
            ("b~sim~1.0", OrderStatus.ACCEPTED),
            (A, OrderStatus.FILLED),
        ]
        live = await built.gateway.orders(OrderQuery(open_only=True))
        assert [o.client_id for o in live] == ["b~sim~1.0"]
        [execution] = await built.gateway.executions(ExecutionQuery())
        assert execution.exec_id == built.sink.executions()[0].exec_id
        assert execution.fees == built.sink.executions()[0].fees
        by_id = await built.gateway.find_order(venue_order_id=orders[1].venue_order_id)
        assert by_id.report is not None
        assert by_id.report.client_id == A


async def test_positions_and_figures_are_exact(ib: Simulated, log: Path) -> None:
    _, port = ib
    async with rig(settings_for(port), log) as built:
        await built.gateway.submit(crossing(), built.check)
        await eventually(lambda: built.sink.last_status(A) is OrderStatus.FILLED)
        [position] = await built.gateway.positions()
        assert (position.instrument, position.qty) == (PUT, Decimal(-1))
        assert position.avg_entry_price == Decimal("8.49")  # 849.00 a contract, fee counted in
        balance = await built.gateway.balance()
        assert balance.cash == Money(Decimal("100849.00"), "USD")
        assert balance.venue_account_id == "DU1000001"


async def test_a_quote_says_how_far_it_may_be_trusted(log: Path) -> None:
    async with gateway_on_port() as (simulated, port), rig(settings_for(port), log) as built:
        [put, spy] = await built.gateway.quotes([PUT, SPY])
        assert (put.bid_price, put.ask_price) == (Decimal("8.5"), Decimal(9))
        assert (spy.bid_price, spy.quality) == (Decimal("399.98"), QuoteQuality.REALTIME)
        assert await built.gateway.quotes([parse_occ("SPY241115P00999000")]) == []
        simulated.control.set_option("market_data", "delayed")
        [put] = await built.gateway.quotes([PUT])
        assert (put.quality, put.age_s) == (QuoteQuality.DELAYED, None)
        simulated.control.set_option("market_data", "none")
        with pytest.raises(ReadFailed) as failed:
            await built.gateway.quotes([PUT])
        assert failed.value.reason is Reason.NOT_PERMITTED


async def test_the_market_clock_is_ibs(ib: Simulated, log: Path) -> None:
    simulated, port = ib
    async with rig(settings_for(port), log) as built:
        clock = await built.gateway.market_clock()
        assert clock.is_open
        assert abs((clock.venue_time - simulated.venue.now).total_seconds()) < 2
        assert clock.next_close.isoformat() == "2024-11-04T21:00:00+00:00"
        assert clock.next_open.isoformat() == "2024-11-05T14:30:00+00:00"


async def test_the_status_tells_account_and_session(ib: Simulated, log: Path) -> None:
    _, port = ib
    async with rig(settings_for(port), log) as built:
        status = await built.gateway.status()
        assert (status.state, status.ready) == (VenueState.UP, True)
        assert (status.venue_account_id, status.session_id) == ("DU1000001", "session-1")
        assert status.probe_s is not None
    async with rig(settings_for(port), log, in_sync=False) as idle:
        assert (await idle.gateway.status()).state is VenueState.DOWN
        with pytest.raises(Unavailable):
            await idle.gateway.submit(resting(), idle.check)
        with pytest.raises(ReadFailed):
            await idle.gateway.positions()


async def test_many_orders_at_once_keep_to_their_own(ib: Simulated, log: Path) -> None:
    _, port = ib
    async with rig(settings_for(port), log) as built:
        ids = [f"n{number}~sim~1.0" for number in range(30)]
        reports = await asyncio.gather(
            *(built.gateway.submit(resting(client_id), built.check) for client_id in ids)
        )
        assert [report.client_id for report in reports] == ids
        assert len({report.venue_order_id for report in reports}) == len(ids)
