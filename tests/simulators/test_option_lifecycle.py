"""Options from their last afternoon to their end: exercise, assignment, expiry, activities."""

import contextlib
import random
from decimal import Decimal
from typing import Any

import pytest

from simulators.alpaca.settings import SIMULATED_ACCOUNT_NUMBER
from simulators.control.control import BadRequest
from simulators.venue.refusals import Refusal
from simulators.venue.settings import VenueSettings
from tests.simulators.markets import new_york
from tests.simulators.rest import PUT, Api

CALL = "SPY241115C00400000"
EXPIRY = "2024-11-15"


class Account(Api):
    """Short words for positions, money and time."""

    def hold(self, symbol: str, qty: str, px: str = "1") -> None:
        self.simulated.control.do("position", symbol=symbol, qty=qty, px=px)

    def spot(self, px: str) -> None:
        self.simulated.control.set_quote("SPY", Decimal(px), Decimal(px))

    def at(self, time: str, day: str = EXPIRY) -> None:
        self.simulated.control.set_clock(new_york(day, time))

    @property
    def held(self) -> dict[str, str]:
        self.simulated.venue.advance()
        books = self.simulated.control.ledger()["accounts"][SIMULATED_ACCOUNT_NUMBER]
        return {position["symbol"]: position["qty"] for position in books["positions"]}

    @property
    def cash(self) -> Decimal:
        return Decimal(self.json("GET", "/v2/account")["cash"])

    def activities(self, *types: str) -> list[dict[str, Any]]:
        query: dict[str, Any] = {"activity_types": ",".join(types), "direction": "asc"}
        told: list[dict[str, Any]] = self.json("GET", "/v2/account/activities", **query)
        return told


def test_an_assigned_covered_call_takes_the_shares_at_the_strike() -> None:
    account = Account()
    account.hold("SPY", "100", "390")
    account.hold(CALL, "-1", "8.70")
    account.spot("405")
    account.at("16:04:59")
    assert account.held == {"SPY": "100", CALL: "-1"}
    account.at("16:05:01")
    assert account.held == {}
    assert account.cash == 140_000
    (assigned, traded) = account.simulated.control.ledger()["account_events"][2:]
    assert (assigned["kind"], assigned["symbol"], assigned["qty"]) == ("assigned", CALL, "1")
    assert (traded["kind"], traded["symbol"], traded["qty"]) == ("option_trade", "SPY", "-100")
    assert (traded["price"], traded["net_amount"]) == ("400", "40000")
    assert assigned["group_id"] == traded["group_id"]


def test_an_assigned_put_gives_shares_and_its_activities_come_the_next_trading_day() -> None:
    account = Account()
    account.hold(PUT, "-1", "8.50")
    account.spot("399.99")
    account.at("17:00:00")
    assert account.held == {"SPY": "100"}
    assert account.cash == 60_000
    (position,) = account.json("GET", "/v2/positions")
    assert (position["avg_entry_price"], position["cost_basis"]) == ("400", "40000")
    assert account.activities("OPASN", "OPTRD", "OPEXP") == []
    account.at("23:59:00", "2024-11-17")
    assert account.activities("OPASN", "OPTRD") == []
    account.at("00:01:00", "2024-11-18")
    by_type = {activity["activity_type"]: activity for activity in account.activities()}
    assigned, traded = by_type["OPASN"], by_type["OPTRD"]
    assert (assigned["symbol"], assigned["qty"], assigned["net_amount"]) == (PUT, "1", "0")
    assert (traded["symbol"], traded["qty"], traded["price"]) == ("SPY", "100", "400")
    assert (traded["net_amount"], traded["date"]) == ("-40000", EXPIRY)
    assert assigned["group_id"] == traded["group_id"]
    assert assigned["id"] != traded["id"]
    assert assigned["id"].startswith("20241115000000000::")
    assert account.json("GET", "/v2/account/activities/OPTRD") == [traded]
    path = "/v2/account/activities"
    assert account.json("GET", path, category="trade_activity") == []
    dated = account.json("GET", "/v2/account/activities", date=EXPIRY)
    assert {activity["activity_type"] for activity in dated} == {"OPASN", "OPTRD"}


