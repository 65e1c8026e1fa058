"""Bugs put into the IB adapter on purpose: what programs on ib_insync have done, mostly by default.

See `sabotages.py`, which lists them with the others.
"""

from __future__ import annotations

import itertools
from dataclasses import replace
from typing import Any, Final

import pytest

from services.common.domain.errors import OutcomeUnknown, ReadFailed
from services.common.domain.order_spec import OrderSpec
from services.ib_adapter.codes import OrderEffect, Said
from services.ib_adapter.evidence import Evidence
from services.ib_adapter.order_entry import OrderEntry
from services.ib_adapter.pending import Pending
from services.ib_adapter.send_log import SendLog
from services.ib_adapter.telling import Telling

# What ib_insync takes for a warning; after any other code its order is "Cancelled".
_WARNINGS = frozenset({110, 165, 202, 399, 404, 434, 492, 10167, *range(2100, 2200)})


def ib_send_log_not_synced(patch: pytest.MonkeyPatch) -> None:
    """The send log is written, and never synced."""
    opened = SendLog.__init__

    def open_fast(self: Any, connection: Any, writer: Any) -> None:
        connection.pragma("synchronous", "OFF")
        opened(self, connection, writer)

    patch.setattr(SendLog, "__init__", open_fast)
    _believe_the_gateways_next_number(patch)


def _believe_the_gateways_next_number(patch: pytest.MonkeyPatch) -> None:
    """Take away the second defence, the numbers of the orders that are listed."""
    patch.setattr(
        Evidence, "highest_number", property(lambda _: 0, lambda _self, _: None), raising=False
    )


def ib_sent_again_without_an_answer(patch: pytest.MonkeyPatch) -> None:
    """IB said nothing: it can't have had it."""
    submit = OrderEntry.submit

    async def twice(self: Any, spec: OrderSpec, last_check: Any) -> Any:
        try:
            return await submit(self, spec, last_check)
        except OutcomeUnknown:
            await self._send_log.withdraw(spec.client_order_id)
            return await submit(self, spec, last_check)

    patch.setattr(OrderEntry, "submit", twice)


def ib_local_status_believed(patch: pytest.MonkeyPatch) -> None:
    """An order that gets a code is canceled, as ib_insync has it."""

    def effect(said: Said) -> OrderEffect:
        return OrderEffect.NONE if said.code in _WARNINGS else OrderEffect.REJECTED

    patch.setattr(Said, "effect", property(effect))


def ib_failed_read_taken_for_empty(patch: pytest.MonkeyPatch) -> None:
    """A request that fails has found nothing, as ib_insync has it."""

    def end_empty(self: Pending, key: Any, error: ReadFailed) -> None:
        self._rows[key] = []
        self.end(key)

    patch.setattr(Pending, "fail", end_empty)


def ib_execution_ids_ignored(patch: pytest.MonkeyPatch) -> None:
    """Every execution that is heard of is another one."""
    hear, numbers = Telling.hear_execution, itertools.count()

    def anew(self: Telling, word: Any, source: Any) -> bool:
        return hear(self, replace(word, exec_id=f"fill-{next(numbers)}", cum_qty=None), source)

    patch.setattr(Telling, "hear_execution", anew)


def ib_order_ids_not_kept(patch: pytest.MonkeyPatch) -> None:
    """The Gateway knows best which number is next."""
    patch.setattr(SendLog, "high_water", property(lambda self: 0))
    _believe_the_gateways_next_number(patch)


ALL: Final = (
    ib_send_log_not_synced,
    ib_sent_again_without_an_answer,
    ib_local_status_believed,
    ib_failed_read_taken_for_empty,
    ib_execution_ids_ignored,
    ib_order_ids_not_kept,
)
