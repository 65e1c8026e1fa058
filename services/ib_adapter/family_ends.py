"""Ends what a refusal has left of an order with exits: IB refuses its orders one by one.

Exits must not live on without the order that they belong to. And an order whose last exit was
refused was not transmitted, as that one was to take it along: it would wait in the Gateway for
good. An exit that is refused otherwise is told, and nothing is done: the order works without it.
"""

from __future__ import annotations

from collections.abc import Iterable

import structlog

from services.common.domain.errors import Unavailable
from services.common.domain.order_spec import OrderSpec
from services.common.domain.order_terms import OrderClass
from services.ib_adapter import brackets
from services.ib_adapter.brackets import ExitRef
from services.ib_adapter.codes import Said
from services.ib_adapter.evidence import Evidence
from services.ib_adapter.session import Session

_log = structlog.stdlib.get_logger(__name__)


class FamilyEnds:
    """Cancels, and waits for nothing: what the orders come to is told."""

    def __init__(self, session: Session, evidence: Evidence) -> None:
        self._session = session
        self._evidence = evidence

    def refused(self, spec: OrderSpec, said: Said) -> None:
        """An order, or an exit of one, was refused before it was ever accepted."""
        exit_ = ExitRef.parse(spec.client_order_id)
        if exit_ is None:
            exits = [exit_.client_order_id for exit_ in brackets.exits_of(spec)]
            if exits:
                _log.error("order_refused_with_exits", client_id=spec.client_order_id)
                self._cancel(exits)
            return
        _log.error("exit_refused", client_id=exit_.head, exit=str(exit_), said=str(said))
        head = self._evidence.of_ref(exit_.head)
        if _is_last(exit_) and (head is None or not head.is_proven):
            self._cancel([exit_.head, *brackets.exit_refs(exit_.head)])

    def _cancel(self, client_ids: Iterable[str]) -> None:
        for client_id in client_ids:
            order_id = self._evidence.number_of(client_id)
            if not order_id:
                continue
            try:
                self._session.wire().cancel(order_id)
            except Unavailable as error:
                _log.error("not_canceled", client_id=client_id, error=error.message)


def _is_last(exit_: ExitRef) -> bool:
    """Whether it takes the others along when it is transmitted."""
    if exit_.order_class is OrderClass.OCO:
        return False
    return exit_.order_class is OrderClass.OTO or not exit_.takes_profit
