"""Which broker's paper account a check is on: its adapter, what it claims, what it needs."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tests.conformance.matrix.alpaca import ALPACA
from tests.conformance.matrix.claims import Matrix
from tests.conformance.matrix.ib import IB
from tests.conformance.paper_check.guard import require_ib_paper, require_paper

ACCOUNT_ID: Final = "paper"


@dataclass(frozen=True, slots=True)
class PaperVenue:
    """`require` gives the adapter's settings by the environment and the simulator's address, or
    raises NotHere; `files` are settings that name a file of its own each."""

    name: str
    section: str
    module: str
    matrix: Matrix
    require: Callable[[Mapping[str, str], str], dict[str, str]]
    files: tuple[str, ...]

    def own(self, address: str, folder: Path) -> dict[str, str]:
        """What the check itself sets: an adapter that stands alone, on loopback."""
        own = {
            "LISTEN": address,
            "ACCOUNT_ID": ACCOUNT_ID,
            "ACCOUNT_TAG": "paper",
            "STAND_ALONE": "true",
            "DRAIN_S": "0",
            **{name: str(folder / f"{name.lower()}.sqlite") for name in self.files},
        }
        return {f"TANDEM_{self.section}_{name}": value for name, value in own.items()}


PAPER_VENUES: Final = {
    "alpaca": PaperVenue(
        "alpaca",
        "ALPACA",
        "services.alpaca_adapter",
        ALPACA,
        require_paper,
        ("FENCE_STORE_PATH",),
    ),
    "ib": PaperVenue(
        "ib",
        "IB",
        "services.ib_adapter",
        IB,
        require_ib_paper,
        ("FENCE_STORE_PATH", "SEND_LOG_PATH"),
    ),
}
