"""What lists, read to their end, overturn of what one word had said before.

News come late and twice, so a word that contradicts what was decided decides nothing by itself: an
order that is shown live after its end, or on other terms than its change was told to have given it.
A list that was asked for after that is no old news.
"""

from __future__ import annotations

from collections.abc import Callable

import structlog

from services.ib_adapter.evidence import Evidence, OrderFacts
from services.ib_adapter.revision_news import RevisionNews

_log = structlog.stdlib.get_logger(__name__)


class Overturning:
    """Used on the event loop's thread only. `on_reopened` is called with an order that works though
    its end was told."""

    def __init__(self, evidence: Evidence, changes: RevisionNews) -> None:
        self._evidence = evidence
        self._changes = changes
        self.on_reopened: Callable[[OrderFacts], None] = _unheard

    def begin(self) -> int:
        """The lists are going to be asked for: what was heard until now is older than they are."""
        return self._evidence.heard_no

    def lists_read(self, begun: int) -> None:
        """They were read to their ends, all that was heard since `begun` is as new as they are."""
        for facts in self._evidence:
            if facts.shown_no <= begun:
                continue
            if facts.reopen(begun):
                where = {"client_id": facts.order_ref, "perm_id": facts.perm_id}
                _log.error("order_live_after_its_end", raw_status=facts.raw_status, **where)
                self.on_reopened(facts)
            self._changes.revisions.confirm(facts)
        self._changes.save_soon()


def _unheard(_facts: OrderFacts) -> None:
    """Nobody listens yet."""
