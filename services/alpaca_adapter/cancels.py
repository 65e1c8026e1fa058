"""Cancel, of one order or of all: a request, and never an end.

Only the order itself, read or heard, has ended. A cancel of all is one request whose answer has a
word on each order; where a word is missing or the answer is half, the orders are read and tell.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any, Final, Protocol
from urllib.parse import quote

import structlog

from services.alpaca_adapter import wire_fields
from services.alpaca_adapter.answers import is_taken, not_looked_up, rate_limited
from services.alpaca_adapter.errors import Kind, Problem, classify, classify_part
from services.alpaca_adapter.exchange import Answer, NoAnswer, NotSent
from services.alpaca_adapter.rest import AlpacaRest
from services.alpaca_adapter.shown_orders import ShownOrder, ShownOrders
from services.alpaca_adapter.unproven import Unproven
from services.common.adapter.budget import Priority
from services.common.adapter.port import LastCheck
from services.common.domain.errors import (
    Cause,
    NotFound,
    OutcomeUnknown,
    ReadFailed,
    Reason,
    Refused,
    TandemError,
    Unavailable,
)
from services.common.domain.instruments import Instrument
from services.common.domain.order_status import TERMINAL, OrderStatus, Signal
from services.common.domain.order_terms import OptionCombo, OrderClass
from services.common.domain.reports import CancelAllOutcome, OrderReport

_log = structlog.stdlib.get_logger(__name__)

# How many orders that are open no more are read one by one; the others are told by events.
_ENDED_READ_MAX: Final = 10
_PACE_WAIT_S: Final = 5.0
_NO_WORD: Final = Cause(Reason.OUTCOME_UNKNOWN, "Alpaca said nothing of this order")


class Pace(Protocol):
    """What a cancel of many needs of a pacer."""

    async def take(self, priority: Priority, *, within_s: float) -> None:
        """Return when one request may be sent. Raises Unavailable BUDGET_EXHAUSTED."""


class Cancels:
    """The cancels of the adapter. No request is sent twice."""

    def __init__(
        self, rest: AlpacaRest, orders: ShownOrders, unproven: Unproven, pace: Pace
    ) -> None:
        self._rest = rest
        self._orders = orders
        self._unproven = unproven
        self._pace = pace

    # -- one -------------------------------------------------------------------------------

    async def cancel(self, client_id: str, last_check: LastCheck) -> OrderReport:
        """See `VenueGateway.cancel`."""
        return await self._cancel(await self._to_cancel(client_id), last_check)

    async def cancel_found(self, venue_order_id: str, last_check: LastCheck) -> OrderReport:
        """See `VenueGateway.cancel_found`. Alpaca lets us cancel whatever is in the account."""
        try:
            order = await self._orders.by_id(venue_order_id, Priority.CANCEL)
        except ReadFailed as error:
            raise not_looked_up(error) from error
        if order is None:
            raise NotFound(Reason.ORDER_NOT_FOUND, f"Alpaca has no order {venue_order_id}")
        if order.has_ended:
            raise _ended(order.report)
        return await self._cancel(order.report, last_check)

    async def _cancel(self, report: OrderReport, last_check: LastCheck) -> OrderReport:
        if report.status is OrderStatus.PENDING_CANCEL:
            return report
        problem = await self._delete(report, last_check)
        if problem is None:
            return await self._canceling(report)
        _log.info("cancel_not_taken", client_order_id=report.client_id, answer=str(problem))
        return await self._cancel_refused(report, problem)

    async def _to_cancel(self, client_id: str) -> OrderReport:
        """The order under the id, open. Nothing is sent if it is not, or can't be read."""
        try:
            # As urgent as the cancel: after a 429 nothing else passes.
            order = await self._orders.by_client_id(client_id, Priority.CANCEL)
        except ReadFailed as error:
            raise not_looked_up(error) from error
        if order is None:
            raise NotFound(Reason.ORDER_NOT_FOUND, f"Alpaca has no order under {client_id}")
        self._unproven.found(client_id)
        if order.has_ended:
            raise _ended(order.report)
        return order.report

    async def _delete(self, report: OrderReport, last_check: LastCheck) -> Problem | None:
        """Ask for the end of one order; None if the request was taken."""
        path = f"/orders/{quote(report.venue_order_id, safe='')}"
        try:
            answer = await self._rest.delete(path, last_check)
        except NotSent as error:
            raise Unavailable(Reason.VENUE_UNAVAILABLE, f"not sent: {error}") from error
        except NoAnswer as error:
            raise OutcomeUnknown(f"cancel sent, and no answer came: {error}") from error
        return None if is_taken(answer) else classify(answer)

    async def _canceling(self, before: OrderReport) -> OrderReport:
        """The order after a cancel was taken: as read back, live ones as PENDING_CANCEL."""
        after = await self._read_back(before)
        return _asked(before) if after is None else _asked(after.report)

    async def _cancel_refused(self, before: OrderReport, problem: Problem) -> OrderReport:
        if problem.kind is Kind.UNKNOWN:
            raise OutcomeUnknown(f"cancel sent: {problem}")
        if problem.kind is Kind.RATE_LIMITED:
            raise rate_limited(problem)
        if problem.kind is Kind.CREDENTIALS:
            raise Unavailable(Reason.CREDENTIALS_REFUSED, str(problem))
        if problem.kind is Kind.ABSENT:
            raise NotFound(Reason.ORDER_NOT_FOUND, str(problem))
        after = await self._read_back(before)
        if after is None:
            raise Refused(Reason.VENUE_REJECTED, f"not canceled: {problem}")
        if after.has_ended:
            raise _ended(after.report)
        if after.report.status is OrderStatus.PENDING_CANCEL:
            return after.report
        return replace(after.report, signal=Signal.CANCEL_REJECTED, cause=problem.cause)

    async def _read_back(self, report: OrderReport) -> ShownOrder | None:
        """The order as it is now, None if that could not be read."""
        try:
            return await self._orders.by_id(report.venue_order_id)
        except ReadFailed as error:
            _log.warning("read_back_failed", client_order_id=report.client_id, error=str(error))
            return None

    # -- all -------------------------------------------------------------------------------

    async def cancel_all(
        self, instrument: Instrument | None, last_check: LastCheck
    ) -> CancelAllOutcome:
        """See `VenueGateway.cancel_all`."""
        try:
            before = await self._orders.open_now()
        except ReadFailed as error:
            raise not_looked_up(error) from error
        targets = {r.venue_order_id: r for r in _heads(before) if _is_for(r, instrument)}
        if not targets:
            return CancelAllOutcome(())
        if instrument is None:
            problems = await self._delete_all(last_check)
        else:
            problems = await self._delete_each(targets.values(), last_check)
        return await self._outcome(targets, problems)

    async def _delete_all(self, last_check: LastCheck) -> dict[str, Cause | None]:
        """One request for all: for each order that it had a word on, why not, or None."""
        try:
            answer = await self._rest.delete("/orders", last_check)
        except NotSent as error:
            raise Unavailable(Reason.VENUE_UNAVAILABLE, f"not sent: {error}") from error
        except NoAnswer as error:
            _log.warning("cancel_all_without_answer", error=str(error))
            return {}
        if answer.ok:
            return _words(answer)
        problem = classify(answer)
        if problem.kind is Kind.RATE_LIMITED:
            raise rate_limited(problem)
        if problem.kind is Kind.CREDENTIALS:
            raise Unavailable(Reason.CREDENTIALS_REFUSED, str(problem))
        if problem.kind is Kind.UNKNOWN:
            _log.warning("cancel_all_without_word", answer=str(problem))
            return {}
        raise Refused(Reason.VENUE_REJECTED, f"not canceled: {problem}")

    async def _delete_each(
        self, targets: Iterable[OrderReport], last_check: LastCheck
    ) -> dict[str, Cause | None]:
        words: dict[str, Cause | None] = {}
        for number, report in enumerate(targets):
            try:
                if number:  # the first one is paced already
                    await self._pace.take(Priority.CANCEL, within_s=_PACE_WAIT_S)
                problem = await self._delete(report, last_check)
            except TandemError as error:
                words[report.venue_order_id] = error.cause
            else:
                words[report.venue_order_id] = None if problem is None else problem.cause
        return words

    async def _outcome(
        self, targets: Mapping[str, OrderReport], words: Mapping[str, Cause | None]
    ) -> CancelAllOutcome:
        """What came of each: what the venue shows now, else what it said."""
        after = await self._after(targets)
        asked, failed = [], []
        for venue_order_id, report in targets.items():
            cause = words.get(venue_order_id, _NO_WORD)
            shown = after.get(venue_order_id)
            gone = shown is not None and (
                shown.status in TERMINAL or shown.status is OrderStatus.PENDING_CANCEL
            )
            if cause is None or gone:
                asked.append(_asked(shown or report))
            else:
                failed.append((shown or report, cause))
        return CancelAllOutcome(tuple(asked), tuple(failed))

    async def _after(self, targets: Mapping[str, OrderReport]) -> dict[str, OrderReport]:
        """The orders as they are now, as far as that could be read."""
        try:
            now = {r.venue_order_id: r for r in await self._orders.open_now()}
            for venue_order_id in [v for v in targets if v not in now][:_ENDED_READ_MAX]:
                ended = await self._orders.by_id(venue_order_id)
                if ended is not None:
                    now[venue_order_id] = ended.report
        except ReadFailed as error:
            _log.warning("orders_not_read_after_cancel", error=error.message)
            return {}
        return now


