"""What can go wrong between an adapter and IB: the Gateway's socket, its link to IB, its codes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from services.ib_adapter.library import Contract, LibraryClient, Order
from simulators.ib_gateway.simulated import SimulatedIbGateway
from simulators.ib_gateway.wire import frame
from simulators.venue.refusals import NoSuchOrder
from tests.simulation.faults.strike import LATE_S, Strike
from tests.simulation.venue_process import VenueProcess
from tests.simulation.venues.ib import CLIENT_ID

_PLACE: Final = {"method": "placeOrder"}
_CANCEL: Final = {"method": "cancelOrder"}
_READ: Final = {"method": "req*"}

_OTHER_CLIENT_ID: Final = 3
_HELLO: Final = b"API\0\0\0\0\x09v157..176"

_LISTS: Final = ("reqAllOpenOrders", "reqAllOpenOrders", "reqExecutions", "reqCompletedOrders")

# An answer that never comes, an error in its place, or half of it and the end.
_UNREADABLE: Final[tuple[dict[str, Any], ...]] = (
    {"kind": "drop_reply", "ends": "hang"},
    {"kind": "error", "when": "after", "code": 162, "text": "Historical data error"},
    {"kind": "error", "when": "before", "code": 321, "text": "Error validating request"},
    {"kind": "body", "body": "half"},
)

# Codes that refuse an order, and codes after which it may be anything, by IB's own words.
_REFUSALS: Final = ((201, "Order rejected - reason:Margin"), (203, "No permission"), (110, "Tick"))
_DOUBTFUL: Final = (
    (103, "Duplicate order id"),
    (10328, "Connection lost, order data could not be resolved"),
    (2102, "Unable to modify this order as it is still being processed"),
    (100, "Max rate of messages per second has been exceeded"),
    (507, "Bad message length"),
)
# Codes that come with orders which are live.
_HARMLESS: Final = (
    (399, "Order message: warning: your order will not be placed at the exchange until 09:30"),
    (404, "Shares for this order are not immediately available"),
    (2109, "Attribute 'Outside Regular Trading Hours' is ignored"),
    (10349, "Order TIF was set to DAY based on order preset"),
    (161, "Cancel attempted when order is not in a cancellable state"),
    (10147, "OrderId that needs to be cancelled is not found"),
    (10311, "This order will be directly routed to NYSE"),
)


def _error_before(s: Strike) -> None:
    """The order is not there. Sometimes the code says so, sometimes it may mean anything."""
    code, text = s.rng.choice((*_REFUSALS, *_DOUBTFUL))
    s.order(_PLACE, kind="error", when="before", code=code, text=text)


def _error_after(s: Strike) -> None:
    """The order is there, and nothing but a code that comes with its number is told."""
    code, text = s.rng.choice((*_DOUBTFUL, *_HARMLESS))
    s.order(_PLACE, kind="error", when="after", code=code, text=text)


def _late_effect(s: Strike) -> None:
    s.order(_PLACE, kind="delay", delay_before_s=s.rng.choice((0.5, 3.0, 9.0, 20.0)))


def echo_change(s: Strike) -> None:
    """The next change is shown as taken, by lists too, and refused at once or seconds later."""
    s.request(_PLACE, kind="echo_replace", delay_after_s=s.rng.choice((0.0, 0.5, 5.0, 15.0)))


def _slow_reads(s: Strike) -> None:
    s.request(_READ, s.rng.randint(1, 4), kind="delay", delay_before_s=s.rng.choice((0.5, 4.0)))


def _stale_reads(s: Strike) -> None:
    """Read at once and answered later: by then it may be otherwise."""
    late_s = s.rng.choice((0.5, 2.0, 4.0))
    s.request(_READ, s.rng.randint(1, 4), kind="delay", delay_after_s=late_s)


def _late_for_long(s: Strike) -> None:
    """Lost to everybody for minutes, hours or a day, and then taken."""
    s.lands_after(s.rng.choice(LATE_S))
    s.order(_PLACE, kind="hold_order", delay_before_s=s.late_s)


def _failing_reads(s: Strike) -> None:
    s.request(_READ, s.rng.randint(1, 4), **s.rng.choice(_UNREADABLE))


def _failing_lists(s: Strike) -> None:
    """After a lost connection one of the lists that tell what was missed can't be read."""
    s.request({"method": s.rng.choice(_LISTS)}, s.rng.randint(2, 4), **s.rng.choice(_UNREADABLE))
    s.control.do("disconnect", ends="close")
    s.on_strike(s)


