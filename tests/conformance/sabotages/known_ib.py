"""What goes wrong at Interactive Brokers: a bug each, with the cards that should see it."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import replace
from typing import Any, Final
from unittest import mock

from services.common.adapter.port import VenueEvent
from services.common.domain.executions import ExecType, Execution
from services.common.domain.order_status import OrderStatus, Signal
from services.common.domain.reports import Lookup, LookupResult, OrderReport
from services.ib_adapter import account_mode, codes, session_connect, statuses
from tests.conformance.sabotages.known import (
    NoOrdersOnAFailedRead,
    NothingHeldOnAFailedRead,
    TimeOutIsNoEffect,
)
from tests.conformance.sabotages.sabotage import Gateway, Sabotage, Sink


class CorrectionsAreTrades(Sink):
    """An execution that comes again under a grown id is booked beside the first."""

    def told(self, event: VenueEvent) -> list[VenueEvent]:
        if isinstance(event, Execution) and event.exec_type is ExecType.CORRECT:
            return [replace(event, exec_type=ExecType.TRADE, exec_ref_id="")]
        return [event]


class AbsentByTheDaysLists(Gateway):
    """What no list shows never was, although the lists begin at midnight."""

    async def find_order(self, **ids: Any) -> LookupResult:
        found: LookupResult = await self.real.find_order(**ids)
        return LookupResult(Lookup.ABSENT) if found.lookup is Lookup.UNKNOWN else found


class EndsOnARefusedChange(Gateway):
    """ib_insync #502: a modify that was refused shows the order as canceled."""

    async def replace(self, *terms: Any, **more: Any) -> OrderReport:
        report: OrderReport = await self.real.replace(*terms, **more)
        if report.signal is not Signal.REPLACE_REJECTED:
            return report
        return replace(report, status=OrderStatus.CANCELED, signal=Signal.CANCELED)


def _means(code: int, kind: codes.Kind) -> Any:
    return lambda: mock.patch.dict(codes.TABLE, {code: codes.Meaning(kind)})


def _inactive_is_dead() -> Any:
    dead = (OrderStatus.REJECTED, Signal.REJECTED)
    return mock.patch.dict(statuses.STATUSES, {"Inactive": dead})


def _any_account_will_do() -> Any:
    stack = ExitStack()
    stack.enter_context(mock.patch.object(account_mode, "_check_kind"))
    stack.enter_context(mock.patch.object(session_connect, "check_log"))
    return stack


IB_SABOTAGES: Final[Sequence[Sabotage]] = (
    Sabotage(
        "calls an open outcome a refusal", ("ASB-001",), patch=_means(10328, codes.Kind.REJECTED)
    ),
    Sabotage("ends an order whose change was refused", ("RPL-010",), EndsOnARefusedChange),
    Sabotage("calls Inactive the end", ("CNL-010",), patch=_inactive_is_dead),
    Sabotage("books a correction as a trade", ("DUP-013",), sink=CorrectionsAreTrades),
    Sabotage("says absent by lists of today", ("LST-010",), AbsentByTheDaysLists),
    Sabotage("trades a live account as paper", ("VEN-011",), patch=_any_account_will_do),
    Sabotage("forgets what it sent in a restart", ("RST-013",), forgets=True),
    Sabotage("calls a time-out no effect", ("LST-009",), TimeOutIsNoEffect),
    Sabotage("answers no order on a failed read", ("LIS-004",), NoOrdersOnAFailedRead),
    Sabotage("answers no position on a failed read", ("POS-003",), NothingHeldOnAFailedRead),
)
