"""Blocking calls: no queue, late threads keep their slots, late outcomes aren't lost."""

import asyncio
import threading
from collections.abc import Callable
from contextvars import ContextVar
from typing import Any

import pytest

from services.common.runtime.blocking import BlockingPool, LateOutcome, RunBlocking
from services.common.runtime.errors import PoolBusyError, PoolTimeoutError

variable: ContextVar[str] = ContextVar("variable", default="unset")


class Gate:
    """A blocking function that the test lets go."""

    def __init__(self) -> None:
        self.started = threading.Event()
        self.go = threading.Event()
        self.calls = 0

    def __call__(self, value: object = None) -> object:
        self.calls += 1
        self.started.set()
        assert self.go.wait(10)
        if isinstance(value, BaseException):
            raise value
        return value


async def test_results_and_errors_come_back() -> None:
    pool = BlockingPool(2, slot_wait_s=0, name="unit")
    run: RunBlocking = pool.run
    assert await run(divmod, 7, 2, timeout_s=5) == (3, 1)
    with pytest.raises(ZeroDivisionError):
        await run(divmod, 7, 0, timeout_s=5)
    assert (pool.busy_count, await pool.close(1)) == (0, 0)


# Not StopIteration: no coroutine can raise it, Python makes a RuntimeError of it.
@pytest.mark.parametrize("error", [SystemExit(3), asyncio.CancelledError(), KeyboardInterrupt()])
async def test_even_odd_exceptions_reach_the_caller(error: BaseException) -> None:
    def fail() -> None:
        raise error

    pool = BlockingPool(1, slot_wait_s=0, name="unit")
    outcome = asyncio.ensure_future(_caught(pool.run(fail, timeout_s=5)))
    assert await outcome is error
    assert await pool.run(len, "ab", timeout_s=5) == 2
    await pool.close(1)


async def _caught(running: Any) -> BaseException:
    try:
        await running
    except BaseException as error:  # noqa: BLE001
        return error
    raise AssertionError


async def test_context_variables_reach_the_thread() -> None:
    pool = BlockingPool(1, slot_wait_s=0, name="unit")
    variable.set("of the caller")
    assert await pool.run(variable.get, timeout_s=5) == "of the caller"
    await pool.close(1)


async def test_without_a_free_slot_the_function_is_never_started(
    eventually: Callable[..., Any],
) -> None:
    pool = BlockingPool(1, slot_wait_s=0.02, name="unit")
    first, second = Gate(), Gate()
    running = asyncio.ensure_future(pool.run(first, "done", timeout_s=5))
    await eventually(first.started.is_set)
    with pytest.raises(PoolBusyError):
        await pool.run(second, timeout_s=5)
    first.go.set()
    assert await running == "done"
    assert second.calls == 0
    await pool.close(1)


async def test_slot_that_comes_free_in_time_is_taken(eventually: Callable[..., Any]) -> None:
    pool = BlockingPool(1, slot_wait_s=5, name="unit")
    first = Gate()
    running = asyncio.ensure_future(pool.run(first, timeout_s=5))
    await eventually(first.started.is_set)
    waiting = asyncio.ensure_future(pool.run(len, "abc", timeout_s=5))
    await asyncio.sleep(0)
    first.go.set()
    assert await waiting == 3
    await running
    await pool.close(1)


async def test_canceled_while_waiting_for_a_slot_nothing_starts(
    eventually: Callable[..., Any],
) -> None:
    pool = BlockingPool(1, slot_wait_s=5, name="unit")
    first, second = Gate(), Gate()
    running = asyncio.ensure_future(pool.run(first, timeout_s=5))
    await eventually(first.started.is_set)
    waiting = asyncio.ensure_future(pool.run(second, timeout_s=5))
    await asyncio.sleep(0)
    waiting.cancel()
    first.go.set()
    await running
    assert isinstance(await _caught(waiting), asyncio.CancelledError)
    assert await pool.run(len, "", timeout_s=5) == 0
    assert second.calls == 0
    await pool.close(1)


@pytest.mark.parametrize("value", ["filled", ValueError("rejected")])
@pytest.mark.parametrize("how", ["timeout", "cancel"])
async def test_late_call_keeps_its_slot_and_its_outcome_is_reported(
    eventually: Callable[..., Any], how: str, value: object
) -> None:
    late: list[LateOutcome] = []
    pool = BlockingPool(1, slot_wait_s=0, name="unit", on_late=late.append)
    gate = Gate()
    timeout_s = 0.02 if how == "timeout" else 5
    running = asyncio.ensure_future(_caught(pool.run(gate, value, timeout_s=timeout_s)))
    await eventually(gate.started.is_set)
    if how == "timeout":
        assert isinstance(await running, PoolTimeoutError)
    else:
        running.cancel()
        assert isinstance(await running, asyncio.CancelledError)
    assert (pool.busy_count, pool.late_count) == (1, 1)
    with pytest.raises(PoolBusyError):
        await pool.run(len, "", timeout_s=5)
    gate.go.set()
    await eventually(lambda: late)
    assert (pool.busy_count, pool.late_count) == (0, 0)
    (outcome,) = late
    assert outcome.args == (value,)
    assert (outcome.error or outcome.result) == value
    assert await pool.run(len, "ab", timeout_s=5) == 2
    await pool.close(1)


async def test_outcome_that_comes_with_the_cancellation_is_reported() -> None:
    late: list[LateOutcome] = []
    pool = BlockingPool(1, slot_wait_s=0, name="unit", on_late=late.append)
    running = asyncio.ensure_future(_caught(pool.run(len, "abc", timeout_s=5)))
    await asyncio.sleep(0)
    (job,) = pool._running
    # After the pool's own callback and before the caller's next step: it is canceled with the
    # result at hand.
    job.done.add_done_callback(lambda _: running.cancel())
    assert isinstance(await running, asyncio.CancelledError)
    assert [outcome.result for outcome in late] == [3]
    await pool.close(1)


async def test_failing_on_late_does_not_hurt_the_pool(eventually: Callable[..., Any]) -> None:
    def broken(outcome: LateOutcome) -> None:
        raise KeyError

    pool = BlockingPool(1, slot_wait_s=0, name="unit", on_late=broken)
    gate = Gate()
    with pytest.raises(PoolTimeoutError):
        await pool.run(gate, timeout_s=0.01)
    gate.go.set()
    await eventually(lambda: pool.busy_count == 0)
    assert await pool.run(len, "ab", timeout_s=5) == 2
    await pool.close(1)


async def test_no_more_calls_at_once_than_slots() -> None:
    pool = BlockingPool(3, slot_wait_s=30, name="unit")
    now, most = 0, 0
    lock = threading.Lock()
    together = threading.Barrier(3)  # each waits until three run at once

    def count() -> None:
        nonlocal now, most
        with lock:
            now += 1
            most = max(most, now)
        together.wait(30)
        with lock:
            now -= 1

    async with asyncio.TaskGroup() as group:
        for _ in range(48):
            group.create_task(pool.run(count, timeout_s=30))
    assert most == 3
    await pool.close(1)


async def test_close_refuses_new_calls_and_says_what_still_runs() -> None:
    pool = BlockingPool(1, slot_wait_s=0, name="unit")
    gate = Gate()
    running = asyncio.ensure_future(pool.run(gate, "x", timeout_s=5))
    await asyncio.sleep(0)
    assert await pool.close(0.01) == 1
    with pytest.raises(PoolBusyError):
        await pool.run(len, "", timeout_s=5)
    gate.go.set()
    assert await running == "x"
