"""A logical account as the desk sees it, and its venues' statements read for one decision."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

from services.common.domain.errors import ReadFailed, Refused
from services.common.domain.order_spec import OrderSpec
from services.router.books.books import Books
from services.router.risk.gate import Role
from services.router.routing.cover import VenueFacts, missing_cover, needs_cover, sells_cover
from services.router.routing.link import VenueLink
from services.router.routing.plan import role_of
from services.router.routing.planned import Facts
from services.router.routing.policy import DEFAULT_POLICY, AccountPolicy, entry_order
from services.router.routing.venue import VenueView

_ATTEMPTS_MAX = 3
_GRACE_S = 0.5


@dataclass(frozen=True, slots=True)
class AccountLinks:
    """A logical account: its venue links in order of preference, and its policy."""

    account_id: str
    links: tuple[VenueLink, ...]
    allow_uncovered: bool = False
    policy: AccountPolicy = DEFAULT_POLICY

    def link(self, venue: str) -> VenueLink | None:
        """The link of that name, None if the account has none such."""
        return next((link for link in self.links if link.name == venue), None)

    def views(self) -> list[VenueView]:
        """What planning may see of the venues now."""
        return [link.view() for link in self.links]

    def links_in_order(self, spec: OrderSpec) -> list[VenueLink]:
        """The links of the venues that an entry may try, in its order."""
        ordered = entry_order(spec, self.views(), self.policy)
        return [link for view in ordered if (link := self.link(view.name)) is not None]


async def read_facts(account: AccountLinks, spec: OrderSpec, books: Books) -> Facts:
    """Read each venue's statement if the order needs or sells cover; none older than the books.

    Once the venue that goes first has answered, the others have `_GRACE_S` more: a slow backup
    doesn't hold up what goes elsewhere. Never raises: a venue that can't be read is a ReadFailed
    among the facts.
    """
    ordered = account.links_in_order(spec)
    links = [link for link in ordered if _is_asked(link, account, spec, books)]
    if not links:
        return {}

    def is_enough(name: str, read: VenueFacts | ReadFailed) -> bool:
        return isinstance(read, VenueFacts) and _covers(account, spec, books, name, read)

    for _ in range(_ATTEMPTS_MAX):
        before = len(books.executions)
        read = await _read_venues(links, is_enough)
        if len(books.executions) == before:
            return dict(zip((link.name for link in links), read, strict=True))
    stale = ReadFailed("fills kept coming while the account was read")
    return dict.fromkeys((link.name for link in links), stale)


def _is_asked(link: VenueLink, account: AccountLinks, spec: OrderSpec, books: Books) -> bool:
    """Whether the plan will look at this venue's statement. An exit is never held up for one."""
    if account.allow_uncovered or not link.view().takes_entries:
        return False
    if needs_cover(spec):
        return True
    if not sells_cover(spec, books, account.account_id, link.name):
        return False
    try:
        return role_of(spec, account.account_id, books) is Role.ENTRY
    except Refused:  # as the plan will say
        return False


def _covers(
    account: AccountLinks, spec: OrderSpec, books: Books, venue: str, read: VenueFacts
) -> bool:
    try:
        return missing_cover(spec, books, account.account_id, venue, read) is None
    except Refused:  # of the order itself, as the plan will say
        return True


async def _read_venues(
    links: list[VenueLink], is_enough: Callable[[str, VenueFacts | ReadFailed], bool]
) -> list[VenueFacts | ReadFailed]:
    tasks = [asyncio.create_task(_read_venue(link)) for link in links]
    try:
        await asyncio.wait(tasks[:1])
        if is_enough(links[0].name, tasks[0].result()):
            await asyncio.wait(tasks, timeout=_GRACE_S)
        else:
            await asyncio.wait(tasks)  # one of them is needed
        late = ReadFailed("its account was not read in time")
        return [task.result() if task.done() else late for task in tasks]
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _read_venue(link: VenueLink) -> VenueFacts | ReadFailed:
    try:
        balance, positions = await asyncio.gather(link.port.balance(), link.port.positions())
    except ReadFailed as error:
        return error
    return VenueFacts(balance, tuple(positions))
