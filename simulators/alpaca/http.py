"""Requests and answers as data, free of any HTTP library: a test can speak them directly."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from decimal import Decimal
from enum import Enum
from typing import Any


@dataclass(frozen=True, slots=True)
class HttpRequest:
    """One request. `path` is decoded and has no query; header names are in lower case."""

    method: str
    path: str
    query: Mapping[str, str] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""


@dataclass(frozen=True, slots=True)
class HttpResponse:
    """One answer. A body that is not empty has its content type in the headers."""

    status: int
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""

    def with_headers(self, headers: Mapping[str, str]) -> "HttpResponse":
        """The answer with more headers; those that are there already stay."""
        return replace(self, headers={**headers, **self.headers})


class Ending(Enum):
    """How an exchange ends that gets no whole answer.

    REFUSED never reached the venue (a test can show it as a refused connection; over a real
    socket it is a reset); CLOSED is an orderly close without an answer; HANG is silence.
    """

    REFUSED = "refused"
    CLOSED = "closed"
    RESET = "reset"
    HANG = "hang"


@dataclass(frozen=True, slots=True)
class NoAnswer:
    """The exchange ends without an answer."""

    ending: Ending


@dataclass(frozen=True, slots=True)
class PartialAnswer:
    """The headers (with the full length) and the first `sent` bytes of the body, then a close."""

    response: HttpResponse
    sent: int


Reply = HttpResponse | NoAnswer | PartialAnswer


def merged(query: Iterable[tuple[str, str]]) -> dict[str, str]:
    """Query parameters by name; one that comes several times is a list with commas."""
    values: dict[str, str] = {}
    for name, value in query:
        values[name] = f"{values[name]},{value}" if name in values else value
    return values


JSON_TYPE = {"Content-Type": "application/json; charset=UTF-8"}


def json_response(status: int, content: Any) -> HttpResponse:
    """An answer with a JSON body."""
    return HttpResponse(status, JSON_TYPE, to_json(content))


def to_json(content: Any) -> bytes:
    """Compact JSON; a Decimal becomes a number with just its digits."""
    return json.dumps(content, separators=(",", ":"), default=_number).encode()


def _number(value: Any) -> int | float:
    if isinstance(value, Decimal):
        return int(value) if value == value.to_integral_value() else float(value)
    raise TypeError(f"{type(value).__name__} has no JSON form")