def test_option_activities_can_come_at_once() -> None:
    account = Account(option_activities="at_once")
    account.hold(PUT, "-1")
    account.spot("390")
    account.at("16:10:00")
    assert len(account.activities("OPASN", "OPTRD")) == 2


def test_expiry_happens_in_a_night_that_is_skipped() -> None:
    account = Account(venue=VenueSettings(skip_closed=True))
    account.hold(PUT, "-1")
    account.spot("390")
    account.at("15:59:59")
    account.wait(2)
    assert account.held == {"SPY": "100"}
    assert account.simulated.venue.now >= new_york("2024-11-18", "09:30:00")
    assigned = account.simulated.control.ledger()["account_events"][1]
    assert assigned["at"].startswith("2024-11-15T21:05:00")


def test_what_is_worthless_expires_long_or_short() -> None:
    account = Account(option_activities="at_once")
    account.hold(PUT, "-2")
    account.hold(CALL, "3")
    account.spot("400")
    account.at("16:06:00")
    assert account.held == {}
    assert account.cash == 100_000
    expired = account.activities("OPEXP")
    assert {(a["symbol"], a["qty"], a["net_amount"]) for a in expired} == {
        (PUT, "2", "0"),
        (CALL, "-3", "0"),
    }


def test_a_cent_in_the_money_is_exercised_unless_told_otherwise() -> None:
    account = Account()
    account.hold(CALL, "1")
    account.spot("400.01")
    account.at("16:06:00")
    assert account.held == {"SPY": "100"}
    assert account.cash == 60_000
    other = Account()
    other.hold(CALL, "1")
    other.spot("410")
    assert other("POST", f"/v2/positions/{CALL}/do-not-exercise").status == 200
    other.at("16:06:00")
    assert other.held == {}
    assert other.cash == 100_000


def test_what_counts_is_the_close_and_not_what_comes_after_it() -> None:
    account = Account()
    account.hold(CALL, "1")
    account.spot("399")
    account.at("16:01:00")
    account.spot("405")
    account.at("16:06:00")
    assert account.held == {}
    assert account.cash == 100_000


def test_a_spread_in_the_money_settles_to_the_difference_of_its_strikes() -> None:
    account = Account(cash=Decimal(1000))
    account.hold("SPY241115C00395000", "1")
    account.hold(CALL, "-1")
    account.spot("405")
    account.at("16:06:00")
    assert account.held == {}
    assert account.cash == 1500


def test_a_long_position_without_means_is_sold_in_the_last_half_hour() -> None:
    account = Account(cash=Decimal(1000))
    account.hold(CALL, "1")
    rest = account.order(symbol=CALL, limit_price="50", time_in_force="gtc")
    account.spot("405")
    account.simulated.control.set_quote(CALL, Decimal("5.00"), Decimal("5.20"))
    account.at("15:29:59")
    assert account.held == {CALL: "1"}
    account.at("15:30:05")
    assert account.held == {}
    assert account.cash == 1500
    assert account.json("GET", f"/v2/orders/{rest['id']}")["status"] == "canceled"


def test_exercise_trades_the_shares_at_once() -> None:
    account = Account()
    account.hold(CALL, "2")
    response = account("POST", f"/v2/positions/{CALL}/exercise")
    assert (response.status, response.body) == (200, b"")
    assert account.held == {"SPY": "200"}
    assert account.cash == 20_000
    account.at("09:00:00", "2024-11-05")
    exercised, traded = sorted(account.activities(), key=lambda a: str(a["activity_type"]))[-2:]
    assert (exercised["activity_type"], exercised["qty"]) == ("OPEXC", "-2")
    assert (traded["activity_type"], traded["qty"]) == ("OPTRD", "200")


