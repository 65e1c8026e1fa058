"""The gate holds: between "it is shut" and "open it", nothing leaves the router that it stops."""

from __future__ import annotations

from collections.abc import Callable

from tests.simulation.checkers.finding import Finding, Kind


class GateChecker:
    """Told what an operator asks for, what was set, and what leaves the router.

    `is_exit` tells of a client order whether it reduces a position. While a change is asked for
    and not set yet, either state may hold, and nothing is judged.
    """

    def __init__(self, is_exit: Callable[[str], bool], now_s: Callable[[], float]) -> None:
        self._is_exit = is_exit
        self._now_s = now_s
        self._state = "ACTIVE"
        self.findings: list[Finding] = []

    def asked(self, state: str) -> None:
        """A change is asked for."""
        self._state = ""

    def set(self, state: str) -> None:
        """The router has said that it is made."""
        self._state = state

    def leaves_router(self, placement_id: str) -> None:
        """A placement is about to leave."""
        lets_through = self._state in ("", "ACTIVE") or (
            self._state == "REDUCING" and self._is_exit(placement_id.partition("~")[0])
        )
        if not lets_through:
            text = f"{placement_id} leaves the router, which is {self._state}"
            self.findings.append(Finding(Kind.GATE, text, self._now_s()))
