"""Tells what the Gateway said, each thing once: executions before the orders that show them.

An execution is held back for the moment in which its commission comes, no longer: it is told
without a fee then, and once more when the fee has come. A report that shows more filled than
executions have told is held back for them; if they don't come, a message was lost.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Final, TypeVar

import structlog

from services.common.adapter.port import EventSink
from services.common.domain.executions import ExecSource, Execution, Fee
from services.common.domain.reports import OrderReport
from services.ib_adapter.exec_ids import corrected_by_id, split_exec_id
from services.ib_adapter.reached import Part, Reached
from services.ib_adapter.translate import Translator
from services.ib_adapter.words import ExecutionWord

_log = structlog.stdlib.get_logger(__name__)

K = TypeVar("K")
V = TypeVar("V")

ORDERS_MAX: Final = 20_000
EXECUTIONS_MAX: Final = 50_000
_ZERO: Final = Decimal(0)


@dataclass(frozen=True, slots=True)
class TellingTerms:
    """Seconds: how long an execution waits for its commission, a report for its executions."""

    commission_wait_s: float
    execution_wait_s: float


@dataclass(frozen=True, slots=True)
class _Held:
    execution: Execution
    part: Part
    due_at: float


@dataclass(frozen=True, slots=True)
class _Waiting:
    report: OrderReport
    due_at: float


class Telling:
    """Keeps back while it is shut (no session), tells at once while it is open.

    Used on the event loop's thread only. What is beyond its bounds is forgotten, oldest first, and
    may be told once more, which those who book executions by their ids do not mind.
    """

    def __init__(
        self,
        sink: EventSink,
        translator: Translator,
        monotonic: Callable[[], float],
        terms: TellingTerms,
    ) -> None:
        self._sink = sink
        self._translator = translator
        self._monotonic = monotonic
        self._terms = terms
        self.is_open = False
        self._told_exec_ids: OrderedDict[str, None] = OrderedDict()
        # By the part of an execution's id that its corrections share: the id that was seen last.
        self._latest: OrderedDict[str, str] = OrderedDict()
        self._corrects: OrderedDict[str, str] = OrderedDict()
        self._held: OrderedDict[str, _Held] = OrderedDict()
        self._fees: OrderedDict[str, Fee] = OrderedDict()
        self._told_without_fee: OrderedDict[str, _Held] = OrderedDict()
        self._reached = Reached()
        self._shown: OrderedDict[str, tuple[object, ...]] = OrderedDict()
        self._waiting: OrderedDict[str, _Waiting] = OrderedDict()
        # Set when something more is kept back, which may be due before the rest.
        self._kept = asyncio.Event()

    # -- what is heard -----------------------------------------------------------------------

    def hear_execution(self, word: ExecutionWord, source: ExecSource) -> bool:
        """Take an execution; False if it was known. Raises Unreadable."""
        stem, revision = split_exec_id(word.exec_id)
        latest = self._latest.get(stem)
        if word.exec_id in self._told_exec_ids or word.exec_id in self._held:
            return False
        if latest is not None and split_exec_id(latest)[1] > revision:
            return False  # corrected already
        fee = self._fees.get(word.exec_id)
        corrects = latest or corrected_by_id(word.exec_id)
        execution = self._translator.execution(word, source, corrects=corrects, fee=fee)
        keep(self._latest, stem, word.exec_id, EXECUTIONS_MAX)
        if corrects:
            _log.error("execution_corrected", exec_id=word.exec_id, corrects=corrects)
            keep(self._corrects, word.exec_id, corrects, EXECUTIONS_MAX)
        wait_s = 0.0 if fee is not None else self._terms.commission_wait_s
        part = Part(word.contract.conId, stem, word.last_qty, execution.cum_qty or _ZERO)
        held = _Held(execution, part, self._monotonic() + wait_s)
        keep(self._held, word.exec_id, held, EXECUTIONS_MAX)
        self._kept.set()
        return True

    def hear_fee(self, exec_id: str, fee: Fee) -> None:
        """Take an execution's commission."""
        told = self._told_without_fee.pop(exec_id, None)
        known = self._held.get(exec_id) or told
        if known is not None:
            costed = replace(known.execution, fees=(fee,))
            held = replace(known, execution=costed, due_at=self._monotonic())
            keep(self._held, exec_id, held, EXECUTIONS_MAX)
        keep(self._fees, exec_id, fee, EXECUTIONS_MAX)

    def hear_report(self, report: OrderReport) -> None:
        """Take an order's report; one that says nothing new is dropped."""
        key = report.venue_order_id or report.client_id
        if self._shown.get(key) == _signature(report):
            self._waiting.pop(key, None)
            return
        before = self._waiting.pop(key, None)
        ends_at = self._monotonic() + self._terms.execution_wait_s
        is_same = before is not None and before.report.cum_qty == report.cum_qty
        due_at = before.due_at if before is not None and is_same else ends_at
        keep(self._waiting, key, _Waiting(report, due_at), ORDERS_MAX)
        self._kept.set()

    def settle(self, venue_order_id: str, cum_qty: Decimal) -> None:
        """Executions up to here are not waited for: the venue lists no more of them."""
        self._reached.settle(venue_order_id, cum_qty)

    def expect_legs(self, venue_order_id: str, ratios: Mapping[int, int]) -> None:
        """It is a multi-leg order: its reports wait for executions of each leg."""
        self._reached.expect_legs(venue_order_id, ratios)

    async def run(self, lost: Callable[[str], None]) -> None:
        """Tell what becomes due; call `lost` when executions are overdue. Until canceled."""
        while True:
            self._kept.clear()
            now = self._monotonic()
            self.flush()
            overdue = self.overdue() if self.is_open else ""
            if overdue:
                lost(f"executions were lost: {overdue}")
            due_at = self._next_due_at(now)
            wait_s = None if due_at is None else max(due_at - self._monotonic(), 0.0)
            with contextlib.suppress(TimeoutError):  # then something is due
                async with asyncio.timeout(wait_s):
                    await self._kept.wait()

    # -- what is told ------------------------------------------------------------------------

    def flush(self) -> None:
        """Tell what may be told now; nothing while it is shut."""
        if not self.is_open:
            return
        now = self._monotonic()
        for exec_id, held in list(self._held.items()):
            if held.due_at <= now:
                self._tell_execution(exec_id, held)
        for key, waiting in list(self._waiting.items()):
            if self._is_covered(waiting.report):
                del self._waiting[key]
                self._sink.publish(waiting.report)
                keep(self._shown, key, _signature(waiting.report), ORDERS_MAX)

    def _next_due_at(self, seen_at: float) -> float | None:
        """When something that was not due at `seen_at` becomes due, in monotonic seconds."""
        times = [held.due_at for held in self._held.values()]
        times += [waiting.due_at for waiting in self._waiting.values()]
        return min((at for at in times if at > seen_at), default=None)

    def overdue(self) -> str:
        """Which order shows more filled than executions were told of, for too long; "" if none."""
        now = self._monotonic()
        for waiting in self._waiting.values():
            report = waiting.report
            if waiting.due_at <= now and report.cum_qty > self._heard_qty(report.venue_order_id):
                return f"order {report.venue_order_id} has {report.cum_qty} filled"
        return ""

    def open(self) -> None:
        """Begin to tell, with all that was kept back; what waits, waits from now on."""
        self.is_open = True
        ends_at = self._monotonic() + self._terms.execution_wait_s
        for key, waiting in self._waiting.items():
            self._waiting[key] = _Waiting(waiting.report, ends_at)
        self._kept.set()
        self.flush()

    def shut(self) -> None:
        """Keep back from now on."""
        self.is_open = False

    def missing(self) -> list[OrderReport]:
        """Reports that show more filled than executions were heard of."""
        reports = [waiting.report for waiting in self._waiting.values()]
        return [r for r in reports if r.cum_qty > self._heard_qty(r.venue_order_id)]

    def was_told(self, exec_id: str) -> bool:
        """Whether this execution was told, or will be."""
        return exec_id in self._told_exec_ids or exec_id in self._held

    def fee_of(self, exec_id: str) -> Fee | None:
        """The commission of an execution, if it was told."""
        return self._fees.get(exec_id)

    def corrected_by(self, exec_id: str) -> str:
        """The earlier execution that this one corrects, "" if it is the first of its id."""
        return self._corrects.get(exec_id, "")

    def executions_due_in_s(self) -> float:
        """How long until no execution waits for its commission any more."""
        latest = max((held.due_at for held in self._held.values()), default=0.0)
        return max(0.0, latest - self._monotonic())

    def _tell_execution(self, exec_id: str, held: _Held) -> None:
        del self._held[exec_id]
        self._sink.publish(held.execution)
        keep(self._told_exec_ids, exec_id, None, EXECUTIONS_MAX)
        if not held.execution.fees:
            keep(self._told_without_fee, exec_id, held, EXECUTIONS_MAX)
        self._reached.tell(held.execution.venue_order_id, held.part)

    def _heard_qty(self, venue_order_id: str) -> Decimal:
        parts = (
            held.part
            for held in self._held.values()
            if held.execution.venue_order_id == venue_order_id
        )
        return self._reached.qty(venue_order_id, parts)

    def _is_covered(self, report: OrderReport) -> bool:
        return report.cum_qty <= self._reached.qty(report.venue_order_id)


def _signature(report: OrderReport) -> tuple[object, ...]:
    progress = (report.status, report.signal, report.raw_status, report.cum_qty)
    prices = (report.limit_price, report.stop_price, report.trail_amount, report.trail_percent)
    return (*progress, *prices, report.order_qty, report.time_in_force)


def keep(kept: OrderedDict[K, V], key: K, value: V, len_max: int) -> None:
    """Put it in as the newest; the oldest make room."""
    kept[key] = value
    kept.move_to_end(key)
    while len(kept) > len_max:
        kept.popitem(last=False)
