"""Tasks for mutations: each belongs to the adapter, an RPC only waits for it.

The way of each: check early, make the router's journal head durable, wait for the pacer, hand it
to the gateway together with the last check, which the gateway calls in the worker that writes,
right before the first byte. Nothing waits in between.

What came back is believed as far as the port allows it and no further: a failure that isn't one of
the port's own answers, after the write was let through, is in doubt.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Hashable, Iterable
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import structlog

from services.common.adapter.fence_store import FenceStore
from services.common.adapter.last_check import Terms
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
from services.common.domain.reports import CancelAllOutcome, InstructionReport, OrderReport
from services.common.runtime.clock import Clock
from services.common.runtime.deadlines import no_deadline

_log = structlog.stdlib.get_logger(__name__)

Answer: TypeAlias = OrderReport | CancelAllOutcome | InstructionReport


@dataclass(eq=False, slots=True)
class Mutation:
    """One mutation. `client_ids` are those that it may bring to the venue; `content` tells whether
    a later one is the same; `call` is the gateway's method."""

    kind: str
    client_id: str
    terms: Terms
    priority: Priority
    check: Callable[[], None]
    call: Callable[[LastCheck], Awaitable[Answer]]
    content: str = ""
    client_ids: tuple[str, ...] = ()
    may_be_written: bool = False
    task: asyncio.Task[Answer | TandemError] = field(init=False)


class MutationTasks:
    """Runs mutations, at most one under each key. Used on the event loop's thread only.

    A mutation waits for the pacer at most `wait_max_s`, and never beyond its caller's deadline.
    Only what is under way is remembered.
    """

    def __init__(self, store: FenceStore, pacer: Pacer, clock: Clock, wait_max_s: float) -> None:
        self._store = store
        self._pacer = pacer
        self._clock = clock
        self._wait_max_s = wait_max_s
        self._running: dict[Hashable, Mutation] = {}
        self._closing = False
        self._closed = False

    def __len__(self) -> int:
        return len(self._running)

    def get(self, key: Hashable) -> Mutation | None:
        """What is under way under this key."""
        return self._running.get(key)

    def may_bring(self, client_id: str) -> bool:
        """Whether what is under way may bring this id to the venue."""
        return any(client_id in mutation.client_ids for mutation in self._running.values())

    def start(self, key: Hashable, mutation: Mutation) -> Mutation:
        """Check and begin. Raises (effect NONE) what the check raises, SHUTTING_DOWN at the end."""
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

    async def start_or_join(self, key: Hashable, mutation: Mutation) -> Any:
        """Begin, or wait for the same that is under way; give its answer.

        Raises CLIENT_ORDER_ID_REUSED if that has other content.
        """
        running = self._running.get(key)
        if running is None:
            return await self.outcome(self.start(key, mutation))
        self._store.check(mutation.terms.claim)
        _require_same(running, mutation)
        return await self.outcome(running)

    async def outcome(self, mutation: Mutation) -> Any:
        """Wait for the answer. Canceled, the mutation goes on."""
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

    async def close(self, *, finish_s: float, cancel_s: float) -> list[str]:
        """See `OrderDesk.close`."""
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

    async def _run(self, mutation: Mutation) -> Answer | TandemError:
        began = self._clock.monotonic()
        outcome: Answer | TandemError
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

    def _last_check(self, mutation: Mutation) -> None:
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


def _require_same(running: Mutation, later: Mutation) -> None:
    """Let a second mutation join the first only if the first's outcome is its own as well."""
    if running.content != later.content:
        raise Refused(
            Reason.CLIENT_ORDER_ID_REUSED, f"{running.client_id} is under way with other content"
        )
    if running.terms.leader != later.terms.leader:
        # "No effect" would be true of this call and a lie about the order.
        raise OutcomeUnknown(f"{running.client_id} is under way for another router")


def _believed(mutation: Mutation, error: TandemError) -> TandemError:
    if isinstance(error, ReadFailed) and mutation.may_be_written:
        return OutcomeUnknown(f"a read after the {mutation.kind} failed: {error.message}")
    return error


def _log_end(mutation: Mutation, outcome: Answer | TandemError, took_s: float) -> None:
    if isinstance(outcome, TandemError):
        told = {"reason": outcome.reason.value, "effect": outcome.effect.value}
    elif isinstance(outcome, CancelAllOutcome):
        told = {"asked": str(len(outcome.asked)), "failed": str(len(outcome.failed))}
    else:
        told = {"status": outcome.status.value}
        if isinstance(outcome, OrderReport):
            told["venue_order_id"] = outcome.venue_order_id
    _log.info(
        "mutation_ended",
        mutation=mutation.kind,
        client_id=mutation.client_id,
        took_s=round(took_s, 6),
        **told,
    )


async def _settle(mutations: Iterable[Mutation], timeout_s: float) -> None:
    tasks = {mutation.task for mutation in mutations}
    if tasks:
        await asyncio.wait(tasks, timeout=timeout_s)
