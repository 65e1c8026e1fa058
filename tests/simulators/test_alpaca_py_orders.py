"""Orders of every kind by the unmodified alpaca-py, over real sockets."""

import asyncio
from collections.abc import Iterator
from typing import Any, cast

import pytest
from alpaca.common.exceptions import APIError
from alpaca.trading import requests as ask
from alpaca.trading.enums import OrderClass, OrderSide, OrderStatus, PositionIntent, TimeInForce
from alpaca.trading.models import Order, TradeUpdate

from simulators.alpaca.settings import AlpacaSettings
from tests.simulators.process import RunningAlpaca, alpaca_in_thread, eventually

P395, P400 = "SPY241115P00395000", "SPY241115P00400000"
SPREAD = [
    ask.OptionLegRequest(symbol=P400, ratio_qty=1, position_intent=PositionIntent.SELL_TO_OPEN),
    ask.OptionLegRequest(symbol=P395, ratio_qty=1, position_intent=PositionIntent.BUY_TO_OPEN),
]
SPY: dict[str, Any] = {"symbol": "SPY", "qty": 10, "side": OrderSide.BUY}
DAY: dict[str, Any] = {"time_in_force": TimeInForce.DAY}
EXITS: dict[str, Any] = {
    "take_profit": ask.TakeProfitRequest(limit_price=410),
    "stop_loss": ask.StopLossRequest(stop_price=390, limit_price=389.5),
}


@pytest.fixture(scope="module")
def alpaca() -> Iterator[RunningAlpaca]:
    """One for all tests here: they use clean-up between them instead of a start of their own."""
    with alpaca_in_thread(AlpacaSettings(options_level=3, rate_limit_per_min=0)) as running:
        yield running


@pytest.fixture
def client(alpaca: RunningAlpaca) -> Iterator[Any]:
    client = alpaca.trading()
    yield client
    client.cancel_orders()
    eventually(lambda: client.get_orders() == [])
    alpaca.control("POST", "/quotes", {"symbol": "SPY", "bid": "399.98", "ask": "400.02"})


def settled(client: Any, order: Any, status: OrderStatus) -> Any:
    def reached() -> Any:
        request = ask.GetOrderByIdRequest(nested=True)
        now = client.get_order_by_id(order.id, request)
        return now if now.status is status else None

    return eventually(reached)


@pytest.mark.parametrize(
    "request_",
    [
        ask.StopOrderRequest(**SPY, **DAY, stop_price=405),
        ask.StopLimitOrderRequest(**SPY, **DAY, stop_price=405, limit_price=406),
        ask.TrailingStopOrderRequest(**SPY, **DAY, trail_percent=1),
        ask.TrailingStopOrderRequest(**SPY, **DAY, trail_price=3.5),
        ask.LimitOrderRequest(**SPY, time_in_force=TimeInForce.GTC, limit_price=390),
        ask.LimitOrderRequest(**SPY, **DAY, limit_price=390, extended_hours=True),
        ask.LimitOrderRequest(**SPY, time_in_force=TimeInForce.CLS, limit_price=390),
    ],
)
def test_orders_that_rest_are_replaced_and_canceled(client: Any, request_: Any) -> None:
    order = client.submit_order(request_)
    assert order.type is request_.type
    settled(client, order, OrderStatus.NEW)
    new = client.replace_order_by_id(order.id, ask.ReplaceOrderRequest(qty=7))
    assert new.replaces == order.id
    assert settled(client, order, OrderStatus.REPLACED).replaced_by == new.id
    assert settled(client, new, OrderStatus.NEW).qty == "7"
    client.cancel_order_by_id(new.id)
    settled(client, new, OrderStatus.CANCELED)


@pytest.mark.parametrize("force", [TimeInForce.IOC, TimeInForce.FOK])
def test_immediate_orders_end_at_once(client: Any, force: TimeInForce) -> None:
    order = client.submit_order(ask.LimitOrderRequest(**SPY, time_in_force=force, limit_price=390))
    assert settled(client, order, OrderStatus.CANCELED).canceled_at is not None


def test_dollars_and_parts_of_shares_are_bought(client: Any) -> None:
    dollars = client.submit_order(
        ask.MarketOrderRequest(symbol="AAPL", notional=100, side=OrderSide.BUY, **DAY)
    )
    assert (dollars.qty, dollars.notional) == (None, "100")
    filled = settled(client, dollars, OrderStatus.FILLED)
    assert len(str(filled.filled_qty).partition(".")[2]) == 9
    part = client.submit_order(
        ask.MarketOrderRequest(symbol="AAPL", qty=0.5, side=OrderSide.BUY, **DAY)
    )
    assert settled(client, part, OrderStatus.FILLED).filled_qty == "0.5"


def test_a_bracket_lives_through_its_exits(alpaca: RunningAlpaca, client: Any) -> None:
    order = client.submit_order(
        ask.MarketOrderRequest(**SPY, **DAY, order_class=OrderClass.BRACKET, **EXITS)
    )
    assert [leg.status for leg in order.legs] == [OrderStatus.HELD] * 2
    settled(client, order, OrderStatus.FILLED)
    alpaca.control("POST", "/quotes", {"symbol": "SPY", "bid": "411", "ask": "411.1"})
    ended = eventually(
        lambda: (
            [leg.status for leg in settled(client, order, OrderStatus.FILLED).legs]
            == [OrderStatus.FILLED, OrderStatus.CANCELED]
        )
    )
    assert ended