def _heads(reports: Iterable[OrderReport]) -> list[OrderReport]:
    """What can be canceled by itself: not the legs of a spread, nor exits of what is canceled."""
    known = list(reports)
    open_ids = {report.venue_order_id for report in known}
    return [
        report
        for report in known
        if not report.parent
        or (report.parent not in open_ids and report.order_class is not OrderClass.MULTI_LEG)
    ]


def _is_for(report: OrderReport, instrument: Instrument | None) -> bool:
    if instrument is None:
        return True
    if isinstance(report.instrument, OptionCombo):
        return any(leg.contract == instrument for leg in report.instrument.legs)
    return report.instrument == instrument


def _words(answer: Answer) -> dict[str, Cause | None]:
    """The word on each order in the answer to a cancel of all; what can't be read has none."""
    items: Any = answer.content if isinstance(answer.content, list) else []
    words: dict[str, Cause | None] = {}
    for item in items:
        if not isinstance(item, dict) or not isinstance(item.get("status"), int):
            continue
        venue_order_id, status = wire_fields.text(item, "id"), item["status"]
        done = 200 <= status < 300
        words[venue_order_id] = None if done else classify_part(status, item.get("body")).cause
    return words


def _asked(report: OrderReport) -> OrderReport:
    """An order whose cancel was taken: live ones as PENDING_CANCEL."""
    if report.status in TERMINAL:
        return report
    return replace(report, status=OrderStatus.PENDING_CANCEL, signal=Signal.PENDING_CANCEL)


def _ended(report: OrderReport) -> Refused:
    return Refused(Reason.ORDER_ENDED, f"the order is {report.raw_status} at Alpaca")
