"""Tasks that outlive the call that starts them have an owner, who awaits them at the end."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

import structlog

from services.common.runtime.deadlines import no_deadline

_log = structlog.stdlib.get_logger(__name__)

OnCriticalEnd = Callable[[str, BaseException | None], None]


class TaskOwner:
    """Owns named tasks. A failure is never silent, and none is left behind after `close`.

    A critical task is one that the process can't do without: when it ends before `close`, by an
    error or by returning, `on_critical_end(name, error or None)` is called once for it. Other
    tasks' errors are logged.
    """

    def __init__(self, name: str, on_critical_end: OnCriticalEnd) -> None:
        self._name = name
        self._on_critical_end = on_critical_end
        self._tasks: set[asyncio.Task[Any]] = set()
        self._closing = False

    def __len__(self) -> int:
        return len(self._tasks)

    def start(
        self, name: str, work: Coroutine[Any, Any, Any], *, critical: bool
    ) -> asyncio.Task[Any]:
        """Run `work` in a task that sees no deadline of the call which starts it.

        Raises RuntimeError once closing has begun; `work` was not started then.
        """
        if self._closing:
            work.close()
            raise RuntimeError(f"{self._name} is closing and takes no task {name}")
        with no_deadline():
            task = asyncio.get_running_loop().create_task(work, name=f"{self._name}.{name}")
        self._tasks.add(task)
        task.add_done_callback(lambda ended: self._ended(name, ended, critical=critical))
        return task

    async def close(self, *, finish_s: float = 0.0, cancel_s: float = 5.0) -> list[str]:
        """End all tasks: let them finish for `finish_s`, then cancel and wait for `cancel_s`.

        Gives the names of tasks that even then run on (they hold on to a cancellation), logged
        as errors. From the first moment on no task can be started.
        """
        self._closing = True
        if self._tasks and finish_s > 0:
            await asyncio.wait(set(self._tasks), timeout=finish_s)
        tasks = set(self._tasks)
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks, timeout=cancel_s)
        left = sorted(task.get_name() for task in tasks if not task.done())
        if left:
            _log.error("tasks_left_running", owner=self._name, tasks=left)
        return left

    def _ended(self, name: str, task: asyncio.Task[Any], *, critical: bool) -> None:
        self._tasks.discard(task)
        error = None if task.cancelled() else task.exception()
        if error is not None:
            _log.error("task_failed", owner=self._name, task=name, exc_info=error)
        if critical and not self._closing:
            self._on_critical_end(name, error)
