"""Promise 1, seen from below: what is sent was on the disks of who sends it before.

"On the disk" is the word of the disk itself, which knows what was synced, not of its owner.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from tests.simulation.checkers.finding import Finding, Kind

_REFUSED_MAX: Final = 20  # revisions that were not written
OnDisk = Callable[[bytes], bool]
"""Looks for bytes that were synced."""


class IntentChecker:
    """Told of what leaves the router and the adapters.

    `journal` looks on the router's disk, `send_logs` on those of the adapters that keep a log of
    what they send, by venue. It also counts: no release sends a placement to a venue twice, nor
    under a number of the wire's that is not above all before, unless to change it.
    """

    def __init__(
        self, journal: OnDisk, send_logs: Mapping[str, OnDisk], now_s: Callable[[], float]
    ) -> None:
        self._journal = journal
        self._send_logs = send_logs
        self._now_s = now_s
        self._sent: dict[tuple[str, str], int] = {}
        self._highest: dict[str, int] = {}
        self._numbers: dict[tuple[str, str], str] = {}
        self._changes: dict[tuple[str, str], int] = {}
        self.findings: list[Finding] = []

    def leaves_router(self, placement_id: str) -> None:
        """A placement is about to leave for an adapter."""
        self._require_intent(placement_id, "an adapter")

    def leaves_adapter(self, venue: str, placement_id: str, number: str = "") -> None:
        """A placement is about to leave for a venue, under a number if it has one there."""
        self._require_intent(placement_id, "the venue")
        logged = self._send_logs.get(venue)
        if logged is not None and not logged(placement_id.encode()):
            text = f"{placement_id} leaves for {venue}, and is in no send log on its adapter's disk"
            self._found(Kind.INTENT, text)
        if number and self._numbers.get((venue, placement_id)) == number:
            self._changed(venue, placement_id)
            return
        self._numbers[venue, placement_id] = number
        count = self._sent[venue, placement_id] = self._sent.get((venue, placement_id), 0) + 1
        if count > 1:
            self._found(Kind.DUPLICATE, f"{placement_id} is sent to {venue} {count} times")
        if number:
            self._require_new(venue, placement_id, int(number))

    def _changed(self, venue: str, placement_id: str) -> None:
        """Placed once more under its own number it is changed in place, which the wire does not
        tell: there must be one more revision of it than was written, on either disk."""
        count = self._changes[venue, placement_id] = self._changes.get((venue, placement_id), 0) + 1
        stem, logged = placement_id.rpartition(".")[0], self._send_logs[venue]
        ids = [f"{stem}.{number}".encode() for number in range(1, count + _REFUSED_MAX)]
        noted = [text for text in ids if self._journal(text) and logged(text)]
        if len(noted) < count:
            text = f"{placement_id} leaves for {venue} {count + 1} times, {len(noted)} are changes"
            self._found(Kind.DUPLICATE, text)

    def _require_new(self, venue: str, placement_id: str, number: int) -> None:
        highest = self._highest.get(venue, 0)
        self._highest[venue] = max(number, highest)
        if number <= highest:
            text = f"{placement_id} leaves for {venue} as number {number}, {highest} was used"
            self._found(Kind.DUPLICATE, text)

    def _require_intent(self, placement_id: str, to: str) -> None:
        if not self._journal(placement_id.encode()):
            text = f"{placement_id} leaves for {to}, and no intent is on the router's disk"
            self._found(Kind.INTENT, text)

    def _found(self, kind: Kind, text: str) -> None:
        self.findings.append(Finding(kind, text, self._now_s()))
