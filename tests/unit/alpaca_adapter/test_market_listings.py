"""Unit tests of option contracts and trading days: listed to the end, in New York's hours."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest

from services.alpaca_adapter.market_listings import MarketListings
from services.common.adapter.port import ContractQuery
from services.common.domain.errors import ReadFailed
from services.common.domain.instruments import ExerciseStyle, OptionRight
from services.common.domain.occ import parse_occ
from tests.unit.alpaca_adapter.wire import VENUE_NOW, Asked, Desk, Reply

TODAY = date(2024, 11, 4)
DATE = {"Date": "Mon, 04 Nov 2024 15:00:00 GMT"}


def contract_json(symbol: str = "SPY241115P00400000", **changed: Any) -> dict[str, Any]:
    option = parse_occ(symbol)
    return {
        "id": "6e58f870-fe73-4583-81e4-b9a37892c36f",
        "symbol": symbol,
        "name": "SPY Nov 15 2024 400 Put",
        "status": "active",
        "tradable": True,
        "expiration_date": option.expiry.isoformat(),
        "root_symbol": option.root,
        "underlying_symbol": "SPY",
        "underlying_asset_id": "b28f4066-5c6d-479b-a2af-85dc1a8f16fb",
        "type": option.right.name.lower(),
        "style": "american",
        "strike_price": str(option.strike),
        "multiplier": "100",
        "size": "100",
        "open_interest": "6168",
        "open_interest_date": "2024-11-01",
        "close_price": "8.62",
        "close_price_date": "2024-11-01",
    } | changed


def lists(*contracts: dict[str, Any], page: int = 100) -> Desk:
    """A venue that lists these by status, so many a page."""

    def answers(asked: Asked) -> Reply:
        chosen = [c for c in contracts if c["status"] == asked.query.get("status", "active")]
        first = int(asked.query.get("page_token", "0"))
        token = str(first + page) if first + page < len(chosen) else None
        content = {"option_contracts": chosen[first : first + page], "next_page_token": token}
        return Reply(200, content, headers=DATE)

    return Desk(answers)


def listings(desk: Desk) -> MarketListings:
    return MarketListings(desk.reader, desk.watch)


async def known(desk: Desk) -> MarketListings:
    """Listings that know the venue's day, from an answer."""
    await desk.reader.answer("/clock")
    desk.venue.asked.clear()
    return listings(desk)


async def test_contracts_are_read_to_the_end_with_bounds_that_are_always_given() -> None:
    symbols = [f"SPY2411{day}P00400000" for day in (22, 15)] + ["SPY241115C00400000"]
    desk = lists(*map(contract_json, symbols), page=2)
    found = await (await known(desk)).option_contracts(ContractQuery("SPY", expiry_from=TODAY))
    assert [option.contract.occ for option in found] == [
        "SPY241115C00400000",
        "SPY241115P00400000",
        "SPY241122P00400000",
    ]
    asked = desk.venue.asked[0]
    assert asked.path == "/v2/options/contracts"
    assert dict(asked.query) == {
        "underlying_symbols": "SPY",
        "expiration_date_gte": "2024-11-04",
        "expiration_date_lte": "2034-11-12",
        "limit": "10000",
        "show_deliverables": "true",
        "status": "active",
    }
    assert [asked.query.get("page_token") for asked in desk.venue.asked] == [None, "2"]


async def test_all_bounds_reach_alpaca() -> None:
    desk = lists()
    query = ContractQuery(
        "BRK.B", TODAY, date(2024, 12, 20), Decimal("390.5"), Decimal(410), OptionRight.PUT
    )
    assert await (await known(desk)).option_contracts(query) == []
    (asked,) = desk.venue.asked
    assert asked.query["underlying_symbols"] == "BRK.B"
    assert asked.query["expiration_date_lte"] == "2024-12-20"
    assert (asked.query["strike_price_gte"], asked.query["strike_price_lte"]) == ("390.5", "410")
    assert asked.query["type"] == "put"


async def test_what_has_expired_is_listed_too_if_its_day_is_asked_for() -> None:
    desk = lists(
        contract_json("SPY241101P00400000", status="inactive", tradable=False), contract_json()
    )
    found = await (await known(desk)).option_contracts(
        ContractQuery("SPY", expiry_from=date(2024, 11, 1))
    )
    assert [(o.contract.expiry.day, o.tradable) for o in found] == [(1, False), (15, True)]


