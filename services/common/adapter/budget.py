"""How many requests may go to a venue now: pure arithmetic on a clock that the caller reads.

Three bounds hold at once:

* our share of the limit, in every window of `window_s` (a log of sends, half-open window);
* the venue's own word on what is left until its window starts anew, less the same margin (other
  programs may use the account);
* a pause after the venue said "too many requests", and a smaller share for a while after it.

Cancels pass through the pause, one by one and far apart, unless the venue's own figures say that
nothing is left: an order must be cancelable while other programs use up the account's limit, and a
cancel that is refused once more has done no harm.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from enum import IntEnum
from math import floor
from typing import Final

# After a 429 the share is cut by a quarter, never below a quarter of itself; each window without
# another gives a tenth back. Fast down, slow up, as every sender sharing a limit must behave.
_CUT: Final = 0.75
_CUT_MIN: Final = 0.25
_REGAIN: Final = 0.1
# So many cancels per window may try their luck during a pause.
_TRIALS: Final = 12


class Priority(IntEnum):
    """What goes first; lower is earlier."""

    CANCEL = 0
    SUBMIT = 1
    READ = 2
    PROBE = 3


@dataclass(frozen=True, slots=True)
class BudgetTerms:
    """A venue's limit and how much of it we use.

    `limit` requests per `window_s` is what the venue allows; `share` of it is ours (0 to 1);
    `cancel_reserve` of our requests per window are kept for cancels.
    """

    limit: int
    window_s: float
    share: float = 0.95
    cancel_reserve: int = 5

    def __post_init__(self) -> None:
        if self.window_s <= 0 or not 0 < self.share <= 1 or self.cancel_reserve < 0:
            raise ValueError(
                "window_s must be above 0, share in (0, 1], cancel_reserve not below 0"
            )
        if floor(self.limit * self.share) <= self.cancel_reserve:
            raise ValueError("the share of the limit leaves nothing beside the cancel reserve")


class Budget:
    """The state of one budget. Times are seconds of a monotonic clock and never go back."""

    def __init__(self, terms: BudgetTerms) -> None:
        self._terms = terms
        self._limit = terms.limit
        self._sent: deque[float] = deque()
        self._paused_until = 0.0
        self._trial_at = 0.0
        self._cut = 1.0
        self._regain_at = 0.0
        self._venue_left: int | None = None
        self._venue_reset_at = 0.0

    def delay_s(self, priority: Priority, now: float) -> float:
        """Seconds until a request of this priority may go, by what is known now; 0 for now."""
        self._advance(now)
        held_back = 0 if priority is Priority.CANCEL else self._terms.cancel_reserve
        return max(
            self._pause_delay(priority, now),
            self._window_delay(held_back, now),
            self._venue_delay(held_back, now),
            0.0,
        )

    def left(self, now: float) -> int:
        """How many requests may go now, one after the other; cancels among them."""
        self._advance(now)
        left = self._allowed() - len(self._sent)
        if self._venue_left is not None:
            left = min(left, self._venue_left - self._margin())
        if now < self._paused_until:
            left = min(left, 1 if now >= self._trial_at else 0)
        return max(left, 0)

    def spend(self, now: float) -> None:
        """Count one request as sent now; only right after `delay_s` gave 0."""
        self._sent.append(now)
        if now < self._paused_until:
            self._trial_at = now + self._trial_wait_s()
        if self._venue_left is not None:
            self._venue_left -= 1

    def observe(self, limit: int, remaining: int, reset_in_s: float, now: float) -> None:
        """Take what an answer says: its limit, what is left of it, until when.

        The setting stays the upper bound of the limit. Within one window of the venue the lower
        word counts: an older answer, or one that does not yet see what is on its way, would
        otherwise give back what is spent.
        """
        self._advance(now)
        self._limit = max(1, min(self._terms.limit, limit))
        reset_at = now + min(max(reset_in_s, 0.0), self._terms.window_s)
        same_window = abs(reset_at - self._venue_reset_at) <= self._terms.window_s / 2
        if self._venue_left is not None and same_window:
            self._venue_left = min(self._venue_left, remaining)
        elif reset_at > self._venue_reset_at:
            self._venue_left, self._venue_reset_at = remaining, reset_at

    def throttled(self, reset_in_s: float | None, now: float) -> None:
        """The venue said "too many requests": pause until its reset and use less for a while.

        Without a reset (None) the pause is a whole window.
        """
        self._advance(now)
        pause_s = self._terms.window_s if reset_in_s is None else max(reset_in_s, 0.0)
        if now >= self._paused_until:  # several answers of one burst are one offence
            self._cut = max(_CUT_MIN, self._cut * _CUT)
        self._paused_until = max(self._paused_until, now + pause_s)
        self._trial_at = now + self._trial_wait_s()
        self._regain_at = self._paused_until + self._terms.window_s

    def _pause_delay(self, priority: Priority, now: float) -> float:
        until = self._paused_until
        if priority is Priority.CANCEL:
            until = min(until, self._trial_at)
        return until - now

    def _trial_wait_s(self) -> float:
        return self._terms.window_s / _TRIALS

    def _allowed(self) -> int:
        return max(1, floor(self._limit * self._terms.share * self._cut))

    def _margin(self) -> int:
        return self._limit - floor(self._limit * self._terms.share)

    def _window_delay(self, held_back: int, now: float) -> float:
        # Under a deep cut at least one slot per window stays for each kind of request.
        allowed = max(1, self._allowed() - held_back)
        if len(self._sent) < allowed:
            return 0.0
        return self._sent[-allowed] + self._terms.window_s - now

    def _venue_delay(self, held_back: int, now: float) -> float:
        if self._venue_left is None or self._venue_left - self._margin() - held_back > 0:
            return 0.0
        return self._venue_reset_at - now

    def _advance(self, now: float) -> None:
        while self._sent and self._sent[0] + self._terms.window_s <= now:
            self._sent.popleft()
        if self._venue_left is not None and now >= self._venue_reset_at:
            self._venue_left = None
        while self._cut < 1.0 and now >= self._regain_at:
            self._cut = min(1.0, self._cut + _REGAIN)
            self._regain_at += self._terms.window_s
