"""What the router claims before one Alpaca account: what its adapter does, but for a few."""

from __future__ import annotations

from typing import Final

from tests.conformance.matrix.alpaca import ALPACA
from tests.conformance.matrix.claims import Matrix, later, rule

_PROTOCOL: Final = "docs/protocol.md"

ROUTER: Final[Matrix] = {
    **ALPACA,
    **later(
        "the router keeps no orders of several parts or amounts in its books yet",
        "class.bracket",
        "class.oco",
        "class.oto",
        "notional",
    ),
    **rule("only adapters take fences", _PROTOCOL, "rpc.Fence", "rpc.FenceOrder"),
    **rule(
        "the router refuses it by its own books before the broker is asked",
        _PROTOCOL,
        "refuses_crossing_zero",
        "refuses_uncovered_calls",
    ),
}
