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

from simulators.ib_gateway.settings import SIMULATED_ACCOUNT
from simulators.venue import trading_calendar as calendar
from tests.simulation.faults import at_ib
from tests.simulation.faults.strike import Strike
from tests.simulation.nights.stand import VENUE, Stand
from tests.simulation.planned import PlannedFault

_LIVE_ACCOUNT: Final = "U7654321"
_PLACE: Final = {"method": "placeOrder"}


def _restart(s: Strike) -> None:
    """The Gateway goes down, waits for its login, may still be without IB then, and may have
    forgotten which ids it has seen."""
    link = s.rng.choice(({}, {"link_s": 5.0, "restored": 1101}, {"link_s": 3.0, "restored": 1102}))
    s.control.do(
        "restart",
        **link,
        refuse_s=s.rng.choice((1.0, 5.0, 15.0)),
        silent_s=s.rng.choice((0.0, 0.0, 6.0)),
        login_s=s.rng.choice((0.0, 0.0, 8.0)),
        roll_back_ids=s.rng.choice((0, 3, 100)),
    )


def _login_awaited(s: Strike) -> None:
    """Connections are greeted and no account is given, until somebody has logged in."""
    s.control.do("await_login", seconds=s.rng.choice((4.0, 12.0, 25.0)))


def _live_login(s: Strike) -> None:
    """Somebody logs in to a live account under a running adapter, and back after a while."""
    s.control.do("login", account=_LIVE_ACCOUNT)
    back_s = s.rng.choice((3.0, 10.0, 20.0))
    s.later(back_s, lambda: s.control.do("login", account=SIMULATED_ACCOUNT))


def _cut_after(s: Strike) -> None:
    """So many orders arrive, and what else was written is lost with the connection."""
    ends, replies = s.rng.choice(("close", "reset")), s.rng.random() < 0.3
    s.control.do("cut_after", orders=s.rng.randint(0, 2), replies=replies, ends=ends)


def _stall_and_cut(s: Strike) -> None:
    """Orders are written and lost, and their ids are issued again."""
    s.control.do("stall_and_cut", seconds=s.rng.choice((1.0, 4.0, 9.0)))


def _two_perm_ids(s: Strike) -> None:
    """The next change leaves two live orders under one id; often the link was lost meanwhile."""
    s.control.do("double_modifies", times=1)
    if s.rng.random() < 0.5:
        at_ib.KINDS["ib.link_lost_kept"](s)


def _pacing(s: Strike) -> None:
    """The Gateway takes few messages for a while; who sends more is warned, then cut off."""
    s.control.do("pacing", messages_per_s=s.rng.choice((2, 4)), excesses_max=2)
    s.later(s.rng.choice((2.0, 6.0)), lambda: s.control.do("pacing", messages_per_s=50))


def _roll_back(s: Strike) -> None:
    """Ids are issued again under a connection that stands."""
    s.control.do("roll_back_ids", by=s.rng.choice((1, 3, 50)))


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
ID_IN_USE: Final = "client id in use (326)"
TWO_PERM_IDS: Final = "a change gives two permIds"
ECHO: Final = "a change is shown, then refused"
LIVE_LOGIN: Final = "logged in to a live account"

KINDS: Final[Mapping[str, Callable[[Strike], None]]] = {
    RESTART: _restart,
    NEW_DAY: _new_day,
    "link lost, data kept (1100, 1102)": at_ib.KINDS["ib.link_lost_kept"],
    "link lost, data lost (1100, 1101)": at_ib.KINDS["ib.link_lost_reset"],
    "link broken (2110)": at_ib.KINDS["ib.link_broken"],
    ID_IN_USE: at_ib.KINDS["ib.client_id_in_use"],
    "ids issued again": _roll_back,
    "order dropped without a word": _silent_drop,
    "cut after so many orders": _cut_after,
    "stalled, then cut": _stall_and_cut,
    TWO_PERM_IDS: _two_perm_ids,
    ECHO: at_ib.echo_change,
    "too many messages (100)": _pacing,
    "login awaited": _login_awaited,
    LIVE_LOGIN: _live_login,
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

# The longest for which the other program keeps the id.
_ID_IN_USE_MAX_S: Final = 21.0

# What has to be sent for them to strike.
PLACES, REPLACES, CANCELS = "place", "replace", "cancel"
AIMED_AT: Final = {
    "half a frame": PLACES,
    "answer lost": PLACES,
    "order dropped without a word": PLACES,
    "cut after so many orders": PLACES,
    "stalled, then cut": PLACES,
    "late effect": PLACES,
    "error before effect": PLACES,
    "error after effect": PLACES,
    "executions lost": PLACES,
    "statuses lost": PLACES,
    "cancel lost": CANCELS,
    TWO_PERM_IDS: REPLACES,
    ECHO: REPLACES,
    "adapter killed between two steps": REPLACES,
    "adapter killed at its disk": PLACES,
}

# Those that strike when they are let loose; the others lie in wait.
CERTAIN: Final = frozenset(
    {
        "link lost, data kept (1100, 1102)",
        "link lost, data lost (1100, 1101)",
        "link broken (2110)",
        ID_IN_USE,
        "ids issued again",
        "connection cut",
        "half-dead connection",
        "login wait",
        "login awaited",
        "stalled, then cut",
        LIVE_LOGIN,
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
        self.id_in_use_until_s = 0.0
        self.story: list[str] = []

    def strike(self, kind: str) -> None:
        """Let one loose now."""
        planned = PlannedFault(self._now(), kind, VENUE, self._rng.getrandbits(32))
        strike = Strike(self._world, planned)
        self._strikes.append((kind, strike))
        self.story.append(f"{self._now():10.3f} fault: {kind}")
        if kind == ID_IN_USE:
            self.id_in_use_until_s = self._now() + _ID_IN_USE_MAX_S
        KINDS[kind](strike)

    def heal(self) -> None:
        """No fault lies in wait any more, and what was closed is open."""
        control = self._stand.simulated.control
        control.clear_faults()
        control.release_events()
        control.do("login", account=SIMULATED_ACCOUNT)
        control.do("pacing", messages_per_s=50)
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
