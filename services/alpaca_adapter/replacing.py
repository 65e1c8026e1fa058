"""Replace: one PATCH, whose answer proves nothing; what became of it is looked up.

Alpaca makes a new order of its own for each replace, under the id that we give it. It has answered
200 and then turned the change down, and an error and replaced all the same. And where the old order
had fills, it has worked the whole new quantity beside them. So an order with fills is never
replaced, and after every PATCH both orders are read.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import NoReturn
from urllib.parse import quote

import structlog

from services.alpaca_adapter.answers import not_looked_up, rate_limited
from services.alpaca_adapter.errors import Kind, Problem, classify
from services.alpaca_adapter.exchange import NoAnswer, NotSent
from services.alpaca_adapter.order_bodies import change_body
from services.alpaca_adapter.order_reading import has_changed
from services.alpaca_adapter.rest import AlpacaRest
from services.alpaca_adapter.shown_orders import ShownOrder, ShownOrders
from services.alpaca_adapter.unproven import Unproven
from services.common.adapter.port import LastCheck
from services.common.domain.amounts import add, sub
from services.common.domain.errors import (
    Cause,
    Effect,
    NotFound,
    OutcomeUnknown,
    ReadFailed,
    Reason,
    Refused,
    TandemError,
    Unavailable,
)
from services.common.domain.order_status import OrderStatus, Signal
from services.common.domain.order_terms import OrderChange
from services.common.domain.reports import OrderReport

_log = structlog.stdlib.get_logger(__name__)

_UNDER_CHANGE = (OrderStatus.PENDING_CANCEL, OrderStatus.PENDING_REPLACE)


@dataclass(frozen=True, slots=True)
class _Attempt:
    """A change of the order `old`; what takes its place is to be `new_id`."""

    old: ShownOrder
    new_id: str
    change: OrderChange

    @property
    def asked_qty(self) -> Decimal | None:
        """The total that may be filled, old and new together."""
        return self.change.order_qty or self.old.report.order_qty


@dataclass(frozen=True, slots=True)
class _After:
    """Both orders as they are after the write; None where there is none."""

    old: ShownOrder | None
    new: ShownOrder | None


class Replacing:
    """The replace of the adapter. Never sent twice and never waited for."""

    def __init__(
        self,
        rest: AlpacaRest,
        orders: ShownOrders,
        unproven: Unproven,
        *,
        was_admitted: Callable[[], bool],
    ) -> None:
        self._rest = rest
        self._orders = orders
        self._unproven = unproven
        self._was_admitted = was_admitted

    async def replace(
        self, client_id: str, new_client_id: str, change: OrderChange, last_check: LastCheck
    ) -> OrderReport:
        """See `VenueGateway.replace`."""
        try:
            attempt = _Attempt(await self._current(client_id), new_client_id, change)
            done = await self._done_before(attempt)
            if done is not None:
                return done
            _require_replaceable(attempt.old)
        except TandemError as error:
            self._refuse_unless_open(new_client_id, error)
        return await self._send(attempt, last_check)

    # -- before the write ------------------------------------------------------------------

    async def _current(self, client_id: str) -> ShownOrder:
        try:
            order = await self._orders.by_client_id(client_id)
        except ReadFailed as error:
            raise not_looked_up(error) from error
        if order is None:
            raise NotFound(Reason.ORDER_NOT_FOUND, f"Alpaca has no order under {client_id}")
        return order

    async def _done_before(self, attempt: _Attempt) -> OrderReport | None:
        """The revision under the new id, if there is one already."""
        plain = not attempt.old.has_ended and attempt.old.report.status not in _UNDER_CHANGE
        if plain and not self._unproven.is_open(attempt.new_id):
            return None
        try:
            new = await self._orders.by_client_id(attempt.new_id)
        except ReadFailed as error:
            raise not_looked_up(error) from error
        if new is None:
            return None
        self._unproven.found(attempt.new_id)
        _require_ours(attempt, new)
        return new.report

    def _refuse_unless_open(self, new_client_id: str, error: TandemError) -> NoReturn:
        """ "No effect" is true of this call, and yet a lie while an earlier one is unproven."""
        reused = error.reason is Reason.CLIENT_ORDER_ID_REUSED
        if self._unproven.is_open(new_client_id) and not reused and error.effect is Effect.NONE:
            text = f"{error.message}; an earlier send of the change is unproven"
            raise OutcomeUnknown(text) from error
        raise error

    # -- the write -------------------------------------------------------------------------

    async def _send(self, attempt: _Attempt, last_check: LastCheck) -> OrderReport:
        new_id = attempt.new_id
        was_open = self._unproven.is_open(new_id)
        mark = self._unproven.begin(new_id)
        path = f"/orders/{quote(attempt.old.report.venue_order_id, safe='')}"
        try:
            answer = await self._rest.patch(path, change_body(attempt.change, new_id), last_check)
        except NotSent as error:
            self._unproven.end(new_id, mark)
            unsent = Unavailable(Reason.VENUE_UNAVAILABLE, f"not sent: {error}")
            self._refuse_unless_open(new_id, unsent)
        except NoAnswer as error:
            return await self._found_or_doubt(attempt, f"sent, and no answer came: {error}")
        except TandemError as error:
            self._unproven.end(new_id, mark)
            self._refuse_unless_open(new_id, error)
        if answer.ok:
            text = f"Alpaca answered {answer.status} and does not show the new order"
            return await self._found_or_doubt(attempt, text)
        problem = classify(answer)
        _log.info("replace_not_taken", new_client_id=new_id, answer=str(problem))
        if problem.kind is Kind.UNKNOWN:
            return await self._found_or_doubt(attempt, str(problem))
        if problem.kind is Kind.RATE_LIMITED and not was_open:
            self._unproven.end(new_id, mark)
            raise rate_limited(problem)
        return await self._refused(attempt, problem, mark)

    # -- after it --------------------------------------------------------------------------

    async def _found_or_doubt(self, attempt: _Attempt, text: str) -> OrderReport:
        try:
            after = await self._look(attempt)
        except ReadFailed as error:
            raise OutcomeUnknown(f"{text}; and nobody could look: {error.message}") from error
        if after.new is None:
            raise OutcomeUnknown(text)
        return self._answer(attempt, after.old, after.new)

    async def _refused(self, attempt: _Attempt, problem: Problem, mark: float) -> OrderReport:
        """What a refusal means, by what the venue shows of both orders."""
        try:
            after = await self._look(attempt)
        except ReadFailed as error:
            if self._credentials_are_out(problem, error):
                self._unproven.end(attempt.new_id, mark)
                unsent = Unavailable(Reason.CREDENTIALS_REFUSED, str(problem))
                self._refuse_unless_open(attempt.new_id, unsent)
            raise OutcomeUnknown(f"{problem}; and nobody could look: {error.message}") from error
        if after.new is not None:
            return self._answer(attempt, after.old, after.new)
        old = after.old
        if problem.kind is Kind.ID_TAKEN or old is None:
            raise OutcomeUnknown(f"{problem}; what became of both orders is not shown")
        if old.report.status is OrderStatus.PENDING_REPLACE:
            raise OutcomeUnknown(f"{problem}; and yet the order shows a replace under way")
        self._unproven.end(attempt.new_id, mark)
        try:
            if problem.kind is Kind.RATE_LIMITED:
                raise rate_limited(problem)
            if old.has_ended:
                raise _ended(old)
        except TandemError as error:
            self._refuse_unless_open(attempt.new_id, error)
        if self._unproven.may_still_land(attempt.new_id):
            raise OutcomeUnknown(f"{problem}; but an earlier send of the change may still arrive")
        return replace(old.report, signal=Signal.REPLACE_REJECTED, cause=problem.cause)

    def _credentials_are_out(self, problem: Problem, error: ReadFailed) -> bool:
        """Whether both send and look-up were refused for the credentials."""
        return (
            problem.kind is Kind.CREDENTIALS
            and error.reason is Reason.CREDENTIALS_REFUSED
            and self._was_admitted()
            and not self._unproven.forgot
        )

    async def _look(self, attempt: _Attempt) -> _After:
        """Both orders; the new one under its client id, or behind the old one. ReadFailed."""
        new = await self._orders.by_client_id(attempt.new_id)
        old = await self._orders.by_id(attempt.old.report.venue_order_id)
        behind = "" if old is None else old.report.replaced_by
        if new is None and behind:
            found = await self._orders.by_id(behind)
            if found is not None and found.report.client_id == attempt.new_id:
                new = found
        return _After(old, new)

    def _answer(self, attempt: _Attempt, old: ShownOrder | None, new: ShownOrder) -> OrderReport:
        """The new revision, or the old one if the new one was turned down and the old one lives."""
        self._unproven.found(attempt.new_id)
        _require_ours(attempt, new)
        if old is not None and new.report.status is OrderStatus.REJECTED and not old.has_ended:
            cause = Cause(Reason.VENUE_REJECTED, "Alpaca turned the change down after taking it")
            return replace(old.report, signal=Signal.REPLACE_REJECTED, cause=cause)
        return replace(new.report, cause=new.report.cause or _excess(attempt, old, new))


def _require_replaceable(order: ShownOrder) -> None:
    report = order.report
    if order.has_ended:
        raise _ended(order)
    if report.status in _UNDER_CHANGE:
        raise Refused(
            Reason.CHANGE_IN_PROGRESS, f"the order is {report.raw_status} at Alpaca; ask again"
        )
    if report.cum_qty > 0:
        raise Refused(
            Reason.CHANGE_IN_PROGRESS,
            f"the order has filled {report.cum_qty}: Alpaca may work a whole new quantity beside"
            " that. Cancel it, wait for its end, and send a new order for the rest",
        )


def _require_ours(attempt: _Attempt, new: ShownOrder) -> None:
    """Refuse an id that another order has, or the same change with other terms."""
    shown_old = attempt.old.report.venue_order_id
    if new.report.replaces not in ("", shown_old) or not _same(attempt, new):
        text = f"Alpaca has another order under this id: {new.report.venue_order_id}"
        raise Refused(Reason.CLIENT_ORDER_ID_REUSED, text)


def _same(attempt: _Attempt, new: ShownOrder) -> bool:
    """Whether the terms are those asked for; a quantity may be less what the old one filled."""
    qty = new.report.order_qty
    within = attempt.change.order_qty is None or qty is None or qty <= attempt.change.order_qty
    return within and has_changed(replace(attempt.change, order_qty=None), new.record)


def _excess(attempt: _Attempt, old: ShownOrder | None, new: ShownOrder) -> Cause | None:
    """What the venue works beyond what was asked for: a fill came before the change."""
    asked, new_qty = attempt.asked_qty, new.report.order_qty
    if old is None or asked is None or new_qty is None or not old.report.cum_qty:
        return None
    excess = sub(add(old.report.cum_qty, new_qty), asked)
    if excess <= 0:
        return None
    text = (
        f"the order filled {old.report.cum_qty} while it was being replaced, and Alpaca works"
        f" {new_qty} beside that: {excess} more than was asked for"
    )
    _log.error("replace_raced_by_a_fill", new_client_id=attempt.new_id, excess=str(excess))
    return Cause(Reason.CHANGE_IN_PROGRESS, text)


def _ended(order: ShownOrder) -> Refused:
    return Refused(Reason.ORDER_ENDED, f"the order is {order.report.raw_status} at Alpaca")
