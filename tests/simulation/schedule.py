"""A schedule: what a trader wants and what goes wrong meanwhile, as data made from a seed.

Nothing here knows how an order is sent or a fault is made: a schedule can be printed, compared,
and acted again.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Final

from tests.simulation.planned import PlannedFault, PlannedOrder, Schedule
from tests.simulation.troubles import make_faults

_ACTIVE_S: Final = 60.0
_START_S: Final = 4.0

# Symbol, bid, ask, and the most that is asked for: what the simulated market begins with.
_MARKET: Final = (
    ("SPY", "399.98", "400.02", 20),
    ("AAPL", "222.00", "222.04", 20),
    ("SPY241115P00400000", "8.50", "9.00", 4),
    ("SPY241115C00410000", "3.90", "4.05", 5),
    ("QQQ241115P00340000", "3.10", "3.20", 5),
    ("AAPL241115P00220000", "3.35", "3.45", 3),
)

MIXES: Final[Mapping[tuple[str, ...], int]] = {
    ("alpaca", "ib"): 38,
    ("ib",): 20,
    ("alpaca",): 12,
    ("ib", "alpaca"): 16,
    ("alpaca", "alpaca2"): 6,
    ("ib", "ib2"): 8,
}
"""Which venues an account has, in order of preference, and how often in a hundred schedules."""


def make_schedule(seed: int) -> Schedule:
    """The schedule of a seed; always the same for the same seed."""
    rng = random.Random(f"{seed}/schedule")
    venues = rng.choices(list(MIXES), list(MIXES.values()))[0]
    orders = tuple(_replaced(rng, _orders(rng, seed)))
    faults = make_faults(rng, venues, orders, (_START_S, _ACTIVE_S))
    orders = _repeated_after_restart(rng, orders, faults)
    return Schedule(seed, venues, orders, faults, heal_at_s=_START_S + _ACTIVE_S + 8.0)


def _orders(rng: random.Random, seed: int) -> tuple[PlannedOrder, ...]:
    """Three or four entries, a canceled order or two, an exit or more, and repeats of some."""
    markets = rng.sample(_MARKET, k=6)
    resting_count = rng.randint(1, 2)
    entries = [
        _entry(rng, f"s{seed}-e{i}", market, marketable=True)
        for i, market in enumerate(markets[: rng.randint(3, 4)])
    ]
    resting = [
        _entry(rng, f"s{seed}-r{i}", market, marketable=False)
        for i, market in enumerate(markets[-resting_count:])
    ]
    exits = [_exit(rng, f"s{seed}-x{i}", entry) for i, entry in enumerate(entries)]
    kept = exits[: rng.randint(1, len(exits))]
    orders = [*entries, *[_canceled(rng, order) for order in resting], *kept]
    return tuple(sorted((_repeated(rng, o) for o in orders), key=lambda order: order.at_s))


def _entry(
    rng: random.Random,
    client_order_id: str,
    market: tuple[str, str, str, int],
    *,
    marketable: bool,
) -> PlannedOrder:
    symbol, bid, ask, most = market
    is_option = len(symbol) > 6
    sells = is_option and "P0" in symbol and marketable and rng.random() < 0.3
    if sells:
        side, intent, qty, price = "SELL", "SELL_TO_OPEN", 1, bid
    else:
        side, qty = "BUY", rng.randint(1, most)
        intent = "BUY_TO_OPEN" if is_option else ""
        price = ask if marketable else _below(rng, bid)
    is_market = marketable and rng.random() < 0.2
    return PlannedOrder(
        client_order_id,
        at_s=_START_S + rng.uniform(0.0, 0.6 * _ACTIVE_S),
        symbol=symbol,
        side=side,
        qty=qty,
        limit="" if is_market else price,
        intent=intent,
        timeout_s=rng.choice((2.0, 8.0, 20.0)),
    )


def _below(rng: random.Random, bid: str) -> str:
    """A price in whole cents that a quote must fall to before it trades."""
    cents = round(float(bid) * 100)
    return f"{(cents - rng.randint(5, 40)) / 100:.2f}"


def _exit(rng: random.Random, client_order_id: str, entry: PlannedOrder) -> PlannedOrder:
    bid, ask = next((b, a) for symbol, b, a, _ in _MARKET if symbol == entry.symbol)
    buys = entry.side == "SELL"
    price = ask if buys else bid
    intent = ("BUY_TO_CLOSE" if buys else "SELL_TO_CLOSE") if entry.intent else ""
    return replace(
        entry,
        client_order_id=client_order_id,
        at_s=entry.at_s + rng.uniform(0.5, 15.0),
        side="BUY" if buys else "SELL",
        qty=rng.randint(1, entry.qty),
        limit=rng.choice((price, price, "")),
        intent=intent,
        closes=entry.client_order_id,
    )


def _canceled(rng: random.Random, order: PlannedOrder) -> PlannedOrder:
    return replace(order, cancel_at_s=order.at_s + rng.choice((0.05, 1.0, rng.uniform(0, 20))))


def _replaced(rng: random.Random, orders: tuple[PlannedOrder, ...]) -> Iterator[PlannedOrder]:
    """Some get other terms, one at least: a better price, which may fill, and perhaps another
    quantity. Most of those that rest are asked for it, and few of the others."""
    sure = rng.choice([order for order in orders if order.cancel_at_s])
    for order in orders:
        often = 0.7 if order.cancel_at_s else 0.3
        asked = rng.random() < often and bool(order.limit)
        yield _with_other_terms(rng, order) if asked or order is sure else order


def _with_other_terms(rng: random.Random, order: PlannedOrder) -> PlannedOrder:
    cents = round(float(order.limit) * 100) + rng.choice((-1, 1, 5, 60))
    later_s = rng.choice((0.0, 3.0, 20.0)) if order.cancel_at_s else 0.0
    return replace(
        order,
        replace_at_s=order.at_s + rng.choice((0.05, 0.6, 2.0, rng.uniform(0.0, 15.0))),
        cancel_at_s=order.cancel_at_s and order.cancel_at_s + later_s,
        replace_limit=f"{cents / 100:.2f}",
        replace_qty=rng.choice((0, 0, order.qty + 1, max(order.qty - 1, 1))),
    )


def _repeated(rng: random.Random, order: PlannedOrder) -> PlannedOrder:
    """Some are sent again: at the same time, soon after, or late, when much has happened."""
    times = [order.at_s + delay_s for delay_s in (0.0, 0.01, 3.0) if rng.random() < 0.25]
    if rng.random() < 0.5:
        times.append(rng.uniform(order.at_s, _START_S + _ACTIVE_S))
    return replace(order, again_at_s=tuple(times))


def _repeated_after_restart(
    rng: random.Random, orders: tuple[PlannedOrder, ...], faults: tuple[PlannedFault, ...]
) -> tuple[PlannedOrder, ...]:
    """If the router crashes, an order from before is sent again to its next incarnation."""
    crashes = [f.at_s for f in faults if f.kind.startswith(("crash.router", "sleep.router"))]
    early = [order for order in orders if crashes and order.at_s < crashes[0]]
    if not early:
        return orders
    chosen = rng.choice(early)
    again_at_s = (*chosen.again_at_s, crashes[0] + rng.uniform(2.5, 15.0))
    return tuple(replace(o, again_at_s=again_at_s) if o is chosen else o for o in orders)
