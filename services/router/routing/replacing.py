"""Replacing orders: other terms for what works at a venue, never more of it than was asked for.

A replace goes to the venue that has the order and to no other, it is asked for once, and a restart
never goes on with it. Here it is decided whether it may be; `revising` works it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from decimal import Decimal

from services.common.domain.amounts import sub
from services.common.domain.errors import (
    InvalidRequest,
    OutcomeUnknown,
    Reason,
    Refused,
    TandemError,
)
from services.common.domain.order import Order
from services.common.domain.order_events import Placement
from services.common.domain.order_rules import check_order
from services.common.domain.order_spec import OrderSpec
from services.common.domain.order_status import WORKING, OrderStatus
from services.common.domain.order_terms import OrderChange
from services.common.runtime.tasks import TaskOwner
from services.router.books.entries import OrderKey
from services.router.journal.records import Record, ReplaceIntended
from services.router.journal.store import JournalError
from services.router.risk.gate import Role, check_gate
from services.router.routing.accounts import AccountLinks, read_facts
from services.router.routing.link import VenueLink
from services.router.routing.placing import intended, next_revision
from services.router.routing.plan import plan_order, role_of, role_where
from services.router.routing.planned import Facts
from services.router.routing.revising import Asked, ReplaceWork, has_fills
from services.router.routing.work import WorkTools, check_not_after, not_durable

_REPLACEABLE = WORKING - {OrderStatus.PENDING_CANCEL, OrderStatus.PENDING_REPLACE}


@dataclass(slots=True)
class _Running:
    replace_id: str
    task: asyncio.Task[TandemError | None]


class Replacing:
    """Takes replaces; each is worked by a task of its own. `require_open` refuses while stopping.

    The end of what is canceled for a replace must be proven within `proof_s` seconds; if it is not,
    nothing new is sent.
    """

    def __init__(
        self,
        accounts: Mapping[str, AccountLinks],
        tools: WorkTools,
        tasks: TaskOwner,
        require_open: Callable[[], None],
        *,
        proof_s: float,
    ) -> None:
        self._accounts = accounts
        self._tools = tools
        self._books = tools.books
        self._journal = tools.journal
        self._tasks = tasks
        self._require_open = require_open
        self._proof_s = proof_s
        self._running: dict[OrderKey, _Running] = {}

    def under_way(self, key: OrderKey) -> asyncio.Task[TandemError | None] | None:
        """The task of a replace of this order, if one is being worked."""
        running = self._running.get(key)
        return None if running is None else running.task

    async def replace(self, account_id: str, client_order_id: str, asked: Asked) -> OrderKey:
        """Ask for other terms, once, and wait for the first outcome.

        The same key with the same change is the same replace: it waits for the first, or answers
        with the order as it is; one that had no effect may be tried again. Errors: NotFound,
        InvalidRequest, Refused and Unavailable with effect NONE (the old terms stand);
        OutcomeUnknown if nobody knows which terms stand.
        """
        entry = self._books.get(account_id, client_order_id)
        key = entry.key
        if entry.order.external:
            raise Refused(
                Reason.NOT_PERMITTED,
                f"{client_order_id} was found at a venue: only its owner can change it; cancel it "
                "and send an order of your own",
            )
        if self._is_known(key, asked):
            await self._worked(key)
            return key
        self._check(key, asked)
        growth = self._growth(key, asked)
        facts: Facts = {}
        if growth.order_qty > 0:
            facts = await read_facts(self._accounts[account_id], growth, self._books)
        # From here to the record nothing waits: what is decided is what is written.
        if self._is_known(key, asked):
            await self._worked(key)
            return key
        role = self._check(key, asked)
        order, account = self._books.orders[key].order, self._accounts[account_id]
        old = _working(order)
        growth = self._growth(key, asked)
        if growth.order_qty > 0:
            plan_order(
                growth,
                account_id,
                self._books,
                account.views(),
                facts,
                allow_uncovered=account.allow_uncovered,
            )
        self._start(account, key, asked, old, role)
        await self._worked(key)
        return key

    # -- deciding ----------------------------------------------------------------------------

    def _is_known(self, key: OrderKey, asked: Asked) -> bool:
        """Whether this very replace was asked for before, and is not to be tried again."""
        order, running = self._books.orders[key].order, self._running.get(key)
        known = next((r for r in order.replaces if r.replace_id == asked.replace_id), None)
        if known is not None and known.change != asked.change:
            raise Refused(
                Reason.CLIENT_ORDER_ID_REUSED,
                f"replace_id: {asked.replace_id!r} was used before with other terms",
            )
        if running is not None:
            if running.replace_id != asked.replace_id:
                raise Refused(
                    Reason.CHANGE_IN_PROGRESS, f"replace {running.replace_id} is under way"
                )
            return True
        placed = [p for p in order.placements if p.replace_id == asked.replace_id]
        return known is not None and any(p.status is not OrderStatus.UNPLACED for p in placed)

    def _check(self, key: OrderKey, asked: Asked) -> Role:
        """Raise, with effect NONE, if the replace may not be sent now; the order's role."""
        self._require_open()
        order = self._books.orders[key].order
        old = _working(order)
        terms = _changed_terms(order, asked.change)
        if terms.order_qty <= order.cum_qty:
            raise InvalidRequest("order_qty", f"{order.cum_qty} is filled already")
        view = self._link(key, old).view()
        if not view.ready:
            raise Refused(
                Reason.HOLDER_UNAVAILABLE,
                f"{key[1]} is at {old.venue}, which can't take the replace: {view.why_not}",
            )
        role = role_of(terms, key[0], self._books)
        left = sub(terms.order_qty, order.cum_qty)
        check_gate(self._books, key[0], role_where(terms, left, old.venue, key[0], self._books))
        self._check_not_after(asked)
        if has_fills(order, old):
            check_not_after(order.spec, self._tools.clock)  # what is left is a new send
        return role

    def _check_not_after(self, asked: Asked) -> None:
        if asked.not_after is not None and self._tools.clock.now() > asked.not_after:
            raise Refused(Reason.NOT_AFTER_PASSED, "not_after has passed")

    def _growth(self, key: OrderKey, asked: Asked) -> OrderSpec:
        """An order of what the replace adds, where the order is; quantity 0 if it adds nothing."""
        order = self._books.orders[key].order
        terms = order.terms.changed_by(asked.change)
        added = max(sub(terms.order_qty, order.terms.order_qty), Decimal(0))
        return replace(terms, order_qty=added, venue_pin=_working(order).venue)

    def _link(self, key: OrderKey, placement: Placement) -> VenueLink:
        link = self._accounts[key[0]].link(placement.venue)
        if link is None:
            raise Refused(
                Reason.HOLDER_UNAVAILABLE, f"{placement.venue} is no venue of {key[0]} any more"
            )
        return link

    # -- working -----------------------------------------------------------------------------

    def _start(
        self, account: AccountLinks, key: OrderKey, asked: Asked, old: Placement, role: Role
    ) -> None:
        """Record what was asked for, with the revision if there is one, and give it its task."""
        order = self._books.orders[key].order
        records: list[Record] = []
        if all(r.replace_id != asked.replace_id for r in order.replaces):
            records.append(ReplaceIntended(*key, asked.replace_id, asked.change))
        revision = None
        if not has_fills(order, old):
            revision = self._revision(key, asked, old)
            records.append(intended(key, revision))
        try:
            self._journal.record(*records)
        except JournalError as error:
            raise not_durable(error) from error
        link = self._link(key, old)
        work = ReplaceWork(self._tools, account, link, key, asked, old, role, self._proof_s)
        task = self._tasks.start(f"replace {key[1]}", work.run(revision), critical=False)
        self._running[key] = _Running(asked.replace_id, task)
        task.add_done_callback(lambda _: self._running.pop(key))

    def _revision(self, key: OrderKey, asked: Asked, old: Placement) -> Placement:
        order = self._books.orders[key].order
        change = old.change.then(asked.change)
        total_qty = order.spec.changed_by(change).order_qty
        return Placement(
            placement_id=str(next_revision(order, old)),
            venue=old.venue,
            order_qty=sub(total_qty, order.cum_qty),  # earlier placements may have fills
            attempted_at=self._tools.clock.now(),
            session_id=self._link(key, old).view().session_id,
            change=change,
            replaces=old.placement_id,
            replace_id=asked.replace_id,
        )

    async def _worked(self, key: OrderKey) -> None:
        """Wait for the replace that is under way, if there is one; raises what ended it."""
        running = self._running.get(key)
        if running is None:
            return
        await asyncio.wait({running.task})
        if running.task.cancelled():
            raise OutcomeUnknown("this router stopped while the replace was worked")
        if (error := running.task.result()) is not None:
            raise error


