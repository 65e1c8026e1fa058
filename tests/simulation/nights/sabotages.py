"""Bugs put into the IB adapter on purpose: each breaks one of the things that a night must show."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any, Final

import pytest

from services.common.adapter.absence import Absence
from services.common.domain.executions import ExecSource
from services.common.domain.reports import FenceOutcome, FenceProof
from services.ib_adapter.revisions import Revisions
from services.ib_adapter.session import Session
from services.ib_adapter.telling import Telling
from tests.simulation import ib_sabotages

Sabotage = Callable[[pytest.MonkeyPatch], None]


def ready_before_it_has_read(patch: pytest.MonkeyPatch) -> None:
    """A connection is enough for an order."""

    async def read_nothing(*_: Any) -> None:
        return None

    patch.setattr("services.ib_adapter.session_sync.read_missed", read_nothing)


def missed_executions_dropped(patch: pytest.MonkeyPatch) -> None:
    """What nobody was told of live is not read afterwards."""
    hear = Telling.hear_execution

    def deaf(self: Telling, word: Any, source: ExecSource) -> bool:
        if source is ExecSource.STREAM:
            return hear(self, word, source)
        self.settle(str(word.perm_id), word.cum_qty or word.last_qty)
        return False

    patch.setattr(Telling, "hear_execution", deaf)


def fills_given_to_the_order_before(patch: pytest.MonkeyPatch) -> None:
    """An execution is one of the order that filled last."""
    hear, last = Telling.hear_execution, {"perm_id": 0, "order_ref": ""}

    def mistaken(self: Telling, word: Any, source: ExecSource) -> bool:
        known = last["perm_id"]
        shown = replace(word, **last) if known else word
        last.update(perm_id=word.perm_id, order_ref=word.order_ref)
        return hear(self, shown, source)

    patch.setattr(Telling, "hear_execution", mistaken)


def ends_forgotten(patch: pytest.MonkeyPatch) -> None:
    """Orders that have ended are not asked for after a gap."""

    async def nothing(self: Any) -> list[Any]:
        return []

    patch.setattr("services.ib_adapter.requests.Requests.completed_orders", nothing)


def absence_not_proven(patch: pytest.MonkeyPatch) -> None:
    """A tombstone is enough: nobody asks the venue."""

    async def prove(self: Any, placement_id: str, _: Any) -> FenceProof:
        await self._store.bury(placement_id, "it was not answered")
        return FenceProof(FenceOutcome.FENCED, "it was not answered")

    patch.setattr(Absence, "prove", prove)


def reconnects_when_it_likes(patch: pytest.MonkeyPatch) -> None:
    """After a lost connection there is no hurry."""
    patch.setattr(Session, "_backoff_s", lambda *_: 90.0)


def shown_terms_believed_for_good(patch: pytest.MonkeyPatch) -> None:
    """What IB has shown of a change it can't take back."""
    patch.setattr(Revisions, "confirm", lambda *_: None)


ALL: Final[dict[str, Sabotage]] = {
    sabotage.__name__: sabotage
    for sabotage in (
        ready_before_it_has_read,
        missed_executions_dropped,
        fills_given_to_the_order_before,
        ends_forgotten,
        absence_not_proven,
        reconnects_when_it_likes,
        shown_terms_believed_for_good,
        *ib_sabotages.ALL,
    )
}
