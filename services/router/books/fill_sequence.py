"""The sequence in which executions move positions: as they were booked, corrections in their place.

Lots are closed first in, first out, so a corrected execution must be reckoned where the first one
stood, or a price that was put right today would change which lot was sold yesterday.
"""

from __future__ import annotations

from collections.abc import Iterable, MutableMapping

from services.common.domain.executions import Execution
from services.common.domain.order import Order

FillKey = tuple[str, str]
FillSeqs = MutableMapping[FillKey, int]
"""By placement and execution id: the sequence of the record that told of the fill first."""


def note(seqs: FillSeqs, seq: int, before: Order, after: Order) -> bool:
    """Note what a record changed of an order's fills; True if it only added one that counts."""
    old, new = before.executions, after.executions
    if new[: len(old)] == old:
        seqs.update((_key(execution), seq) for execution in new[len(old) :])
        return len(new) > len(old)
    if len(new) == len(old):
        for corrected, correction in zip(old, new, strict=True):
            seqs[_key(correction)] = seqs[_key(corrected)]
    return False


def in_sequence(seqs: FillSeqs, executions: Iterable[Execution]) -> list[Execution]:
    """The executions as they are to be reckoned."""
    return sorted(executions, key=lambda execution: seqs[_key(execution)])


def _key(execution: Execution) -> tuple[str, str]:
    return (execution.client_id, execution.exec_id)
