"""Every type and time in force that the Gateway has, worked as it is meant, and shown in full."""

from decimal import Decimal
from typing import Any

import pytest

from tests.simulators.gateways import ERROR, OPEN_ORDER, PUT, Client, gateway
from tests.simulators.ib_orders import Trader


def q(simulated: Any, symbol: str, bid: str, ask: str) -> None:
    simulated.control.set_quote(symbol, Decimal(bid), Decimal(ask))


async def trader(simulated: Any, version: int = 176) -> Trader:
    return Trader(await Client(simulated, version).start())


async def test_a_stop_waits_presubmitted_and_sells_once_the_market_reaches_it() -> None:
    async with gateway() as simulated:
        t = await trader(simulated)
        await t.status(t.place("BUY", "10", "MKT", symbol="AAPL"), "Filled")
        stop = t.place("SELL", "10", "STP", symbol="AAPL", aux="220", tif="GTC")
        await t.status(stop, "PreSubmitted")
        assert t.last("3", stop)[10] == "trigger"
        opened = t.last(OPEN_ORDER, stop)
        assert opened[15:19] == ["STP", "0", "220", "GTC"]
        q(simulated, "AAPL", "219.5", "219.6")
        await t.status(stop, "Filled")
        assert t.last("11", stop)[20] == "219.5"


async def test_a_stop_limit_that_is_reached_is_submitted_and_rests_at_its_limit() -> None:
    async with gateway() as simulated:
        t = await trader(simulated)
        order = t.place("BUY", "10", "STP LMT", symbol="AAPL", aux="225", lmt="225.5")
        await t.status(order, "PreSubmitted")
        q(simulated, "AAPL", "226", "226.1")
        await t.status(order, "Submitted")
        assert t.last("3", order)[10] == ""
        q(simulated, "AAPL", "225", "225.4")
        await t.status(order, "Filled")


@pytest.mark.parametrize(
    ("terms", "stops"),
    [
        ({"aux": "2"}, [220, 223]),
        ({"trailingPercent": "1"}, [219.78, 222.75]),
        ({"aux": "2", "trailStopPrice": "221"}, [221, 223]),
    ],
)
async def test_a_trailing_stop_follows_the_market_and_shows_its_stop(
    terms: dict[str, str], stops: list[float]
) -> None:
    async with gateway() as simulated:
        t = await trader(simulated)
        await t.status(t.place("BUY", "10", "MKT", symbol="AAPL"), "Filled")
        order = t.place("SELL", "10", "TRAIL", symbol="AAPL", **terms)
        await t.at_market(order)
        shown = []
        for bid in ("222", "225"):
            q(simulated, "AAPL", bid, "225.1")
            await t.client.answers("53", 5, 1)
            opened = t.order(order)
            assert (opened.orderType, opened.auxPrice) == ("TRAIL", float(terms.get("aux", 0)))
            shown.append(opened.trailStopPrice)
        assert shown == stops
        q(simulated, "AAPL", "220", "220.1")
        await t.status(order, "Filled")


async def test_a_trailing_stop_with_a_limit_rests_at_its_offset_once_reached() -> None:
    async with gateway() as simulated:
        t = await trader(simulated)
        order = t.place("BUY", "10", "TRAIL LIMIT", symbol="AAPL", aux="2", lmtPriceOffset="0.5")
        await t.at_market(order)
        q(simulated, "AAPL", "219.9", "220")
        q(simulated, "AAPL", "222.9", "223")
        await t.status(order, "Submitted")
        assert t.last(OPEN_ORDER, order)[16] == "222.5"
        q(simulated, "AAPL", "222.3", "222.4")
        await t.status(order, "Filled")


@pytest.mark.parametrize("kind", ["MOC", "LOC"])
async def test_an_order_on_the_close_trades_at_the_close_only(kind: str) -> None:
    async with gateway() as simulated:
        t = await trader(simulated)
        order = t.place("BUY", "10", kind, symbol="AAPL", lmt="230" if kind == "LOC" else "")
        await t.status(order, "Submitted")
        assert t.last(OPEN_ORDER, order)[15] == kind
        simulated.control.advance_clock(5 * 3600)
        await t.client.answers("53", 5, 1)
        assert t.client.statuses(order)[-1] == "Submitted"
        simulated.control.advance_clock(3700)
        await t.status(order, "Filled")


async def test_an_order_on_the_open_waits_for_the_next_one() -> None:
    async with gateway() as simulated:
        t = await trader(simulated)
        order = t.place("BUY", "10", "LMT", symbol="AAPL", lmt="230", tif="OPG")
        await t.status(order, "PreSubmitted")
        assert t.last(OPEN_ORDER, order)[18] == "OPG"
        simulated.control.advance_clock(24 * 3600)
        await t.status(order, "Filled")


@pytest.mark.parametrize("tif", ["IOC", "FOK"])
@pytest.mark.parametrize("symbol", ["AAPL", PUT])
async def test_an_immediate_order_trades_at_once_or_is_canceled(tif: str, symbol: str) -> None:
    async with gateway() as simulated:
        t = await trader(simulated)
        buys = {"AAPL": ("230", "1"), PUT: ("9.5", "1")}[symbol]
        filled = t.place("BUY", "1", "LMT", symbol=symbol, lmt=buys[0], tif=tif)
        await t.status(filled, "Filled")
        missed = t.place("BUY", "1", "LMT", symbol=symbol, lmt=buys[1], tif=tif)
        await t.status(missed, "Cancelled")
        assert (missed, 202) in t.client.errors()


