"""Promise 1, seen from below: what an adapter sends was on the router's disk before.

"On the disk" is the word of the disk itself, which knows what was synced, not of the router.
"""

from __future__ import annotations

import json
from collections.abc import Callable

from tests.simulation.checkers.finding import Finding, Kind


class IntentChecker:
    """Told of what leaves the router and the adapters. `on_disk` looks for bytes that were synced.

    It also counts: no release sends the same placement to a venue twice.
    """

    def __init__(self, on_disk: Callable[[bytes], bool], now_s: Callable[[], float]) -> None:
        self._on_disk = on_disk
        self._now_s = now_s
        self._requests: dict[str, int] = {}
        self.findings: list[Finding] = []

    def leaves_router(self, placement_id: str) -> None:
        """A placement is about to leave for an adapter."""
        self._require_intent(placement_id, "an adapter")

    def leaves_adapter(self, method: str, path: str, body: bytes) -> None:
        """A request is about to leave for a venue."""
        if method != "POST" or not path.endswith("/orders"):
            return
        placement_id = str(json.loads(body)["client_order_id"])
        self._require_intent(placement_id, "the venue")
        count = self._requests[placement_id] = self._requests.get(placement_id, 0) + 1
        if count > 1:
            self._found(Kind.DUPLICATE, f"{placement_id} is sent to the venue {count} times")

    def _require_intent(self, placement_id: str, to: str) -> None:
        if not self._on_disk(placement_id.encode()):
            text = f"{placement_id} leaves for {to}, and no intent is on the router's disk"
            self._found(Kind.INTENT, text)

    def _found(self, kind: Kind, text: str) -> None:
        self.findings.append(Finding(kind, text, self._now_s()))
