"""The order desk: every mutation is a task of the adapter, checked last thing before the wire.

An RPC only waits for its mutation; its deadline or cancellation ends the waiting, not the order.
The way of a submit: check early, make the router's journal head durable, wait for the pacer, hand
it to the gateway together with the last check, which the gateway calls in the worker that writes,
right before the first byte. Nothing waits in between.

What came back is believed as far as the port allows it and no further: a failure that isn't one of
the port's own answers, after the write was let through, is in doubt.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Hashable, Iterable
from dataclasses import dataclass, field

import structlog

from services.common.adapter.fence_store import FenceStore
from services.common.adapter.last_check import Rules, Terms
from services.common.adapter.pacer import Pacer, Priority
from services.common.adapter.port import LastCheck, VenueGateway
from services.common.domain.errors import (
    NotFound,
    OutcomeUnknown,
    ReadFailed,
    Reason,
    Refused,
    TandemError,
    Unavailable,
)
from services.common.domain.order_spec import OrderSpec
from services.common.domain.reports import OrderReport
from services.common.runtime.clock import Clock
from services.common.runtime.deadlines import no_deadline

__all__ = ["OrderDesk", "Terms"]

_log = structlog.stdlib.get_logger(__name__)


@dataclass(eq=False, slots=True)
class _Mutation:
    kind: str
    client_id: str
    terms: Terms
    priority: Priority
    check: Callable[[], None]
    call: Callable[[LastCheck], Awaitable[OrderReport]]
    content_hash: str = ""
    may_be_written: bool = False
    task: asyncio.Task[OrderReport | TandemError] = field(init=False)


class OrderDesk:
    """Carries out submits and cancels over a gateway. Used on the event loop's thread only.

    A mutation waits for the pacer at most `wait_max_s`, and never beyond its caller's deadline.
    Only what is under way is remembered: an id that comes again later goes to the gateway, which
    asks the venue.
    """

    def __init__(
        self,
        gateway: VenueGateway,
        store: FenceStore,
        pacer: Pacer,
        clock: Clock,
        *,
        wait_max_s: float,
    ) -> None:
        self._gateway = gateway
        self._store = store
        self._pacer = pacer
        self._clock = clock
        self._wait_max_s = wait_max_s
        self._rules = Rules(gateway, store, clock)
        self._running: dict[Hashable, _Mutation] = {}
        self._closing = False
        self._closed = False

    @property
    def in_flight_count(self) -> int:
        """Mutations that have not come back yet."""
        return len(self._running)

    def is_in_flight(self, client_id: str) -> bool:
        """Whether a submit under this id is queued or under way here."""
        return ("submit", client_id) in self._running

    async def submit(self, spec: OrderSpec, terms: Terms) -> OrderReport:
        """Send an order once and give the venue's word on it, a rejection included.

        The same id with the same content, while the first is under way, waits for the first.
        Raises Refused, Unavailable (effect NONE) or OutcomeUnknown. Canceled, the order goes on.
        """
        key = ("submit", spec.client_order_id)
        mutation = _Mutation(
            "submit",
            spec.client_order_id,
            terms,
            Priority.SUBMIT,
            check=lambda: self._rules.check_submit(spec, terms),
            call=lambda last_check: self._gateway.submit(spec, last_check),
            content_hash=spec.content_hash(),
        )
        running = self._running.get(key)
        if running is not None:
            self._store.check(terms.claim)
            _require_same(running, mutation)
            return await self._outcome(running)
        return await self._outcome(self._start(key, mutation))

    async def cancel(self, client_id: str, terms: Terms) -> OrderReport:
        """Ask the venue for the end of an order and give its word after the request.

        Raises as `submit`, and NotFound, Refused ORDER_ENDED. Canceled, the request goes on.
        """
        key = ("cancel", client_id, terms.leader, terms.expected_session_id)
        beside_submit = self.is_in_flight(client_id)
        running = self._running.get(key) or self._start(
            key,
            _Mutation(
                "cancel",
                client_id,
                terms,
                Priority.CANCEL,
                check=lambda: self._rules.check_cancel(terms),
                call=lambda last_check: self._gateway.cancel(client_id, last_check),
            ),
        )
        try:
            return await self._outcome(running)
        except NotFound as error:
            if beside_submit or self.is_in_flight(client_id):
                raise Unavailable(
                    Reason.CHANGE_IN_PROGRESS, "its submit is still under way; cancel it again"
                ) from error
            raise

    async def close(self, *, finish_s: float, cancel_s: float = 1.0) -> list[str]:
        """Take no more, let what is under way finish for `finish_s`, then give it up.

        Gives what was given up after its write was let through ("submit a~t~1.0"): it is in
        doubt. What had not come that far is never written.
        """
        self._closing = True
        await _settle(self._running.values(), finish_s)
        self._closed = True
        left = list(self._running.values())
        for mutation in left:
            mutation.task.cancel()
        await _settle(left, cancel_s)
        in_doubt = sorted(f"{m.kind} {m.client_id}" for m in left if m.may_be_written)
        if in_doubt:
            _log.warning("mutations_left_in_doubt", mutations=in_doubt)
        return in_doubt

    def _start(self, key: Hashable, mutation: _Mutation) -> _Mutation:
        if self._closing:
            raise Unavailable(Reason.SHUTTING_DOWN, "the adapter is shutting down")
        mutation.check()
        with no_deadline():  # the task outlives the RPC that starts it
            mutation.task = asyncio.create_task(
                self._run(mutation), name=f"{mutation.kind} {mutation.client_id}"
            )
        self._running[key] = mutation
        mutation.task.add_done_callback(lambda _: self._running.pop(key))
        return mutation

    async def _run(self, mutation: _Mutation) -> OrderReport | TandemError:
        began = self._clock.monotonic()
        outcome: OrderReport | TandemError
        try:
            if mutation.terms.claim is not None:
                await self._store.note(mutation.terms.claim)
            await self._pacer.take(mutation.priority, within_s=self._wait_s(mutation.terms))
            outcome = await mutation.call(lambda: self._last_check(mutation))
        except TandemError as error:
            outcome = _believed(mutation, error)
        except Exception as fault:  # noqa: BLE001 - whatever it is, the order may be out
            _log.error("gateway_fault", client_id=mutation.client_id, exc_info=fault)
            outcome = OutcomeUnknown(f"the adapter failed during the {mutation.kind}")
        _log_end(mutation, outcome, self._clock.monotonic() - began)
        return outcome

    def _last_check(self, mutation: _Mutation) -> None:
        # Marked before it is checked: in between, `close` must not think it was held back.
        before, mutation.may_be_written = mutation.may_be_written, True
        try:
            if self._closed:
                raise Unavailable(Reason.SHUTTING_DOWN, "the adapter is shutting down")
            mutation.check()
        except TandemError:
            mutation.may_be_written = before
            raise

    def _wait_s(self, terms: Terms) -> float:
        if terms.deadline_at is None:
            return self._wait_max_s
        return min(self._wait_max_s, terms.deadline_at - self._clock.monotonic())

    async def _outcome(self, mutation: _Mutation) -> OrderReport:
        # `wait` and not `await`: being canceled here must not reach the task.
        await asyncio.wait({mutation.task})
        if mutation.task.cancelled():
            if mutation.may_be_written:
                raise OutcomeUnknown("the adapter shut down before the venue had answered")
            raise Unavailable(Reason.SHUTTING_DOWN, "the adapter is shutting down")
        outcome = mutation.task.result()
        if isinstance(outcome, TandemError):
            raise outcome
        return outcome


def _require_same(running: _Mutation, later: _Mutation) -> None:
    """Let a second submit join the first only if the first's outcome is its own as well."""
    if running.content_hash != later.content_hash:
        raise Refused(
            Reason.CLIENT_ORDER_ID_REUSED, f"{running.client_id} is under way with other content"
        )
    if running.terms.leader != later.terms.leader:
        # "No effect" would be true of this call and a lie about the order.
        raise OutcomeUnknown(f"{running.client_id} is under way for another router")


def _believed(mutation: _Mutation, error: TandemError) -> TandemError:
    if isinstance(error, ReadFailed) and mutation.may_be_written:
        return OutcomeUnknown(f"a read after the {mutation.kind} failed: {error.message}")
    return error


def _log_end(mutation: _Mutation, outcome: OrderReport | TandemError, took_s: float) -> None:
    if isinstance(outcome, TandemError):
        told = {"reason": outcome.reason.value, "effect": outcome.effect.value}
    else:
        told = {"status": outcome.status.value, "venue_order_id": outcome.venue_order_id}
    _log.info(
        "mutation_ended",
        mutation=mutation.kind,
        client_id=mutation.client_id,
        took_s=round(took_s, 6),
        **told,
    )


async def _settle(mutations: Iterable[_Mutation], timeout_s: float) -> None:
    tasks = {mutation.task for mutation in mutations}
    if tasks:
        await asyncio.wait(tasks, timeout=timeout_s)
