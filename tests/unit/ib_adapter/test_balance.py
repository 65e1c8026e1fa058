"""The account's figures: cash is what there is in the currency that contracts are paid in."""

from __future__ import annotations

from decimal import Decimal

import pytest

from services.common.domain.amounts import Money
from services.common.domain.reports import AccountMode
from services.ib_adapter.figures import Unreadable
from tests.unit.ib_adapter.scene import translator


def cash_of(*rows: tuple[str, str, str]) -> Money | None:
    """Cash by rows of (tag, currency, value)."""
    told = [("DU1", *row) for row in rows]
    return translator().balance("DU1", AccountMode.PAPER, told).cash


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
