"""Instructions to venues: exercise long option contracts, or don't. Each is sent once, ever.

No venue takes an id with them that would tell a repeat from a second one, so an instruction whose
answer is missing stays in doubt: it is alarmed and never sent again under its key.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import replace

import structlog

from services.common.domain.errors import (
    Cause,
    Effect,
    InvalidRequest,
    NotFound,
    OutcomeUnknown,
    ReadFailed,
    Reason,
    Refused,
    TandemError,
    Unavailable,
)
from services.common.domain.executions import Side
from services.common.domain.order_status import OrderStatus
from services.common.runtime.tasks import TaskOwner
from services.router.books.books import Books
from services.router.books.entries import InstructionEntry, OrderKey
from services.router.books.positions import Position
from services.router.journal.journal import Journal
from services.router.journal.records import (
    AlertRaised,
    Instruction,
    InstructionAnswered,
    InstructionIntended,
    Record,
    Severity,
)
from services.router.journal.store import JournalError
from services.router.risk.gate import Role, check_gate
from services.router.routing.accounts import AccountLinks
from services.router.routing.link import VenueLink
from services.router.routing.spare import free_of, spare_longs
from services.router.routing.work import WorkTools, not_durable

_log = structlog.stdlib.get_logger(__name__)


class Instructing:
    """Takes instructions; each is worked by a task of its own."""

    def __init__(
        self,
        accounts: Mapping[str, AccountLinks],
        tools: WorkTools,
        tasks: TaskOwner,
        require_open: Callable[[], None],
    ) -> None:
        self._accounts = accounts
        self._books = tools.books
        self._journal = tools.journal
        self._tasks = tasks
        self._require_open = require_open
        self._running: dict[OrderKey, asyncio.Task[None]] = {}

    async def instruct(self, asked: InstructionIntended) -> InstructionEntry:
        """Send an instruction, once, and answer with what came of it, durable.

        An empty `venue` means the one that holds the contracts. The same key with the same content
        is the same instruction; one that had no effect may be tried again. Errors: NotFound,
        InvalidRequest, Refused, Unavailable, each with effect NONE.
        """
        key = (asked.account_id, asked.client_order_id)
        known = self._known(key, asked)
        if known is None or (known.status is OrderStatus.UNPLACED and key not in self._running):
            self._start(key, self._placed(asked))
        task = self._running.get(key)
        if task is not None:
            await asyncio.wait({task})
            if task.cancelled():
                raise OutcomeUnknown("this router stopped while the instruction was sent")
            await task
        return await self._answer(key)

    def _known(self, key: OrderKey, asked: InstructionIntended) -> InstructionEntry | None:
        if key in self._books.orders:
            raise Refused(
                Reason.CLIENT_ORDER_ID_REUSED, f"client_order_id: {key[1]!r} is an order's"
            )
        known = self._books.instructions.get(key)
        if known is None:
            return None
        same = replace(asked, venue=asked.venue or known.record.venue) == known.record
        if not same:
            raise Refused(
                Reason.CLIENT_ORDER_ID_REUSED,
                f"client_order_id: {key[1]!r} was used before with other content",
            )
        return known

    def _placed(self, asked: InstructionIntended) -> InstructionIntended:
        """The instruction with the venue that holds the contracts; refused if it can't go there."""
        self._require_open()
        held = [
            p
            for p in self._books.held(asked.account_id)
            if p.instrument.key == asked.contract.key and p.qty > 0 and asked.venue in ("", p.venue)
        ]
        if not held:
            raise NotFound(
                Reason.POSITION_NOT_FOUND, f"the books hold no {asked.contract.key} to exercise"
            )
        if len(held) > 1:
            raise InvalidRequest("venue", "required: several venues hold the contracts")
        self._check_free(asked, held[0])
        check_gate(self._books, asked.account_id, Role.EXIT)
        view = self._link(asked.account_id, held[0].venue).view()
        if not view.ready:
            raise Refused(
                Reason.HOLDER_UNAVAILABLE,
                f"{asked.contract.key} is held at {view.name}, which can't take it: {view.why_not}",
            )
        return replace(asked, venue=held[0].venue)

    def _check_free(self, asked: InstructionIntended, held: Position) -> None:
        """Raise Refused INSUFFICIENT_QTY if contracts are promised to exits or instructions,
        NO_COVER if short legs would be left naked. Without a quantity it is about all."""
        qty = held.qty if asked.qty is None else asked.qty
        where = (asked.account_id, held.venue, self._books)
        if asked.instruction is Instruction.EXERCISE:
            free = free_of(
                asked.contract, Side.SELL, asked.account_id, self._books, despite_doubts=True
            )[0][held.venue]
            if qty > free:
                raise Refused(
                    Reason.INSUFFICIENT_QTY,
                    f"qty: {qty} is more than is free of exits and other exercises, {free} of the "
                    f"{held.qty} that are held",
                )
        if not self._accounts[asked.account_id].allow_uncovered:
            spare = spare_longs(asked.contract, held.qty, *where)
            if qty > spare:
                raise Refused(
                    Reason.NO_COVER,
                    f"qty: of the {held.qty} that are held short legs need all but {spare}",
                )

    def _link(self, account_id: str, venue: str) -> VenueLink:
        link = self._accounts[account_id].link(venue)
        if link is None:
            raise Refused(
                Reason.HOLDER_UNAVAILABLE, f"{venue} is no venue of {account_id} any more"
            )
        return link

    def _start(self, key: OrderKey, instruction: InstructionIntended) -> None:
        link = self._link(key[0], instruction.venue)
        session_id = link.view().session_id
        try:
            self._journal.record(instruction)
        except JournalError as error:
            raise not_durable(error) from error
        work = self._work(key, instruction, link, session_id)
        task = self._tasks.start(f"instruction {key[1]}", work, critical=False)
        self._running[key] = task
        task.add_done_callback(lambda _: self._running.pop(key))

    async def _work(
        self, key: OrderKey, instruction: InstructionIntended, link: VenueLink, session_id: str
    ) -> None:
        try:
            await self._journal.durable()
        except JournalError as error:
            raise not_durable(error) from error
        try:
            self._journal.record(*await self._send(key, instruction, link, session_id))
        except JournalError as error:
            raise OutcomeUnknown(f"the journal failed while it was sent: {error}") from error

    async def _send(
        self, key: OrderKey, instruction: InstructionIntended, link: VenueLink, session_id: str
    ) -> list[Record]:
        """Check for the last time and send; the records of what came back."""
        try:
            self._last_check(key[0], link, session_id)
            answer = await link.port.exercise(instruction, link.claim(), session_id)
        except TandemError as error:
            link.was_overtaken(error)
            if error.effect is Effect.NONE and not isinstance(error, ReadFailed):
                return [InstructionAnswered(*key, OrderStatus.UNPLACED, error.cause)]
            return _doubted(instruction, error.cause)
        except Exception as fault:  # noqa: BLE001 - whatever it is, the instruction may be out
            _log.error("instruction_fault", client_order_id=key[1], exc_info=fault)
            cause = Cause(Reason.OUTCOME_UNKNOWN, f"a fault while it was sent: {fault!r}")
            return _doubted(instruction, cause)
        return [InstructionAnswered(*key, answer.status, answer.cause)]

    def _last_check(self, account_id: str, link: VenueLink, session_id: str) -> None:
        """Raise Refused, effect NONE, if the instruction may not be sent by now."""
        if not self._journal.is_leading:
            raise Refused(Reason.NOT_LEADER, "this router is stopping")
        check_gate(self._books, account_id, Role.EXIT)
        view = link.view()
        if not view.ready or view.session_id != session_id:
            raise Refused(Reason.STALE_SESSION, f"{link.name} was reconnected before it was sent")

    async def _answer(self, key: OrderKey) -> InstructionEntry:
        entry = self._books.instructions[key]
        try:
            await self._journal.durable(entry.seq)
        except JournalError as error:
            raise OutcomeUnknown(f"the journal has failed: {error}") from error
        if entry.status is OrderStatus.UNPLACED:
            cause = entry.cause or Cause(Reason.UNSPECIFIED, "it was not sent")
            raise Unavailable(cause.reason, cause.message)
        return entry


def doubt_instructions(books: Books, journal: Journal) -> None:
    """On start: what was journaled and has no answer may have been sent. It is in doubt."""
    pending = [e for e in books.instructions.values() if e.status is OrderStatus.PENDING_NEW]
    for entry in pending:
        cause = Cause(Reason.OUTCOME_UNKNOWN, "the router was restarted before an answer came")
        journal.record(*_doubted(entry.record, cause))


def _doubted(instruction: InstructionIntended, cause: Cause) -> list[Record]:
    key = (instruction.account_id, instruction.client_order_id)
    text = (
        f"{instruction.instruction.value} of {instruction.contract.key} ({key[1]}): "
        f"{cause.message}; it is not sent again"
    )
    return [
        InstructionAnswered(*key, OrderStatus.IN_DOUBT, cause),
        AlertRaised(
            "INSTRUCTION_IN_DOUBT", Severity.CRITICAL, text, key[0], instruction.venue, key[1]
        ),
    ]
