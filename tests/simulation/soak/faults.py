"""What goes wrong in a soak: a table of faults, and who lets one loose every few seconds.

They are the simulator's own faults and the network's. Each has a weight; what must come most
often is what a stream and a REST interface really do: lose, double, reorder, answer late or not.
"""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import Callable, Mapping
from typing import Any, Final

from simulators.control.control import SimulatorControl
from simulators.control.faults import Fault
from tests.simulation.soak.lone_adapter import ADAPTER, TRADER
from tests.simulation.soak.stand import VENUE, Stand

_POST: Final = {"method": "POST", "path": "/v2/orders"}
_CHANGE: Final = {"method": "PATCH", "path": "/v2/orders/*"}
_DELETE: Final = {"method": "DELETE", "path": "/v2/orders/*"}
_GET: Final = {"method": "GET", "path": "/v2/*"}
_SEND: Final = {"method": "P*", "path": "/v2/orders*"}
_SERVER_ERRORS: Final = (500, 502, 503, 504)
_BODIES: Final = ("json", "html", "empty")
_ENDS: Final = ("close", "reset", "hang")


class Striker:
    """What a fault works with."""

    def __init__(self, stand: Stand, rng: random.Random) -> None:
        self.stand = stand
        self.rng = rng
        self.armed: list[Fault] = []

    @property
    def control(self) -> SimulatorControl:
        return self.stand.simulated.control

    def request(self, match: dict[str, str], times: int = 1, **action: Any) -> None:
        """Hit the next requests of a kind."""
        self._arm({"match": match, "times": times, "action": action})

    def event(self, kind: str, times: int = 1) -> None:
        """Hit the next events of the stream."""
        self._arm({"place": "event", "times": times, "action": {"kind": kind}})

    def later(self, delay_s: float, then: Callable[[], object]) -> None:
        """Do something later, as nobody in particular."""
        asyncio.get_running_loop().call_later(delay_s, then)

    def _arm(self, fault: dict[str, Any]) -> None:
        self.armed.append(self.control.add_fault(fault))


Strike = Callable[[Striker], None]


def _status(match: dict[str, str], when: str, statuses: tuple[int, ...] = _SERVER_ERRORS) -> Strike:
    def strike(s: Striker) -> None:
        status, body = s.rng.choice(statuses), s.rng.choice(_BODIES)
        s.request(match, kind="status", status=status, when=when, body=body)

    return strike


def _disconnect(s: Striker) -> None:
    s.control.disconnect_streams()


def _hold(s: Striker) -> None:
    s.event("hold", s.rng.randint(1, 3))
    s.later(s.rng.uniform(1.0, 20.0), s.control.release_events)


def _refuse_connect(s: Striker) -> None:
    s._arm({"place": "connect", "times": s.rng.randint(1, 3), "action": {"kind": "refuse"}})
    s.control.disconnect_streams()


def _spoiled(s: Striker) -> None:
    match, body = s.rng.choice((_SEND, _GET, _GET)), s.rng.choice(("half", "html", "empty"))
    s.request(match, kind="body", body=body)


def _odd_status(s: Striker) -> None:
    status = s.rng.choice(("pending_review", "held", "calculated", "something_new"))
    s.request(s.rng.choice((_POST, _GET)), kind="order_status", order_status=status)


def _drop_reply(match: dict[str, str]) -> Strike:
    return lambda s: s.request(match, kind="drop_reply", ends=s.rng.choice(_ENDS))


def _partition(s: Striker, other: str) -> None:
    network = s.stand.network
    network.partition(ADAPTER, other)
    s.later(s.rng.choice((0.5, 3.0, 12.0)), lambda: network.heal(ADAPTER, other))


def _cut(s: Striker, other: str) -> None:
    s.stand.network.cut(ADAPTER, other)


def _exec_ids(s: Striker) -> None:
    s.control.set_option("stream_exec_ids", s.rng.choice(("same", "different")))


def _crash(s: Striker) -> None:
    s.stand.adapter.crash_in(s.rng.randint(1, 150), "fault", s.rng.choice((0.1, 2.0, 10.0)))


