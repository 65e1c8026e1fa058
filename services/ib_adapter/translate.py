"""Orders and executions of IB's in our words."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from decimal import Decimal
from typing import Final

import structlog

from services.common.domain.errors import Cause, Reason
from services.common.domain.executions import (
    ExecSource,
    ExecType,
    Execution,
    Fee,
    RecordTimes,
    Side,
)
from services.common.domain.order_spec import OrderSpec
from services.common.domain.order_status import OrderStatus, Signal
from services.common.domain.reports import OrderReport
from services.ib_adapter import contracts, figures
from services.ib_adapter.brackets import head_of
from services.ib_adapter.evidence import OrderFacts
from services.ib_adapter.families import Families, asked_family
from services.ib_adapter.figures import Unreadable
from services.ib_adapter.order_reading import asked_terms, read_terms
from services.ib_adapter.revision_parts import Part, Whose
from services.ib_adapter.revision_reports import revised
from services.ib_adapter.revisions import Revisions
from services.ib_adapter.words import ExecutionWord

_log = structlog.stdlib.get_logger(__name__)

_SIDES: Final = {"BOT": Side.BUY, "SLD": Side.SELL}


class Translator:
    """Writes records for one account. `now` is our clock, `venue_now` IB's as far as known."""

    def __init__(
        self,
        venue: str,
        account_id: str,
        now: Callable[[], datetime],
        venue_now: Callable[[], datetime | None],
        families: Families,
        revisions: Revisions | None = None,
    ) -> None:
        self._venue = venue
        self._account_id = account_id
        self._now = now
        self._venue_now = venue_now
        self._families = families
        self._revisions = revisions

    def reports(self, facts: OrderFacts) -> list[OrderReport]:
        """Every revision of the order as it was told so far, oldest first."""
        return [self.part(part) for part in self._parts(facts)]

    def report(self, facts: OrderFacts, client_id: str = "") -> OrderReport:
        """The order as it was told so far: its revision of that id, or the one in force."""
        parts = self._parts(facts)
        named = (part for part in parts if part.client_id == client_id)
        in_force = next(part for part in reversed(parts) if not part.is_taken_back)
        return self.part(next(named, in_force))

    def part(self, part: Part) -> OrderReport:
        """One revision of an order."""
        return revised(self._whole(part.facts), part)

    def _parts(self, facts: OrderFacts) -> tuple[Part, ...]:
        if self._revisions is None:
            return (Part(facts.order_ref, str(facts.perm_id), facts),)
        return self._revisions.parts(facts)

    def _whole(self, facts: OrderFacts) -> OrderReport:
        """An order of IB's."""
        status, signal = facts.standing
        contract = facts.contract
        instrument = None if contract is None else contracts.instrument_or_none(contract)
        terms = {"instrument": instrument} | self._families.terms_of(facts)
        return OrderReport(
            venue=self._venue,
            account_id=self._account_id,
            client_id=facts.order_ref,
            venue_order_id=str(facts.perm_id),
            status=status,
            signal=signal,
            raw_status=facts.raw_status,
            cum_qty=facts.filled,
            times=self._times(None),
            side=facts.side,
            order_qty=facts.order_qty,
            avg_px=facts.avg_px,
            cause=facts.refusal or _noted(facts, signal),
            parent=self._families.parent_of(facts),
            **terms,
            **read_terms(facts).as_terms(),
        )

    def refused(self, spec: OrderSpec, cause: Cause, *, canceled: bool = False) -> OrderReport:
        """The report of an order that the Gateway did not take, in its own words."""
        head = head_of(spec.client_order_id)
        return OrderReport(
            venue=self._venue,
            account_id=self._account_id,
            client_id=spec.client_order_id,
            venue_order_id="",
            status=OrderStatus.CANCELED if canceled else OrderStatus.REJECTED,
            signal=Signal.CANCELED if canceled else Signal.REJECTED,
            raw_status=f"code {cause.venue_code}",
            cum_qty=Decimal(0),
            times=self._times(None),
            instrument=spec.instrument,
            side=spec.side,
            order_qty=spec.order_qty,
            position_intent=spec.position_intent,
            cause=cause,
            parent="" if head == spec.client_order_id else self._families.id_of(head),
            **asked_family(spec),
            **asked_terms(spec),
        )

    def execution(
        self, word: ExecutionWord, source: ExecSource, *, corrects: str = "", fee: Fee | None = None
    ) -> Execution:
        """An execution; `corrects` is the id of the earlier one that it takes the place of. That of
        an exit is told under the id of the order that it belongs to.

        Raises Unreadable for a side or an instrument that has no name here.
        """
        side = _SIDES.get(word.side)
        if side is None:
            raise Unreadable(f"execution {word.exec_id} has side {word.side!r}")
        head, whose = head_of(word.order_ref), self._whose(word)
        return Execution(
            venue=self._venue,
            account_id=self._account_id,
            exec_id=word.exec_id,
            venue_order_id=whose.venue_order_id,
            client_id=whose.client_id if head == word.order_ref else head,
            instrument=contracts.instrument_of(word.contract),
            side=side,
            last_qty=word.last_qty,
            last_px=word.last_px,
            cum_qty=whose.cum_qty,
            source=source,
            times=self._times(word.venue_time),
            exec_type=_exec_type(word, corrects),
            exec_ref_id=corrects,
            fees=() if fee is None else (fee,),
        )

    def _whose(self, word: ExecutionWord) -> Whose:
        if self._revisions is None:
            return Whose(word.order_ref, str(word.perm_id), word.cum_qty)
        return self._revisions.whose(word)

    def _times(self, venue_time: datetime | None) -> RecordTimes:
        return RecordTimes(
            venue_time=venue_time,
            received_time=self._now(),
            trading_date=figures.trading_date(venue_time or self._venue_now()),
        )


def _exec_type(word: ExecutionWord, corrects: str) -> ExecType:
    """What comes again with a quantity of nothing never was."""
    if not corrects:
        return ExecType.TRADE
    return ExecType.CORRECT if word.last_qty else ExecType.BUST


def _noted(facts: OrderFacts, signal: Signal) -> Cause | None:
    """IB's remark on an order that does not work."""
    if not facts.note or signal in (Signal.ACKNOWLEDGED, Signal.REOPENED, Signal.FILLED):
        return None
    return Cause(Reason.VENUE_REJECTED, facts.note[:500])
