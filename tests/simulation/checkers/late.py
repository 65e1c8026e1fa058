"""What a venue takes later than it had settled is found, and a person is told within a minute."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from tests.simulation.checkers.finding import Finding, Kind

ALARM_S: Final = 60.0


@dataclass(frozen=True, slots=True)
class LateAcceptance:
    """An order that appeared at its venue when it could be taken for absent."""

    venue: str
    placement_id: str
    written_s: float
    appeared_s: float

    @property
    def client_order_id(self) -> str:
        return self.placement_id.partition("~")[0]


def check_late(
    late: Iterable[LateAcceptance],
    alerts: Sequence[tuple[float, str]],
    known: Callable[[str, str], bool],
    answered: Callable[[str, float, float], bool],
) -> Iterator[Finding]:
    """`alerts` are times and orders of all that was alarmed, `known` says whether the books have a
    placement as one that its venue has, `answered` whether a venue did all the time between."""
    for one in late:
        until_s = one.appeared_s + ALARM_S
        text = f"{one.placement_id} was taken late by {one.venue}"
        if not known(one.venue, one.placement_id):
            yield Finding(Kind.LOSS, f"{text}, and the books do not have it", one.appeared_s)
        told = [at_s for at_s, order in alerts if order == one.client_order_id]
        in_time = [at_s for at_s in told if one.written_s <= at_s <= until_s]
        if not told or (not in_time and answered(one.venue, one.appeared_s, until_s)):
            text = f"{text}, and nobody was told of it in {ALARM_S:g} s"
            yield Finding(Kind.UNFINISHED, text, one.appeared_s)
