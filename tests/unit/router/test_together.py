"""Pieces of work at once: each comes to its own end, and one word is made of all."""

from __future__ import annotations

import asyncio

import pytest

from services.common.domain.errors import (
    Effect,
    OutcomeUnknown,
    Reason,
    Refused,
    TandemError,
    Unavailable,
)
from services.router.routing.together import all_done, of_all
from tests.unit.router.harness import virtual

NONE = Unavailable(Reason.JOURNAL_UNAVAILABLE, "not durable")
UNKNOWN = OutcomeUnknown("the journal has failed")


class Pieces:
    """Works that end after their time; `ended` is the order in which they did."""

    def __init__(self) -> None:
        self.ended: list[str] = []

    async def work(self, name: str, takes_s: float, error: Exception | None = None) -> str:
        try:
            await asyncio.sleep(takes_s)
            if error is not None:
                raise error
        except asyncio.CancelledError:
            name = f"{name} canceled"
            raise
        finally:
            self.ended.append(name)
        return name


@virtual
async def test_all_run_at_once_and_results_keep_their_places() -> None:
    pieces, loop = Pieces(), asyncio.get_running_loop()
    began = loop.time()
    done = await all_done([pieces.work("slow", 3), pieces.work("quick", 1)])
    assert (done, pieces.ended) == (["slow", "quick"], ["quick", "slow"])
    assert loop.time() - began < 3.5
    assert await all_done([pieces.work("one", 1)]) == ["one"]
    assert await all_done([]) == []


@virtual
async def test_one_that_fails_ends_no_other() -> None:
    pieces = Pieces()
    with pytest.raises(RuntimeError, match="a bug"):
        await all_done([pieces.work("fails", 1, RuntimeError("a bug")), pieces.work("goes on", 3)])
    assert pieces.ended == ["fails", "goes on"]


@virtual
async def test_canceling_cancels_all_and_leaves_none_behind() -> None:
    pieces = Pieces()
    waiting = asyncio.create_task(all_done([pieces.work("a", 5), pieces.work("b", 9)]))
    await asyncio.sleep(1)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    assert sorted(pieces.ended) == ["a canceled", "b canceled"]


@pytest.mark.parametrize(
    ("errors", "effect"),
    [
        ([None], None),
        ([None, None], None),
        ([NONE], Effect.NONE),
        ([NONE, Refused(Reason.NOT_LEADER, "x")], Effect.NONE),
        ([NONE, None], Effect.UNKNOWN),
        ([None, UNKNOWN], Effect.UNKNOWN),
        ([NONE, UNKNOWN], Effect.UNKNOWN),
    ],
)
def test_an_order_had_no_effect_only_if_every_part_says_so(
    errors: list[TandemError | None], effect: Effect | None
) -> None:
    told = of_all(errors)
    assert (None if told is None else told.effect) is effect
