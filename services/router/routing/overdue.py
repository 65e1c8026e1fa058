"""What was asked of a venue and has not come: since when, and whether a person was told.

Kept in memory: after a restart all of it is asked for again, and alarmed again if it still stands.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Hashable
from dataclasses import dataclass


@dataclass(slots=True)
class _Standing:
    first_at: float
    asked_at: float
    is_alarmed: bool = False


class Overdue:
    """Things that stand, by key. Times are monotonic, in seconds."""

    def __init__(self, monotonic: Callable[[], float], *, alarm_s: float) -> None:
        self._monotonic = monotonic
        self._alarm_s = alarm_s
        self._standing: dict[Hashable, _Standing] = {}

    def asked(self, key: Hashable) -> None:
        """It is asked for now, or found to stand."""
        now = self._monotonic()
        self._standing.setdefault(key, _Standing(now, now)).asked_at = now

    def stands(self, key: Hashable) -> bool:
        """Whether it was asked for, and has not come."""
        return key in self._standing

    def since_asked_s(self, key: Hashable) -> float:
        """How long ago it was asked for; infinite if it never was by this process."""
        standing = self._standing.get(key)
        return float("inf") if standing is None else self._monotonic() - standing.asked_at

    def is_to_be_alarmed(self, key: Hashable) -> bool:
        """Whether it has stood for too long; true once."""
        standing = self._standing.get(key)
        if standing is None or standing.is_alarmed:
            return False
        standing.is_alarmed = self._monotonic() - standing.first_at >= self._alarm_s
        return standing.is_alarmed

    def settled(self, key: Hashable) -> None:
        """It has come."""
        self._standing.pop(key, None)

    def keep_only(self, keys: Collection[Hashable]) -> None:
        """Forget all others: what they were about is over."""
        for key in self._standing.keys() - set(keys):
            del self._standing[key]
