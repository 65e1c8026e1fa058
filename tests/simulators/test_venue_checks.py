"""What the venue refuses: money, cover, quantity, permission, form. A refusal changes nothing."""

from decimal import Decimal
from typing import Any

import pytest

from simulators.venue import refusals
from simulators.venue.orders import PositionIntent
from simulators.venue.orders import TimeInForce as Tif
from tests.simulators.markets import ACCOUNT, CALL, PUT, Market, new_york


def free(market: Market) -> Decimal:
    return market.venue.means(ACCOUNT).options_buying_power


def test_a_short_put_needs_its_strike_in_cash() -> None:
    market = Market(cash="39999")
    with pytest.raises(refusals.InsufficientOptionsBuyingPower) as refused:
        market.send("sell", PUT)
    assert (refused.value.required, refused.value.available) == (Decimal(40000), Decimal(39999))
    assert market.venue.ledger.entries == ()
    assert Market(cash="40000").send("sell", PUT)


def test_two_orders_are_not_secured_by_the_same_cash() -> None:
    market = Market(cash="79999")
    market.send("sell", PUT, price="20.00")
    assert free(market) == 39999
    with pytest.raises(refusals.InsufficientOptionsBuyingPower):
        market.send("sell", PUT, price="21.00")


def test_a_cancel_frees_what_the_order_held() -> None:
    market = Market()
    order = market.send("sell", PUT, price="20.00")
    market.venue.cancel(order)
    assert free(market) == 60000
    market.wait(1)
    assert free(market) == 100000


def test_a_held_short_put_keeps_its_security_until_it_is_bought_back() -> None:
    market = Market(cash="40000")
    market.trade("sell", PUT)
    assert free(market) == 850
    market.trade("buy", PUT)
    assert free(market) == 39950


def test_a_covered_call_needs_free_shares() -> None:
    market = Market()
    with pytest.raises(refusals.NotEligible):
        market.send("sell", CALL)
    market.trade("buy", "SPY", "150")
    market.send("sell", CALL, price="20.00")
    with pytest.raises(refusals.NotEligible):
        market.send("sell", CALL, price="21.00")


def test_shares_that_cover_a_call_cannot_be_sold() -> None:
    market = Market()
    market.trade("buy", "SPY", "150")
    market.trade("sell", CALL)
    with pytest.raises(refusals.InsufficientQuantity) as refused:
        market.send("sell", "SPY", "51")
    assert (refused.value.available, refused.value.held_for_orders) == (Decimal(50), Decimal(100))
    market.trade("sell", "SPY", "50")
    assert market.held("SPY") == 100


def test_an_order_never_crosses_zero() -> None:
    market = Market()
    market.trade("buy", "SPY", "10")
    with pytest.raises(refusals.InsufficientQuantity):
        market.send("sell", "SPY", "11")
    market.trade("sell", "SPY", "10")
    market.trade("sell", "SPY", "5")
    assert market.held("SPY") == -5
    with pytest.raises(refusals.InsufficientQuantity):
        market.send("buy", "SPY", "6")


def test_two_exits_do_not_sell_the_same_shares() -> None:
    market = Market()
    market.trade("buy", "SPY", "10")
    market.send("sell", "SPY", "8", price="500.00")
    with pytest.raises(refusals.InsufficientQuantity) as refused:
        market.send("sell", "SPY", "3", price="501.00")
    assert (refused.value.existing, refused.value.available) == (Decimal(10), Decimal(2))


def test_shares_are_bought_with_margin_up_to_the_multiplier() -> None:
    with pytest.raises(refusals.InsufficientBuyingPower):
        Market(cash="1000", multiplier="1").send("buy", "SPY", "3")
    assert Market(cash="1000", multiplier="4").send("buy", "SPY", "3")


@pytest.mark.parametrize(
    ("level", "side", "reason"),
    [(0, "sell", "not authorized"), (0, "buy", "not authorized"), (1, "buy", "long option")],
)
def test_the_options_level_decides_what_may_be_opened(level: int, side: str, reason: str) -> None:
    with pytest.raises(refusals.NotEligible, match=reason):
        Market(level=level).send(side, PUT)


def test_level_one_sells_cash_secured_puts() -> None:
    assert Market(level=1).send("sell", PUT)


