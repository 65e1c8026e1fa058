"""What strangers' orders in quarantine keep from our exits and our cover."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from services.common.domain.amounts import Money
from services.common.domain.executions import Side
from services.common.domain.instruments import Equity, OptionContract, OptionRight
from services.common.domain.order_status import OrderStatus, Signal
from services.common.domain.order_terms import OptionCombo, OrderClass, OrderType
from services.common.domain.reports import OrderReport
from services.router.journal.records import QuarantineClosed, Quarantined
from services.router.routing.cover import promised_shares
from services.router.routing.quarantine_reserve import strangers_open
from services.router.routing.spare import free_of
from tests.unit.domain.orders import execution, spec
from tests.unit.router.folded import Folded
from tests.unit.router.test_adopting import found
from tests.unit.router.test_combos import CREDIT

DONE = {"status": OrderStatus.FILLED, "signal": Signal.FILLED}
ENDED = {"status": OrderStatus.CANCELED, "signal": Signal.CANCELED}


def short_ten() -> Folded:
    """Ten contracts sold at alpaca."""
    fold = Folded()
    fold.held(spec())
    return fold


def buying(**changes: Any) -> OrderReport:
    """A stranger who buys them back."""
    return found(side=Side.BUY, order_qty=Decimal(4), **changes)


def kept(fold: Folded, *subjects: Any) -> None:
    for number, subject in enumerate(subjects):
        is_order = isinstance(subject, OrderReport)
        fold.add(
            Quarantined(
                f"q-{number}",
                "main",
                "alpaca",
                "a stranger's",
                order=subject if is_order else None,
                execution=None if is_order else subject,
            )
        )


def free(fold: Folded) -> Decimal:
    return free_of(spec().single, Side.BUY, "main", fold.books)[0]["alpaca"]


def filling(qty: str, cum: str) -> Any:
    return execution(f"x-{cum}", qty, cum, side=Side.BUY, client_id="by-hand", venue_order_id="v-7")


@pytest.mark.parametrize(
    ("subjects", "left"),
    [
        ([], 10),
        ([buying()], 6),
        ([buying(cum_qty=Decimal(3))], 6),
        ([buying(cum_qty=Decimal(4), **DONE)], 6),
        ([buying(cum_qty=Decimal(1), **ENDED)], 9),
        ([buying(**ENDED)], 10),
        ([filling("2", "2"), filling("1", "3")], 7),
        ([buying(cum_qty=Decimal(3)), filling("2", "2"), filling("1", "3")], 6),
        ([buying(cum_qty=Decimal(1)), filling("3", "3"), filling("3", "6")], 4),
        ([buying(order_type=None, limit_price=None)], 6),
        ([replace(buying(), order_qty=None, notional=Money(Decimal(900), "USD"))], 0),
        ([replace(buying(), side=Side.SELL)], 10),
        ([replace(buying(), order_qty=Decimal(40))], 0),
    ],
)
def test_what_a_stranger_may_close_is_not_free(subjects: list[Any], left: int) -> None:
    fold = short_ten()
    kept(fold, *subjects)
    assert free(fold) == left


def test_a_closed_record_reserves_nothing_and_an_adopted_order_as_any() -> None:
    fold = short_ten()
    kept(fold, buying())
    fold.add(QuarantineClosed("q-0", "main", adopted=False, reason="seen", actor="me"))
    assert free(fold) == 10


def test_a_word_that_does_not_fit_an_order_of_ours_reserves_nothing_beside_it() -> None:
    fold = short_ten()
    placed = fold.order(spec(client_order_id="x", side=Side.BUY, order_qty=Decimal(3)))
    assert free(fold) == 7
    kept(fold, buying(client_id=placed), execution("e", "2", "2", side=Side.BUY, client_id=placed))
    assert free(fold) == 7


def test_a_multi_leg_order_and_its_legs_are_reserved_once() -> None:
    fold = short_ten()
    combo = CREDIT.instrument
    assert isinstance(combo, OptionCombo)
    bought = next(leg for leg in combo.legs if leg.side is Side.BUY)
    fold.held(spec(client_order_id="y", instrument=bought.contract))
    whole = found(instrument=combo, side=None, order_qty=Decimal(2), venue_order_id="v-1")
    leg = found(
        instrument=bought.contract,
        side=Side.BUY,
        order_qty=Decimal(2),
        order_class=OrderClass.MULTI_LEG,
        parent="v-1",
        venue_order_id="v-2",
    )
    part = execution("x-1", "1", "1", instrument=bought.contract, side=Side.BUY)
    kept(fold, whole, leg, replace(part, client_id="by-hand", venue_order_id="v-2"))
    assert free_of(bought.contract, Side.BUY, "main", fold.books)[0]["alpaca"] == 8


def test_a_strangers_call_stands_on_shares_and_his_market_order_on_unknown_cash() -> None:
    fold = Folded()
    put = spec().single
    assert isinstance(put, OptionContract)
    call = replace(put, right=OptionRight.CALL)
    kept(fold, found(instrument=call, order_qty=Decimal(2), cum_qty=Decimal(1)))
    assert promised_shares(fold.books, "main", "alpaca", "SPY") == 200
    fold = Folded()
    by_amount = found(
        instrument=Equity("SPY"),
        side=Side.BUY,
        order_qty=None,
        order_type=OrderType.MARKET,
        limit_price=None,
        notional=Money(Decimal(900), "USD"),
    )
    kept(fold, by_amount)
    [(rough, _)] = strangers_open(fold.books, "main", "alpaca")
    assert (rough.limit_price, rough.position_intent) == (None, None)
