"""The account's figures: cash is what there is in the currency that contracts are paid in."""

from __future__ import annotations

from decimal import Decimal

import pytest

from services.common.domain.amounts import Money
from services.common.domain.reports import AccountMode, Balance, VenuePosition
from services.ib_adapter.account_words import AccountWord, PortfolioWord
from services.ib_adapter.figures import UNSET_FLOAT, Unreadable
from services.ib_adapter.library import Contract
from services.ib_adapter.translate_account import read_balance, read_positions
from tests.unit.ib_adapter.scene import NOW, put_contract


def balance_of(told: AccountWord) -> Balance:
    return read_balance("DU1", told, "ib", AccountMode.PAPER, NOW)


def cash_of(*rows: tuple[str, str, str]) -> Money | None:
    """Cash by rows of (tag, currency, value)."""
    told = [("DU1", *row) for row in rows]
    return balance_of(AccountWord(told, [])).cash


def dollars(amount: int) -> Money:
    return Money(Decimal(amount), "USD")


@pytest.mark.parametrize(
    ("total", "in_dollars", "in_euros", "expected"),
    [
        (("USD", "50000"), "0", "46000", 0),
        (("USD", "50000"), "20000", "28000", 20000),
        (("USD", "9000"), "20000", "-10000", 9000),
        (("USD", "50000"), None, "46000", 0),
        (("EUR", "50000"), "20000", "28000", 20000),
        (("BASE", "50000"), "20000", "28000", 20000),
    ],
)
def test_cash_is_no_more_than_there_is_in_dollars(
    total: tuple[str, str], in_dollars: str | None, in_euros: str, expected: int
) -> None:
    rows = [("TotalCashValue", *total)]
    if in_dollars is not None:
        rows.append(("CashBalance", "USD", in_dollars))
    rows += [("CashBalance", "EUR", in_euros), ("CashBalance", "BASE", "50000")]
    assert cash_of(*rows) == dollars(expected)


def test_without_cash_by_currency_the_total_counts_in_its_own() -> None:
    assert cash_of(("TotalCashValue", "USD", "700")) == dollars(700)
    assert cash_of(("TotalCashValue", "EUR", "700")) == Money(Decimal(700), "EUR")


def test_an_account_without_dollars_has_no_dollars() -> None:
    cash = cash_of(("TotalCashValue", "EUR", "700"), ("CashBalance", "EUR", "600"))
    assert cash == dollars(0)


@pytest.mark.parametrize("currency", ["", "BASE"])
def test_a_total_in_no_currency_is_no_cash(currency: str) -> None:
    with pytest.raises(Unreadable):
        cash_of(("TotalCashValue", currency, "700"))


def worth(
    value: float, *, qty: float = 2.0, unrealized: float = 10.0, contract: Contract | None = None
) -> PortfolioWord:
    return PortfolioWord("DU1", contract or put_contract(), qty, 5.5, value, unrealized)


EQUITY = ("DU1", "NetLiquidation", "USD", "51000")
CASH = ("DU1", "TotalCashValue", "USD", "50000")


def test_what_is_held_long_and_short_is_summed_by_itself() -> None:
    told = AccountWord([EQUITY, CASH], [worth(1100.0), worth(250.5), worth(-300.0, qty=-1.0)])
    balance = balance_of(told)
    assert balance.long_market_value == Money(Decimal("1350.5"), "USD")
    assert balance.short_market_value == dollars(-300)


def test_an_account_that_holds_nothing_holds_0() -> None:
    balance = balance_of(AccountWord([EQUITY, CASH], []))
    assert (balance.long_market_value, balance.short_market_value) == (dollars(0), dollars(0))


@pytest.mark.parametrize(
    "odd",
    [worth(UNSET_FLOAT), worth(5.0, contract=Contract(secType="STK", symbol="X", currency="EUR"))],
)
def test_a_sum_that_lacks_a_part_is_not_told(odd: PortfolioWord) -> None:
    balance = balance_of(AccountWord([EQUITY, CASH], [worth(1100.0), odd]))
    assert (balance.long_market_value, balance.short_market_value) == (None, None)


def position_with(*told: PortfolioWord) -> VenuePosition:
    rows = [("DU1", put_contract(), 2.0, 550.0)]
    [position] = read_positions(rows, told, "ib", "main")
    return position


def test_a_position_has_what_the_account_says_it_is_worth() -> None:
    position = position_with(worth(1100.0))
    assert position.qty == 2
    assert position.avg_entry_price == Decimal("5.5")
    assert position.current_price == Decimal("5.5")
    assert (position.market_value, position.unrealized_pnl) == (dollars(1100), dollars(10))


@pytest.mark.parametrize("told", [[], [worth(1100.0, qty=3.0)]])
def test_a_worth_of_another_quantity_is_not_the_positions(told: list[PortfolioWord]) -> None:
    position = position_with(*told)
    assert position.qty == 2
    assert (position.market_value, position.unrealized_pnl) == (None, None)


def test_a_profit_that_is_not_set_is_not_told() -> None:
    position = position_with(worth(1100.0, unrealized=UNSET_FLOAT))
    assert (position.market_value, position.unrealized_pnl) == (dollars(1100), None)
