"""Unmodified alpaca-py against market data, positions, contracts, settings and watchlists."""

from datetime import UTC, date, datetime
from typing import Any

import pytest
from alpaca.common.exceptions import APIError
from alpaca.data.enums import DataFeed, OptionsFeed
from alpaca.data.requests import (
    OptionBarsRequest,
    OptionChainRequest,
    OptionLatestTradeRequest,
    OptionSnapshotRequest,
    StockBarsRequest,
    StockLatestBarRequest,
    StockLatestTradeRequest,
    StockQuotesRequest,
    StockSnapshotRequest,
    StockTradesRequest,
)
from alpaca.data.timeframe import TimeFrame
from alpaca.trading.enums import AssetStatus, ContractType
from alpaca.trading.requests import (
    ClosePositionRequest,
    CreateWatchlistRequest,
    GetCalendarRequest,
    GetOptionContractsRequest,
    GetPortfolioHistoryRequest,
    UpdateWatchlistRequest,
)

from tests.simulators.process import RunningAlpaca, eventually
from tests.simulators.rest import PUT

CALL = "SPY241115C00400000"


def test_stock_data_parse(alpaca: RunningAlpaca) -> None:
    client: Any = alpaca.stocks()
    start, end = datetime(2024, 10, 1, tzinfo=UTC), datetime(2024, 11, 2, tzinfo=UTC)
    bars = client.get_stock_bars(
        StockBarsRequest(
            symbol_or_symbols=["SPY", "AAPL"], timeframe=TimeFrame.Day, start=start, end=end
        )
    )
    assert [len(bars[symbol]) for symbol in ("AAPL", "SPY")] == [24, 24]
    # More than one page of 10,000: the client asks for the rest.
    minutes = client.get_stock_bars(
        StockBarsRequest(
            symbol_or_symbols=["SPY", "AAPL"], timeframe=TimeFrame.Minute, start=start, end=end
        )
    )
    assert len(minutes["SPY"]) == len(minutes["AAPL"]) == 24 * 390
    both = ["SPY", "BRK.B"]
    assert set(client.get_stock_latest_trade(StockLatestTradeRequest(symbol_or_symbols=both))) == {
        "SPY", "BRK.B",
    }  # fmt: skip
    assert client.get_stock_latest_bar(StockLatestBarRequest(symbol_or_symbols="SPY"))["SPY"].close
    shot = client.get_stock_snapshot(StockSnapshotRequest(symbol_or_symbols="SPY"))["SPY"]
    assert shot.previous_daily_bar.close == 400
    friday = datetime(2024, 11, 1, tzinfo=UTC)
    day: dict[str, Any] = {"symbol_or_symbols": "SPY", "start": friday, "limit": 5}
    quotes = client.get_stock_quotes(StockQuotesRequest(**day))
    trades = client.get_stock_trades(StockTradesRequest(**day))
    assert len(quotes["SPY"]) == len(trades["SPY"]) == 5
    with pytest.raises(APIError) as caught:
        client.get_stock_latest_trade(
            StockLatestTradeRequest(symbol_or_symbols="SPY", feed=DataFeed.SIP)
        )
    assert caught.value.status_code == 403


def test_option_data_parse(alpaca: RunningAlpaca) -> None:
    client: Any = alpaca.options()
    chain = client.get_option_chain(
        OptionChainRequest(
            underlying_symbol="SPY",
            type=ContractType.PUT,
            expiration_date_gte=date(2024, 11, 15),
            expiration_date_lte=date(2024, 12, 20),
            strike_price_gte=380,
            strike_price_lte=420,
        )
    )
    assert len(chain) == 6 * 41
    assert chain[PUT].latest_quote.bid_price == 8.5
    assert chain[PUT].greeks.delta == pytest.approx(-0.48, abs=0.03)
    assert chain[PUT].implied_volatility == pytest.approx(0.31, abs=0.02)
    single = client.get_option_snapshot(OptionSnapshotRequest(symbol_or_symbols=PUT))
    assert single[PUT].latest_trade.price == 8.75
    trades = client.get_option_latest_trade(OptionLatestTradeRequest(symbol_or_symbols=[PUT]))
    assert trades[PUT].conditions == "I"
    bars = client.get_option_bars(
        OptionBarsRequest(
            symbol_or_symbols=PUT,
            timeframe=TimeFrame.Hour,
            start=datetime(2024, 10, 31, tzinfo=UTC),
            end=datetime(2024, 11, 1, tzinfo=UTC),
        )
    )
    assert len(bars[PUT]) == 7
    assert client.get_option_exchange_codes()["C"].startswith("CBOE")
    with pytest.raises(APIError) as caught:
        client.get_option_snapshot(
            OptionSnapshotRequest(symbol_or_symbols=PUT, feed=OptionsFeed.OPRA)
        )
    assert caught.value.status_code == 403


def test_contracts_assets_calendar_and_configurations_parse(alpaca: RunningAlpaca) -> None:
    client: Any = alpaca.trading()
    asked = GetOptionContractsRequest(
        underlying_symbols=["BRK.B"],
        status=AssetStatus.ACTIVE,
        root_symbol="BRKB",
        type=ContractType.CALL,
        expiration_date="2024-11-15",
        strike_price_gte="440",
        strike_price_lte="460",
    )
    contracts = client.get_option_contracts(asked).option_contracts
    assert len(contracts) == 21
    assert client.get_option_contract(contracts[0].id).symbol == contracts[0].symbol
    days = client.get_calendar(GetCalendarRequest(start=date(2024, 11, 25), end=date(2024, 11, 29)))
    assert [day.date.day for day in days] == [25, 26, 27, 29]
    configuration = client.get_account_configurations()
    configuration.no_shorting = True
    assert client.set_account_configurations(configuration).no_shorting


def test_positions_close_and_exercise(alpaca: RunningAlpaca) -> None:
    client: Any = alpaca.trading()
    for symbol, qty in (("SPY", "100"), (CALL, "1")):
        content = {"symbol": symbol, "qty": qty, "px": "390"}
        alpaca.control("POST", "/do/position", content)
    half = client.close_position("SPY", ClosePositionRequest(percentage="50"))
    assert half.qty == "50"
    eventually(lambda: client.get_open_position("SPY").qty == "50")
    client.exercise_options_position(CALL)
    assert client.get_open_position("SPY").qty == "150"
    (closed,) = client.close_all_positions(cancel_orders=True)
    assert (closed.symbol, closed.status) == ("SPY", 200)
    eventually(lambda: client.get_all_positions() == [])
    history = client.get_portfolio_history(GetPortfolioHistoryRequest(period="1D"))
    assert history.base_value == 100_000


def test_watchlists(alpaca: RunningAlpaca) -> None:
    client: Any = alpaca.trading()
    created = client.create_watchlist(CreateWatchlistRequest(name="mine", symbols=["SPY", "AAPL"]))
    assert [asset.symbol for asset in created.assets] == ["SPY", "AAPL"]
    assert len(client.add_asset_to_watchlist_by_id(created.id, "QQQ").assets) == 3
    assert len(client.remove_asset_from_watchlist_by_id(created.id, "SPY").assets) == 2
    renamed = client.update_watchlist_by_id(created.id, UpdateWatchlistRequest(name="ours"))
    assert renamed.name == "ours"
    assert [listed.name for listed in client.get_watchlists()] == ["ours"]
    with pytest.raises(APIError):
        client.create_watchlist(CreateWatchlistRequest(name="ours", symbols=[]))
    client.delete_watchlist_by_id(created.id)
    with pytest.raises(APIError):
        client.get_watchlist_by_id(created.id)