async def test_what_is_not_active_is_not_tradable_whatever_else_is_said() -> None:
    desk = lists(contract_json(status="inactive", tradable=True))
    (found,) = await listings(desk).option_contracts(ContractQuery("SPY"))
    assert not found.tradable


async def test_a_contract_tells_all_its_terms() -> None:
    desk = lists(contract_json(style="european"))
    (found,) = await listings(desk).option_contracts(ContractQuery("SPY"))
    contract = found.contract
    assert (contract.root, contract.underlying, contract.multiplier) == ("SPY", "SPY", 100)
    assert (contract.style, contract.deliverable) == (ExerciseStyle.EUROPEAN, None)
    assert (found.tradable, found.open_interest, found.close_price) == (
        True,
        Decimal(6168),
        Decimal("8.62"),
    )
    assert found.venue_contract_id == "6e58f870-fe73-4583-81e4-b9a37892c36f"


EQUITY = {"type": "equity", "symbol": "AAPL", "amount": "100"}


@pytest.mark.parametrize(
    ("symbol", "changed", "deliverable"),
    [
        ("AAPL241115P00200000", {"deliverables": [EQUITY]}, None),
        (
            "AAPL1241115P00200000",
            {"deliverables": [EQUITY, {"type": "cash", "symbol": "USD", "amount": "5.25"}]},
            "100 AAPL + 5.25 USD",
        ),
        ("AAPL241115P00200000", {"deliverables": [EQUITY | {"amount": "150"}]}, "150 AAPL"),
        ("AAPL1241115P00200000", {}, "adjusted, size 100"),
        ("AAPL241115P00200000", {"size": "150"}, "adjusted, size 150"),
    ],
)
async def test_an_adjusted_contract_says_what_it_delivers(
    symbol: str, changed: dict[str, Any], deliverable: str | None
) -> None:
    desk = lists(contract_json(symbol, underlying_symbol="AAPL", **changed))
    (found,) = await listings(desk).option_contracts(ContractQuery("AAPL"))
    assert found.contract.underlying == "AAPL"
    assert found.contract.deliverable == deliverable


@pytest.mark.parametrize(
    "changed",
    [
        {"strike_price": "401"},
        {"expiration_date": "2024-11-16"},
        {"type": "call"},
        {"type": "straddle"},
        {"symbol": "SPY"},
        {"multiplier": None, "size": None},
        {"strike_price": None},
    ],
)
async def test_a_contract_that_contradicts_its_symbol_fails_the_list(
    changed: dict[str, Any],
) -> None:
    desk = lists(contract_json() | changed)
    with pytest.raises(ReadFailed):
        await listings(desk).option_contracts(ContractQuery("SPY"))


@pytest.mark.parametrize("content", [[], {}, {"option_contracts": None}])
async def test_contracts_that_cant_be_read_are_an_error(content: Any) -> None:
    with pytest.raises(ReadFailed):
        await listings(Desk(lambda _: Reply(200, content))).option_contracts(ContractQuery("SPY"))


def day_json(day: str, opens: str = "09:30", closes: str = "16:00") -> dict[str, Any]:
    return {"date": day, "open": opens, "close": closes, "session_open": "0400"}


async def test_trading_days_are_in_new_yorks_hours_short_ones_included() -> None:
    days = [day_json("2024-11-29", closes="13:00"), day_json("2024-11-01"), day_json("2024-12-02")]
    desk = Desk(lambda _: Reply(200, days))
    found = await listings(desk).days(date(2024, 11, 1), date(2024, 11, 30))
    assert [day.day for day in found] == [date(2024, 11, 1), date(2024, 11, 29)]
    assert found[0].open_time == datetime(2024, 11, 1, 13, 30, tzinfo=UTC)  # summer time
    assert found[0].open_time.tzinfo is UTC
    assert found[1].open_time == datetime(2024, 11, 29, 14, 30, tzinfo=UTC)
    assert found[1].close_time == datetime(2024, 11, 29, 18, 0, tzinfo=UTC)
    (asked,) = desk.venue.asked
    assert dict(asked.query) == {"start": "2024-11-01", "end": "2024-11-30"}


@pytest.mark.parametrize(
    "content",
    [
        {},
        [7],
        [day_json("today")],
        [day_json("2024-11-29", "9.30")],
        [day_json("2024-11-29", "17:00")],
    ],
)
async def test_days_that_cant_be_read_are_an_error(content: Any) -> None:
    with pytest.raises(ReadFailed):
        await listings(Desk(lambda _: Reply(200, content))).days(
            date(2024, 11, 1), VENUE_NOW.date()
        )
