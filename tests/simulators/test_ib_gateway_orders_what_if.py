"""whatIf: margins and commission by an openOrder, and nothing else: no status, no order, no id."""

from decimal import Decimal
from typing import Any

import pytest
from ib_insync import LimitOrder, MarketOrder, Stock

from tests.simulators.gateways import ERROR, OPEN_ORDER, ORDER_STATUS, Client, gateway
from tests.simulators.ib_orders import CALL, Trader
from tests.simulators.test_ib_insync import connected, put

UNSET = "1.7976931348623157E308"


def _terms(more: dict[str, str]) -> Any:
    return {"lmt": "8.5", **more}


async def asked(simulated: Any, *terms: Any, version: int = 176, **more: Any) -> Trader:
    t = Trader(await Client(simulated, version).start())
    t.place(*terms, whatIf=1, **more)
    await t.client.until(lambda: t.client.of(OPEN_ORDER) or t.client.errors())
    return t


async def test_a_short_put_shows_its_margin_and_is_never_transmitted() -> None:
    async with gateway() as simulated:
        t = await asked(simulated, "SELL", "1", "LMT", lmt="8.5")
        opened = t.order(1)
        state = opened.state
        assert (opened.whatIf, state.status) == (True, "PreSubmitted")
        assert [state.initMarginBefore, state.initMarginChange, state.initMarginAfter] == [
            "0.00",
            "40000.00",
            "40000.00",
        ]
        assert state.maintMarginAfter == "40000.00"
        # Sold at 8.50 with a commission of 1.00, and worth 8.75 from then on.
        assert [state.equityWithLoanBefore, state.equityWithLoanChange] == ["100000.00", "-26.00"]
        assert (state.commission, state.commissionCurrency) == (1.0, "USD")
        assert (state.minCommission, state.maxCommission, state.warningText) == (1.0, 1.0, "")
        await t.client.answers("53", 16, 1)
        assert not t.client.of(ORDER_STATUS)
        assert simulated.control.ledger()["orders"] == []
        real = t.place("SELL", "1", "LMT", 1, lmt="20")
        await t.status(real, "Submitted")
        assert t.order(real).state.initMarginChange == UNSET
        assert t.order(real).whatIf is False


async def test_closing_a_position_frees_its_margin() -> None:
    async with gateway() as simulated:
        t = Trader(await Client(simulated).start())
        await t.status(t.place("SELL", "1", "LMT", lmt="8.5"), "Filled")
        closing = t.place("BUY", "1", "LMT", lmt="9", whatIf=1)
        await t.client.until(lambda: [m for m in t.client.of(OPEN_ORDER) if m[1] == str(closing)])
        state = t.order(closing).state
        assert (state.initMarginChange, state.initMarginAfter) == ("-40000.00", "0.00")


async def test_a_want_of_money_is_a_warning_with_the_figures() -> None:
    async with gateway() as simulated:
        t = await asked(simulated, "SELL", "3", "LMT", lmt="8.5")
        state = t.order(1).state
        assert state.initMarginAfter == "120000.00"
        assert "MUST EXCEED THE INITIAL MARGIN" in state.warningText
        assert t.client.errors() == []


@pytest.mark.parametrize(
    ("more", "code"), [({"symbol": CALL}, 201), ({"lmt": "8.505"}, 110), ({"tif": "X"}, 321)]
)
async def test_what_would_be_refused_is_refused(more: dict[str, str], code: int) -> None:
    async with gateway() as simulated:
        t = await asked(simulated, "SELL", "1", "LMT", **_terms(more))
        assert t.client.errors() == [(1, code)]
        assert not t.client.of(OPEN_ORDER)


async def test_it_is_asked_even_if_it_is_not_to_be_transmitted() -> None:
    async with gateway() as simulated:
        t = await asked(simulated, "SELL", "1", "LMT", lmt="8.5", transmit=0)
        assert t.order(1).whatIf


async def test_while_the_link_is_down_it_waits() -> None:
    async with gateway() as simulated:
        t = Trader(await Client(simulated).start())
        simulated.control.do("connectivity", code=1100)
        t.place("SELL", "1", "LMT", lmt="8.5", whatIf=1)
        await t.client.answers("49", 49, 1)
        assert not t.client.of(OPEN_ORDER, ORDER_STATUS, ERROR)[4:]
        simulated.control.do("connectivity", code=1102)
        await t.client.until(lambda: t.client.of(OPEN_ORDER))


async def test_ib_insync_gets_its_order_state() -> None:
    async with connected() as both:
        option = put()
        share = Stock("AAPL", "SMART", "USD")
        await both.ib.qualifyContractsAsync(option, share)
        state = await both.ib.whatIfOrderAsync(option, LimitOrder("SELL", 1, 8.5))
        assert (state.initMarginAfter, state.commission) == ("40000.00", 1.0)
        state = await both.ib.whatIfOrderAsync(share, MarketOrder("BUY", 1000))
        assert Decimal(state.initMarginAfter) == Decimal("55505.00")
        assert state.commission == 5.0
        assert both.ib.openTrades() == []
        assert both.ledger()["orders"] == []
