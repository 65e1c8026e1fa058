"""Acts cards on stands, one after the other on each, several stands at once."""

from __future__ import annotations

import asyncio
import secrets
import time
import traceback
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack
from typing import Final

from stack.children import StackFailed
from tests.conformance.acts import leave_flat
from tests.conformance.bench import Bench
from tests.conformance.card import Card, Mark
from tests.conformance.matrix.claims import Matrix, why_not
from tests.conformance.report import Outcome, Result
from tests.conformance.rules import check_rules
from tests.conformance.scene import Scene
from tests.conformance.server import Role, Stand

CARD_S: Final = 90.0
_TRIES: Final = 3
IN_DOUBT_AT_ROUTER: Final = (
    "the router ends doubts by the order-safety issue; until then it is skipped there"
)
NO_CONTROL: Final = "a real account can't be made to {}"
NO_PROCESS: Final = "the server at an address can't be ended from here"

LEFT_TO_THE_ROUTER: Final = "a fenced adapter leaves this to its router"

OpenStand = Callable[[bool], AbstractAsyncContextManager[Stand]]
"""Opens a stand; with True an adapter in it stands alone, for clients of its own."""


def skip_reason(card: Card, stand: Stand, matrix: Matrix) -> str:
    """Why a card isn't acted here; empty if it is."""
    if stand.server.role is Role.ROUTER:
        if card.is_marked(Mark.ADAPTER_ONLY):
            return "only a router asks this, and only of an adapter"
        if card.is_marked(Mark.IN_DOUBT):
            return IN_DOUBT_AT_ROUTER
    elif card.is_marked(Mark.STAND_ALONE) and stand.server.fenced:
        return LEFT_TO_THE_ROUTER
    for need in card.needs:
        if reason := why_not(matrix, need):
            return reason
    if card.is_marked(Mark.RESTARTS) and stand.process is None:
        return NO_PROCESS
    if stand.control is None:
        wanted = card.control
        return NO_CONTROL.format(wanted[0].value) if wanted else ""
    limits = stand.control.limits
    return next((f"{limits[can]}" for can in card.control if can in limits), "")


async def act_on(
    card: Card, stand: Stand, scene: Scene, run: str, keep: Callable[[Bench], None] = lambda _: None
) -> Result:
    """Act one card; whatever happens in it is its result. `keep` is given its bench."""
    began = time.monotonic()
    steps: tuple[str, ...] = ()
    try:
        async with asyncio.timeout(CARD_S), Bench.at(stand, scene, run, card) as bench:
            keep(bench)
            try:
                await card.act(bench)
                bench.story.require_whole()
                check_rules(bench)
            except Exception:
                steps = tuple(bench.story.steps)
                if stand.control is None:
                    await _leave_flat_if_it_can(bench)
                raise
            steps = tuple(bench.story.steps)
            if _is_left_by_its_own_means(card, stand):
                await leave_flat(bench)
    except Exception as error:  # noqa: BLE001 - a card must not take the others with it
        took_s = time.monotonic() - began
        return Result(card, Outcome.FAILED, took_s, _words(error, steps), steps)
    return Result(card, Outcome.PASSED, time.monotonic() - began, steps=steps)


class Runner:
    """Runs cards over stands that `open_stand` gives; each result is shown as it comes."""

    def __init__(
        self,
        open_stand: OpenStand,
        matrix: Matrix,
        *,
        scene: Scene | None = None,
        show: Callable[[Result], None] = lambda result: None,
    ) -> None:
        self._open_stand = open_stand
        self._matrix = matrix
        self._scene = scene or Scene()
        self._show = show
        self._run = f"c{secrets.token_hex(3)}"

    async def run(self, cards: Sequence[Card], workers: int = 1) -> list[Result]:
        """Act all cards; results in the order of the cards."""
        # What spoils its stand comes last: until then stands are shared.
        waiting = sorted(cards, key=lambda card: (_alone(card), card.is_marked(Mark.SPOILS)))
        results: dict[str, Result] = {}
        async with asyncio.TaskGroup() as group:
            for _ in range(min(workers, len(cards))):
                group.create_task(self._work(waiting, results))
        return [results[card.card_id] for card in cards]

    async def _work(self, waiting: list[Card], results: dict[str, Result]) -> None:
        async for card, stand in self._turns(waiting, results):
            result = await self._turn(card, stand)
            results[card.card_id] = result
            self._show(result)

    async def _turn(self, card: Card, stand: Stand) -> Result:
        if reason := skip_reason(card, stand, self._matrix):
            return Result(card, Outcome.SKIPPED, 0.0, reason)
        return await act_on(card, stand, self._scene, self._run)

    async def _turns(
        self, waiting: list[Card], results: Mapping[str, Result]
    ) -> AsyncIterator[tuple[Card, Stand]]:
        """Cards with stands that are as new."""
        while waiting:
            async with AsyncExitStack() as opened:
                alone = _alone(waiting[0])
                stand = await self._opened(opened, alone=alone)
                while waiting and _alone(waiting[0]) is alone:
                    card = waiting.pop(0)
                    skipped = bool(skip_reason(card, stand, self._matrix))
                    yield card, stand
                    if not skipped and not await _is_as_new(results[card.card_id], stand):
                        break

    async def _opened(self, owner: AsyncExitStack, *, alone: bool) -> Stand:
        """A stand; another try where a port was taken by somebody else meanwhile."""
        for left in reversed(range(_TRIES)):
            try:
                return await owner.enter_async_context(self._open_stand(alone))
            except StackFailed:
                if not left:
                    raise
        raise AssertionError("the last try returns or raises")


def _is_left_by_its_own_means(card: Card, stand: Stand) -> bool:
    """Whether orders and positions of a card are to be ended through the server itself: on a real
    account, and at a router, which books only what comes through it."""
    if stand.control is None:
        return True
    return stand.server.role is Role.ROUTER and not card.is_marked(Mark.SPOILS)


def _alone(card: Card) -> bool:
    return card.is_marked(Mark.STAND_ALONE)


async def _leave_flat_if_it_can(bench: Bench) -> None:
    """After a failed card on a real account; what it failed of is what counts."""
    try:
        await leave_flat(bench)
    except Exception as error:  # noqa: BLE001 - told beside the card's own failure
        bench.remarks.append(f"it could not be left flat: {error}")


async def _is_as_new(result: Result, stand: Stand) -> bool:
    """Tidy a stand after a card; False if the next card needs another one."""
    if result.card.is_marked(Mark.SPOILS):
        return False
    if stand.server.role is Role.ROUTER and result.outcome is Outcome.FAILED:
        return False  # what it left in the router's books stays there
    if stand.control is None:
        return True
    try:
        async with asyncio.timeout(30.0):
            return await stand.control.tidy()
    except Exception:  # noqa: BLE001 - then it is not as new, whatever the cause
        return False


def _words(error: BaseException, steps: Sequence[str]) -> str:
    text = str(error) or type(error).__name__
    if not isinstance(error, AssertionError):
        where = traceback.extract_tb(error.__traceback__)[-1]
        text = f"{type(error).__name__}: {text} ({where.filename}:{where.lineno})"
    if text.startswith("another story"):
        return text
    return text + (f"\nafter: {'; '.join(steps)}" if steps else "")
