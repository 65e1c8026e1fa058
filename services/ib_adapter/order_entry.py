"""Submit: written once, and what came back proves.

The way of a submit: everything that waits first (contract, pacer, the send log's sync), then
without any wait: in sync still, nothing before it in the socket's buffer, the caller's last check,
the bytes. An order with exits is several, numbered, logged and written as one.
From the log's sync on the id counts as sent, whatever happens to this process; only its
own durable word that nothing was written takes that back.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import structlog

from services.common.adapter.pacer import Pacer, Priority
from services.common.adapter.port import LastCheck
from services.common.domain.errors import (
    OutcomeUnknown,
    ReadFailed,
    Reason,
    Refused,
    TandemError,
    Unavailable,
)
from services.common.domain.order_spec import OrderSpec
from services.common.domain.reports import OrderReport
from services.common.runtime.broker_calls import broker_span
from services.common.runtime.clock import Clock
from services.ib_adapter.codes import OrderEffect, Said
from services.ib_adapter.evidence import Evidence, OrderFacts
from services.ib_adapter.parcels import Packing, Parcel
from services.ib_adapter.requests import BROKER
from services.ib_adapter.send_log import ORDER_ID_MAX, Send, SendLog
from services.ib_adapter.session import Session
from services.ib_adapter.translate import Translator
from services.ib_adapter.venue_reads import VenueReads
from services.ib_adapter.waiters import Lost, Purpose, Waiter, Waiters, Word

_log = structlog.stdlib.get_logger(__name__)

_COMPARED: Final = (
    "order_qty",
    "order_type",
    "limit_price",
    "stop_price",
    "trail_amount",
    "trail_percent",
)


# For so long a request that was taken from the pacer is still one of its window.
_TURN_S: Final = 0.2


class OrderEntry:
    """Sends orders, none of them twice.

    `current_epoch` is that of the router's claim, for the record.
    """

    def __init__(
        self,
        session: Session,
        evidence: Evidence,
        waiters: Waiters,
        packing: Packing,
        reads: VenueReads,
        translator: Translator,
        send_log: SendLog,
        pacer: Pacer,
        clock: Clock,
        *,
        client_id: int,
        ack_timeout_s: float,
        pace_s: float,
        current_epoch: Callable[[], int],
    ) -> None:
        self._session = session
        self._evidence = evidence
        self._waiters = waiters
        self._packing = packing
        self._reads = reads
        self._translator = translator
        self._send_log = send_log
        self._pacer = pacer
        self._clock = clock
        self._client_id = client_id
        self._ack_timeout_s = ack_timeout_s
        self._pace_s = pace_s
        self._current_epoch = current_epoch

    # -- submit ----------------------------------------------------------------------------

    async def submit(self, spec: OrderSpec, last_check: LastCheck) -> OrderReport:
        """See `VenueGateway.submit`."""
        self._session.ready_wire()
        self._send_log.require_working()
        if self._send_log.revisions.find(spec.client_order_id) is not None:
            text = f"{spec.client_order_id} was sent before, as a change of an order"
            raise Refused(Reason.CLIENT_ORDER_ID_REUSED, text)
        parcel = self._packing.orders(spec, self._session.account)
        known = self._evidence.of_ref(spec.client_order_id)
        if known is not None:
            return await self._answer_earlier(spec, None)
        began = self._clock.monotonic()
        parcel.contract = await self._packing.contract(spec)
        # The first one is paced already, unless it has waited: then its turn was in another second.
        is_late = self._clock.monotonic() - began > _TURN_S
        for _ in parcel.orders if is_late else parcel.orders[1:]:
            await self._pacer.take(Priority.SUBMIT, within_s=self._pace_s)
        wire = self._session.ready_wire()
        parcel.number(self._new_order_id)
        earlier = await self._begin(parcel)
        if earlier is not None:
            return await self._answer_earlier(spec, earlier)
        with broker_span(BROKER, "placeOrder", clock=self._clock) as call:
            waiter = self._waiters.open(parcel.order_ids[0], Purpose.SUBMIT)
            try:
                try:
                    if self._session.ready_wire() is not wire:
                        raise Unavailable(
                            Reason.VENUE_UNAVAILABLE, "not sent: the connection was lost"
                        )
                    wire.require_writable()
                    last_check()
                except TandemError:
                    await self._withdraw(parcel)
                    raise
                for order_id, part in zip(parcel.order_ids, parcel.specs, strict=True):
                    self._evidence.sent(order_id, part)
                wire.place_together(parcel.contract, parcel.numbered())
                word = await waiter.heard(self._ack_timeout_s)
            finally:
                self._waiters.close(waiter)
            if isinstance(word, Said):
                call.failed(str(word.code))
        return self._meaning(parcel, waiter, word)

    def _new_order_id(self) -> int:
        """A number above all that were ever used: a session begins above the log's highest."""
        order_id = self._session.ready_wire().next_id()
        if order_id > ORDER_ID_MAX:
            raise Unavailable(
                Reason.VENUE_UNAVAILABLE, "order ids are used up: reset them at the Gateway"
            )
        return order_id

    def _row(self, spec: OrderSpec, order_id: int) -> Send:
        return Send(
            placement_id=spec.client_order_id,
            content_hash=spec.content_hash(),
            order_id=order_id,
            epoch=self._current_epoch(),
            session_id=self._session.session_id,
            sent_at=self._clock.now(),
            venue_time=self._session.venue_clock.now(),
            client_id=self._client_id,
        )

    async def _begin(self, parcel: Parcel) -> Send | None:
        """Note the sends, all at once; the earlier one, if there was one."""
        for client_id in parcel.client_ids:
            self._evidence.sending(client_id)
        rows = map(self._row, parcel.specs, parcel.order_ids)
        try:
            earlier = await self._send_log.begin(*rows)
        except TandemError:
            self._not_sent(parcel)
            raise
        if earlier is not None:
            self._not_sent(parcel)
        return earlier

    async def _withdraw(self, parcel: Parcel) -> None:
        """Take back what the log says of sends that were not written."""
        self._not_sent(parcel)
        try:
            await self._send_log.withdraw(*parcel.client_ids)
        except TandemError as error:
            # Nothing was written all the same; the log goes on saying that it may have been.
            client_id = parcel.client_ids[0]
            _log.error("send_not_withdrawn", client_id=client_id, error=error.message)

    def _not_sent(self, parcel: Parcel) -> None:
        for client_id in parcel.client_ids:
            self._evidence.not_sent(client_id)

    def _meaning(self, parcel: Parcel, waiter: Waiter, word: Word | None) -> OrderReport:
        spec = parcel.specs[0]
        if isinstance(word, OrderFacts):
            return self._translator.report(word)
        if isinstance(word, Said):
            if word.effect is OrderEffect.REJECTED:
                return self._translator.refused(spec, word.cause)
            if word.effect is OrderEffect.CANCELED:
                refusals = map(self._evidence.refusal_of, parcel.order_ids[1:])
                refused = next((cause for cause in refusals if cause is not None), None)
                if refused is not None:  # and with that exit all of it: see `family_ends`
                    return self._translator.refused(spec, refused)
                return self._translator.refused(spec, word.cause, canceled=True)
            raise OutcomeUnknown(f"sent; {word}")
        if isinstance(word, Lost):
            raise OutcomeUnknown(f"sent, and the connection was lost: {word.reason}")
        if waiter.held is not None:
            return self._translator.report(waiter.held)
        raise OutcomeUnknown(f"sent, and IB said nothing for {self._ack_timeout_s:g} s")

    async def _answer_earlier(self, spec: OrderSpec, earlier: Send | None) -> OrderReport:
        """The order under an id that may have been sent before: found, or in doubt."""
        if earlier is None:
            earlier = await self._send_log.find(spec.client_order_id)
        if earlier is not None and earlier.content_hash != spec.content_hash():
            raise Refused(
                Reason.CLIENT_ORDER_ID_REUSED,
                f"{spec.client_order_id} was sent before with other content",
            )
        try:
            facts, _ = await self._reads.look_up(spec.client_order_id)
        except ReadFailed as error:
            text = f"it was sent before, and could not be looked up: {error.message}"
            raise OutcomeUnknown(text) from error
        if facts is None:
            raise OutcomeUnknown("it was sent before, and IB does not show it; it is never resent")
        report = self._translator.report(facts, spec.client_order_id)
        if not _is_same(spec, report, is_logged=earlier is not None):
            raise Refused(
                Reason.CLIENT_ORDER_ID_REUSED,
                f"IB has another order under this id: {report.venue_order_id}",
            )
        return report


def _is_same(spec: OrderSpec, report: OrderReport, *, is_logged: bool) -> bool:
    """Whether an order of IB's is the one that is asked for, as far as IB shows it.

    Of an id in the send log the content is known to be the same; what changed since was changed by
    a replace. The time in force may be that of a preset of the user's.
    """
    names = ("instrument", "side") if is_logged else ("instrument", "side", *_COMPARED)
    pairs = ((getattr(spec, name), getattr(report, name)) for name in names)
    return all(shown is None or asked == shown for asked, shown in pairs)
