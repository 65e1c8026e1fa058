"""Positions against a reference that a child could check: single units in a queue, in fractions."""

from __future__ import annotations

from collections import deque
from dataclasses import replace
from decimal import Decimal
from fractions import Fraction

from hypothesis import given
from hypothesis import strategies as st

from services.common.domain.executions import Execution, Side
from services.common.domain.instruments import Instrument, multiplier_of
from services.router.books.positions import Position
from tests.unit.domain.orders import execution, instrument

UNIT = Decimal("0.000000001")
QUANTITIES = st.integers(1, 10**12).map(lambda n: Decimal(n).scaleb(-9))
PRICES = st.integers(0, 10**21).map(lambda n: Decimal(n).scaleb(-15))
FILLS = st.lists(st.tuples(st.sampled_from(Side), QUANTITIES, PRICES), max_size=12)
INSTRUMENTS = st.sampled_from([instrument("SPY"), instrument()])


def filled(traded: Instrument, side: Side, qty: Decimal, px: Decimal, number: int) -> Execution:
    made = execution(f"e-{number}", "1", None, instrument=traded, side=side)
    return replace(made, last_qty=qty, last_px=px)


class Reference:
    """Lots as (signed quantity, price) in fractions, closed from the oldest on."""

    def __init__(self, multiplier: Decimal) -> None:
        self.multiplier = Fraction(multiplier)
        self.lots: deque[tuple[Fraction, Fraction]] = deque()
        self.realized = Fraction(0)
        self.cash = Fraction(0)

    def trade(self, signed: Fraction, px: Fraction) -> None:
        self.cash -= signed * px * self.multiplier
        while signed and self.lots and self.lots[0][0] * signed < 0:
            held, paid = self.lots.popleft()
            closed = min(abs(held), abs(signed)) * (1 if held > 0 else -1)
            self.realized += closed * (px - paid) * self.multiplier
            if held - closed:
                self.lots.appendleft((held - closed, paid))
            signed += closed
        if signed:
            self.lots.append((signed, px))


@given(traded=INSTRUMENTS, fills=FILLS)
def test_lots_profit_and_cash_are_exact_whatever_is_traded(
    traded: Instrument, fills: list[tuple[Side, Decimal, Decimal]]
) -> None:
    position = Position("main", "alpaca", traded)
    reference = Reference(multiplier_of(traded))
    for number, (side, qty, px) in enumerate(fills):
        position = position.book(filled(traded, side, qty, px, number))
        reference.trade(Fraction(qty) * side.sign, Fraction(px))
        lots = [(Fraction(lot.qty), Fraction(lot.px)) for lot in position.lots]
        assert lots == list(reference.lots)
        assert Fraction(position.realized_pnl) == reference.realized
        assert Fraction(position.cash_effect) == reference.cash
        assert Fraction(position.qty) == sum(qty for qty, _ in reference.lots)


@given(traded=INSTRUMENTS, fills=FILLS)
def test_a_flat_position_has_earned_what_came_in(
    traded: Instrument, fills: list[tuple[Side, Decimal, Decimal]]
) -> None:
    position = Position("main", "alpaca", traded)
    for number, (side, qty, px) in enumerate(fills):
        position = position.book(filled(traded, side, qty, px, number))
    if position.qty:
        side = Side.SELL if position.qty > 0 else Side.BUY
        position = position.book(filled(traded, side, abs(position.qty), Decimal(7), 99))
    assert position.lots == ()
    assert position.avg_entry_price is None
    assert position.realized_pnl == position.cash_effect


def test_the_specifications_own_story() -> None:
    """Sell one put at 8.50, buy it back at 9.00: −50.00 before fees."""
    put = instrument()
    position = Position("main", "alpaca", put)
    position = position.book(filled(put, Side.SELL, Decimal(1), Decimal("8.50"), 1))
    assert (position.qty, position.avg_entry_price) == (-1, Decimal("8.50"))
    assert position.cash_effect == 850
    position = position.book(filled(put, Side.BUY, Decimal(1), Decimal("9.00"), 2))
    assert (position.qty, position.realized_pnl, position.cash_effect) == (0, -50, -50)


def test_one_execution_can_close_and_open() -> None:
    stock = instrument("SPY")
    position = Position("main", "alpaca", stock)
    for number, (side, qty, px) in enumerate(
        [(Side.BUY, 10, 1), (Side.BUY, 10, 2), (Side.SELL, 25, 3)]
    ):
        position = position.book(filled(stock, side, Decimal(qty), Decimal(px), number))
    assert [(lot.qty, lot.px, lot.exec_id) for lot in position.lots] == [(-5, 3, "e-2")]
    assert position.realized_pnl == 10 * 2 + 10 * 1
