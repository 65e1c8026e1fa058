"""The venues that a run can be about, with their matrices."""

from __future__ import annotations

from typing import Final

from tests.conformance.matrix.alpaca import ALPACA
from tests.conformance.matrix.claims import Matrix
from tests.conformance.matrix.ib import IB
from tests.conformance.matrix.router import ROUTER

MATRICES: Final[dict[str, Matrix]] = {"alpaca": ALPACA, "ib": IB, "router": ROUTER}
