"""What the oracle found wrong, and the figures that come of it."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum
from typing import Any


class Kind(Enum):
    """What is wrong."""

    DUPLICATE = "duplicate"  # worked twice, or a fill booked twice
    LOSS = "loss"  # one side has an order or a fill that the other should have, and has not
    EXPOSURE = "exposure"  # at some moment more filled or live than was asked for
    LATE = "late"  # the same by the venue's own doing, which the caller has excused
    WRONG = "wrong"  # the books tell of an order what its venue does not
    UNFINISHED = "unfinished"  # in doubt, though the venue has it


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is wrong with one order."""

    kind: Kind
    client_order_id: str
    text: str

    def __str__(self) -> str:
        return f"[{self.kind.value}] {self.client_order_id}: {self.text}"


@dataclass(frozen=True, slots=True)
class Verdict:
    """All that was found; the figures count orders, not findings.

    `orders` is how many were judged, `in_doubt` are those that the books have in doubt, in order.
    """

    orders: int
    findings: list[Finding] = field(default_factory=list)
    in_doubt: list[str] = field(default_factory=list)

    def count(self, kind: Kind) -> int:
        """How many orders have a finding of that kind."""
        return len({f.client_order_id for f in self.findings if f.kind is kind})

    def as_json(self) -> dict[str, Any]:
        """The figures by the names that reports have for them."""
        return {
            "orders": self.orders,
            "duplicates": self.count(Kind.DUPLICATE),
            "losses": self.count(Kind.LOSS),
            "exposure_breaches": self.count(Kind.EXPOSURE),
            "late_breaches": self.count(Kind.LATE),
            "wrong": self.count(Kind.WRONG),
            "unfinished": self.count(Kind.UNFINISHED),
            "in_doubt_at_end": len(self.in_doubt),
        }
