"""Which venue answers a read that no order depends on: the one named, else the first that can.

A venue that was named answers or fails; nobody else is asked in its place. Without a name the
venues that can be reached are asked in order of preference, those that are up first.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Final, TypeVar

from services.common.domain.errors import (
    Effect,
    InvalidRequest,
    NotFound,
    ReadFailed,
    Reason,
    TandemError,
    Unavailable,
    VenueCause,
)
from services.common.domain.reports import VenueState
from services.common.runtime import deadlines
from services.router.routing.accounts import AccountLinks
from services.router.routing.link import VenueLink
from services.router.routing.market import MarketPort

T = TypeVar("T")

NOT_OFFERED: Final = frozenset({Reason.NOT_IMPLEMENTED, Reason.UNSUPPORTED_BY_VENUE})
"""A venue's word that it has no such thing."""
_OF_THE_REQUEST: Final = frozenset(
    {Reason.INVALID_FIELD, Reason.UNSUPPORTED_FIELD, Reason.INVALID_TOKEN, Reason.TOKEN_EXPIRED}
)
_DOWN: Final = frozenset({VenueState.DOWN, VenueState.UNKNOWN})

Failures = Sequence[tuple[str, ReadFailed]]


def venues_to_ask(account: AccountLinks, venue: str) -> list[VenueLink]:
    """The venue named, or all that can be reached, the best first.

    Raises NotFound VENUE_NOT_FOUND, Unavailable VENUE_UNAVAILABLE naming each one's obstacle.
    """
    if venue:
        link = account.link(venue)
        if link is None:
            raise NotFound(
                Reason.VENUE_NOT_FOUND, f"venue: {account.account_id} has no venue {venue!r}"
            )
        return [link]
    reached = [link for link in account.links if link.is_fenced]
    if not reached:
        why = "; ".join(f"{link.name}: {link.view().why_not}" for link in account.links)
        raise Unavailable(Reason.VENUE_UNAVAILABLE, f"no venue can be asked: {why}")
    return sorted(reached, key=lambda link: not _is_up(link))  # stable: preference is kept


def _is_up(link: VenueLink) -> bool:
    return link.status is not None and link.status.state not in _DOWN


async def ask(
    account: AccountLinks, venue: str, read: Callable[[MarketPort], Awaitable[T]]
) -> tuple[str, T]:
    """The answer, and the name of the venue that gave it.

    Raises InvalidRequest for what the venue found wrong with the request itself, and ReadFailed
    naming the venues that failed.
    """
    failures: list[tuple[str, ReadFailed]] = []
    links = venues_to_ask(account, venue)
    for number, link in enumerate(links):
        try:
            return link.name, await _in_time(read(link.port), len(links) - number)
        except ReadFailed as error:
            if is_of_the_request(error):
                raise request_error(error) from error
            failures.append((link.name, error))
    raise all_failed(failures)


async def _in_time(answer: Awaitable[T], venues_left: int) -> T:
    """The answer within this venue's share of the caller's deadline: one that hangs must leave
    the next one time to answer. ReadFailed if it does not come."""
    left_s = deadlines.remaining_s()
    share_s = None if left_s is None or venues_left == 1 else left_s / venues_left
    try:
        async with asyncio.timeout(share_s):
            return await answer
    except TimeoutError as error:
        raise ReadFailed("no answer in its share of the deadline") from error


def is_of_the_request(error: ReadFailed) -> bool:
    """Whether any venue would say the same."""
    return error.reason in _OF_THE_REQUEST


def request_error(error: ReadFailed) -> TandemError:
    """An adapter's word against the request, as ours: it names the field before a colon."""
    field, colon, why = error.message.partition(": ")
    if error.reason is Reason.TOKEN_EXPIRED or not colon:
        return error
    return InvalidRequest(field, why, reason=error.reason)


def all_failed(failures: Failures) -> ReadFailed:
    """One error for all: a failure that may pass counts before "not offered"."""
    counts = [f for f in failures if f[1].reason not in NOT_OFFERED] or list(failures)
    first = counts[0][1]
    shown = "; ".join(
        error.message if error.message.startswith(f"{venue}: ") else f"{venue}: {error.message}"
        for venue, error in failures
    )
    failed = ReadFailed(shown, reason=first.reason, retry_after_s=first.retry_after_s)
    failed.venue_causes = tuple(
        VenueCause(venue, error.reason, error.message, Effect.NONE) for venue, error in failures
    )
    return failed
