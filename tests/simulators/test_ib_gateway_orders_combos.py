"""Combinations: legs and net prices as IB means them, one execution for the whole and one a leg."""

from decimal import Decimal
from typing import Any

import pytest
from ib_insync import ComboLeg, Contract, LimitOrder

from simulators.ib_gateway.contracts import con_id_of
from tests.simulators.gateways import COMMISSION, EXECUTION, OPEN_ORDER, PUT, Client, gateway
from tests.simulators.ib_orders import CALL, Legs, Trader
from tests.simulators.test_ib_insync import connected, eventually

LOW = "SPY241115P00390000"
HIGH_CALL = "SPY241115C00410000"
CREDIT: Legs = [(LOW, 1, "BUY"), (PUT, 1, "SELL")]
DEBIT: Legs = [(PUT, 1, "BUY"), (LOW, 1, "SELL")]


async def trader(simulated: Any, version: int = 176) -> Trader:
    return Trader(await Client(simulated, version).start())


def held(simulated: Any) -> dict[str, str]:
    positions = simulated.control.ledger()["accounts"]["DU1000001"]["positions"]
    return {p["symbol"]: p["qty"] for p in positions}


@pytest.mark.parametrize(
    ("action", "legs", "limit", "px", "side"),
    [("BUY", CREDIT, "-3.4", "-3.45", "BOT"), ("SELL", DEBIT, "3.4", "3.45", "SLD")],
)
async def test_a_put_spread_is_sold_for_its_credit_either_way(
    action: str, legs: Legs, limit: str, px: str, side: str
) -> None:
    async with gateway() as simulated:
        t = await trader(simulated)
        order = t.place(action, "2", "LMT", lmt=limit, legs=legs, ref="spread")
        await t.status(order, "Filled")
        await t.client.until(lambda: len(t.client.of(COMMISSION)) == 2)
        assert held(simulated) == {LOW: "2", PUT: "-2"}
        whole, *parts = t.client.of(EXECUTION)
        assert (whole[5], whole[18], whole[19], whole[20]) == ("BAG", side, "2", px)
        told = {m[3]: (m[18], m[19], m[20]) for m in parts}
        assert told == {
            str(con_id_of(LOW)): ("BOT", "2", "5.05"),
            str(con_id_of(PUT)): ("SLD", "2", "8.5"),
        }
        assert {m[26] for m in t.client.of(EXECUTION)} == {"spread"}
        assert len({m[21] for m in t.client.of(EXECUTION)}) == 1
        assert [m[2] for m in t.client.of(COMMISSION)] == [m[14] for m in parts]
        known = {e["exec_id"] for e in simulated.control.ledger()["executions"]}
        assert {m[14] for m in parts} == known
        assert whole[14] not in known
        assert t.last("3", order)[3:6] == ["2", "0", px]


async def test_a_combination_rests_and_comes_back_with_its_legs_and_price() -> None:
    async with gateway() as simulated:
        t = await trader(simulated)
        order = t.place("SELL", "2", "LMT", lmt="5", legs=DEBIT, ref="rests", tif="GTC")
        await t.status(order, "Submitted")
        shown = t.order(order)
        assert (shown.contract.secType, shown.contract.symbol) == ("BAG", "SPY")
        assert [(leg.conId, leg.ratio, leg.action) for leg in shown.contract.comboLegs] == [
            (con_id_of(PUT), 1, "BUY"),
            (con_id_of(LOW), 1, "SELL"),
        ]
        low, high = con_id_of(LOW), con_id_of(PUT)
        assert shown.contract.comboLegsDescrip == f"{high}|1,{low}|-1"
        assert (shown.action, shown.lmtPrice, shown.totalQuantity, shown.tif) == (
            "SELL",
            5.0,
            2.0,
            "GTC",
        )
        told = await t.client.answers("53", 16, 1)
        assert len([m for m in told if m[0] == OPEN_ORDER]) == 1
        t.place("SELL", "1", "LMT", order, lmt="3.45", legs=DEBIT, ref="rests", tif="GTC")
        await t.status(order, "Filled")
        assert held(simulated) == {LOW: "1", PUT: "-1"}
        (completed,) = [m for m in await t.client.answers("102", 99, 0) if m[0] == "101"]
        assert (completed[3], completed[22]) == ("BAG", "rests")
        assert completed[23] == str(shown.permId)


async def test_a_combination_closes_what_is_held() -> None:
    async with gateway() as simulated:
        t = await trader(simulated)
        await t.status(t.place("BUY", "1", "LMT", lmt="-3.4", legs=CREDIT), "Filled")
        closing = t.place("BUY", "1", "MKT", legs=DEBIT)
        await t.status(closing, "Filled")
        assert held(simulated) == {}
        profits = [m[5] for m in t.client.of(COMMISSION)]
        assert profits[:2] == ["1.7976931348623157E308"] * 2
        assert not [p for p in profits[2:] if "E" in p]


async def test_what_a_combination_closes_needs_no_money() -> None:
    async with gateway(cash=Decimal(5000)) as simulated:
        t = await trader(simulated)
        await t.status(t.place("BUY", "8", "LMT", lmt="4.2", legs=DEBIT), "Filled")
        await t.client.until(lambda: held(simulated) == {LOW: "-8", PUT: "8"})
        closing = t.place("BUY", "8", "LMT", lmt="-3.4", legs=CREDIT)
        await t.status(closing, "Filled")
        assert held(simulated) == {}


async def test_filters_find_the_combination_and_its_legs() -> None:
    async with gateway() as simulated:
        t = await trader(simulated)
        await t.status(t.place("BUY", "1", "LMT", lmt="-3.4", legs=CREDIT), "Filled")

        async def kinds(sec_type: str) -> list[str]:
            told = await t.client.answers("55", 7, 3, 50, 0, "", "", "", sec_type, "", "")
            return [m[5] for m in told if m[0] == EXECUTION]

        assert await kinds("") == ["BAG", "OPT", "OPT"]
        assert await kinds("BAG") == ["BAG"]
        assert await kinds("OPT") == ["OPT", "OPT"]


