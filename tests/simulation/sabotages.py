"""Bugs put into the product on purpose, to show that the checkers would see them.

Each is what somebody might write in good faith, and most are what some trading program has done.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any, Final

import pytest

from services.alpaca_adapter.listings import Listings
from services.common.domain.errors import OutcomeUnknown, ReadFailed
from services.common.domain.order import Order
from services.common.domain.order_spec import OrderSpec, PlacementId
from services.common.domain.order_status import OrderStatus, Signal
from services.router.journal.journal import Journal
from services.router.journal.sqlite import SqliteJournal
from services.router.routing import desk, work
from services.router.routing.care import Care
from services.router.routing.desk import Desk
from services.router.routing.intake import Intake
from services.router.routing.venue_client import VenueClient
from services.router.routing.work import OrderWork
from tests.simulation import ib_sabotages

Sabotage = Callable[[pytest.MonkeyPatch], None]


def resend_on_time_out(patch: pytest.MonkeyPatch) -> None:
    """No answer: send it again, under a new id so that the venue takes it."""
    submit = VenueClient.submit

    async def twice(self: VenueClient, spec: OrderSpec, claim: Any, session_id: str) -> Any:
        try:
            return await submit(self, spec, claim, session_id)
        except OutcomeUnknown:
            placed = PlacementId.parse(spec.client_order_id)
            assert placed is not None
            again = str(replace(placed, number=placed.number + 1))
            return await submit(self, replace(spec, client_order_id=again), claim, session_id)

    patch.setattr(VenueClient, "submit", twice)


def doubt_taken_for_not_sent(patch: pytest.MonkeyPatch) -> None:
    """Whatever failed was not sent."""

    def without_report(self: Any, link: Any, placement: Any, error: Any) -> None:
        self._signal(placement, Signal.NOT_SENT, error.cause)

    patch.setattr(OrderWork, "_without_report", without_report)


def execution_ids_ignored(patch: pytest.MonkeyPatch) -> None:
    """Every execution that is heard of is booked."""
    patch.setattr(Order, "booked", lambda self, execution: None)


def fsync_dropped(patch: pytest.MonkeyPatch) -> None:
    """The journal is written, and never synced."""
    opened = SqliteJournal.__init__

    def open_fast(self: Any, *args: Any, **kwargs: Any) -> None:
        opened(self, *args, **kwargs)
        self._db.pragma("synchronous", "OFF")

    patch.setattr(SqliteJournal, "__init__", open_fast)


def send_before_commit(patch: pytest.MonkeyPatch) -> None:
    """The journal will be durable soon enough."""

    class Hasty:
        def __init__(self, journal: Journal) -> None:
            self._journal = journal

        def __getattr__(self, name: str) -> Any:
            return getattr(self._journal, name)

        async def durable(self, seq: int | None = None) -> None:
            return None

    send = OrderWork._send

    async def hasty(self: Any, link: Any, placement: Any) -> None:
        self.tools = replace(self.tools, journal=Hasty(self.tools.journal))
        await send(self, link, placement)

    patch.setattr(OrderWork, "_send", hasty)


def unknown_read_as_empty(patch: pytest.MonkeyPatch) -> None:
    """A look-up that fails has found nothing."""
    look_up = Listings.order_by_client_id

    async def nothing(self: Listings, *args: Any, **named: Any) -> Any:
        try:
            return await look_up(self, *args, **named)
        except ReadFailed:
            return None

    patch.setattr(Listings, "order_by_client_id", nothing)


def repeats_taken_for_new(patch: pytest.MonkeyPatch) -> None:
    """An order under a known id is planned anew once the first is done."""
    patch.setattr(Desk, "_is_settled", lambda self, key, spec: key in self._working)


def orphans_taken_for_not_sent(patch: pytest.MonkeyPatch) -> None:
    """After a restart, what has no answer was not sent."""
    take_signal = Intake.take_signal

    def forgetful(self: Intake, entry: Any, signaled: Any, report: Any = None) -> None:
        cause = signaled.cause
        if cause is not None and "the router was restarted" in cause.message:
            signaled = replace(signaled, signal=Signal.NOT_SENT)
        take_signal(self, entry, signaled, report)

    patch.setattr(Intake, "take_signal", forgetful)


def standing_cancels_forgotten(patch: pytest.MonkeyPatch) -> None:
    """A cancel that did not get through at once is not passed on later."""

    async def nothing(self: Any, *_: Any) -> None:
        return None

    patch.setattr(Care, "_pass_cancel_on", nothing)


def gate_ignored(patch: pytest.MonkeyPatch) -> None:
    """Nobody asks the gate."""
    for module in (desk, work):
        patch.setattr(module, "check_gate", lambda *_: None)


def late_fills_dropped(patch: pytest.MonkeyPatch) -> None:
    """An order that was canceled can't fill any more."""
    take_execution = Intake.take_execution

    def deaf(self: Any, execution: Any) -> None:
        entry, placement_id = self._owner(
            execution.account_id, execution.venue, execution.client_id, execution.venue_order_id
        )
        placement = entry and entry.order.placement(placement_id)
        if placement is None or placement.status is not OrderStatus.CANCELED:
            take_execution(self, execution)

    patch.setattr(Intake, "take_execution", deaf)


ALL: Final[dict[str, Sabotage]] = {
    sabotage.__name__: sabotage
    for sabotage in (
        resend_on_time_out,
        doubt_taken_for_not_sent,
        execution_ids_ignored,
        fsync_dropped,
        send_before_commit,
        unknown_read_as_empty,
        repeats_taken_for_new,
        orphans_taken_for_not_sent,
        standing_cancels_forgotten,
        gate_ignored,
        late_fills_dropped,
        *ib_sabotages.ALL,
    )
}
