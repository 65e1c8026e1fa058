"""A price path from a CSV file: played by the clock, traded against, told in bars."""

import subprocess
import sys
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from simulators.alpaca.settings import AlpacaSettings
from simulators.alpaca.simulated import build
from simulators.venue.price_path import BadPricePath, read_price_path
from tests.simulators.markets import Base
from tests.simulators.process import ROOT, running_alpaca
from tests.simulators.rest import Api

QUOTES = """time,symbol,bid,ask
2024-11-04T09:59:00,SPY,400.00,400.02
2024-11-04T10:00:30,SPY,399.00,399.02
2024-11-04T15:01:10Z,SPY,398.50,398.52
2024-11-04T10:01:10-05:00,KO,65.00,65.01
"""
BARS = """time,symbol,open,high,low,close,volume
2024-11-04T10:00:00,KO,65.00,65.40,64.90,65.20,1000
2024-11-04T10:01:00,KO,65.20,65.30,65.00,65.10,1000
"""


def played(path: Path, text: str) -> Api:
    path.write_text(text)
    api = Api()
    api.base = Base()
    api.simulated = build(AlpacaSettings(), api.base, price_path=read_price_path(path))
    return api


def test_quotes_pass_with_the_clock_and_orders_trade_against_them(tmp_path: Path) -> None:
    api = played(tmp_path / "path.csv", QUOTES)
    order = api.order(symbol="SPY", side="buy", limit_price="399.02")
    api.wait(29)
    assert api.json("GET", f"/v2/orders/{order['id']}")["status"] == "new"
    api.wait(2)
    filled = api.json("GET", f"/v2/orders/{order['id']}")
    assert (filled["status"], filled["filled_avg_price"]) == ("filled", "399.02")
    assert filled["filled_at"].startswith("2024-11-04T15:00:30")
    path = "/v2/stocks/quotes/latest"
    assert set(api.json("GET", path, symbols="SPY,KO,QQQ")["quotes"]) == {"SPY"}
    api.wait(60)
    assert set(api.json("GET", path, symbols="SPY,KO,QQQ")["quotes"]) == {"SPY", "KO"}
    query: dict[str, Any] = {"symbols": "SPY", "timeframe": "1Min", "feed": "iex"}
    (bar,) = api.json("GET", "/v2/stocks/bars", start="2024-11-04T15:00:00Z", **query)["bars"][
        "SPY"
    ]
    assert (bar["o"], bar["h"], bar["l"], bar["c"]) == (400.01, 400.01, 399.01, 399.01)
    query = {"underlying_symbols": "SPY", "strike_price_gte": "398", "strike_price_lte": "402"}
    assert api.json("GET", "/v2/options/contracts", **query)["option_contracts"]


def test_the_path_is_played_again_if_the_clock_is_set_back(tmp_path: Path) -> None:
    api = played(tmp_path / "path.csv", QUOTES)
    api.simulated.control.advance_clock(3600)
    api.simulated.control.set_clock(datetime(2024, 11, 4, 15, 0, 29, tzinfo=UTC))
    api.wait(2)
    quotes = api.json("GET", "/v2/stocks/quotes/latest", symbols="SPY")["quotes"]
    assert quotes["SPY"]["bp"] == 399


def test_a_bar_becomes_four_quotes(tmp_path: Path) -> None:
    path = tmp_path / "bars.csv"
    path.write_text(BARS)
    quotes = read_price_path(path)
    assert [str(quote.mid) for quote in quotes] == [
        "65.00", "64.90", "65.40", "65.20", "65.20", "65.30", "65.00", "65.10",
    ]  # fmt: skip
    assert [quote.at.second for quote in quotes] == [0, 15, 30, 45] * 2
    assert quotes[0].ask - quotes[0].bid == Decimal("0.02")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("time,symbol,bid\n", ":1: the columns are time, symbol and either bid, ask or open"),
        ("time,symbol,bid,ask\n", ": there is no line below the header"),
        ("time,symbol,bid,ask\nnow,SPY,1,2\n", ":2: 'now' is not a time"),
        ("time,symbol,bid,ask\n2024-11-04,spy,1,2\n", ":2: 'spy' is neither a ticker"),
        ("time,symbol,bid,ask\n2024-11-04,SPY,1,2\n2024-11-04,SPY,x,2\n", ":3: x, 2: not all"),
        ("time,symbol,bid,ask\n2024-11-04,SPY,3,2\n", ":2: bid 3 and ask 2 are no quote"),
        (
            "time,symbol,open,high,low,close\n2024-11-04,SPY,3,2,1,2\n",
            ":2: open, high, low and close don't make a bar",
        ),
    ],
)
def test_a_bad_file_is_named_with_its_line(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "path.csv"
    path.write_text(text)
    with pytest.raises(BadPricePath) as caught:
        read_price_path(path)
    assert str(caught.value).startswith(f"{path}{message}")


def test_the_program_starts_at_the_first_time_of_its_path(tmp_path: Path) -> None:
    path = tmp_path / "path.csv"
    path.write_text(BARS.replace("2024-11-04", "2025-02-03"))
    with running_alpaca("--price-path", str(path)) as alpaca:
        assert alpaca.control("GET", "/health")["now"].startswith("2025-02-03T15:00:0")
    path.write_text("nonsense")
    command = [sys.executable, "-m", "simulators.alpaca", "--port", "0", "--price-path", str(path)]
    ended = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert ended.returncode == 1
    assert f"{path}:1: the columns are" in ended.stderr
