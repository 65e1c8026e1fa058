"""Promise 1, seen from below: what an adapter sends was on the router's disk before.

"On the disk" is the word of the disk itself, which knows what was synced, not of the router.
"""

from __future__ import annotations

import json
from collections.abc import Callable

from tests.simulation.checkers.finding import Finding, Kind


class IntentChecker:
    """Told of every request that leaves an adapter. `on_disk` looks for bytes that were synced."""

    def __init__(self, on_disk: Callable[[bytes], bool], now_s: Callable[[], float]) -> None:
        self._on_disk = on_disk
        self._now_s = now_s
        self.sent: dict[str, int] = {}
        self.findings: list[Finding] = []

    def leaves(self, method: str, path: str, body: bytes) -> None:
        """A request is about to leave."""
        if method != "POST" or not path.endswith("/orders"):
            return
        placement_id = str(json.loads(body)["client_order_id"])
        self.sent[placement_id] = self.sent.get(placement_id, 0) + 1
        if not self._on_disk(placement_id.encode()):
            text = f"{placement_id} leaves for the venue, and no intent is on the router's disk"
            self.findings.append(Finding(Kind.INTENT, text, self._now_s()))
        if self.sent[placement_id] > 1:
            text = f"{placement_id} is sent for the {self.sent[placement_id]}nd time"
            self.findings.append(Finding(Kind.DUPLICATE, text, self._now_s()))
