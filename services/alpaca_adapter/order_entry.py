"""Submit: one request, and what its answer proves.

No refusal of a submit is believed before the id has been looked up: Alpaca does not say which of
its checks comes first, so a refusal for money, quantity or a taken id may be due to the very order
that is asked for.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from decimal import Decimal

import structlog

from services.alpaca_adapter.answers import rate_limited, rejection_cause
from services.alpaca_adapter.errors import Kind, Problem, classify
from services.alpaca_adapter.exchange import Answer, NoAnswer, NotSent
from services.alpaca_adapter.order_bodies import order_body
from services.alpaca_adapter.order_reading import asked_terms, same_content
from services.alpaca_adapter.rest import AlpacaRest
from services.alpaca_adapter.shown_orders import ShownOrder, ShownOrders
from services.alpaca_adapter.translate import Translator
from services.alpaca_adapter.unproven import Unproven
from services.alpaca_adapter.wire_fields import Unreadable, trading_date
from services.common.adapter.port import LastCheck
from services.common.domain.errors import (
    OutcomeUnknown,
    ReadFailed,
    Reason,
    Refused,
    TandemError,
    Unavailable,
)
from services.common.domain.executions import RecordTimes
from services.common.domain.order_spec import OrderSpec
from services.common.domain.order_status import OrderStatus, Signal
from services.common.domain.reports import OrderReport

_log = structlog.stdlib.get_logger(__name__)


class OrderEntry:
    """The submit of the adapter. Never sent twice and never waited for.

    `was_admitted` says whether the venue has let this process in with these credentials; without
    that, not even a refusal of the credentials is believed.
    """

    def __init__(
        self,
        rest: AlpacaRest,
        orders: ShownOrders,
        translator: Translator,
        unproven: Unproven,
        *,
        venue: str,
        account_id: str,
        now: Callable[[], datetime],
        was_admitted: Callable[[], bool],
    ) -> None:
        self._rest = rest
        self._orders = orders
        self._translator = translator
        self._unproven = unproven
        self._venue = venue
        self._account_id = account_id
        self._now = now
        self._was_admitted = was_admitted

    # -- submit ----------------------------------------------------------------------------

    async def submit(self, spec: OrderSpec, last_check: LastCheck) -> OrderReport:
        """See `VenueGateway.submit`."""
        client_id = spec.client_order_id
        was_open = self._unproven.is_open(client_id)
        mark = self._unproven.begin(client_id)
        try:
            answer = await self._rest.post("/orders", order_body(spec), last_check)
        except NotSent as error:
            self._unproven.end(client_id, mark)
            raise Unavailable(Reason.VENUE_UNAVAILABLE, f"not sent: {error}") from error
        except NoAnswer as error:
            raise OutcomeUnknown(f"sent, and no answer came: {error}") from error
        except TandemError:
            self._unproven.end(client_id, mark)
            raise
        if answer.ok:
            return self._taken(spec, answer)
        problem = classify(answer)
        _log.info("submit_not_taken", client_order_id=client_id, answer=str(problem))
        if problem.kind is Kind.UNKNOWN:
            raise OutcomeUnknown(str(problem))
        self._unproven.end(client_id, mark)
        if problem.kind is Kind.RATE_LIMITED and not was_open:
            raise rate_limited(problem)
        return await self._refused(spec, problem)

    def _taken(self, spec: OrderSpec, answer: Answer) -> OrderReport:
        try:
            report = self._translator.order_report(answer.content)
        except Unreadable as error:
            text = f"Alpaca answered {answer.status} with what can't be read: {error}"
            raise OutcomeUnknown(text) from error
        if report.client_id != spec.client_order_id:
            raise OutcomeUnknown("Alpaca answered with another order than the one sent")
        self._unproven.found(spec.client_order_id)
        return report

    async def _refused(self, spec: OrderSpec, problem: Problem) -> OrderReport:
        """What a refusal means, by what the venue shows under the id."""
        client_id = spec.client_order_id
        try:
            order = await self._orders.by_client_id(client_id)
            is_same = order is not None and _is_same(spec, order)
        except ReadFailed as error:
            if self._credentials_are_out(client_id, problem, error):
                return self._rejection(spec, problem)
            text = f"{problem}; whether the id has an order there could not be read: {error}"
            raise OutcomeUnknown(text) from error
        if order is None:
            return self._absent(spec, problem)
        self._unproven.found(client_id)
        if not is_same:
            text = f"Alpaca has another order under this id: {order.report.venue_order_id}"
            raise Refused(Reason.CLIENT_ORDER_ID_REUSED, text)
        return order.report

    def _absent(self, spec: OrderSpec, problem: Problem) -> OrderReport:
        client_id = spec.client_order_id
        if problem.kind is Kind.ID_TAKEN:
            raise OutcomeUnknown(f"{problem}; and yet no order is found under it")
        if self._unproven.may_still_land(client_id):
            text = f"{problem}; but an earlier send under this id may still arrive"
            raise OutcomeUnknown(text)
        if problem.kind is Kind.RATE_LIMITED:
            raise rate_limited(problem)
        return self._rejection(spec, problem)

    def _credentials_are_out(self, client_id: str, problem: Problem, error: ReadFailed) -> bool:
        """Whether both send and look-up were refused for the credentials, and that is enough.

        It is if no earlier send can be unproven: none of this process, and none of an earlier one
        either, since that would have come up when this one read the venue's orders.
        """
        return (
            problem.kind is Kind.CREDENTIALS
            and error.reason is Reason.CREDENTIALS_REFUSED
            and self._was_admitted()
            and not self._unproven.is_open(client_id)
            and not self._unproven.forgot
        )

    def _rejection(self, spec: OrderSpec, problem: Problem) -> OrderReport:
        now = self._now()
        return OrderReport(
            venue=self._venue,
            account_id=self._account_id,
            client_id=spec.client_order_id,
            venue_order_id="",
            status=OrderStatus.REJECTED,
            signal=Signal.REJECTED,
            raw_status=f"HTTP {problem.status}",
            cum_qty=Decimal(0),
            times=RecordTimes(received_time=now, trading_date=trading_date(now)),
            cause=rejection_cause(problem),
            **asked_terms(spec),
        )


def _is_same(spec: OrderSpec, order: ShownOrder) -> bool:
    try:
        return same_content(spec, order.record)
    except Unreadable as error:
        raise ReadFailed(f"the order can't be compared: {error}") from error
