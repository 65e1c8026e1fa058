"""Words of the Gateway, and a translator: what the unit tests of the IB adapter share."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import apsw

from services.common.adapter.one_writer import OneWriter
from services.common.adapter.port import VenueEvent
from services.common.domain.executions import Execution
from services.common.domain.occ import parse_occ
from services.common.domain.reports import OrderReport
from services.common.runtime.clock import SystemClock
from services.ib_adapter import contracts
from services.ib_adapter.evidence import Evidence
from services.ib_adapter.families import Families
from services.ib_adapter.library import Contract
from services.ib_adapter.order_news import OrderNews
from services.ib_adapter.overturning import Overturning
from services.ib_adapter.revision_log import RevisionLog
from services.ib_adapter.revision_news import RevisionNews
from services.ib_adapter.revision_rows import ADDED
from services.ib_adapter.revisions import Revisions
from services.ib_adapter.telling import Telling
from services.ib_adapter.translate import Translator
from services.ib_adapter.waiters import Waiters
from services.ib_adapter.words import ExecutionWord, OrderWord, StatusWord

NOW = datetime(2024, 11, 4, 15, 0, tzinfo=UTC)
PUT = parse_occ("SPY241115P00400000")
A = "a~sim~1.0"
OURS = 17


def put_contract() -> Contract:
    contract = contracts.contract_of(PUT)
    contract.localSymbol = PUT.osi
    return contract


def order_word(raw_status: str = "Submitted", **changed: Any) -> OrderWord:
    word = OrderWord(
        perm_id=900,
        order_id=5,
        client_id=OURS,
        order_ref=A,
        account="DU1",
        raw_status=raw_status,
        contract=put_contract(),
        action="SELL",
        order_qty=Decimal(3),
        order_type="LMT",
        time_in_force="DAY",
        limit_price=Decimal("5.5"),
        filled=None,
        is_completed=False,
    )
    return replace(word, **changed)


def status_word(raw_status: str, filled: str = "0", **changed: Any) -> StatusWord:
    word = StatusWord(900, 5, OURS, raw_status, Decimal(filled), None)
    return replace(word, **changed)


def execution_word(exec_id: str = "x.1.01", cum: str = "1", **changed: Any) -> ExecutionWord:
    word = ExecutionWord(
        exec_id=exec_id,
        perm_id=900,
        order_id=5,
        client_id=OURS,
        order_ref=A,
        account="DU1",
        contract=put_contract(),
        side="SLD",
        last_qty=Decimal(1),
        last_px=Decimal("5.5"),
        cum_qty=Decimal(cum),
        venue_time=NOW,
    )
    return replace(word, **changed)


def translator(evidence: Evidence | None = None) -> Translator:
    heard = evidence or Evidence(OURS, lambda: 0.0)
    return Translator("ib", "main", lambda: NOW, lambda: NOW, Families(heard))


async def _at_once(fn: Callable[..., Any], /, *args: Any, timeout_s: float) -> Any:
    """Runs it now, after a turn of the loop: what is written takes a while."""
    await asyncio.sleep(0)
    return fn(*args)


class Disk:
    """A file of changes that outlives the log over it."""

    def __init__(self) -> None:
        self._connection = apsw.Connection(":memory:")
        self._connection.execute(ADDED)

    def log(self) -> RevisionLog:
        """The log as a process that starts now reads it."""
        writer = OneWriter("send log", _at_once, write_timeout_s=5.0)
        return RevisionLog(self._connection, writer)


def changes(log: RevisionLog | None = None) -> RevisionNews:
    return RevisionNews(Revisions(log or Disk().log()), SystemClock())


def order_news(
    evidence: Evidence,
    telling: Telling,
    waiters: Waiters,
    words: Translator,
    news: RevisionNews | None = None,
) -> OrderNews:
    """News of the account, with what it takes them to."""
    known = news or changes()
    overturning = Overturning(evidence, known)
    made = OrderNews(evidence, telling, waiters, words, known, overturning, client_id=OURS)
    made.account = "DU1"
    return made


class Ticking:
    """Monotonic seconds that a test moves."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


class Told:
    """What was published, in short."""

    def __init__(self) -> None:
        self.events: list[VenueEvent] = []

    def publish(self, *events: VenueEvent) -> None:
        self.events.extend(events)

    def short(self) -> list[str]:
        return [_short(event) for event in self.events]

    def executions(self) -> list[Execution]:
        return [event for event in self.events if isinstance(event, Execution)]

    def reports(self) -> list[OrderReport]:
        return [event for event in self.events if isinstance(event, OrderReport)]


def _short(event: VenueEvent) -> str:
    if isinstance(event, Execution):
        return f"{event.exec_type.value} {event.exec_id}"
    if isinstance(event, OrderReport):
        return f"{event.status.value} {event.cum_qty}"
    return type(event).__name__