def test_exercise_takes_only_what_no_order_holds() -> None:
    account = Account()
    account.hold(CALL, "3")
    account.order(symbol=CALL, qty="2", limit_price="50")
    account("POST", f"/v2/positions/{CALL}/exercise")
    assert account.held == {"SPY": "100", CALL: "2"}
    refusal = account.json("POST", f"/v2/positions/{CALL}/exercise", status=403)
    assert refusal["held_for_orders"] == "2"


def test_what_cannot_be_exercised_is_refused() -> None:
    account = Account(cash=Decimal(1000))
    account.hold(CALL, "1")
    account.hold(PUT, "-1")
    account.hold("SPY241115P00410000", "1")
    account.hold("AAPL", "1")

    def refused(symbol: str, status: int) -> dict[str, Any]:
        path = f"/v2/positions/{symbol}/exercise"
        refusal: dict[str, Any] = account.json("POST", path, status=status)
        return refusal

    assert refused("QQQ241115C00350000", 404)["message"] == "position does not exist"
    assert refused("AAPL", 422)["code"] == 42210000
    assert refused(PUT, 403)["message"] == "only long option positions can be exercised"
    assert refused(CALL, 403)["cost_basis"] == "40000"
    assert refused("SPY241115P00410000", 403)["existing_qty"] == "0"
    account.at("16:00:00", "2024-11-04")
    assert "after the market has closed" in refused(CALL, 403)["message"]


def test_opening_orders_are_refused_on_the_last_afternoon() -> None:
    account = Account()
    account.hold(CALL, "-1", "8")
    account.hold("SPY", "200", "400")
    account.at("15:29:00")
    assert account.order(symbol=PUT, limit_price="20")["status"] == "pending_new"
    account.at("15:30:00")
    refusal = account.order(422, symbol=CALL, limit_price="20")
    assert refusal == {
        "code": 42210000,
        "message": f'contract "{CALL}" expires soon, unable to open new positions',
    }
    closing = account.order(symbol=CALL, side="buy", limit_price="1")
    assert closing["position_intent"] == "buy_to_close"


def test_the_last_half_hour_is_earlier_on_a_short_day() -> None:
    account, put = Account(), "SPY241129P00380000"
    account.at("12:29:00", "2024-11-29")
    account.order(symbol=put, limit_price="20")
    account.at("12:30:00", "2024-11-29")
    assert "expires soon" in account.order(422, symbol=put, limit_price="21")["message"]


def test_the_owner_of_a_short_position_can_be_assigned_early() -> None:
    account = Account()
    account.hold(PUT, "-3")
    told = account.simulated.control.do("assign", symbol=PUT, qty="2")
    assert [event["kind"] for event in told] == ["assigned", "option_trade"]
    assert account.held == {PUT: "-1", "SPY": "200"}
    assert account.cash == 20_000


def test_fees_dividends_and_transfers_move_cash_and_are_activities_at_once() -> None:
    account = Account()
    account.hold("SPY", "10", "400")
    control = account.simulated.control
    before = control.ledger()["accounts"][SIMULATED_ACCOUNT_NUMBER]["positions"]
    control.do("fee", amount="0.05", sub_type="ORF", symbol=PUT)
    control.do("dividend", symbol="SPY", per_share="1.75")
    control.do("deposit", amount="500")
    control.do("withdraw", amount="100")
    assert account.cash == Decimal("100417.45")
    by_type = {activity["activity_type"]: activity for activity in account.activities()}
    assert set(by_type) == {"FEE", "DIV", "CSD", "CSW", "JNLS"}
    assert (by_type["FEE"]["net_amount"], by_type["FEE"]["activity_sub_type"]) == ("-0.05", "ORF")
    assert (by_type["DIV"]["net_amount"], by_type["DIV"]["per_share_amount"]) == ("17.5", "1.75")
    assert (by_type["CSD"]["net_amount"], by_type["CSW"]["net_amount"]) == ("500", "-100")
    assert by_type["DIV"]["qty"] == "10"
    assert control.ledger()["accounts"][SIMULATED_ACCOUNT_NUMBER]["positions"] == before
    entries = control.ledger(with_entries=True)["entries"]
    assert [entry["balance"] for entry in entries if entry["kind"] == "cash"][-1] == "100417.45"


