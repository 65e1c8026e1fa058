"""The unmodified alpaca-py against the real server on a real port."""

import uuid
from decimal import Decimal
from typing import Any

import pytest
import requests
from alpaca.common.exceptions import APIError
from alpaca.data.requests import OptionLatestQuoteRequest, StockLatestQuoteRequest
from alpaca.trading.client import TradingClient
from alpaca.trading.enums import AssetClass, OrderSide, OrderStatus, QueryOrderStatus, TimeInForce
from alpaca.trading.requests import (
    GetOptionContractsRequest,
    GetOrdersRequest,
    LimitOrderRequest,
    MarketOrderRequest,
)

from simulators.alpaca.settings import (
    SIMULATED_ACCOUNT_NUMBER,
    SIMULATED_KEY,
    SIMULATED_SECRET,
)
from tests.simulators.process import RunningAlpaca, eventually

PUT = "SPY241115P00400000"


def limit(side: OrderSide, price: float, qty: float = 1, **more: Any) -> LimitOrderRequest:
    return LimitOrderRequest(
        symbol=more.pop("symbol", PUT),
        qty=qty,
        side=side,
        limit_price=price,
        time_in_force=more.pop("time_in_force", TimeInForce.DAY),
        **more,
    )


def refused(client: Any, order: Any) -> APIError:
    with pytest.raises(APIError) as caught:
        client.submit_order(order)
    return caught.value


def wait_for_status(client: Any, order: Any, status: OrderStatus) -> Any:
    def reached() -> Any:
        now = client.get_order_by_id(order.id)
        return now if now.status is status else None

    return eventually(reached)


def test_the_specifications_round_trip_costs_fifty_dollars(
    alpaca_process: RunningAlpaca,
) -> None:
    client = alpaca_process.trading()
    sold = client.submit_order(limit(OrderSide.SELL, 8.50, client_order_id="sell~a~1.0"))
    assert sold.status is OrderStatus.PENDING_NEW
    sold = wait_for_status(client, sold, OrderStatus.FILLED)
    assert (sold.filled_avg_price, sold.filled_qty) == ("8.5", "1")

    (position,) = client.get_all_positions()
    assert (position.symbol, position.qty, position.avg_entry_price) == (PUT, "-1", "8.5")
    assert position.asset_class is AssetClass.US_OPTION
    assert client.get_open_position(PUT).side.value == "short"
    assert client.get_account().cash == "100850"
    assert client.get_account().options_buying_power == "60850"

    bought = client.submit_order(limit(OrderSide.BUY, 9.00))
    wait_for_status(client, bought, OrderStatus.FILLED)
    assert client.get_all_positions() == []
    assert client.get_account().cash == "99950"

    books = alpaca_process.control("GET", "/ledger")["accounts"][SIMULATED_ACCOUNT_NUMBER]
    assert books["realised_pnl"] == "-50"
    assert books["cash"] == "99950"


def test_account_clock_calendar_and_assets_parse(alpaca: RunningAlpaca) -> None:
    client = alpaca.trading()
    account = client.get_account()
    assert account.account_number == SIMULATED_ACCOUNT_NUMBER
    assert account.options_trading_level == 2
    clock = client.get_clock()
    assert clock.is_open
    assert clock.timestamp.isoformat()[:13] == "2024-11-04T10"
    days = {day.date.isoformat(): day for day in client.get_calendar()}
    assert "2024-11-28" not in days
    assert days["2024-11-29"].close.hour == 13
    assert client.get_asset("SPY").easy_to_borrow
    assert {asset.symbol for asset in client.get_all_assets()} >= {"SPY", "QQQ", "AAPL"}


def test_option_contracts_default_to_the_next_weekend(alpaca: RunningAlpaca) -> None:
    client = alpaca.trading()
    near = client.get_option_contracts(
        GetOptionContractsRequest(underlying_symbols=["SPY"], limit=10_000)
    )
    assert {str(contract.expiration_date) for contract in near.option_contracts} == {"2024-11-08"}
    far = client.get_option_contracts(
        GetOptionContractsRequest(
            underlying_symbols=["SPY"], expiration_date_lte="2024-11-15", limit=10_000
        )
    )
    assert PUT in [contract.symbol for contract in far.option_contracts]
    assert client.get_option_contract(PUT).strike_price == 400


def test_latest_quotes_parse(alpaca: RunningAlpaca) -> None:
    shares = alpaca.stocks().get_stock_latest_quote(
        StockLatestQuoteRequest(symbol_or_symbols=["SPY", "AAPL"])
    )
    assert shares["SPY"].bid_price < shares["SPY"].ask_price
    options = alpaca.options().get_option_latest_quote(
        OptionLatestQuoteRequest(symbol_or_symbols=[PUT, "SPY241115P00001000"])
    )
    assert set(options) == {PUT}
    assert (options[PUT].bid_price, options[PUT].ask_price) == (8.5, 9.0)


def test_a_list_may_come_as_a_parameter_for_each_of_its_items(alpaca: RunningAlpaca) -> None:
    url = f"{alpaca.url}/v2/stocks/quotes/latest?symbols=SPY&symbols=QQQ"
    keys = {"APCA-API-KEY-ID": SIMULATED_KEY, "APCA-API-SECRET-KEY": SIMULATED_SECRET}
    assert set(requests.get(url, headers=keys, timeout=30).json()["quotes"]) == {"SPY", "QQQ"}


def test_a_resting_order_fills_when_the_quote_moves_through_it(alpaca: RunningAlpaca) -> None:
    client = alpaca.trading()
    order = client.submit_order(limit(OrderSide.SELL, 8.75, qty=2))
    wait_for_status(client, order, OrderStatus.NEW)
    alpaca.control("POST", "/quotes", {"symbol": PUT, "bid": "8.80", "ask": "9.10"})
    filled = client.get_order_by_id(order.id)
    assert filled.status is OrderStatus.FILLED
    assert filled.filled_avg_price == "8.8"


