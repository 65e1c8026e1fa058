"""Reads that may be tried again: within one deadline, with back-off, under the pacer.

Reading has no effect, so a lost answer, a 5xx, a 429 and a body that can't be read are tried
again. Whatever is left then is ReadFailed: a read never turns a failure into "nothing".
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from random import Random
from typing import Any, Protocol, TypeVar

from services.alpaca_adapter.errors import Kind, Problem, classify
from services.alpaca_adapter.exchange import Answer, NoAnswer, NotSent
from services.alpaca_adapter.rest import AlpacaRest, Api
from services.alpaca_adapter.wire_fields import Unreadable
from services.common.adapter.budget import Priority
from services.common.domain.errors import ReadFailed, Reason, Unavailable
from services.common.runtime.clock import Clock
from services.common.runtime.deadlines import remaining_s

T = TypeVar("T")


class NotEntitled(ReadFailed):
    """The account may not have what was asked for: the feed needs a subscription, an agreement."""


@contextmanager
def reading(path: str) -> Iterator[None]:
    """What can't be read in the answer at `path` is ReadFailed."""
    try:
        yield
    except Unreadable as error:
        raise ReadFailed(f"{path}: {error}") from error


class Pace(Protocol):
    """What a read needs of a pacer."""

    async def take(self, priority: Priority, *, within_s: float) -> None:
        """Return when one request may be sent. Raises Unavailable BUDGET_EXHAUSTED."""


@dataclass(frozen=True, slots=True)
class ReadPolicy:
    """How often and how long. `deadline_s` is for one read, `list_deadline_s` for all pages.

    The n-th wait is `backoff_s` × 2^n, at most `backoff_max_s`, times a random 0.5 to 1; after a
    429 at least what Alpaca says.
    """

    tries: int = 4
    backoff_s: float = 0.2
    backoff_max_s: float = 2.0
    deadline_s: float = 10.0
    list_deadline_s: float = 30.0


