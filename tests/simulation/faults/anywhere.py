"""What can go wrong whatever the venues are: streams, network, crashes, markets, people, disks."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import timedelta
from decimal import Decimal
from typing import Final

from simulators.venue.orders import OrderStatus, Side
from simulators.venue.refusals import Refusal
from simulators.venue.trading_calendar import NEW_YORK
from tests.simulation.faults.strike import Strike
from tests.simulation.world import ROUTER, TRADER

_AWAITS: Final = {True: 18, False: 22}  # of a router, of an adapter: as many as an order takes

_MOVES: Final = (
    ("SPY", "399.98", "400.02", "1.00"),
    ("AAPL", "222.00", "222.04", "1.00"),
    ("SPY241115P00400000", "8.50", "9.00", "0.50"),
    ("SPY241115C00410000", "3.90", "4.05", "0.50"),
    ("QQQ241115P00340000", "3.10", "3.20", "0.50"),
)


def _hold(s: Strike) -> None:
    s.event("hold", s.rng.randint(1, 3))
    s.later(s.rng.uniform(1.0, 20.0), s.control.release_events)


def _refuse_connect(s: Strike) -> None:
    s.arm({"place": "connect", "times": s.rng.randint(1, 3), "action": {"kind": "refuse"}})
    s.control.disconnect_streams()
    s.on_strike(s)


def _cut(s: Strike, one: str, other: str) -> None:
    s.world.network.cut(one, other)


def _partition(s: Strike, one: str, other: str) -> None:
    s.world.network.partition(one, other)
    s.later(s.rng.choice((0.5, 5.0, 15.0, 50.0)), lambda: s.world.network.heal(one, other))


def _outage(s: Strike) -> None:
    """A venue can't be reached for a good while, from its adapter or the adapter from here."""
    one, other = s.rng.choice(((s.adapter, s.venue), (s.adapter, s.venue), (ROUTER, s.adapter)))
    s.world.network.cut(one, other)
    s.world.network.partition(one, other)
    s.later(s.rng.uniform(15.0, 50.0), lambda: s.world.network.heal(one, other))


def _crash(s: Strike, node: str) -> None:
    s.world.nodes[node].crash("fault", s.rng.choice((0.1, 2.0, 10.0)))


def _crash_between_steps(s: Strike, name: str) -> None:
    node, down_s, happens = s.world.nodes[name], s.rng.choice((0.1, 2.0, 10.0)), s.awaits()

    def crash() -> None:
        happens()
        node.crash("fault", down_s)

    node.in_steps(s.rng.randint(1, 25), crash)


def _crash_in_io(s: Strike, name: str) -> None:
    node, down_s, happens = s.world.nodes[name], s.rng.choice((0.1, 2.0)), s.awaits()

    def crash() -> None:
        happens()
        node.crash("fault", down_s)

    node.at_io(s.rng.randint(1, 8), crash)


def _at_await(s: Strike, name: str, then: Callable[[Strike, str], None]) -> None:
    """At an await on an order's path: whichever it is, in thousands of schedules it is each."""
    happens, s.await_number = s.awaits(), s.rng.randint(1, _AWAITS[name == ROUTER])

    def strike() -> None:
        happens()
        then(s, name)

    s.world.nodes[name].at_await(s.await_number, strike)


def _sleep(s: Strike, name: str) -> None:
    s.world.nodes[name].sleep(s.rng.choice((0.3, 2.0, 6.0, 15.0, 40.0)))


def _sleep_and_be_replaced(s: Strike, name: str) -> None:
    """Another takes its place while it sleeps; then it wakes, and does not know."""
    node = s.world.nodes[name]
    if node.sleep(s.rng.choice((3.0, 6.0, 15.0, 30.0))) is not None:
        s.later(s.rng.uniform(0.5, 2.5), node.take_over)


def _clock_jumps(s: Strike, name: str) -> None:
    s.world.clocks[name].jump(s.rng.choice((-86_400.0, -3_600.0, -5.0, 5.0, 3_600.0, 86_400.0)))


def _move_market(s: Strike) -> None:
    """The market dips for a while, so that resting orders fill, some while they are canceled."""
    symbol, bid, ask, dip = s.rng.choice(_MOVES)
    low = Decimal(dip)
    for venue in s.world.venues.values():
        control = venue.simulated.control
        control.set_quote(symbol, Decimal(bid) - low, Decimal(ask) - low)
        back = (symbol, Decimal(bid), Decimal(ask))
        s.later(s.rng.uniform(0.1, 5.0), lambda c=control, q=back: c.set_quote(*q))  # type: ignore[misc]


def _by_hand(s: Strike) -> None:
    """Somebody else trades the account: at once, or with an order that rests."""
    price = s.rng.choice((None, Decimal("390.00")))
    try:
        s.control.place_by_hand("SPY", Side.BUY, Decimal(s.rng.randint(1, 3)), price)
    except Refusal:
        s.has_happened = False


def _close_market(s: Strike) -> None:
    """The venue's clock jumps to just before or just after the close."""
    seconds = s.rng.choice((-2, 1))
    for venue in s.world.venues.values():
        control = venue.simulated.control
        closes = control.venue.clock.now().astimezone(NEW_YORK).replace(hour=16, minute=0, second=0)
        if control.venue.clock.now() < closes:
            control.set_clock(closes + timedelta(seconds=seconds))


