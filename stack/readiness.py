"""Waits until orders can be sent, and says in the meantime which venue it waits for, and why."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from tandem_client import TandemError, VenueStatus

START_TIMEOUT_S: Final = 60.0
_POLL_S: Final = 0.05
_ROUTER: Final = "the router"


@dataclass(frozen=True, slots=True)
class Patience:
    """How to wait for venues: in silence for `silence_s`, and for `timeout_s` at most.

    With `for_all` each venue must take orders. Without it one is enough, once the silence is over.
    """

    for_all: bool
    silence_s: float = 3.0
    timeout_s: float = START_TIMEOUT_S


async def orders_possible(
    read: Callable[[], Awaitable[Sequence[VenueStatus]]],
    told: Callable[[str], None],
    patience: Patience,
) -> None:
    """Return once orders can be sent; `told` hears what is waited for, and which venue is missing.

    Raises TimeoutError, whose text says of each venue why it can't take orders.
    """
    loop = asyncio.get_running_loop()
    silent_until, said = loop.time() + patience.silence_s, dict[str, str]()
    missing: Mapping[str, str] = {_ROUTER: "nothing was heard of it"}
    try:
        async with asyncio.timeout(patience.timeout_s):
            while True:
                any_ready, missing = await _look(read)
                is_late = loop.time() >= silent_until
                if not missing or (any_ready and is_late and not patience.for_all):
                    break
                if is_late:
                    said = _say_news(said, missing, told)
                await asyncio.sleep(_POLL_S)
    except TimeoutError:
        raise TimeoutError(", ".join(f"{who}: {why}" for who, why in missing.items())) from None
    for venue, why in missing.items():
        told(f"{venue} can't take orders yet: {why}")


async def _look(
    read: Callable[[], Awaitable[Sequence[VenueStatus]]],
) -> tuple[bool, Mapping[str, str]]:
    """Whether a venue can take orders, and why the others can't."""
    try:
        venues = await read()
    except TandemError as error:
        return False, {_ROUTER: str(error)}
    if not venues:
        return False, {_ROUTER: "it knows no venue yet"}
    missing = {venue.venue.name: _why(venue) for venue in venues if not venue.ready}
    return len(missing) < len(venues), missing


def _why(venue: VenueStatus) -> str:
    return f"{venue.state.name}, {venue.reason}" if venue.reason else venue.state.name


def _say_news(
    said: Mapping[str, str], missing: Mapping[str, str], told: Callable[[str], None]
) -> dict[str, str]:
    for who, why in missing.items():
        if said.get(who) != why:
            told(f"waiting for {who}: {why}")
    return dict(missing)
