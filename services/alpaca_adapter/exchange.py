"""One request and its answer: what came back, what proves that nothing left, when to write.

    NotSent     nothing left this process: no connection, no thread, too late      effect NONE
    NoAnswer    bytes may have left and no whole answer came                       effect UNKNOWN

An HTTP answer of any status, readable or not, is an `Answer` and never one of these.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Mapping
from contextvars import ContextVar
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final

import requests

from services.common.adapter.port import LastCheck

EXCERPT_LEN_MAX: Final = 200


class NotSent(Exception):
    """Nothing of the request left this process; the message says why."""


class NoAnswer(Exception):
    """The request may have left, and nothing whole came back; the message says what happened."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What the venue answered.

    `content` is the JSON of the body with exact numbers, None if the body was empty or is not
    JSON; `is_json` tells. Header names are in lower case. The times are monotonic seconds.
    """

    status: int
    headers: Mapping[str, str]
    content: Any
    is_json: bool
    excerpt: str
    sent_at: float
    received_at: float

    @property
    def ok(self) -> bool:
        """Whether the status is one of success."""
        return 200 <= self.status < 300


def read_answer(response: requests.Response, sent_at: float, received_at: float) -> Answer:
    """Take status, headers and exact JSON out of a response. Raises nothing for its content."""
    content, is_json = None, False
    body = response.content
    if body:
        try:
            content, is_json = parse_exact(body), True
        except ValueError:
            is_json = False
    return Answer(
        status=response.status_code,
        headers={name.lower(): value for name, value in response.headers.items()},
        content=content,
        is_json=is_json,
        excerpt=body[:EXCERPT_LEN_MAX].decode("utf-8", "replace"),
        sent_at=sent_at,
        received_at=received_at,
    )


def parse_exact(body: bytes | str) -> Any:
    """Read JSON; numbers with a point become Decimal. ValueError for anything that is not JSON."""
    try:
        return json.loads(body, parse_float=Decimal, parse_constant=_refuse_constant)
    except RecursionError as error:
        raise ValueError("nested too deeply") from error


def _refuse_constant(name: str) -> Any:
    raise ValueError(f"{name} is not JSON")


class Exchange:
    """The life of one request in its worker: its deadline, and the moment before the first byte.

    `begin_write` is the one gate to the wire. Until it has returned, the caller can `forbid` the
    write from another thread, and then knows that nothing left and nothing will.
    """

    def __init__(
        self, total_s: float, monotonic: Callable[[], float], last_check: LastCheck | None = None
    ) -> None:
        self._monotonic = monotonic
        self._ends_at = monotonic() + total_s
        self._last_check = last_check
        self._lock = threading.Lock()
        self._forbidden = ""
        self._began_at: float | None = None

    @property
    def began(self) -> bool:
        """Whether bytes may have left."""
        return self._began_at is not None

    @property
    def began_at(self) -> float:
        """When the write began (monotonic); now, if it has not."""
        return self._monotonic() if self._began_at is None else self._began_at

    def now(self) -> float:
        """The clock of this exchange, monotonic seconds."""
        return self._monotonic()

    def left_s(self) -> float:
        """Seconds until the total deadline; negative once it has passed."""
        return self._ends_at - self._monotonic()

    def begin_write(self) -> None:
        """Call right before the first byte: runs the last check, then allows the write.

        Raises NotSent if the caller has given up or the deadline has passed, and whatever the
        last check raises; in all these cases nothing may be written.
        """
        with self._lock:
            if self._forbidden:
                raise NotSent(self._forbidden)
            if self.left_s() <= 0:
                raise NotSent("the time allowed had passed before anything was written")
            if self._last_check is not None:
                self._last_check()
            self._began_at = self._monotonic()

    def forbid(self, why: str) -> bool:
        """Keep the write from beginning; False if it is too late for that."""
        with self._lock:
            if self._began_at is not None:
                return False
            self._forbidden = why
            return True


# Set in the worker around one call; the connection, deep inside the HTTP library, reads it.
_current: ContextVar[Exchange | None] = ContextVar("tandem_alpaca_exchange", default=None)


def current_exchange() -> Exchange:
    """The exchange of this worker. RuntimeError outside of one: a write without a check."""
    exchange = _current.get()
    if exchange is None:
        raise RuntimeError("a request outside of an exchange")
    return exchange


def run_in(exchange: Exchange, call: Callable[[], Any]) -> Any:
    """Call `call` with `exchange` as the current one."""
    token = _current.set(exchange)
    try:
        return call()
    finally:
        _current.reset(token)