async def test_good_till_a_date_ends_at_that_time() -> None:
    async with gateway() as simulated:
        t = await trader(simulated)
        at = "20241104 11:00:00 US/Eastern"
        order = t.place("BUY", "1", "LMT", symbol="AAPL", lmt="1", tif="GTD", goodTillDate=at)
        await t.status(order, "Submitted")
        assert (t.last(OPEN_ORDER, order)[18], t.last(OPEN_ORDER, order)[36]) == ("GTD", at)
        simulated.control.advance_clock(3500)
        await t.client.answers("53", 5, 1)
        assert t.client.statuses(order)[-1] == "Submitted"
        simulated.control.advance_clock(200)
        await t.status(order, "Cancelled")


async def test_outside_regular_hours_only_orders_that_ask_for_it_trade() -> None:
    async with gateway() as simulated:
        simulated.control.set_clock(simulated.venue.now.replace(hour=22))  # 17:00 in New York
        t = await trader(simulated)
        waits = t.place("BUY", "10", "LMT", symbol="AAPL", lmt="230")
        trades = t.place("BUY", "10", "LMT", symbol="AAPL", lmt="230", tif="GTC", outsideRth=1)
        await t.status(trades, "Filled")
        assert t.last(OPEN_ORDER, trades)[26] == "1"
        assert t.client.statuses(waits) == ["PreSubmitted"]
        assert [e for e in t.client.errors() if e[0] == waits] == [(waits, 399)]


@pytest.mark.parametrize(("symbol", "kind"), [(PUT, "LMT"), ("AAPL", "MKT")])
async def test_hours_that_an_order_never_trades_in_are_ignored_with_2109(
    symbol: str, kind: str
) -> None:
    async with gateway() as simulated:
        t = await trader(simulated)
        order = t.place("BUY", "1", kind, symbol=symbol, lmt="9.5", outsideRth=1)
        await t.status(order, "Filled")
        assert t.client.errors() == [(order, 2109)]


async def test_a_stop_that_the_market_has_passed_trades_at_once() -> None:
    async with gateway() as simulated:
        t = await trader(simulated)
        await t.status(t.place("BUY", "10", "STP", symbol="AAPL", aux="200"), "Filled")


@pytest.mark.parametrize(
    ("terms", "code", "text"),
    [
        ({"order_type": "STP"}, 321, "valid stop price"),
        ({"order_type": "STP LMT", "aux": "9"}, 321, "valid limit price"),
        ({"order_type": "TRAIL"}, 321, "valid trailing amount"),
        ({"order_type": "TRAIL", "aux": "1", "trailingPercent": "1"}, 321, "not both"),
        ({"order_type": "TRAIL", "trailingPercent": "100"}, 321, "out of range"),
        ({"order_type": "TRAIL LIMIT", "aux": "1"}, 321, "limit price offset"),
        ({"order_type": "MOC", "tif": "GTC"}, 113, "DAY for MOC"),
        ({"order_type": "STP", "aux": "9", "tif": "IOC"}, 111, "incompatible"),
        ({"order_type": "TRAIL", "aux": "1", "tif": "OPG"}, 111, "incompatible"),
        ({"tif": "GTD"}, 321, "good till date"),
        ({"tif": "GTD", "goodTillDate": "tomorrow"}, 321, "Invalid"),
        ({"tif": "GTD", "goodTillDate": "20241104 09:59:00"}, 321, "later than now"),
        ({"order_type": "STP", "aux": "9.001"}, 110, "minimum price variation"),
        ({"order_type": "MIT"}, 201, "the simulator does not have this yet: MIT"),
        ({"order_type": "PEG BENCH"}, 201, "the simulator does not have this yet: PEG BENCH"),
        ({"tif": "AUC"}, 201, "the simulator does not have this yet: AUC"),
        ({"cashQty": "100"}, 10244, "Cash Quantity"),
        ({"algoStrategy": "Adaptive"}, 201, "algoStrategy"),
        ({"conditions": "1"}, 201, "conditions"),
        ({"scaleInitLevelSize": "5"}, 201, "scaleInitLevelSize"),
        ({"allOrNone": "1"}, 201, "allOrNone"),
        ({"ocaType": "7", "oca": "g"}, 321, "OCA type"),
        ({"action": "SSHORT"}, 201, "SSHORT"),
    ],
)
async def test_what_makes_no_order_is_refused_by_its_code(
    terms: dict[str, Any], code: int, text: str
) -> None:
    async with gateway() as simulated:
        t = await trader(simulated)
        given = {"action": "BUY", "qty": "1", "order_type": "LMT", "lmt": "9", **terms}
        if given["order_type"] == "STP LMT":
            given["lmt"] = ""
        order = t.place(**given)
        (error,) = await t.client.until(lambda: t.client.of(ERROR)[3:])
        assert (error[2:4], text in error[4]) == ([str(order), str(code)], True), error
        assert simulated.control.ledger()["orders"] == []


async def test_fields_that_change_nothing_come_back_as_they_were_written() -> None:
    async with gateway() as simulated:
        t = await trader(simulated)
        unset = {"hedgeType": "None", "adjustedOrderType": "None", "minQty": 2147483647}
        unset |= dict.fromkeys(("percentOffset", "delta", "cashQty"), "1.7976931348623157e+308")
        assert t.place("BUY", "1", "LMT", lmt="1", **unset) == 1
        await t.status(1, "Submitted")
        kept = {"rule80A": "I", "settlingFirm": "firm", "clearingAccount": "acct", "solicited": 1}
        order = t.place("BUY", "1", "LMT", lmt="1", triggerMethod="4", **kept)
        await t.status(order, "Submitted")
        shown = t.order(order)
        assert (shown.rule80A, shown.settlingFirm, shown.triggerMethod) == ("I", "firm", 4)
        assert (shown.clearingAccount, shown.solicited) == ("acct", True)