def test_a_dividend_on_a_part_of_a_share_is_paid_to_the_cent() -> None:
    account = Account()
    account.hold("SPY", "0.3", "400")
    before = account.cash
    account.simulated.control.do("dividend", symbol="SPY", per_share="0.25")
    (dividend,) = account.activities("DIV")
    assert account.cash - before == Decimal(dividend["net_amount"]) == Decimal("0.08")


@pytest.mark.parametrize("page_size", [1, 2, 3])
def test_activities_of_all_kinds_are_paged_together(page_size: int) -> None:
    account = Account(option_activities="at_once")
    for _ in range(3):
        account.simulated.control.do("deposit", amount="1")
    account.order(side="buy", limit_price="9")
    account.wait(1)
    account("POST", f"/v2/positions/{PUT}/do-not-exercise")
    seen: list[str] = []
    token = ""
    while True:
        query: dict[str, Any] = {"page_size": str(page_size)}
        query |= {"page_token": token} if token else {}
        page = account.json("GET", "/v2/account/activities", **query)
        seen += [activity["id"] for activity in page]
        if len(page) < page_size:
            break
        token = page[-1]["id"]
    assert len(seen) == 4
    assert seen == sorted(seen, reverse=True)


@pytest.mark.parametrize("seed", range(5))
def test_the_ledger_holds_every_cent_and_share_whatever_happens(seed: int) -> None:
    """Positions and cash are the sum of what the ledger records, each time it is looked at."""
    account = Account(seed=seed, cash=Decimal(60_000), options_level=3)
    draw, control = random.Random(seed), account.simulated.control
    symbols = ["SPY", PUT, CALL, "SPY241108C00402000", "SPY241108P00398000"]
    for _ in range(60):
        step = draw.randrange(7)
        held = [symbol for symbol in account.held if symbol != "SPY"]
        symbol = draw.choice(held if held and step in (2, 3) else symbols)
        with contextlib.suppress(Refusal, BadRequest):
            if step < 2:
                side = draw.choice(["buy", "sell"])
                order = {"symbol": symbol, "side": side, "qty": "2", "type": "market"}
                account("POST", "/v2/orders", order | {"time_in_force": "day"})
            elif step == 2:
                account("POST", f"/v2/positions/{symbol}/exercise")
            elif step == 3:
                control.do("assign", symbol=symbol, qty="1")
            elif step == 4:
                account.spot(str(draw.randrange(390, 411)))
            elif step == 5:
                control.do(draw.choice(["fee", "deposit"]), amount="1.25")
            else:
                account.hold(symbol, draw.choice(["-2", "2"]))
        control.advance_clock(draw.choice([1, 600, 3 * 3600]))
        check_books(control.ledger(with_entries=True))
    account.at("17:00:00")
    check_books(control.ledger(with_entries=True))
    kinds = {event["kind"] for event in control.ledger()["account_events"]}
    assert kinds >= {"assigned", "option_trade", "position"}
    assert kinds & {"expired", "exercised"}


def check_books(ledger: dict[str, Any]) -> None:
    books = ledger["accounts"][SIMULATED_ACCOUNT_NUMBER]
    moved = [Decimal(e["amount"]) for e in ledger["entries"] if e["kind"] == "cash"]
    assert Decimal(books["cash"]) == Decimal(books["starting_cash"]) + sum(moved)
    held: dict[str, Decimal] = {}
    for fill in ledger["executions"]:
        sign = 1 if fill["side"] == "buy" else -1
        symbol = fill["symbol"]
        held[symbol] = held.get(symbol, Decimal(0)) + sign * Decimal(fill["last_qty"])
    for event in ledger["account_events"]:
        symbol = event["symbol"]
        held[symbol] = held.get(symbol, Decimal(0)) + Decimal(event["qty"])
    assert {symbol: qty for symbol, qty in held.items() if qty} == {
        position["symbol"]: Decimal(position["qty"]) for position in books["positions"]
    }
