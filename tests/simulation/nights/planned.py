"""What is to happen in a night, and when."""

from __future__ import annotations

import random
from collections.abc import Callable


class Planned:
    """Acts at times between 0 and `lasts_s`, in seconds."""

    def __init__(self, rng: random.Random, lasts_s: float) -> None:
        self._rng = rng
        self._lasts_s = lasts_s
        self._acts: list[tuple[float, Callable[[], None]]] = []

    def add(self, act: Callable[[], None]) -> float:
        """At any time; which that is."""
        at_s = self._rng.uniform(0, self._lasts_s)
        self.at(at_s, act)
        return at_s

    def at(self, at_s: float, act: Callable[[], None]) -> None:
        """At that time."""
        self._acts.append((at_s, act))

    def in_order(self) -> list[tuple[float, Callable[[], None]]]:
        """All of it, in the order of time."""
        return sorted(self._acts, key=lambda act: act[0])