def _link_lost(s: Strike, lost: int, restored: int) -> None:
    """The Gateway loses IB for a while; what clients send meanwhile waits there, or is lost."""
    control, orders = s.control, s.rng.choice(("hold", "hold", "drop"))
    control.do("connectivity", code=lost, orders=orders)
    s.later(
        s.rng.choice((0.5, 5.0, 20.0)),
        lambda: control.do("connectivity", code=restored),
    )


def _restart(s: Strike) -> None:
    """The Gateway starts again, and may have forgotten which numbers it has seen."""
    s.control.do(
        "restart",
        refuse_s=s.rng.choice((0.5, 5.0, 15.0)),
        silent_s=s.rng.choice((0.0, 0.0, 8.0)),
        roll_back_ids=s.rng.choice((0, 100, 100)),
    )


def _login_wait(s: Strike) -> None:
    """Nobody is logged in: connections are taken, and nothing is said."""
    s.control.do("doors", silent_s=s.rng.choice((5.0, 15.0, 40.0)))
    s.control.do("disconnect", ends="close")


def _slow_connect(s: Strike) -> None:
    kind = s.rng.choice(("delay", "hang"))
    action = {"kind": kind, "delay_before_s": s.rng.choice((1.0, 12.0))}
    times = s.rng.randint(1, 2)
    s.arm({"place": "connect", "times": times, "action": action})
    s.control.do("disconnect", ends=s.rng.choice(("close", "reset", "half")))
    s.on_strike(s)


def _inactive(s: Strike) -> None:
    """IB holds the next order: it is neither worked nor dead, until it is taken up."""
    s.order(_PLACE, kind="inactive_order")


def _suspend(s: Strike) -> None:
    """IB holds an order that was working; it may take it up again."""
    order = s.some_order(is_open=True)
    s.has_happened = order is not None
    if order is not None:
        control = s.control
        try:
            control.do("inactivate", order=order)
        except NoSuchOrder:  # the Gateway is logged in to another account
            s.has_happened = False
            return
        if s.rng.random() < 0.7:
            s.later(s.rng.uniform(0.5, 15.0), lambda: _activate(s, order))


def _activate(s: Strike, order: str) -> None:
    if s.control.venue.desk.get(order).is_open:
        s.control.do("activate", order=order)


def _disconnect(s: Strike) -> None:
    s.control.do("disconnect", ends=s.rng.choice(("close", "reset", "half")))


def _client_id_in_use(s: Strike) -> None:
    """A connection that the Gateway takes for alive holds the adapter's client id."""
    frontend = s.world.venues[s.venue].simulated.frontend
    s.control.do("disconnect", ends="reset")

    def take() -> None:
        other = frontend.connect(_Nowhere())
        other.receive(_HELLO)
        other.receive(frame(71, 2, CLIENT_ID, ""))
        s.later(s.rng.choice((1.0, 6.0, 20.0)), other.end)

    s.later(0.0, take)


