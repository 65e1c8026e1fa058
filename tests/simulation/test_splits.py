"""Schedules in which two brokers hold what is sold by one order, and whatever goes wrong."""

from __future__ import annotations

import random
import re
from dataclasses import replace
from decimal import Decimal

import pytest

from tests.simulation.checkers.crossing import check_crossing
from tests.simulation.outcome import Outcome
from tests.simulation.planned import PlannedOrder, Schedule
from tests.simulation.run import run_schedule
from tests.simulation.schedule import make_schedule
from tests.simulation.troubles import make_faults

_START_S, _ACTIVE_S, _HEALS_S = 4.0, 45.0, 8.0
_MARKET = (("AAPL", "222.00", "222.04"), ("SPY", "399.98", "400.02"))
_SEEDS, _QUICK_SEEDS, _A_TEST = 60, 5, 5


def split_schedule(seed: int) -> Schedule:
    """Entries pinned to each broker, exits of what both hold together, at once or one after the
    other, some canceled; what rests in the seed's own schedule; and faults at all of them."""
    rng = random.Random(f"{seed}/splits")
    base = make_schedule(seed)
    venues = rng.choice((("alpaca", "ib"), ("ib", "alpaca")))
    resting = [order for order in base.orders if order.cancel_at_s]
    orders = [*resting, *(order for market in _MARKET for order in _both(rng, seed, market))]
    planned = tuple(sorted(orders, key=lambda order: order.at_s))
    faults = make_faults(rng, venues, planned, (_START_S, _ACTIVE_S))
    return Schedule(seed, venues, planned, faults, heal_at_s=_START_S + _ACTIVE_S + _HEALS_S)


def _both(rng: random.Random, seed: int, market: tuple[str, str, str]) -> list[PlannedOrder]:
    symbol, bid, ask = market
    at_s = _START_S + rng.uniform(0.0, 0.2 * _ACTIVE_S)
    name, timeout_s = f"s{seed}-{symbol.lower()}", rng.choice((2.0, 8.0, 20.0))
    entries = [
        PlannedOrder(f"{name}-{pin}", at_s, symbol, "BUY", qty, ask, "", timeout_s, pin=pin)
        for pin, qty in (("alpaca", rng.randint(2, 9)), ("ib", rng.randint(2, 9)))
    ]
    smaller, larger = sorted(entry.qty for entry in entries)
    exits = []
    for number in range(rng.randint(1, 3)):
        later_s = at_s + rng.uniform(3.0, 12.0) * (number + 1)
        together_s = at_s + 5.0 + rng.choice((0.0, 0.0, 0.01))
        sale = PlannedOrder(
            f"{name}-x{number}",
            rng.choice((later_s, together_s, together_s)),
            symbol,
            "SELL",
            rng.randint(larger + 1, larger + smaller),
            rng.choice((bid, "")),
            "SELL_TO_CLOSE",
            timeout_s,
            closes=entries[1].client_order_id,
        )
        cancel_at_s = sale.at_s + rng.choice((0.05, 1.0, 5.0))
        exits.append(replace(sale, cancel_at_s=cancel_at_s) if rng.random() < 0.2 else sale)
    return [*entries, *exits]


def splits_of(outcome: Outcome) -> int:
    """How many exits had placements at both brokers."""
    ends = (re.search(r"at end \S+-x\d: .*\[(.*)\]", line) for line in outcome.story)
    placed = (found[1] for found in ends if found)
    return sum(len(set(re.findall(r"~([a-z0-9]+)~", line))) > 1 for line in placed)


@pytest.mark.parametrize(
    "first",
    [
        pytest.param(first, marks=pytest.mark.slow if first >= _QUICK_SEEDS else ())
        for first in range(0, _SEEDS, _A_TEST)
    ],
)
def test_no_part_is_doubled_lost_or_turns_a_position_over(first: int) -> None:
    wrong, splits = [], 0
    for seed in range(first, first + _A_TEST):
        outcome = run_schedule(split_schedule(seed))
        splits += splits_of(outcome)
        wrong += [f"seed {seed}: {finding}" for finding in outcome.findings]
    assert not wrong, "\n".join(wrong)
    assert splits > 0


def fill(client_order_id: str, qty: str, symbol: str = "SPY") -> dict[str, str]:
    return {"client_order_id": client_order_id, "symbol": symbol, "last_qty": qty}


@pytest.mark.parametrize(
    ("fills", "excused", "findings"),
    [
        ([fill("in~a~1.0", "5"), fill("x~a~1.0", "5")], (), 0),
        ([fill("in~a~1.0", "5"), fill("x~a~1.0", "3"), fill("x~a~2.0", "3")], (), 1),
        ([fill("x~a~1.0", "1"), fill("in~a~1.0", "5")], (), 1),
        ([fill("in~a~1.0", "5"), fill("x~a~1.0", "1", "QQQ")], (), 1),
        ([fill("in~a~1.0", "5"), fill("x~a~1.0", "6")], ("x",), 0),
        ([fill("in~a~1.0", "5"), fill("by-hand", "6")], (), 0),
    ],
)
def test_a_fill_that_turns_a_position_over_is_found(
    fills: list[dict[str, str]], excused: tuple[str, ...], findings: int
) -> None:
    ledgers = {"alpaca": {"executions": fills}, "ib": {"executions": [fill("in~b~1.0", "9")]}}
    found = list(check_crossing(ledgers, lambda name: name == "x", excused))
    assert len(found) == findings, found
    assert Decimal(fills[0]["last_qty"]) > 0
