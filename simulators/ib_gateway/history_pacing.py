"""How often clients may ask for bars: IB's three rules, which hold for bars of 30 s or less."""

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

PACING = ("small_bars", "all_bars", "off")
_WINDOW_S, _REQUESTS_MAX = 600.0, 60
_IDENTICAL_S = 15.0
_BURST_S, _BURST_MAX = 2.0, 6
OPEN_MAX = 50


@dataclass(frozen=True, slots=True)
class Ask:
    """A request for bars. subject: contract, exchange and kind; terms: all that it asks for."""

    subject: tuple[str, ...]
    terms: tuple[str, ...]
    weight: int = 1


@dataclass(slots=True)
class HistoryPacing:
    """Remembers the requests of the last ten minutes, of all clients together.

    A request that is refused counts too. Args: now_s: the base clock, which nobody moves.
    """

    now_s: Callable[[], float]
    _asked: deque[tuple[float, Ask]] = field(default_factory=deque)

    def admits(self, ask: Ask) -> bool:
        """Notes a request, and says whether it keeps to the rules."""
        now_s = self.now_s()
        while self._asked and self._asked[0][0] <= now_s - _WINDOW_S:
            self._asked.popleft()
        recent = [(now_s - at_s, asked) for at_s, asked in self._asked]
        self._asked.append((now_s, ask))
        if len(self._asked) > _REQUESTS_MAX * 10:
            self._asked.popleft()
        burst = [a for ago_s, a in recent if ago_s < _BURST_S and a.subject == ask.subject]
        return (
            sum(a.weight for _, a in recent) + ask.weight <= _REQUESTS_MAX
            and not any(ago_s < _IDENTICAL_S and a.terms == ask.terms for ago_s, a in recent)
            and len(burst) + 1 < _BURST_MAX
        )