def test_an_intent_that_does_not_fit_the_position_is_refused() -> None:
    market = Market()
    with pytest.raises(refusals.IntentMismatch) as refused:
        market.send("sell", PUT, position_intent=PositionIntent.SELL_TO_CLOSE)
    assert (refused.value.inferred, refused.value.specified) == ("sell_to_open", "sell_to_close")
    market.trade("sell", PUT)
    assert market.send("buy", PUT, position_intent=PositionIntent.BUY_TO_CLOSE)


def test_orders_that_could_trade_with_each_other_are_a_wash_trade() -> None:
    market = Market()
    market.trade("buy", PUT, "2")
    resting = market.send("sell", PUT, price="10.00")
    with pytest.raises(refusals.WashTrade) as refused:
        market.send("buy", PUT, price="10.00")
    assert refused.value.existing_order_id == resting
    with pytest.raises(refusals.WashTrade):
        market.send("buy", PUT)
    assert market.send("buy", PUT, price="9.99")


@pytest.mark.parametrize("flag", ["trading_blocked", "account_blocked", "trade_suspended"])
def test_a_blocked_account_takes_no_order(flag: str) -> None:
    market = Market()
    setattr(market.account, flag, True)
    with pytest.raises(refusals.AccountBlocked):
        market.send("sell", PUT)


@pytest.mark.parametrize(
    ("refusal", "order"),
    [
        (refusals.NotListed, {"symbol": "NONE", "qty": "1"}),
        (refusals.NotListed, {"symbol": "SPY241115P00001000", "qty": "1"}),
        (refusals.BadQuantity, {"symbol": PUT, "qty": "0"}),
        (refusals.BadQuantity, {"symbol": PUT, "qty": "1.5"}),
        (refusals.BadPrice, {"symbol": PUT, "qty": "1", "price": "8.505"}),
        (refusals.BadPrice, {"symbol": PUT, "qty": "1", "price": "0"}),
        (refusals.BadTimeInForce, {"symbol": "SPY", "qty": "0.5", "time_in_force": Tif.GTC}),
    ],
)
def test_the_form_of_an_order_is_checked(refusal: type[Exception], order: dict[str, Any]) -> None:
    with pytest.raises(refusal):
        Market().send("buy", **order)


def test_option_market_orders_need_an_open_market() -> None:
    market = Market(start=new_york("2024-11-04", "08:00:00"))
    with pytest.raises(refusals.MarketClosed):
        market.send("buy", PUT)
    assert market.send("buy", PUT, price="8.00")


def test_an_expired_contract_is_refused_from_its_last_close_on() -> None:
    market = Market(start=new_york("2024-11-15", "15:29:00"))
    assert market.send("buy", PUT, price="1.00")
    market.wait(60)
    with pytest.raises(refusals.BadOrder, match="expires soon"):
        market.send("buy", PUT, price="1.01")
    market.wait(30 * 60)
    with pytest.raises(refusals.ContractExpired):
        market.send("buy", PUT, price="1.01")


def test_where_an_order_may_cross_zero_only_what_it_opens_needs_means() -> None:
    market = Market(multiplier="1", refuses_to_cross_zero=False)
    market.trade("buy", "SPY", "200")
    with pytest.raises(refusals.InsufficientBuyingPower) as refused:
        market.send("sell", "SPY", "260", price="400.00")
    assert refused.value.required == 60 * 400
    market.trade("sell", "SPY", "240")
    assert market.held("SPY") == -40
    assert market.status(market.send("buy", "SPY", "40", price="1.00")) == "pending_new"


def test_what_closing_orders_hold_already_counts_as_opening() -> None:
    market = Market(refuses_to_cross_zero=False, refuses_wash_trades=False)
    market.trade("buy", "SPY", "10")
    closing = market.send("sell", "SPY", "10", price="500.00")
    opening = market.send("sell", "SPY", "5", price="500.00")
    intents = [market.venue.desk.get(o).position_intent.value for o in (closing, opening)]
    assert intents == ["sell_to_close", "sell_to_open"]


def test_alpacas_rules_can_be_switched_off() -> None:
    market = Market(
        start=new_york("2024-11-04", "20:00:00"),
        refuses_wash_trades=False,
        refuses_option_market_orders_off_hours=False,
    )
    market.send("sell", PUT, price="8.50")
    market.send("buy", PUT, price="9.00")
    assert market.status(market.send("buy", PUT)) == "accepted"
