"""How long the current call may still take, readable anywhere below its handler.

A deadline doesn't travel by itself from an incoming call to the calls made for it. The server's
deadline interceptor keeps it here in a context variable, `forwarded_timeout_s` turns it into the
next hop's time-out.

Tasks inherit context variables from where they are started. Work that must outlive its call (an
order's task) is therefore started by a `TaskOwner`, or inside `no_deadline()`.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass

from services.common.runtime.clock import Clock
from services.common.runtime.errors import DeadlineExpiredError


@dataclass(frozen=True, slots=True)
class _Deadline:
    at_monotonic: float
    clock: Clock


_current: ContextVar[_Deadline | None] = ContextVar("tandem_deadline", default=None)


def remaining_s() -> float | None:
    """Seconds that the current call has left, at least 0; None if it has no deadline."""
    deadline = _current.get()
    if deadline is None:
        return None
    return max(0.0, deadline.at_monotonic - deadline.clock.monotonic())


@contextmanager
def deadline_scope(clock: Clock, timeout_s: float) -> Iterator[None]:
    """Let what runs inside see at most `timeout_s` from now; an earlier outer deadline stays.

    It stops nothing by itself: who waits must ask `remaining_s()`.
    """
    outer_s = remaining_s()
    limit_s = timeout_s if outer_s is None else min(timeout_s, outer_s)
    token = _current.set(_Deadline(clock.monotonic() + limit_s, clock))
    try:
        yield
    finally:
        _current.reset(token)


@contextmanager
def no_deadline() -> Iterator[None]:
    """Let what runs (or is started) inside see no deadline."""
    token = _current.set(None)
    try:
        yield
    finally:
        _current.reset(token)


def forwarded_timeout_s(margin_s: float, default_s: float) -> float:
    """Give the time-out for a call to the next hop: what remains less a margin.

    The margin is what this hop needs to turn the next hop's silence into an answer of its own,
    and what gRPC adds by rounding a time-out up on the wire (a hundredth of it was seen).
    Without a deadline it is `default_s`. Raises DeadlineExpiredError if nothing would be left;
    the call was not made then.
    """
    left_s = remaining_s()
    if left_s is None:
        return default_s
    if left_s <= margin_s:
        raise DeadlineExpiredError(f"{left_s:.3f} s left, less than the margin of {margin_s} s")
    return left_s - margin_s