def _other_client(s: Strike) -> None:
    """Another program at the same Gateway trades, with a number that the adapter has used."""
    used = [e.body[1] for e in s.control.requests() if e.method == "placeOrder"]
    contract = Contract(secType="STK", symbol="SPY", exchange="SMART", currency="USD")
    order = Order(
        action="BUY",
        totalQuantity=s.rng.randint(1, 3),
        orderType="LMT",
        lmtPrice=s.rng.choice((390.0, 405.0)),
        tif="DAY",
        orderRef=s.rng.choice(("", "somebody-else")),
    )
    other = s.world.venues[s.venue].simulated.frontend.connect(_Nowhere())
    other.receive(_HELLO)
    other.receive(frame(71, 2, _OTHER_CLIENT_ID, ""))
    other.receive(_written(int(used[-1]) if used else 1, contract, order))
    s.later(s.rng.uniform(0.0, 20.0), other.end)


def _written(order_id: int, contract: Contract, order: Order) -> bytes:
    """An order as ib_insync writes it."""
    client = LibraryClient(None)
    written: list[bytes] = []
    client.connState, client._serverVersion, client.MaxRequests = client.CONNECTED, 176, 0
    client.conn.sendMsg = written.append
    client.placeOrder(order_id, contract, order)
    return written[0]


class _Nowhere:
    """The far end of a connection at which nobody is."""

    def write(self, data: bytes) -> None:
        """Lost."""

    def get_write_buffer_size(self) -> int:
        return 0

    def is_closing(self) -> bool:
        return False

    def close(self) -> None:
        """Nobody to tell."""

    def abort(self) -> None:
        """Nobody to tell."""


def _lose(s: Strike, event: str) -> None:
    kind = s.rng.choice(("drop", "drop", "hold", "duplicate"))
    s.event(kind, s.rng.randint(1, 3), event)
    if kind == "hold":
        s.later(s.rng.uniform(1.0, 20.0), s.control.release_events)


def heal(venue: VenueProcess[SimulatedIbGateway]) -> None:
    """The Gateway is up, logged in and linked."""
    control = venue.simulated.control
    control.do("doors")
    if not venue.simulated.gateway.uplink.is_up:
        control.do("connectivity", code=1102)


KINDS: Final[Mapping[str, Callable[[Strike], None]]] = {
    "ib.lose_ack": lambda s: s.order(_PLACE, kind="drop_reply", ends=s.ends()),
    "ib.lose_order": lambda s: s.order(_PLACE, kind="drop_request", ends=s.ends()),
    "ib.lose_cancel": lambda s: s.order(
        _CANCEL, kind=s.rng.choice(("drop_reply", "drop_request")), ends=s.ends()
    ),
    "ib.half_frame": lambda s: s.order(_PLACE, kind="body", body="half"),
    "ib.error_before_effect": _error_before,
    "ib.error_after_effect": _error_after,
    "ib.late_effect": _late_effect,
    "ib.slow_reads": _slow_reads,
    "ib.stale_reads": _stale_reads,
    "ib.late_for_long": _late_for_long,
    "ib.failing_reads": _failing_reads,
    "ib.failing_lists": _failing_lists,
    "ib.link_lost_kept": lambda s: _link_lost(s, 1100, 1102),
    "ib.link_lost_reset": lambda s: _link_lost(s, 1100, 1101),
    "ib.link_broken": lambda s: _link_lost(s, 2110, 2104),
    "ib.restart": _restart,
    "ib.login_wait": _login_wait,
    "ib.slow_connect": _slow_connect,
    "ib.client_id_in_use": _client_id_in_use,
    "ib.other_client": _other_client,
    "ib.half_dead": lambda s: s.control.do("blackhole"),
    "ib.disconnect": _disconnect,
    "ib.inactive_order": _inactive,
    "ib.suspend": _suspend,
    "ib.lose_executions": lambda s: _lose(s, "execDetails"),
    "ib.lose_commissions": lambda s: _lose(s, "commissionReport"),
    "ib.lose_statuses": lambda s: _lose(s, "orderStatus"),
    "ib.status_first": lambda s: s.control.set_option("fill_events", "status_first"),
}
