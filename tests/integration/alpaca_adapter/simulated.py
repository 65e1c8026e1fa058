"""Talking to the simulated Alpaca behind the gateway's back: faults, and what it counted."""

from __future__ import annotations

from typing import Any

from tests.simulators.process import RunningAlpaca

A = "a~sim~1.0"


def fault(alpaca: RunningAlpaca, method: str, path: str = "/v2/orders*", **action: Any) -> None:
    """Let the next such request go wrong."""
    times = action.pop("times", 1)
    match = {"method": method, "path": path}
    alpaca.control(
        "POST", "/faults", {"action": action, "match": match, "times": times}, status=201
    )


def posts(alpaca: RunningAlpaca) -> int:
    """How many submits reached the simulator."""
    log = alpaca.control("GET", "/requests")
    return sum(entry["method"] == "POST" and entry["path"] == "/v2/orders" for entry in log)


def orders_there(alpaca: RunningAlpaca) -> list[dict[str, Any]]:
    return list(alpaca.control("GET", "/ledger")["orders"])