def _reject_later(s: Strike) -> None:
    order = s.some_order(is_open=True)
    s.has_happened = order is not None
    if order is not None:
        s.control.reject(order)


def _late_fill(s: Strike) -> None:
    """An order that was canceled fills all the same, in part."""
    order = s.some_order(is_open=False)
    s.has_happened = (
        order is not None and s.control.venue.desk.get(order).status is OrderStatus.CANCELED
    )
    if order is not None and s.has_happened:
        s.control.fill(order, Decimal(1), even_if_ended=True)


def _block_account(s: Strike) -> None:
    s.control.set_account(trading_blocked=True)
    control = s.control
    s.later(s.rng.uniform(1.0, 20.0), lambda: control.set_account(trading_blocked=False))


def _set_gate(s: Strike, state: str) -> None:
    want = s.world.want_trading_state
    want(state)
    s.later(s.rng.uniform(1.0, 15.0), lambda: want("ACTIVE"))


def _failing_disk(s: Strike, name: str, what: str) -> None:
    """Writes fail, or only syncs. A router stops by itself, and is started anew; an adapter's disk
    fails until somebody has seen to it and started it anew."""
    node = s.world.nodes[name]
    setattr(node.disk, what, True)
    if name != ROUTER:
        s.later(s.rng.uniform(3.0, 20.0), lambda: node.crash("fault", 1.0))


def _slow_disk(s: Strike) -> None:
    disk = s.world.nodes[s.rng.choice((ROUTER, s.adapter))].disk
    disk.delay_s = s.rng.choice((0.05, 0.5, 3.0))
    s.later(s.rng.uniform(1.0, 10.0), lambda: setattr(disk, "delay_s", 0.0))


KINDS: Final[Mapping[str, Callable[[Strike], None]]] = {
    "stream.lose_events": lambda s: s.event("drop", s.rng.randint(1, 4)),
    "stream.duplicate_events": lambda s: s.event("duplicate", s.rng.randint(1, 6)),
    "stream.reorder_events": lambda s: s.event("reorder", s.rng.randint(2, 4)),
    "stream.garble_event": lambda s: s.event("garble"),
    "stream.hold_events": _hold,
    "stream.disconnect": lambda s: s.event("disconnect"),
    "stream.wrong_symbol": lambda s: s.misreport("symbol"),
    "stream.wrong_side": lambda s: s.misreport("side"),
    "stream.wrong_qty": lambda s: s.misreport("qty"),
    "stream.wrong_price": lambda s: s.misreport("price"),
    "stream.refuse_connect": _refuse_connect,
    "net.cut_trader": lambda s: _cut(s, TRADER, ROUTER),
    "net.cut_adapter": lambda s: _cut(s, ROUTER, s.adapter),
    "net.cut_venue": lambda s: _cut(s, s.adapter, s.venue),
    "net.partition_trader": lambda s: _partition(s, TRADER, ROUTER),
    "net.partition_adapter": lambda s: _partition(s, ROUTER, s.adapter),
    "net.partition_venue": lambda s: _partition(s, s.adapter, s.venue),
    "net.outage": _outage,
    "crash.router": lambda s: _crash(s, ROUTER),
    "crash.router_at_await": lambda s: _at_await(s, ROUTER, _crash),
    "crash.router_between_steps": lambda s: _crash_between_steps(s, ROUTER),
    "crash.router_in_io": lambda s: _crash_in_io(s, ROUTER),
    "crash.adapter": lambda s: _crash(s, s.adapter),
    "crash.adapter_at_await": lambda s: _at_await(s, s.adapter, _crash),
    "crash.adapter_between_steps": lambda s: _crash_between_steps(s, s.adapter),
    "crash.adapter_in_io": lambda s: _crash_in_io(s, s.adapter),
    "sleep.router": lambda s: _sleep(s, ROUTER),
    "sleep.router_at_await": lambda s: _at_await(s, ROUTER, _sleep),
    "sleep.router_replaced": lambda s: _sleep_and_be_replaced(s, ROUTER),
    "sleep.router_replaced_at_await": lambda s: _at_await(s, ROUTER, _sleep_and_be_replaced),
    "sleep.adapter": lambda s: _sleep(s, s.adapter),
    "sleep.adapter_at_await": lambda s: _at_await(s, s.adapter, _sleep),
    "clock.router_jumps": lambda s: _clock_jumps(s, ROUTER),
    "clock.adapter_jumps": lambda s: _clock_jumps(s, s.adapter),
    "market.move": _move_market,
    "hand.order": _by_hand,
    "market.close": _close_market,
    "venue.reject_later": _reject_later,
    "venue.late_fill": _late_fill,
    "venue.account_blocked": _block_account,
    "operator.halt": lambda s: _set_gate(s, "HALTED"),
    "operator.reduce": lambda s: _set_gate(s, "REDUCING"),
    "disk.slow": _slow_disk,
    "disk.router_full": lambda s: _failing_disk(s, ROUTER, "fails"),
    "disk.router_fails_to_sync": lambda s: _failing_disk(s, ROUTER, "fails_to_sync"),
    "disk.adapter_full": lambda s: _failing_disk(s, s.adapter, "fails"),
    "disk.adapter_fails_to_sync": lambda s: _failing_disk(s, s.adapter, "fails_to_sync"),
}