def test_a_cancel_is_a_request_and_its_order_ends_later(alpaca: RunningAlpaca) -> None:
    client = alpaca.trading()
    order = client.submit_order(limit(OrderSide.SELL, 20.0))
    wait_for_status(client, order, OrderStatus.NEW)
    client.cancel_order_by_id(order.id)
    statuses = [
        entry.get("event") for entry in alpaca.control("GET", "/ledger?entries=1")["entries"]
    ]
    assert "pending_cancel" in statuses
    canceled = wait_for_status(client, order, OrderStatus.CANCELED)
    assert canceled.canceled_at is not None
    with pytest.raises(APIError) as again:
        client.cancel_order_by_id(order.id)
    assert again.value.status_code == 422
    assert again.value.message == 'order is already in "canceled" state'


def test_cancel_all_asks_for_each_open_order(alpaca: RunningAlpaca) -> None:
    client = alpaca.trading()
    ids = {client.submit_order(limit(OrderSide.SELL, 20.0 + n)).id for n in range(2)}
    answers = client.cancel_orders()
    assert {answer.id for answer in answers} == ids
    assert all(answer.status == 200 for answer in answers)
    eventually(lambda: client.get_orders() == [])


def test_a_client_order_id_is_unique_for_ever(alpaca: RunningAlpaca) -> None:
    client = alpaca.trading()
    order = client.submit_order(limit(OrderSide.SELL, 20.0, client_order_id="once"))
    client.cancel_order_by_id(order.id)
    wait_for_status(client, order, OrderStatus.CANCELED)
    error = refused(client, limit(OrderSide.SELL, 20.0, client_order_id="once"))
    assert (error.status_code, error.code) == (422, 40010001)
    assert error.message == "client_order_id must be unique"
    assert client.get_order_by_client_id("once").id == order.id


def test_money_and_quantity_are_refused_with_403(alpaca: RunningAlpaca) -> None:
    client = alpaca.trading()
    error = refused(client, limit(OrderSide.SELL, 8.5, qty=3))
    assert (error.status_code, error.code) == (403, 40310000)
    assert (
        error.message == "insufficient options buying power (required: 120000, available: 100000)"
    )
    error = refused(client, limit(OrderSide.BUY, 400.0, qty=1500, symbol="SPY"))
    assert error.message == "insufficient buying power"
    error = refused(client, limit(OrderSide.SELL, 8.8, symbol="SPY241115C00400000"))
    assert error.message == "account not eligible to trade uncovered option contracts"


def test_unknown_things_are_404_and_422(alpaca: RunningAlpaca) -> None:
    client = alpaca.trading()
    missing = uuid.UUID(int=1)
    with pytest.raises(APIError) as caught:
        client.get_order_by_id(missing)
    assert (caught.value.status_code, caught.value.code) == (404, 40410000)
    assert caught.value.message == f"order not found for {missing}"
    with pytest.raises(APIError) as caught:
        client.get_order_by_client_id("never sent")
    assert caught.value.status_code == 404
    with pytest.raises(APIError) as caught:
        client.get_open_position("AAPL")
    assert caught.value.message == "position does not exist"
    error = refused(client, limit(OrderSide.BUY, 1.0, symbol="NOSUCH"))
    assert (error.status_code, error.message) == (422, 'asset "NOSUCH" not found')
    error = refused(client, limit(OrderSide.BUY, 1.0, symbol="SPY241115P00001000"))
    assert error.message == 'contract "SPY241115P00001000" not found'


def test_a_wrong_key_is_401(alpaca: RunningAlpaca) -> None:
    client = TradingClient("PKWRONG", "wrong", url_override=alpaca.url)
    with pytest.raises(APIError) as caught:
        client.get_account()
    assert (caught.value.status_code, caught.value.code) == (401, 40110000)


def test_fills_are_listed_as_activities_newest_first_and_paged(alpaca: RunningAlpaca) -> None:
    client = alpaca.trading()
    for side in (OrderSide.SELL, OrderSide.BUY, OrderSide.SELL):
        request = MarketOrderRequest(symbol=PUT, qty=1, side=side, time_in_force=TimeInForce.DAY)
        wait_for_status(client, client.submit_order(request), OrderStatus.FILLED)
    activities = client.get("/account/activities/FILL")
    assert [activity["side"] for activity in activities] == ["sell", "buy", "sell"]
    times = [activity["transaction_time"] for activity in activities]
    assert times == sorted(times, reverse=True)
    first = client.get("/account/activities", {"activity_types": "FILL", "page_size": 2})
    rest = client.get("/account/activities", {"page_size": 2, "page_token": first[-1]["id"]})
    assert first + rest == activities
    assert sum(Decimal(activity["price"]) for activity in activities) == Decimal("26.0")


def test_order_lists_filter_by_status_and_symbol(alpaca: RunningAlpaca) -> None:
    client = alpaca.trading()
    filled = client.submit_order(limit(OrderSide.SELL, 8.5))
    resting = client.submit_order(limit(OrderSide.BUY, 300.0, symbol="SPY"))
    wait_for_status(client, filled, OrderStatus.FILLED)
    everything = client.get_orders(GetOrdersRequest(status=QueryOrderStatus.ALL))
    assert [order.id for order in everything] == [resting.id, filled.id]
    assert [order.id for order in client.get_orders()] == [resting.id]
    closed = client.get_orders(GetOrdersRequest(status=QueryOrderStatus.CLOSED, symbols=[PUT]))
    assert [order.id for order in closed] == [filled.id]
