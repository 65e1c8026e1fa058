"""From `__main__` to a running service and back: signals, start-up errors, exit codes.

Exit codes: 0 stopped in good order, 1 failed, 2 a setting is wrong, 130 a second signal.
"""

import asyncio
import signal
import sys
from collections.abc import Awaitable, Callable

import structlog

from services.common.runtime.clock import Clock, SystemClock
from services.common.runtime.errors import StartupError, sole_leaf
from services.common.runtime.logs import configure_logging
from services.common.runtime.shutdown import Lifecycle, exit_at_once, start_watchdog

Start = Callable[[Lifecycle], Awaitable[None]]

_SIGNALS = (signal.SIGTERM, signal.SIGINT)
_SECOND_SIGNAL_CODE = 130

_log = structlog.stdlib.get_logger(__name__)


def run_service(service: str, start: Start, *, clock: Clock | None = None) -> int:
    """Run a service until it is told to stop; give the exit code.

    `start` loads settings, sets up logging, opens what the service needs, registering each with
    the lifecycle as it opens it, and returns when the service serves. The process then waits for
    SIGTERM or SIGINT (or `request_stop`), drains and closes. A signal during `start` cancels it
    and closes what is open. A second signal exits at once.

    A StartupError becomes one line each on stderr, without a traceback; any other error of
    `start` is logged with one.
    """
    # Until `start` knows the settings: what goes wrong before is no less structured or redacted.
    configure_logging(service, "warning")
    return asyncio.run(_serve(service, start, clock or SystemClock()))


async def _serve(service: str, start: Start, clock: Clock) -> int:
    lifecycle = Lifecycle(service, clock)
    _watch_signals(lifecycle)
    starting = asyncio.ensure_future(_started(start, lifecycle))
    stop = asyncio.ensure_future(lifecycle.wait_stopping())
    await asyncio.wait({starting, stop}, return_when=asyncio.FIRST_COMPLETED)
    if not starting.done():
        starting.cancel()
        await asyncio.wait({starting}, timeout=lifecycle.limits.closer_s)
    ended = starting.done() and not starting.cancelled()
    error = starting.exception() if ended else None
    if error is None:
        await stop
    else:
        stop.cancel()
        lifecycle.exit_code = _report(service, error)
    start_watchdog(service, lifecycle.limits)
    return await lifecycle.shut_down(drain=ended and error is None)


async def _started(start: Start, lifecycle: Lifecycle) -> None:
    await start(lifecycle)


def _report(service: str, error: BaseException) -> int:
    leaf = sole_leaf(error)
    if isinstance(leaf, StartupError):
        for line in leaf.lines:
            _say(service, line)
        return leaf.exit_code
    _log.error("start_failed", exc_info=error)
    # The text stays in the log, where secrets are taken out.
    _say(service, f"failed to start: {type(leaf).__qualname__} (the log has the details)")
    return 1


def _say(service: str, line: str) -> None:
    print(f"{service}: {line}", file=sys.stderr, flush=True)  # noqa: T201 - for the operator


def _watch_signals(lifecycle: Lifecycle) -> None:
    loop = asyncio.get_running_loop()

    def received(signal_name: str) -> None:
        if lifecycle.stopping:
            why = f"second signal ({signal_name}): exiting at once"
            exit_at_once(lifecycle.service, _SECOND_SIGNAL_CODE, why)
        lifecycle.request_stop(signal_name)

    for number in _SIGNALS:
        loop.add_signal_handler(number, received, number.name)
