"""IB's answer to a what-if in our words: what is set, in which currency, and what is not."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

from services.common.domain.amounts import Money
from services.common.domain.executions import Fee, Side
from services.common.domain.instruments import Equity
from services.common.domain.order_spec import OrderSpec
from services.common.domain.order_terms import OrderType, TimeInForce
from services.ib_adapter.library import OrderState
from services.ib_adapter.preview_ids import PREVIEW_REF, PreviewIds
from services.ib_adapter.previews import _read
from tests.unit.ib_adapter.scene import OURS, A

UNSET = "1.7976931348623157E308"
SPEC = OrderSpec(
    A,
    Equity("SPY"),
    Side.SELL,
    Decimal(10),
    OrderType.LIMIT,
    TimeInForce.DAY,
    limit_price=Decimal("400.5"),
)


def test_margins_are_in_the_accounts_currency_and_commissions_in_their_own() -> None:
    state = OrderState(
        initMarginChange="1200.5", maintMarginChange="-3", commission=1.25, commissionCurrency="USD"
    )
    preview = _read(SPEC, state, "ib", "EUR")
    assert preview.initial_margin_change == Money(Decimal("1200.5"), "EUR")
    assert preview.maintenance_margin_change == Money(Decimal(-3), "EUR")
    assert preview.fees == (Fee("commission", Money(Decimal("1.25"), "USD"), estimated=True),)
    assert preview.cash_effect == Money(Decimal(4005), "USD")


def test_what_ib_leaves_unset_is_not_known() -> None:
    state = OrderState(initMarginChange=UNSET, maintMarginChange="", warningText="")
    preview = _read(
        replace(SPEC, order_type=OrderType.MARKET, limit_price=None), state, "ib", "EUR"
    )
    assert (preview.initial_margin_change, preview.maintenance_margin_change) == (None, None)
    assert (preview.fees, preview.cash_effect, preview.warnings) == ((), None, ())


def test_margins_without_a_currency_are_not_told() -> None:
    preview = _read(SPEC, OrderState(initMarginChange="1", maintMarginChange="2"), "ib", "")
    assert (preview.initial_margin_change, preview.maintenance_margin_change) == (None, None)


def test_of_a_range_of_commissions_the_upper_end_counts_and_the_range_is_said() -> None:
    state = OrderState(minCommission=0.5, maxCommission=2.0, commissionCurrency="USD")
    preview = _read(SPEC, state, "ib", "USD")
    assert [fee.amount for fee in preview.fees] == [Money(Decimal(2), "USD")]
    assert preview.warnings == ("the commission is between 0.5 and 2 USD",)


def test_a_warning_of_ibs_is_passed_on() -> None:
    preview = _read(SPEC, OrderState(warningText="too much"), "ib", "USD")
    assert preview.warnings == ("too much",)


def test_numbers_of_previews_are_this_clients_own_and_forgotten_oldest_first() -> None:
    ids = PreviewIds(OURS)
    for number in range(1, 10_002):
        ids.add(number)
    assert not ids.has(OURS, 1)
    assert ids.has(OURS, 2)
    assert not ids.has(OURS + 1, 2)
    assert ids.has(OURS + 1, 2, PREVIEW_REF)