class Reader:
    """Reads by GET. Each method returns content that was read whole, or raises ReadFailed.

    `until` is the moment (monotonic) by which the answer must be there; the deadline of the call
    that is served (if any) counts too. Cancellation ends the waiting at once.
    """

    def __init__(
        self,
        rest: AlpacaRest,
        paces: Mapping[Api, Pace],
        *,
        clock: Clock,
        random: Random,
        policy: ReadPolicy,
    ) -> None:
        self._rest = rest
        self._paces = paces
        self._clock = clock
        self._random = random
        self._policy = policy

    def list_until(self) -> float:
        """The moment by which a list of many pages must be read, from now."""
        return self._until(self._policy.list_deadline_s)

    async def read(
        self,
        path: str,
        params: Mapping[str, str] | None = None,
        *,
        api: Api = Api.TRADING,
        until: float | None = None,
        priority: Priority = Priority.READ,
    ) -> Any:
        """The JSON at `path`; not finding it is a failure."""
        return (await self.answer(path, params, api=api, until=until, priority=priority)).content

    async def answer(
        self,
        path: str,
        params: Mapping[str, str] | None = None,
        *,
        api: Api = Api.TRADING,
        until: float | None = None,
        priority: Priority = Priority.READ,
    ) -> Answer:
        """Like `read`, with the whole answer."""
        answer = await self._tried(_Get(path, params, api, priority), until)
        if answer is None:
            raise ReadFailed(f"Alpaca knows nothing at {path}")
        return answer

    async def find(
        self,
        path: str,
        params: Mapping[str, str] | None = None,
        *,
        until: float | None = None,
        priority: Priority = Priority.READ,
    ) -> Any | None:
        """The JSON at `path`, None if Alpaca itself says that there is no such thing."""
        answer = await self._tried(_Get(path, params, Api.TRADING, priority), until)
        return None if answer is None else answer.content

    async def once(self, path: str, *, within_s: float) -> Answer:
        """One try, as a probe: the answer, whatever its status. Raises ReadFailed without one."""
        ends_at = self._clock.monotonic() + within_s
        get = _Get(path, None, Api.TRADING, Priority.PROBE)
        try:
            return await self._send(get, ends_at)
        except (NotSent, NoAnswer) as error:
            raise ReadFailed(f"{path}: {error}", reason=Reason.VENUE_UNAVAILABLE) from error

    async def _tried(self, get: _Get, until: float | None) -> Answer | None:
        """The answer, None for Alpaca's word that there is no such thing."""
        until = self._until(self._policy.deadline_s) if until is None else until
        tries = 0
        while True:
            try:
                answer = await self._send(get, until)
            except (NotSent, NoAnswer) as error:
                failure = ReadFailed(f"{get.path}: {error}", reason=Reason.VENUE_UNAVAILABLE)
                wait_s = 0.0
            else:
                if answer.ok and answer.is_json:
                    return answer
                problem = classify(answer)
                if problem.kind is Kind.ABSENT:
                    return None
                failure, wait_s = _failed(get.path, problem), problem.retry_after_s or 0.0
                if get.api is not Api.TRADING:
                    _raise_refusal(get.path, answer, problem)
                if problem.kind not in (Kind.UNKNOWN, Kind.RATE_LIMITED):
                    raise failure
            tries += 1
            await self._pause(tries, wait_s, until, failure)

    async def _send(self, get: _Get, until: float) -> Answer:
        left_s = until - self._clock.monotonic()
        if left_s <= 0:
            raise ReadFailed(f"{get.path}: no time is left for the read")
        try:
            await self._paces[get.api].take(get.priority, within_s=left_s)
        except Unavailable as error:
            raise ReadFailed(
                error.message, reason=error.reason, retry_after_s=error.retry_after_s
            ) from error
        left_s = until - self._clock.monotonic()
        return await self._rest.get(get.path, get.params, get.api, within_s=left_s)

    async def _pause(self, tries: int, wait_s: float, until: float, failure: ReadFailed) -> None:
        """Wait before the next try; raise `failure` if there is none, or no time for it."""
        if tries >= self._policy.tries:
            raise failure
        backoff_s = min(self._policy.backoff_s * 2 ** (tries - 1), self._policy.backoff_max_s)
        wait_s = max(backoff_s * self._random.uniform(0.5, 1.0), wait_s)
        if self._clock.monotonic() + wait_s >= until:
            raise failure
        await self._clock.sleep(wait_s)

    def _until(self, deadline_s: float) -> float:
        left_s = remaining_s()
        return self._clock.monotonic() + min(deadline_s, math.inf if left_s is None else left_s)


@dataclass(frozen=True, slots=True)
class _Get:
    path: str
    params: Mapping[str, str] | None
    api: Api
    priority: Priority


def _failed(path: str, problem: Problem) -> ReadFailed:
    by_account = (Kind.CREDENTIALS, Kind.RATE_LIMITED, Kind.UNKNOWN)
    reason = problem.reason if problem.kind in by_account else Reason.READ_FAILED
    return ReadFailed(f"{path}: {problem}", reason=reason, retry_after_s=problem.retry_after_s)


def _raise_refusal(path: str, answer: Answer, problem: Problem) -> None:
    """Raise for a refusal of the data interfaces, which mostly give no code, only a message.

    To ask again changes nothing. A 403 that is not about the key is about the feed.
    """
    content = answer.content
    if not isinstance(content, dict) or not isinstance(content.get("message"), str):
        return
    if problem.kind is Kind.CREDENTIALS or not 400 <= answer.status < 500:
        return
    if answer.status == 403 or (answer.status in (400, 422) and "subscription" in problem.message):
        raise NotEntitled(f"{path}: {problem}")
    if answer.status not in (408, 429):
        raise ReadFailed(f"{path}: {problem}")
