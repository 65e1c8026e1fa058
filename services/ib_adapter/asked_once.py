"""What several ask for at the same time is asked once, and told to all of them."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Hashable
from typing import Final, Generic, TypeVar

from services.common.domain.errors import ReadFailed, TandemError
from services.common.runtime.deadlines import no_deadline
from services.ib_adapter.asking import bounded_s

V = TypeVar("V")

_CANCEL_S: Final = 1.0


class AskedOnce(Generic[V]):
    """Calls under way, by key. Used on the event loop's thread only.

    A call sees no caller's deadline, since it is shared: it must be bounded by itself.
    """

    def __init__(self) -> None:
        self._calls: dict[Hashable, _Call[V]] = {}

    def __contains__(self, key: Hashable) -> bool:
        """Whether it is being asked for now."""
        return key in self._calls

    async def run(self, key: Hashable, ask: Callable[[], Awaitable[V]]) -> V:
        """The result of the call that is under way for `key`, else of a new one.

        Raises what the call raises, and ReadFailed if the caller's own time is over before.
        Canceled, the call goes on while somebody else waits for it.
        """
        call = self._calls.get(key)
        if call is None:
            with no_deadline():
                call = _Call(asyncio.create_task(_outcome(ask)))
            self._calls[key] = call
            call.task.add_done_callback(lambda _: self._ended(key))
        call.waiters += 1
        try:
            # A caller without a deadline waits for the call, which has one of its own.
            await asyncio.wait({call.task}, timeout=_left_s())
        finally:
            call.waiters -= 1
            if not call.waiters and not call.task.done():
                self._ended(key, call)
                call.task.cancel()
                await asyncio.wait({call.task}, timeout=_CANCEL_S)
        if not call.task.done() or call.task.cancelled():
            raise ReadFailed("the deadline passed before IB had answered")
        outcome = call.task.result()
        if isinstance(outcome, _Failed):
            raise outcome.error.with_traceback(None)
        return outcome

    def _ended(self, key: Hashable, call: _Call[V] | None = None) -> None:
        known = self._calls.get(key)
        if known is not None and (known is call or known.task.done()):
            del self._calls[key]


class _Call(Generic[V]):
    def __init__(self, task: asyncio.Task[V | _Failed]) -> None:
        self.task = task
        self.waiters = 0


class _Failed:
    def __init__(self, error: TandemError) -> None:
        self.error = error


async def _outcome(ask: Callable[[], Awaitable[V]]) -> V | _Failed:
    try:
        return await ask()
    except TandemError as error:
        return _Failed(error)


def _left_s() -> float | None:
    left_s = bounded_s(float("inf"))
    return None if left_s == float("inf") else left_s