def test_an_oto_and_an_oco(alpaca: RunningAlpaca, client: Any) -> None:
    oto = client.submit_order(
        ask.LimitOrderRequest(
            **SPY, **DAY, limit_price=401, order_class=OrderClass.OTO,
            stop_loss=ask.StopLossRequest(stop_price=390),
        )
    )  # fmt: skip
    settled(client, oto, OrderStatus.FILLED)
    client.cancel_orders()
    eventually(lambda: client.get_orders() == [])
    oco = client.submit_order(
        ask.LimitOrderRequest(
            symbol="SPY", qty=10, side=OrderSide.SELL, **DAY, order_class=OrderClass.OCO, **EXITS
        )
    )
    assert (oco.order_class, oco.limit_price) == (OrderClass.OCO, "410")
    settled(client, oco, OrderStatus.NEW)
    (nested,) = client.get_orders(ask.GetOrdersRequest(nested=True))
    assert [leg.id for leg in nested.legs] == [leg.id for leg in oco.legs]
    alpaca.control("POST", "/quotes", {"symbol": "SPY", "bid": "389.6", "ask": "389.9"})
    settled(client, oco, OrderStatus.CANCELED)
    settled(client, oco.legs[0], OrderStatus.FILLED)


def test_a_spread_is_opened_and_closed_as_one(client: Any) -> None:
    opened = client.submit_order(
        ask.LimitOrderRequest(
            qty=2, **DAY, order_class=OrderClass.MLEG, legs=SPREAD, limit_price=-1.80
        )
    )
    assert (opened.symbol, opened.side, opened.asset_class) == (None, None, None)
    filled = settled(client, opened, OrderStatus.FILLED)
    assert filled.filled_avg_price == "-1.8"
    assert [leg.ratio_qty for leg in filled.legs] == ["1", "1"]
    assert {leg.type for leg in filled.legs} == {None}
    closing = [
        ask.OptionLegRequest(symbol=P400, ratio_qty=1, position_intent=PositionIntent.BUY_TO_CLOSE),
        ask.OptionLegRequest(
            symbol=P395, ratio_qty=1, position_intent=PositionIntent.SELL_TO_CLOSE
        ),
    ]
    closed = client.submit_order(
        ask.MarketOrderRequest(qty=2, **DAY, order_class=OrderClass.MLEG, legs=closing)
    )
    settled(client, closed, OrderStatus.FILLED)
    assert {P395, P400} & {position.symbol for position in client.get_all_positions()} == set()


def test_a_replace_that_is_refused_says_why(client: Any) -> None:
    order = client.submit_order(ask.LimitOrderRequest(**SPY, **DAY, limit_price=390))
    settled(client, order, OrderStatus.NEW)
    with pytest.raises(APIError) as refused:
        client.replace_order_by_id(order.id, ask.ReplaceOrderRequest(limit_price=390))
    assert (refused.value.status_code, refused.value.code) == (422, 42210000)
    assert refused.value.message == "order parameters are not changed"


def test_filters_that_alpaca_py_has_no_names_for(client: Any) -> None:
    orders = [
        client.submit_order(ask.LimitOrderRequest(**SPY, **DAY, limit_price=380 + n))
        for n in range(3)
    ]
    query = {"after_order_id": str(orders[0].id), "direction": "asc", "asset_class": "us_equity"}
    listed = client.get("/orders", query)
    assert [order["id"] for order in listed] == [str(order.id) for order in orders[1:]]


async def test_the_stream_tells_of_replaces_brackets_and_spreads(alpaca: RunningAlpaca) -> None:
    heard: list[TradeUpdate] = []

    async def hear(update: Any) -> None:
        heard.append(update)

    async def until(count: int, event: str) -> None:
        async with asyncio.timeout(10):
            while sum(update.event == event for update in heard) < count:
                await asyncio.sleep(0.01)

    client, stream = alpaca.trading(), cast(Any, alpaca.stream())
    stream.subscribe_trade_updates(hear)
    running = asyncio.create_task(stream._run_forever())
    try:
        async with asyncio.timeout(10):
            while not alpaca.control("GET", "/health")["listening"]:
                await asyncio.sleep(0.01)
        submit, replace = client.submit_order, client.replace_order_by_id
        resting = ask.LimitOrderRequest(**SPY, **DAY, limit_price=380)
        order = await asyncio.to_thread(submit, resting)
        await until(1, "new")
        changes = ask.ReplaceOrderRequest(limit_price=381)
        await asyncio.to_thread(replace, order.id, changes)
        await until(1, "replaced")
        spread = ask.MarketOrderRequest(qty=1, **DAY, order_class=OrderClass.MLEG, legs=SPREAD)
        await asyncio.to_thread(submit, spread)
        await until(1, "fill")
        bracket = ask.MarketOrderRequest(
            **{**SPY, "symbol": "QQQ"}, **DAY, order_class=OrderClass.BRACKET,
            take_profit=ask.TakeProfitRequest(limit_price=360),
            stop_loss=ask.StopLossRequest(stop_price=340),
        )  # fmt: skip
        await asyncio.to_thread(submit, bracket)
        await until(2, "fill")
        await asyncio.to_thread(client.cancel_orders)
        await until(3, "canceled")
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        await stream.close()
    assert all(isinstance(update.order, Order) for update in heard)
    replaced = next(update for update in heard if update.event == "replaced")
    assert replaced.order.replaced_by is not None
    combo = next(update for update in heard if update.event == "fill")
    assert (combo.execution_id, combo.order.symbol) == (None, None)
