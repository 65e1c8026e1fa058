"""Taking orders and cancels: look up, plan, gate, journal; then the order has its own task.

The RPC that brought an order only waits: its deadline or cancellation ends the waiting. Between a
decision (plan, gate) and its record nothing waits, so no other task can come between.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Mapping
from datetime import datetime

import structlog

from services.common.domain.errors import (
    Cause,
    InvalidRequest,
    NotFound,
    OutcomeUnknown,
    Reason,
    Refused,
    TandemError,
    Unavailable,
)
from services.common.domain.order_events import Placement, PlacementSignaled
from services.common.domain.order_spec import OrderSpec
from services.common.domain.order_status import WORKING, OrderStatus, Signal
from services.common.runtime.tasks import TaskOwner
from services.router.books.entries import OrderEntry, OrderKey
from services.router.journal.records import CancelIntended, OrderIntended, Record
from services.router.journal.store import JournalError
from services.router.risk.gate import Role, check_gate
from services.router.routing.accounts import AccountLinks, read_facts
from services.router.routing.adopting import is_repeat
from services.router.routing.instructing import Instructing
from services.router.routing.placing import failed_over, intended, new_placements
from services.router.routing.plan import plan_order
from services.router.routing.planned import Facts, Plan
from services.router.routing.replacing import Replacing
from services.router.routing.revising import Asked
from services.router.routing.together import all_done
from services.router.routing.untaken import Untaken, unplaced
from services.router.routing.work import OrderWork, WorkTools, check_not_after, not_durable

_log = structlog.stdlib.get_logger(__name__)
# How an order can stand whose cancel was carried out; an unplaced one is ended by it.
_CANCELS = frozenset({OrderStatus.CANCELED, OrderStatus.UNPLACED})


class Desk:
    """Takes orders and cancels. `tasks` owns one task per order that is being worked."""

    def __init__(
        self,
        accounts: Mapping[str, AccountLinks],
        tools: WorkTools,
        tasks: TaskOwner,
        *,
        replace_proof_s: float,
    ) -> None:
        self.accounts = accounts
        self.replacing = Replacing(
            accounts, tools, tasks, self.require_open, proof_s=replace_proof_s
        )
        self.instructing = Instructing(accounts, tools, tasks, self.require_open)
        self._tools = tools
        self._journal = tools.journal
        self._books = tools.books
        self._tasks = tasks
        self._working: dict[OrderKey, asyncio.Task[TandemError | None]] = {}
        self._unplaced: dict[OrderKey, OrderWork] = {}
        self._untaken = Untaken(tools.journal, tools.books, tools.clock)
        self._draining = False

    def account(self, account_id: str) -> AccountLinks:
        """The account; NotFound ACCOUNT_NOT_FOUND."""
        account = self.accounts.get(account_id)
        if account is None:
            raise NotFound(Reason.ACCOUNT_NOT_FOUND, f"account_id: no account {account_id!r} here")
        return account

    def required_account(self, account_id: str) -> AccountLinks:
        """The account; InvalidRequest if none is named, NotFound ACCOUNT_NOT_FOUND."""
        if not account_id:
            raise InvalidRequest("account_id", "required")
        return self.account(account_id)

    def drain(self) -> None:
        """Take no more orders and cancels; what is under way goes on."""
        self._draining = True

    # -- orders ------------------------------------------------------------------------------

    async def submit(
        self, account_id: str, spec: OrderSpec, *, received: datetime, traceparent: str
    ) -> OrderEntry:
        """Take an order, once, and answer with its first outcome, durable.

        Errors: NotFound, Refused (nothing journaled), Unavailable ALL_VENUES_UNAVAILABLE (kept as
        UNPLACED) or JOURNAL_UNAVAILABLE, all with effect NONE; OutcomeUnknown if the journal
        failed after the send. Canceling the call leaves the order to its task.
        """
        account = self.account(account_id)
        key = (account_id, spec.client_order_id)
        if self._is_settled(key, spec):
            return await self._answer(key)
        facts = await read_facts(account, spec, self._books)
        # From here to the record nothing waits: what is decided is what is written.
        if self._is_settled(key, spec):
            return await self._answer(key)
        self.require_open()
        plan = self._plan(account, key, spec, facts)
        check_gate(self._books, account_id, plan.role)
        check_not_after(spec, self._tools.clock)
        placements = self._intend(account, key, spec, plan, received, traceparent)
        self._start(account, key, plan, placements)
        return await self._answer(key)

    def _plan(self, account: AccountLinks, key: OrderKey, spec: OrderSpec, facts: Facts) -> Plan:
        try:
            return plan_order(
                spec,
                account.account_id,
                self._books,
                account.views(),
                facts,
                allow_uncovered=account.allow_uncovered,
                policy=account.policy,
            )
        except Refused as refused:
            self._untaken.refused(key, refused)
            raise

    def require_open(self) -> None:
        """Raise Unavailable, effect NONE, if this router takes nothing any more."""
        if self._draining:
            raise Unavailable(Reason.SHUTTING_DOWN, "this router is stopping", retry_after_s=1.0)
        if self._journal.failure is None and not self._journal.is_leading:
            raise Unavailable(Reason.NOT_LEADER, "this router leads no more", retry_after_s=1.0)

    def _is_settled(self, key: OrderKey, spec: OrderSpec) -> bool:
        """Whether the id is taken by this very order and there is nothing to plan."""
        entry = self._books.orders.get(key)
        if entry is None:
            return False
        if not is_repeat(entry.order.content_hash, spec):
            raise Refused(
                Reason.CLIENT_ORDER_ID_REUSED,
                f"order.client_order_id: {spec.client_order_id!r} was used before with other "
                "content",
            )
        return key in self._working or entry.order.status is not OrderStatus.UNPLACED

    def _intend(
        self,
        account: AccountLinks,
        key: OrderKey,
        spec: OrderSpec,
        plan: Plan,
        received: datetime,
        traceparent: str,
    ) -> tuple[Placement, ...]:
        """Record the order, unless it is known, and what is sent of it first, in one commit."""
        records: list[Record] = []
        if key not in self._books.orders:
            placed = plan.is_placed
            intent = OrderIntended(
                key[0], spec, spec.content_hash(), received, traceparent, placed=placed
            )
            records.append(intent)
        now = self._tools.clock.now()
        placements = new_placements(self._books, key, spec, plan, now)
        if placements:
            passed = [
                c
                for c in plan.passed_over
                if c.venue == plan.preferred and c.reason is Reason.VENUE_UNAVAILABLE
            ]
            if plan.role is Role.ENTRY and passed:
                records += failed_over(self._books, key, passed[0], placements[0].venue, now)
            records += [intended(key, placement) for placement in placements]
        try:
            self._journal.record(*records)
        except JournalError as error:
            raise not_durable(error) from error
        return placements

    def _start(
        self, account: AccountLinks, key: OrderKey, plan: Plan, placements: tuple[Placement, ...]
    ) -> None:
        """Give the order its task; without a placement there is nothing to do."""
        work = OrderWork(self._tools, account, key, plan, list(plan.passed_over))
        self._unplaced[key] = work
        if not placements:
            self._untaken.ended(self._books.orders[key], plan.role, work.passed_over)
            return
        self._own(key, work.run(*placements))

    def _own(self, key: OrderKey, work: Coroutine[None, None, TandemError | None]) -> None:
        """Make a task of the work on an order."""
        task = self._tasks.start(f"order {key[1]}", work, critical=False)
        self._working[key] = task
        task.add_done_callback(lambda _: self._finished(key))

    def _finished(self, key: OrderKey) -> None:
        """Forget the work, also if nobody waits for the answer any more: a person hears of one that
        was taken nowhere."""
        self._working.pop(key, None)
        entry, work = self._books.orders[key], self._unplaced.get(key)
        if work is not None:
            self._untaken.ended(entry, work.plan.role, work.passed_over)
        if entry.order.status is not OrderStatus.UNPLACED:
            self._unplaced.pop(key, None)

    async def _answer(self, key: OrderKey) -> OrderEntry:
        """Wait for the order's task, then for its record; an unplaced order is an error."""
        await self._worked(key)
        entry = await self._durable(key)
        if entry.order.status is OrderStatus.UNPLACED:
            work = self._unplaced.get(key)  # None if it was worked before a restart
            if work is None:
                raise unplaced(entry.order, (), None)
            raise unplaced(entry.order, work.passed_over, work.retry_after_s)
        self._unplaced.pop(key, None)
        return entry

    async def _worked(self, key: OrderKey) -> None:
        """Wait for the order's task, if it has one; raises what ended it."""
        task = self._working.get(key)
        if task is None:
            return
        await asyncio.wait({task})
        if task.cancelled():
            raise OutcomeUnknown("this router stopped while the order was sent")
        if (error := task.result()) is not None:
            raise error

    async def _durable(self, key: OrderKey) -> OrderEntry:
        """The order as it is now, once that is on disk: what comes while we wait is not told."""
        entry = self._books.orders[key]
        try:
            await self._journal.durable(entry.seq)
        except JournalError as error:
            raise OutcomeUnknown(f"the journal has failed: {error}") from error
        return entry

    async def take_proof(self, key: OrderKey, placement_id: str, cause: Cause) -> None:
        """A placement in doubt is proven absent: record that, and let the order go on.

        The order's own task does so if it still has one; a revision that came to nothing leaves
        the order as it was. A router that takes nothing any more leaves the doubt to the next one.
        """
        entry = self._books.orders[key]
        placement = entry.order.placement(placement_id)
        assert placement is not None, "placements are never forgotten"
        if self._draining or not self._journal.is_leading:
            return
        signaled = PlacementSignaled(placement_id, Signal.FENCED, cause=cause)
        if key in self._working or placement.replaces:
            self._tools.intake.take_signal(entry, signaled)
            return
        account = self.accounts[key[0]]
        role = Role.ENTRY if placement.is_entry else Role.EXIT
        work = OrderWork(self._tools, account, key, Plan(role, ()))
        self._unplaced[key] = work
        self._own(key, work.go_on(placement, signaled))

    # -- replaces ----------------------------------------------------------------------------

    async def replace(self, account_id: str, client_order_id: str, asked: Asked) -> OrderEntry:
        """Ask for other terms and answer with the order, durable; errors as `Replacing.replace`."""
        self.account(account_id)
        key = self._books.get(account_id, client_order_id).key
        if (sending := self._working.get(key)) is not None:
            await asyncio.wait({sending})
        return await self._durable(await self.replacing.replace(account_id, key[1], asked))

    # -- cancels -----------------------------------------------------------------------------

    async def cancel(self, account_id: str, client_order_id: str) -> OrderEntry:
        """Journal a cancel, pass it on where the order is, and answer with the order.

        The cancel stands: where it can't be passed on now (in doubt, venue down) it will be.
        Errors: NotFound ORDER_NOT_FOUND; Refused ORDER_ENDED; Unavailable; effect NONE each.
        """
        self.account(account_id)
        entry = self._books.get(account_id, client_order_id)
        order, key = entry.order, entry.key
        if not order.is_open and order.status is not OrderStatus.UNPLACED:
            raise Refused(
                Reason.ORDER_ENDED, f"{order.client_order_id} has ended: {order.status.value}"
            )
        if not order.cancel_requested:
            self.require_open()
            try:
                seq = self._journal.record(CancelIntended(*key))
                await self._journal.durable(seq)
            except JournalError as error:
                raise not_durable(error) from error
        await self._carried_out(key)
        entry = await self._durable(key)
        if not entry.order.is_open and entry.order.status not in _CANCELS:
            raise Refused(
                Reason.ORDER_ENDED,
                f"{client_order_id} had ended before: {entry.order.status.value}",
            )
        return entry

    async def _carried_out(self, key: OrderKey) -> None:
        """Pass the cancel on from a task of the desk, and wait for that."""
        if self._draining:
            return
        task = self._tasks.start(f"cancel {key[1]}", self._carry_out(key), critical=False)
        await asyncio.wait({task})
        if task.cancelled() or (error := task.exception()) is None:
            return
        if isinstance(error, JournalError):
            raise OutcomeUnknown(f"the journal has failed: {error}") from error
        raise error

    async def _carry_out(self, key: OrderKey) -> None:
        """What works now is canceled at once; what is being sent, when its outcome is known."""
        tasks = (self._working.get(key), self.replacing.under_way(key))
        if sending := {task for task in tasks if task is not None}:
            await self._cancel_working(key)
            await asyncio.wait(sending)
        await self._cancel_working(key)

    async def _cancel_working(self, key: OrderKey) -> None:
        """Ask for the end of each placement that works; no venue is waited for before another."""
        cancels = []
        for placement in self._books.orders[key].order.placements:
            link = self.accounts[key[0]].link(placement.venue)
            live = (
                placement.status in WORKING and placement.status is not OrderStatus.PENDING_CANCEL
            )
            if live and link is not None and link.is_fenced:
                cancels.append(self._tools.care.cancel(key, placement.placement_id, link))
        errors = await all_done(cancels)
        if self._books.orders[key].order.external:  # a venue may let only its owner end it
            for error in errors:
                if error is not None and error.reason is Reason.NOT_PERMITTED:
                    raise error