def _working(order: Order) -> Placement:
    """The one placement that a replace is about. Refused, effect NONE, if there is none such."""
    live = [p for p in order.placements if order.may_be_live(p) > 0]
    if not live:
        raise Refused(
            Reason.ORDER_ENDED, f"{order.client_order_id} is not live: {order.status.value}"
        )
    if any(p.is_child for p in live):
        raise Refused(
            Reason.NOT_IMPLEMENTED,
            f"{order.client_order_id} is split over venues and can't be replaced: cancel it, and "
            "send what is left as a new order",
        )
    settled = len(live) == 1 and not order.is_being_replaced(live[0])
    if not settled or live[0].status not in _REPLACEABLE or order.cancel_requested:
        raise Refused(
            Reason.CHANGE_IN_PROGRESS,
            f"{order.client_order_id} can't be replaced while it is {order.status.value}",
        )
    return live[0]


def _changed_terms(order: Order, change: OrderChange) -> OrderSpec:
    """The order on its new terms. InvalidRequest naming the field of the request that is wrong."""
    terms = order.terms.changed_by(change)
    if terms == order.terms:
        name = next(iter(change.asked()))
        raise InvalidRequest(name, "the order is on these terms already")
    try:
        check_order(terms)
    except InvalidRequest as error:
        named, asked = error.field.removeprefix("order."), change.asked()
        if named in asked:
            why = error.message.removeprefix(f"{error.field}: ")
            raise InvalidRequest(named, why) from error
        # The order's own, on which what was asked for does not fit.
        raise InvalidRequest(next(iter(asked)), f"does not fit it: {error.message}") from error
    return terms
