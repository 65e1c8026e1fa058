"""What goes wrong in a night: faults of the Gateway, of its link, of the adapter, by name.

Those of the Gateway are the schedules' own (`faults/at_ib.py`); here are the restart of a night,
what a new day makes the Gateway forget, and the deaths of the adapter.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Mapping
from types import SimpleNamespace
from typing import Any, Final

from simulators.venue import trading_calendar as calendar
from tests.simulation.faults import at_ib
from tests.simulation.faults.strike import Strike
from tests.simulation.nights.stand import VENUE, Stand
from tests.simulation.schedule import PlannedFault

_PLACE: Final = {"method": "placeOrder"}


def _restart(s: Strike) -> None:
    """The Gateway goes down, waits for its login, and may have forgotten which ids it has seen."""
    s.control.do(
        "restart",
        refuse_s=s.rng.choice((1.0, 5.0, 15.0)),
        silent_s=s.rng.choice((0.0, 0.0, 6.0, 12.0)),
        roll_back_ids=s.rng.choice((0, 3, 100)),
    )


def _roll_back(s: Strike) -> None:
    """Ids are issued again under a connection that stands."""
    s.control.do("roll_back_ids", by=s.rng.choice((1, 3, 50)))


def _lost_before_cut(s: Strike) -> None:
    """The next orders are swallowed, and then the connection ends."""
    s.request(_PLACE, s.rng.randint(1, 3), kind="drop_request", ends="hang")
    s.later(s.rng.uniform(0.5, 3.0), lambda: s.control.do("disconnect", ends="reset"))


def _silent_drop(s: Strike) -> None:
    """An order that nobody ever hears of."""
    s.request(_PLACE, kind="drop_request", ends="hang")


def _new_day(s: Strike) -> None:
    """It is the next trading day: what was executed and completed is listed no more."""
    s.control.set_clock(calendar.next_open(s.control.venue.now))
    s.control.do("forget_day")


def _killed(s: Strike) -> None:
    _stand(s).adapter.crash("fault", down_s=s.rng.choice((0.5, 3.0, 10.0)))


def _killed_between_steps(s: Strike) -> None:
    _stand(s).adapter.crash_in(s.rng.randint(1, 120), "fault", down_s=s.rng.choice((0.5, 5.0)))


def _killed_at_disk(s: Strike) -> None:
    _stand(s).adapter.crash_at_io(s.rng.randint(1, 12), "fault", down_s=s.rng.choice((0.5, 5.0)))


def _stand(s: Strike) -> Stand:
    found: Stand = s.world.stand  # type: ignore[attr-defined]
    return found


NEW_DAY: Final = "new day"
RESTART: Final = "restart"

KINDS: Final[Mapping[str, Callable[[Strike], None]]] = {
    RESTART: _restart,
    NEW_DAY: _new_day,
    "link lost, data kept (1100, 1102)": at_ib.KINDS["ib.link_lost_kept"],
    "link lost, data lost (1100, 1101)": at_ib.KINDS["ib.link_lost_reset"],
    "link broken (2110)": at_ib.KINDS["ib.link_broken"],
    "client id in use (326)": at_ib.KINDS["ib.client_id_in_use"],
    "ids issued again": _roll_back,
    "order dropped without a word": _silent_drop,
    "orders lost before a cut": _lost_before_cut,
    "half a frame": at_ib.KINDS["ib.half_frame"],
    "connection cut": at_ib.KINDS["ib.disconnect"],
    "half-dead connection": at_ib.KINDS["ib.half_dead"],
    "login wait": at_ib.KINDS["ib.login_wait"],
    "slow connect": at_ib.KINDS["ib.slow_connect"],
    "slow answers": at_ib.KINDS["ib.slow_reads"],
    "failing reads": at_ib.KINDS["ib.failing_reads"],
    "failing lists": at_ib.KINDS["ib.failing_lists"],
    "late effect": at_ib.KINDS["ib.late_effect"],
    "answer lost": at_ib.KINDS["ib.lose_ack"],
    "cancel lost": at_ib.KINDS["ib.lose_cancel"],
    "error before effect": at_ib.KINDS["ib.error_before_effect"],
    "error after effect": at_ib.KINDS["ib.error_after_effect"],
    "held by IB": at_ib.KINDS["ib.suspend"],
    "executions lost": at_ib.KINDS["ib.lose_executions"],
    "statuses lost": at_ib.KINDS["ib.lose_statuses"],
    "commissions lost": at_ib.KINDS["ib.lose_commissions"],
    "adapter killed": _killed,
    "adapter killed between two steps": _killed_between_steps,
    "adapter killed at its disk": _killed_at_disk,
}

# Those that strike when they are let loose; the others lie in wait.
CERTAIN: Final = frozenset(
    {
        "link lost, data kept (1100, 1102)",
        "link lost, data lost (1100, 1101)",
        "link broken (2110)",
        "client id in use (326)",
        "ids issued again",
        "connection cut",
        "half-dead connection",
        "login wait",
        "adapter killed",
    }
)


class Troubles:
    """Lets faults loose on a stand. `struck` counts those that met somebody."""

    def __init__(self, stand: Stand, rng: random.Random, now: Callable[[], float]) -> None:
        self._stand = stand
        self._rng = rng
        self._now = now
        self._world: Any = SimpleNamespace(venues={VENUE: stand.venue}, stand=stand)
        self._strikes: list[tuple[str, Strike]] = []
        self.story: list[str] = []

    def strike(self, kind: str) -> None:
        """Let one loose now."""
        planned = PlannedFault(self._now(), kind, VENUE, self._rng.getrandbits(32))
        strike = Strike(self._world, planned)
        self._strikes.append((kind, strike))
        self.story.append(f"{self._now():10.3f} fault: {kind}")
        KINDS[kind](strike)

    def heal(self) -> None:
        """No fault lies in wait any more, and what was closed is open."""
        control = self._stand.simulated.control
        control.clear_faults()
        control.release_events()
        at_ib.heal(self._stand.venue)
        self._stand.adapter.disk.on_io = None

    @property
    def touched(self) -> int:
        """How many there were so far, those that struck counted once more."""
        return len(self._strikes) + self.struck.total()

    @property
    def struck(self) -> Counter[str]:
        """How many of each kind have come to anything."""
        return Counter(kind for kind, strike in self._strikes if strike.has_struck)
