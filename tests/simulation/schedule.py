"""A schedule: what a trader wants and what goes wrong meanwhile, as data made from a seed.

Nothing here knows how an order is sent or a fault is made: a schedule can be printed, compared,
and acted again.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Final

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
    ("alpaca", "ib"): 45,
    ("ib",): 20,
    ("alpaca",): 15,
    ("ib", "alpaca"): 8,
    ("alpaca", "alpaca2"): 6,
    ("ib", "ib2"): 6,
}
"""Which venues an account has, in order of preference, and how often in a hundred schedules."""

ANYWHERE: Final = (
    "stream.lose_events",
    "stream.duplicate_events",
    "stream.reorder_events",
    "stream.garble_event",
    "stream.hold_events",
    "stream.disconnect",
    "stream.refuse_connect",
    "net.cut_trader",
    "net.cut_adapter",
    "net.cut_venue",
    "net.partition_trader",
    "net.partition_adapter",
    "net.partition_venue",
    "net.outage",
    "crash.router",
    "crash.router_between_steps",
    "crash.router_in_io",
    "crash.adapter",
    "crash.adapter_between_steps",
    "crash.adapter_in_io",
    "market.move",
    "market.close",
    "hand.order",
    "venue.reject_later",
    "venue.late_fill",
    "venue.account_blocked",
    "operator.halt",
    "operator.reduce",
    "disk.slow",
    "disk.router_fails",
    "disk.adapter_fails",
)
"""Kinds of faults that hit any venue, or none; `faults` says what they do."""

AT: Final[Mapping[str, tuple[str, ...]]] = {
    "alpaca": (
        "alpaca.lose_reply",
        "alpaca.lose_reply",
        "alpaca.error_after_effect",
        "alpaca.refusal_after_effect",
        "alpaca.error_before_effect",
        "alpaca.too_many_requests",
        "alpaca.late_effect",
        "alpaca.lose_request",
        "alpaca.refuse",
        "alpaca.spoiled_answers",
        "alpaca.failing_reads",
        "alpaca.lose_cancel_reply",
        "alpaca.other_exec_ids",
        "alpaca.odd_status",
        "alpaca.credentials_refused",
    ),
    "ib": (
        "ib.lose_ack",
        "ib.lose_ack",
        "ib.lose_ack",
        "ib.lose_order",
        "ib.lose_order",
        "ib.lose_cancel",
        "ib.half_frame",
        "ib.error_before_effect",
        "ib.error_before_effect",
        "ib.error_after_effect",
        "ib.error_after_effect",
        "ib.error_after_effect",
        "ib.late_effect",
        "ib.slow_reads",
        "ib.failing_reads",
        "ib.failing_lists",
        "ib.failing_lists",
        "ib.link_lost_kept",
        "ib.link_lost_reset",
        "ib.link_broken",
        "ib.restart",
        "ib.login_wait",
        "ib.slow_connect",
        "ib.client_id_in_use",
        "ib.other_client",
        "ib.half_dead",
        "ib.disconnect",
        "ib.inactive_order",
        "ib.suspend",
        "ib.lose_executions",
        "ib.lose_commissions",
        "ib.lose_statuses",
        "ib.status_first",
    ),
}
"""Those of one kind of venue; one that stands twice comes twice as often."""


AT_REPLACES: Final = (
    "alpaca.lose_replace_reply",
    "alpaca.lose_replace_request",
    "alpaca.replace_error",
    "alpaca.replace_error",
    "alpaca.late_replace",
)
"""Those that hit a replace."""


@dataclass(frozen=True, slots=True)
class PlannedOrder:
    """One order of the trader. `qty` is whole, `limit` a decimal in text or "" for a market order.

    `closes` names the entry that an exit closes: it is sent once that has filled. `cancel_at_s`
    is 0 for none. `again_at_s` are the times at which the same order is sent once more. At
    `replace_at_s`, if not 0, other terms are asked for: `replace_limit`, and `replace_qty` if that
    is not 0.
    """

    client_order_id: str
    at_s: float
    symbol: str
    side: str
    qty: int
    limit: str
    intent: str
    timeout_s: float
    closes: str = ""
    cancel_at_s: float = 0.0
    again_at_s: tuple[float, ...] = ()
    replace_at_s: float = 0.0
    replace_limit: str = ""
    replace_qty: int = 0

    @property
    def asked_qty(self) -> int:
        """The largest quantity that is ever asked for."""
        return max(self.qty, self.replace_qty)


@dataclass(frozen=True, slots=True)
class PlannedFault:
    """One fault: its kind, where (a venue), when, and a number that decides its details."""

    at_s: float
    kind: str
    venue: str
    salt: int


@dataclass(frozen=True, slots=True)
class Schedule:
    """A seed's orders and faults. At `heal_at_s` all faults end."""

    seed: int
    venues: tuple[str, ...]
    orders: tuple[PlannedOrder, ...]
    faults: tuple[PlannedFault, ...]
    heal_at_s: float


