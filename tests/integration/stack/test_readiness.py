"""Waiting for venues: what is said meanwhile, and how many of them are enough."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from tandem_client import AccountMode, ReadFailed, Venue, VenueState, VenueStatus

from stack.readiness import Patience, orders_possible

Look = Sequence[VenueStatus]


def venue(name: str, reason: str | None = None) -> VenueStatus:
    """A venue that takes orders, or doesn't for a reason."""
    return VenueStatus(
        venue=Venue(name, name, "", "", AccountMode.PAPER),
        state=VenueState.UP if reason is None else VenueState.DOWN,
        reason=reason or "",
        since=None,
        ready=reason is None,
        session_id="",
        session_since=None,
        requests_remaining=None,
        requests_limit=None,
        requests_reset=None,
        probe_s=None,
        clock_offset_s=None,
    )


class Router:
    """Answers with one look after the other, and with the last one for ever."""

    def __init__(self, *looks: Look | ReadFailed) -> None:
        self.looks = list(looks)

    async def read(self) -> Look:
        look = self.looks.pop(0) if len(self.looks) > 1 else self.looks[0]
        if isinstance(look, ReadFailed):
            raise look
        return look


def both(ib: str | None = None, alpaca: str | None = None) -> Look:
    return [venue("alpaca", alpaca), venue("interactive_brokers", ib)]


async def said(router: Router, patience: Patience) -> list[str]:
    lines: list[str] = []
    await orders_possible(router.read, lines.append, patience)
    return lines


async def test_what_is_waited_for_is_said_once_for_each_reason() -> None:
    router = Router(both("refused"), both("refused"), both("silent"), both("silent"), both())
    assert await said(router, Patience(for_all=True, silence_s=0)) == [
        "waiting for interactive_brokers: DOWN, refused",
        "waiting for interactive_brokers: DOWN, silent",
    ]


async def test_an_ordinary_start_says_nothing() -> None:
    router = Router(ReadFailed("not there yet"), [], both("starts", "starts"), both())
    assert await said(router, Patience(for_all=True)) == []


async def test_one_venue_is_enough_and_the_missing_one_is_told() -> None:
    router = Router(both("refused", "starts"), both("refused"))
    assert await said(router, Patience(for_all=False, silence_s=0)) == [
        "waiting for alpaca: DOWN, starts",
        "waiting for interactive_brokers: DOWN, refused",
        "interactive_brokers can't take orders yet: DOWN, refused",
    ]


async def test_a_slower_venue_is_given_the_time_of_silence() -> None:
    assert await said(Router(both("starts"), both()), Patience(for_all=False)) == []


@pytest.mark.parametrize(
    ("for_all", "last", "why"),
    [
        (True, both("refused"), "interactive_brokers: DOWN, refused"),
        (
            False,
            both("refused", "no key"),
            "alpaca: DOWN, no key, interactive_brokers: DOWN, refused",
        ),
        (False, [], "the router: it knows no venue yet"),
    ],
)
async def test_too_few_venues_in_time_is_an_error_that_says_why(
    for_all: bool, last: Look, why: str
) -> None:
    patience = Patience(for_all=for_all, silence_s=0, timeout_s=0.05)
    with pytest.raises(TimeoutError) as error:
        await said(Router(last), patience)
    assert str(error.value) == why