FAULTS: Final[Mapping[str, tuple[float, Strike]]] = {
    "stream disconnect": (8, _disconnect),
    "disconnect at an event": (4, lambda s: s.event("disconnect")),
    "connect refused": (3, _refuse_connect),
    "429": (2, lambda s: s.request({"method": "*", "path": "/v2/*"}, kind="status", status=429)),
    "5xx before a send": (6, _status(_SEND, "before")),
    "504 after acceptance": (8, _status(_POST, "after", (504,))),
    "5xx after a send": (5, _status(_SEND, "after")),
    "refusal after acceptance": (3, _status(_POST, "after", (403, 422))),
    "5xx of a read": (6, _status(_GET, "before")),
    "5xx of a cancel": (3, _status(_DELETE, "after")),
    "lost event": (12, lambda s: s.event("drop", s.rng.randint(1, 2))),
    "duplicate event": (12, lambda s: s.event("duplicate", s.rng.randint(1, 3))),
    "reordered events": (6, lambda s: s.event("reorder", 2)),
    "unparsable event": (3, lambda s: s.event("garble")),
    "late events": (3, _hold),
    "slow reply": (4, lambda s: s.request(_SEND, kind="delay", delay_after_s=s.rng.uniform(1, 20))),
    "late effect": (
        4,
        lambda s: s.request(_SEND, kind="delay", delay_before_s=s.rng.uniform(1, 12)),
    ),
    "dropped reply": (5, _drop_reply(_SEND)),
    "dropped reply of a cancel": (2, _drop_reply(_DELETE)),
    "dropped request": (
        3,
        lambda s: s.request(_SEND, kind="drop_request", ends=s.rng.choice(_ENDS)),
    ),
    "refused": (3, lambda s: s.request(_SEND, kind="refuse")),
    "spoiled body": (4, _spoiled),
    "odd status": (2, _odd_status),
    "rejected later": (2, lambda s: s.request(_POST, kind="reject_order")),
    "refused cancel": (2, lambda s: s.request(_DELETE, kind="reject_cancel")),
    "forgotten cancel": (2, lambda s: s.request(_DELETE, kind="ignore_cancel")),
    "refused replace": (2, lambda s: s.request(_CHANGE, kind="reject_replace")),
    "other execution ids": (1, _exec_ids),
    "network cut": (2, lambda s: _cut(s, VENUE)),
    "network partition": (2, lambda s: _partition(s, VENUE)),
    "client cut": (2, lambda s: _cut(s, TRADER)),
    "client partition": (1, lambda s: _partition(s, TRADER)),
    "adapter crash": (0.4, _crash),
}
"""Kinds of faults: how often, and how one is made."""


class Troubles:
    """Lets a fault loose each few seconds, until canceled; `heal` ends all that lie in wait."""

    def __init__(self, stand: Stand, rng: random.Random, gap_s: tuple[float, float]) -> None:
        self._striker = Striker(stand, rng)
        self._stand = stand
        self._rng = rng
        self._gap_s = gap_s
        self._paused = False
        self._armed: list[tuple[str, Fault]] = []
        self.struck: Counter[str] = Counter()

    async def run(self) -> None:
        """Until canceled."""
        names, weights = list(FAULTS), [weight for weight, _ in FAULTS.values()]
        while True:
            await asyncio.sleep(self._rng.uniform(*self._gap_s))
            if not self._paused:
                self._strike(self._rng.choices(names, weights)[0])

    def _strike(self, name: str) -> None:
        FAULTS[name][1](self._striker)
        armed, self._striker.armed = self._striker.armed, []
        if armed:
            self._armed += [(name, fault) for fault in armed]
        else:
            self.struck[name] += 1

    def heal(self) -> None:
        """End all faults, let what was held back come, start who is down."""
        self._paused = True
        control = self._stand.simulated.control
        control.clear_faults()
        control.release_events()
        self._stand.network.heal_all()
        self._stand.adapter.start()
        for name, fault in self._armed:
            self.struck[name] += fault.struck
        self._armed.clear()

    def resume(self) -> None:
        """Go on."""
        self._paused = False
