"""What a checker found wrong. Checkers know the venues' ledgers and plain data, nothing else."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum


class Kind(Enum):
    """What is wrong."""

    DUPLICATE = "duplicate"  # more than one venue order for a placement, or a fill booked twice
    LOSS = "loss"  # an order or a fill of a venue that the router does not know
    EXPOSURE = "exposure"  # more filled or live than was asked for
    INTENT = "intent"  # sent before its intent was on the disk
    GATE = "gate"  # sent although trading was halted
    WRONG = "wrong"  # the router says of an order or a position what the venue does not
    UNFINISHED = "unfinished"  # still in doubt, or uncanceled, although the venue can be asked
    REPLAY = "replay"  # the journal does not give the state that was live, or replay sent
    BROKEN = "broken"  # the simulation itself failed
    NOISE = "noise"  # something was alarmed or raised that no fault explains


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is wrong, and when it was seen (virtual seconds)."""

    kind: Kind
    text: str
    at_s: float = 0.0

    def __str__(self) -> str:
        return f"[{self.kind.value}] {self.text} (at {self.at_s:.3f} s)"
