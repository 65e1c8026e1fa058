"""The books against a plain reference: cash, positions, realised profit, whatever is traded."""

from collections import defaultdict
from decimal import Decimal
from fractions import Fraction

from hypothesis import given, settings
from hypothesis import strategies as st

from simulators.venue import refusals
from simulators.venue.accounts import Position
from simulators.venue.instruments import Equity
from simulators.venue.ledger import CashMovement, EntryKind
from simulators.venue.orders import EventKind, OrderEvent
from tests.simulators.markets import CALL, PUT, Market

TRADES = st.lists(
    st.tuples(
        st.sampled_from(["buy", "sell"]),
        st.sampled_from(["SPY", PUT, CALL]),
        st.integers(1, 120),
        st.integers(-300, 300),
    ),
    max_size=25,
)


def run(trades: list[tuple[str, str, int, int]], seed: int) -> Market:
    """Sends market orders while the quotes move; what is refused is simply not traded."""
    market = Market(cash="1000000", seed=seed, partial_fills=True)
    for side, symbol, qty, cents in trades:
        move = Decimal(cents) / 100
        market.quote("SPY", f"{400 + move - Decimal('0.02')}", f"{400 + move}")
        market.quote(PUT, f"{9 + move / 2}", f"{9 + move / 2 + Decimal('0.10')}")
        try:
            market.send(side, symbol, str(qty))
        except refusals.Refusal:
            continue
        market.wait(30)
    return market


@settings(deadline=None)
@given(trades=TRADES, seed=st.integers(0, 5))
def test_cash_and_positions_are_what_the_executions_add_up_to(
    trades: list[tuple[str, str, int, int]], seed: int
) -> None:
    market = run(trades, seed)
    cash, held = Decimal(1000000), defaultdict[str, Decimal](Decimal)
    for execution in market.venue.ledger.executions:
        signed = execution.order.side.sign * execution.last_qty
        cash -= signed * execution.last_px * execution.order.instrument.multiplier
        held[execution.order.symbol] += signed
    assert market.account.cash == cash
    positions = {symbol: p.qty for symbol, p in market.account.positions.items()}
    assert positions == {symbol: qty for symbol, qty in held.items() if qty}


@settings(deadline=None)
@given(trades=TRADES, seed=st.integers(0, 5))
def test_nothing_is_made_or_lost_between_cash_cost_and_profit(
    trades: list[tuple[str, str, int, int]], seed: int
) -> None:
    account = run(trades, seed).account
    cost = sum((position.cost for position in account.positions.values()), Fraction(0))
    spent = Fraction(account.starting_cash) - Fraction(account.cash)
    assert spent == cost - account.realised + Fraction(account.fees)


@settings(deadline=None)
@given(trades=TRADES, seed=st.integers(0, 5))
def test_the_record_agrees_with_itself(trades: list[tuple[str, str, int, int]], seed: int) -> None:
    market = run(trades, seed)
    entries = market.venue.ledger.entries
    assert [entry.seq for entry in entries] == list(range(1, len(entries) + 1))
    assert [entry.at for entry in entries] == sorted(entry.at for entry in entries)
    executions = market.venue.ledger.executions
    assert len({execution.exec_id for execution in executions}) == len(executions)
    for order in market.venue.desk:
        own = [e for e in executions if e.order.venue_order_id == order.venue_order_id]
        assert sum(e.last_qty for e in own) == order.cum_qty <= order.asked.order_qty
        totals = [e.cum_qty for e in own]
        assert totals == sorted(set(totals))
        assert all(e.cum_qty + e.leaves_qty == order.asked.order_qty for e in own)
    moved = [entry.record for entry in entries if entry.kind is EntryKind.CASH]
    balance = market.account.starting_cash
    for movement in moved:
        assert isinstance(movement, CashMovement)
        balance += movement.amount
        assert movement.balance == balance
    assert balance == market.account.cash


@settings(deadline=None)
@given(trades=TRADES, seed=st.integers(0, 5))
def test_no_trade_uncovers_what_was_written(
    trades: list[tuple[str, str, int, int]], seed: int
) -> None:
    market = run(trades, seed)
    if market.held(CALL) < 0:
        assert market.held("SPY") >= 100 * -market.held(CALL)


def test_a_position_that_is_partly_closed_keeps_its_average_exactly() -> None:
    market = Market()
    market.quote("SPY", "99.99", "100.00")
    market.trade("buy", "SPY", "1")
    market.quote("SPY", "100.00", "100.01")
    market.trade("buy", "SPY", "2")
    position = market.account.positions["SPY"]
    average = position.avg_px
    assert average == Fraction(30002, 300)
    market.trade("sell", "SPY", "1")
    assert position.avg_px == average
    assert market.account.realised == Fraction(100) - average


def test_a_trade_that_crosses_zero_closes_first_and_opens_the_rest() -> None:
    position = Position(Equity("SPY"))
    fee = Decimal(1)
    assert position.trade(Decimal(3), Decimal(10), fee) == (0, 0)
    assert position.trade(Decimal(-5), Decimal(12), fee) == (6, Fraction(8, 5))
    assert (position.qty, position.cost) == (Decimal(-2), Fraction(-24))
    assert position.avg_cost == Fraction(118, 10)
    assert position.trade(Decimal(2), Decimal(11), fee) == (2, Fraction(7, 5))
    assert (position.qty, position.cost, position.fees) == (0, 0, 0)


def test_partial_fills_add_up_and_can_be_switched_off() -> None:
    def fills(seed: int, *, partial: bool) -> list[int]:
        market = Market(cash="10000000", seed=seed, partial_fills=partial)
        market.send("buy", "SPY", "100")
        market.wait(60)
        assert market.held("SPY") == 100
        return [int(e.last_qty) for e in market.venue.ledger.executions]

    assert all(fills(seed, partial=False) == [100] for seed in range(20))
    partly = [fills(seed, partial=True) for seed in range(100)]
    assert 2 <= sum(len(parts) > 1 for parts in partly) <= 25
    assert partly == [fills(seed, partial=True) for seed in range(100)]


def test_a_partial_fill_is_an_event_of_its_own() -> None:
    heard: list[OrderEvent] = []
    market = Market()
    market.venue.subscribe(heard.append)
    order = market.send("sell", PUT, "2", price="20.00")
    market.wait(1)
    market.venue.force_fill(order, Decimal(1))
    market.venue.force_fill(order, Decimal(1))
    fills = [event for event in heard if event.booking is not None]
    assert [event.kind for event in fills] == [EventKind.PARTIAL_FILL, EventKind.FILL]
    assert [event.booking and event.booking.position_qty for event in fills] == [-1, -2]
    assert [event.order.status.value for event in fills] == ["partially_filled", "filled"]
