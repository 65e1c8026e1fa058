"""How long orders are in doubt, as long as their venue answers; and which venues answer when."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field


@dataclass(slots=True)
class _Doubt:
    """`answered_s` is the longest time without a break for which its venue has answered."""

    answered_s: float = 0.0
    answering_since_s: float | None = None


@dataclass(slots=True)
class Doubts:
    """Told every now and then. `ended` has for each doubt that has ended how long its venue had
    answered until then; of a doubt that comes again the times count one by one."""

    ended: list[float] = field(default_factory=list)
    _open: dict[tuple[str, str], _Doubt] = field(default_factory=dict)
    _answering: dict[str, float] = field(default_factory=dict)
    _spells: list[tuple[str, float, float]] = field(default_factory=list)

    @property
    def open(self) -> list[tuple[str, str]]:
        """Venue and placement of those that have not ended."""
        return list(self._open)

    def look(
        self, now_s: float, in_doubt: Collection[tuple[str, str]] | None, answering: Collection[str]
    ) -> None:
        """What is in doubt (venue, placement) and which venues answer; None: nobody can tell."""
        for venue in [v for v in self._answering if v not in answering]:
            self._spells.append((venue, self._answering.pop(venue), now_s))
        for venue in answering:
            self._answering.setdefault(venue, now_s)
        for key, doubt in list(self._open.items()):
            self._count(doubt, now_s, is_answered=key[0] in answering)
            if in_doubt is not None and key not in in_doubt:
                self.ended.append(self._open.pop(key).answered_s)
        for key in sorted(in_doubt or ()):
            self._open.setdefault(key, _Doubt())

    def answered(self, venue: str, from_s: float, until_s: float) -> bool:
        """Whether a venue has answered all the time between."""
        now = (venue, self._answering[venue], until_s) if venue in self._answering else None
        spells = [*self._spells, now] if now else self._spells
        return any(v == venue and a <= from_s and until_s <= b for v, a, b in spells)

    @staticmethod
    def _count(doubt: _Doubt, now_s: float, *, is_answered: bool) -> None:
        if not is_answered:
            doubt.answering_since_s = None
            return
        if doubt.answering_since_s is None:
            doubt.answering_since_s = now_s
        doubt.answered_s = max(doubt.answered_s, now_s - doubt.answering_since_s)