async def test_a_short_leg_without_cover_needs_cash_or_shares() -> None:
    async with gateway() as simulated:
        t = await trader(simulated)
        strangle: Legs = [(LOW, 1, "SELL"), (HIGH_CALL, 1, "SELL")]
        order = t.place("BUY", "1", "LMT", lmt="-8", legs=strangle)
        await t.client.failed(order, 201)
        shares = t.place("BUY", "100", "MKT", symbol="SPY")
        await t.status(shares, "Filled")
        order = t.place("BUY", "1", "LMT", lmt="-8", legs=strangle)
        await t.status(order, "Filled")
        order = t.place("BUY", "3", "LMT", lmt="-3.4", legs=CREDIT)
        await t.status(order, "Filled")
        order = t.place("BUY", "300", "LMT", lmt="-3.4", legs=CREDIT)
        await t.client.failed(order, 201)


@pytest.mark.parametrize(
    ("legs", "more", "code", "text"),
    [
        ([(PUT, 1, "BUY")], {}, 321, "legs"),
        ([(PUT, 1, "BUY"), (PUT, 1, "SELL")], {}, 321, "legs"),
        ([(PUT, 0, "BUY"), (LOW, 1, "SELL")], {}, 321, "ratio"),
        ([(PUT, 1, "HOLD"), (LOW, 1, "SELL")], {}, 321, "leg action"),
        ([("SPY", 100, "BUY"), (CALL, 1, "SELL")], {}, 201, "combinations with shares"),
        (DEBIT, {"order_type": "STP", "aux": "3"}, 201, "combination orders STP"),
        (DEBIT, {"lmt": ""}, 321, "valid limit price"),
        (DEBIT, {"lmt": "3.401"}, 110, "minimum price variation"),
        (DEBIT, {"qty": "0"}, 321, "size"),
        ([(PUT, 1, "BUY"), ("QQQ241115P00350000", 1, "SELL")], {}, 201, "underlying"),
    ],
)
async def test_what_makes_no_combination_is_refused(
    legs: Legs, more: dict[str, Any], code: int, text: str
) -> None:
    async with gateway() as simulated:
        t = await trader(simulated)
        given = {"action": "BUY", "qty": "1", "order_type": "LMT", "lmt": "3", **more}
        order = t.place(legs=legs, **given)
        (error,) = await t.client.until(lambda: t.client.of("4")[3:])
        assert (error[2:4], text in error[4]) == ([str(order), str(code)], True), error


@pytest.mark.parametrize("tif", ["IOC", "FOK"])
async def test_an_immediate_combination_trades_at_once_or_is_canceled(tif: str) -> None:
    async with gateway() as simulated:
        t = await trader(simulated)
        order = t.place("BUY", "1", "LMT", lmt="-3.4", legs=CREDIT, tif=tif)
        await t.status(order, "Filled")
        order = t.place("BUY", "1", "LMT", lmt="-4", legs=CREDIT, tif=tif)
        await t.status(order, "Cancelled")


async def test_a_combination_can_be_a_child_and_one_of_a_group() -> None:
    async with gateway() as simulated:
        t = await trader(simulated)
        entry = t.place("BUY", "1", "LMT", lmt="-3.6", legs=CREDIT, ref="entry", transmit=0)
        exits = t.place("BUY", "1", "LMT", lmt="1", legs=DEBIT, parentId=entry, tif="GTC")
        await t.status(entry, "Submitted")
        await t.status(exits, "PreSubmitted")
        simulated.control.set_quote(PUT, Decimal("8.7"), Decimal("8.9"))
        await t.status(entry, "Filled")
        await t.status(exits, "Submitted")
        simulated.control.set_quote(PUT, Decimal("5.7"), Decimal("5.8"))
        await t.status(exits, "Filled")
        assert held(simulated) == {}


async def test_a_what_if_of_a_spread_shows_the_distance_of_its_strikes() -> None:
    async with gateway() as simulated:
        t = await trader(simulated)
        order = t.place("BUY", "1", "LMT", lmt="-3.4", legs=CREDIT, whatIf=1)
        await t.client.until(lambda: t.client.of(OPEN_ORDER))
        # The long leg counts with its value and the short one with ten dollars of risk a share.
        state = t.order(order).state
        assert state.commission == 2.0
        assert Decimal(state.initMarginAfter) == Decimal("1497.50")


async def test_ib_insync_trades_a_spread() -> None:
    async with connected() as both:
        legs = [
            ComboLeg(conId=con_id_of(symbol), ratio=ratio, action=action, exchange="SMART")
            for symbol, ratio, action in CREDIT
        ]
        bag = Contract(
            symbol="SPY", secType="BAG", currency="USD", exchange="SMART", comboLegs=legs
        )
        trade = both.ib.placeOrder(bag, LimitOrder("BUY", 1, -3.4, orderRef="bag", tif="DAY"))
        await eventually(lambda: len(trade.fills) == 3 and trade.isDone())
        assert trade.orderStatus.avgFillPrice == -3.45
        assert [f.contract.secType for f in trade.fills] == ["BAG", "OPT", "OPT"]
        await eventually(lambda: trade.fills[2].commissionReport.execId)
        positions = {p.contract.localSymbol: p.position for p in both.ib.positions()}
        assert sorted(positions.values()) == [-1.0, 1.0]
        (completed,) = await both.ib.reqCompletedOrdersAsync(apiOnly=False)
        assert len(completed.contract.comboLegs) == 2