def kind_name(venue: str) -> str:
    """The name of a venue's kind: its own, less the number that tells two of a kind apart."""
    return venue.rstrip("0123456789")


def make_schedule(seed: int) -> Schedule:
    """The schedule of a seed; always the same for the same seed."""
    rng = random.Random(f"{seed}/schedule")
    venues = rng.choices(list(MIXES), list(MIXES.values()))[0]
    orders = _orders(rng, seed)
    faults = _faults(rng, venues, [order.at_s for order in orders])
    orders = _repeated_after_restart(rng, orders, faults)
    # Of a stream of their own, so that they came into the schedules without changing the rest.
    replaces = random.Random(f"{seed}/replaces")
    orders = tuple(_replaced(replaces, order) for order in orders)
    faults = (*faults, *_replace_faults(replaces, venues, orders))
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


def _replaced(rng: random.Random, order: PlannedOrder) -> PlannedOrder:
    """Some get other terms: a better price, which may fill, and perhaps another quantity."""
    rests = bool(order.cancel_at_s)
    if not order.limit or rng.random() > (0.9 if rests else 0.3):
        return order
    cents = round(float(order.limit) * 100) + rng.choice((-1, 1, 5, 60))
    return replace(
        order,
        replace_at_s=order.at_s + rng.choice((0.05, 0.6, 2.0, rng.uniform(0.0, 15.0))),
        cancel_at_s=order.cancel_at_s + rng.choice((0.0, 3.0, 20.0)) if rests else 0.0,
        replace_limit=f"{cents / 100:.2f}",
        replace_qty=rng.choice((0, 0, order.qty + 1, max(order.qty - 1, 1))),
    )


def _replace_faults(
    rng: random.Random, venues: tuple[str, ...], orders: tuple[PlannedOrder, ...]
) -> Iterator[PlannedFault]:
    """One replace in three goes wrong in a way of its own, where Alpaca is among the venues."""
    alpacas = [venue for venue in venues if kind_name(venue) == "alpaca"]
    for order in orders:
        if alpacas and order.replace_at_s and rng.random() < 0.33:
            at_s = max(order.replace_at_s - 0.2, 0.0)
            kind, venue = rng.choice(AT_REPLACES), rng.choice(alpacas)
            yield PlannedFault(at_s, kind, venue, rng.getrandbits(32))


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
    crashes = [fault.at_s for fault in faults if fault.kind.startswith("crash.router")]
    early = [order for order in orders if crashes and order.at_s < crashes[0]]
    if not early:
        return orders
    chosen = rng.choice(early)
    again_at_s = (*chosen.again_at_s, crashes[0] + rng.uniform(2.5, 15.0))
    return tuple(replace(o, again_at_s=again_at_s) if o is chosen else o for o in orders)


def _faults(
    rng: random.Random, venues: tuple[str, ...], moments: list[float]
) -> tuple[PlannedFault, ...]:
    """Three to six, mostly around the moments at which something is sent, and what is common."""
    faults = []
    for _ in range(rng.randint(3, 6)):
        near = rng.choice(moments) + rng.uniform(-0.5, 0.5)
        anywhere = rng.uniform(0.5, _START_S + _ACTIVE_S)
        at_s = near if rng.random() < 0.75 else anywhere
        venue = rng.choice(venues)
        kind = rng.choice(ANYWHERE + AT[kind_name(venue)])
        fault = PlannedFault(max(at_s, 0.0), kind, venue, rng.getrandbits(32))
        faults.append(fault)
    faults += _common_troubles(rng, venues)
    return tuple(sorted(faults, key=lambda fault: fault.at_s))


def _common_troubles(rng: random.Random, venues: tuple[str, ...]) -> Iterator[PlannedFault]:
    """What a day brings: the preferred broker out while another stands in, a Gateway's restart."""
    early_s = _START_S, 0.4 * _ACTIVE_S
    if len({kind_name(venue) for venue in venues}) > 1 and rng.random() < 0.5:
        yield PlannedFault(rng.uniform(*early_s), "net.outage", venues[0], rng.getrandbits(32))
    for venue in venues:
        if kind_name(venue) == "ib" and rng.random() < 0.25:
            yield PlannedFault(rng.uniform(*early_s), "ib.restart", venue, rng.getrandbits(32))
