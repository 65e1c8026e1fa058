"""A venue that answers as a test says, under the real client: no socket, the real code above."""

from __future__ import annotations

import asyncio
import io
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from random import Random
from typing import Any, TypeVar
from urllib.parse import parse_qsl, urlsplit

import requests
from requests.adapters import BaseAdapter
from urllib3.exceptions import MaxRetryError, NewConnectionError

from services.alpaca_adapter.cancels import Cancels
from services.alpaca_adapter.exchange import Answer, read_answer
from services.alpaca_adapter.instructions import Instructions
from services.alpaca_adapter.listings import Listings
from services.alpaca_adapter.order_entry import OrderEntry
from services.alpaca_adapter.reads import Reader, ReadPolicy
from services.alpaca_adapter.replacing import Replacing
from services.alpaca_adapter.rest import Access, AlpacaRest, Api, RestLimits
from services.alpaca_adapter.shown_orders import ShownOrders
from services.alpaca_adapter.translate import Translator
from services.alpaca_adapter.unproven import Unproven
from services.alpaca_adapter.venue_watch import VenueWatch
from services.common.adapter.budget import Priority
from services.common.domain.executions import Side
from services.common.domain.instruments import Equity
from services.common.domain.order_spec import OrderSpec
from services.common.domain.order_terms import OrderType, TimeInForce
from services.common.runtime.blocking import RunBlocking

T = TypeVar("T")

VENUE_NOW = datetime(2024, 11, 4, 15, 0, tzinfo=UTC)
CLIENT_ID = "a~sim~1.0"
VENUE_ID = "61e69015-8549-4bfd-b9c3-01e75843f47d"


@dataclass
class ManualClock:
    """Time that passes only by sleeping, and is kept for the test."""

    at: float = 1000.0
    slept: list[float] = field(default_factory=list)

    def monotonic(self) -> float:
        return self.at

    def now(self) -> datetime:
        return VENUE_NOW + timedelta(seconds=self.at - 1000.0)

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.at += seconds
        await asyncio.sleep(0)


@dataclass(frozen=True)
class Asked:
    """One request as it reached the venue."""

    method: str
    path: str
    query: Mapping[str, str]
    body: Any


@dataclass(frozen=True)
class Reply:
    """What the venue answers: a body as JSON, or as raw bytes."""

    status: int = 200
    content: Any = None
    raw: bytes | None = None
    headers: Mapping[str, str] = field(default_factory=dict)

    def body(self) -> bytes:
        if self.raw is not None:
            return self.raw
        return b"" if self.content is None else json.dumps(self.content).encode()


Answers = Callable[[Asked], Reply | Exception]


class ScriptedVenue(BaseAdapter):
    """A transport that asks a function; keeps what was asked."""

    def __init__(self, answers: Answers) -> None:
        super().__init__()
        self.answers = answers
        self.asked: list[Asked] = []

    def send(self, request: requests.PreparedRequest, *_: Any, **__: Any) -> requests.Response:
        parts = urlsplit(request.url or "")
        body = json.loads(request.body) if request.body else None
        asked = Asked(str(request.method), parts.path, dict(parse_qsl(parts.query)), body)
        self.asked.append(asked)
        reply = self.answers(asked)
        if isinstance(reply, Exception):
            raise reply
        response = requests.Response()
        response.status_code = reply.status
        response.headers.update(reply.headers)
        response.raw = io.BytesIO(reply.body())
        response.url = request.url or ""
        response.request = request
        return response

    def close(self) -> None:
        pass

    def mount(self, session: requests.Session) -> None:
        """Put it under a session."""
        session.mount("http://", self)

    def sent(self, method: str) -> list[Asked]:
        """The requests with this method."""
        return [asked for asked in self.asked if asked.method == method]


class NoPace:
    """A pacer without a limit that notes what it is told."""

    def __init__(self) -> None:
        self.taken: list[Priority] = []
        self.seen: list[tuple[int, int, float]] = []
        self.throttles: list[float | None] = []

    async def take(self, priority: Priority, *, within_s: float) -> None:
        self.taken.append(priority)

    def observe(self, limit: int, remaining: int, reset_in_s: float) -> None:
        self.seen.append((limit, remaining, reset_in_s))

    def throttled(self, reset_in_s: float | None) -> None:
        self.throttles.append(reset_in_s)


async def inline(fn: Callable[..., T], /, *args: Any, timeout_s: float) -> T:
    """Blocking calls, run where they are made."""
    return fn(*args)


class Desk:
    """The parts of the adapter below the gateway, over a scripted venue."""

    def __init__(
        self,
        answers: Answers,
        *,
        settling_s: float = 60.0,
        run_blocking: RunBlocking = inline,
    ) -> None:
        self.venue = ScriptedVenue(answers)
        self.clock = ManualClock()
        self.pace = NoPace()
        self.was_admitted = True
        paces = dict.fromkeys(Api, self.pace)
        self.watch = VenueWatch(self.clock, paces)
        self.rest = AlpacaRest(
            Access("http://venue.test", "http://venue.test", "PKTEST", "secret"),
            RestLimits(1.0, 1.0, 2.0),
            clock=self.clock,
            run_blocking=run_blocking,
            mount=self.venue.mount,
            observe=self.watch,
        )
        self.reader = Reader(
            self.rest, paces, clock=self.clock, random=Random(1), policy=ReadPolicy()
        )
        self.listings = Listings(self.reader)
        self.translator = Translator("alpaca", "main", self.clock.now)
        self.unproven = Unproven(self.clock.monotonic, request_s=2.0, settling_s=settling_s)
        orders = ShownOrders(self.listings, self.translator)
        self.cancels = Cancels(self.rest, orders, self.unproven, self.pace)
        self.replacing = Replacing(
            self.rest, orders, self.unproven, was_admitted=lambda: self.was_admitted
        )
        self.instructions = Instructions(self.rest, self.reader)
        self.entry = OrderEntry(
            self.rest,
            orders,
            self.translator,
            self.unproven,
            venue="alpaca",
            account_id="main",
            now=self.clock.now,
            was_admitted=lambda: self.was_admitted,
        )


def passes() -> None:
    """A last check that lets all through."""


def spec(client_order_id: str = CLIENT_ID, qty: str = "2", price: str = "399.5") -> OrderSpec:
    """Buy SPY, limit, day."""
    return OrderSpec(
        client_order_id,
        Equity("SPY"),
        Side.BUY,
        Decimal(qty),
        OrderType.LIMIT,
        TimeInForce.DAY,
        limit_price=Decimal(price),
    )


def order_json(**changed: Any) -> dict[str, Any]:
    """The order of `spec()` as Alpaca shows it."""
    return {
        "id": VENUE_ID,
        "client_order_id": CLIENT_ID,
        "created_at": "2024-11-04T15:00:00.102449524Z",
        "updated_at": "2024-11-04T15:00:01.202449524Z",
        "submitted_at": "2024-11-04T15:00:00.102449524Z",
        "filled_at": None,
        "expired_at": None,
        "canceled_at": None,
        "failed_at": None,
        "replaced_at": None,
        "replaced_by": None,
        "replaces": None,
        "asset_id": "b0b6dd9d-8b9b-48a9-ba46-b9d54906e415",
        "symbol": "SPY",
        "asset_class": "us_equity",
        "notional": None,
        "qty": "2",
        "filled_qty": "0",
        "filled_avg_price": None,
        "order_class": "",
        "order_type": "limit",
        "type": "limit",
        "side": "buy",
        "position_intent": "buy_to_open",
        "time_in_force": "day",
        "limit_price": "399.5",
        "stop_price": None,
        "status": "new",
        "extended_hours": False,
        "legs": None,
        "trail_percent": None,
        "trail_price": None,
        "hwm": None,
        **changed,
    }


def fill_json(number: int = 1, **changed: Any) -> dict[str, Any]:
    """A FILL activity of that order."""
    return {
        "activity_type": "FILL",
        "id": f"20241104100000{number:03d}::{number:08d}-aaaa-bbbb-cccc-000000000000",
        "order_id": VENUE_ID,
        "order_status": "filled",
        "type": "fill",
        "price": "399.48",
        "qty": "2",
        "side": "buy",
        "symbol": "SPY",
        "cum_qty": "2",
        "leaves_qty": "0",
        "transaction_time": "2024-11-04T15:00:02.302449524Z",
        **changed,
    }


def problem(status: int, code: int | None, message: str, **fields: Any) -> Reply:
    """An error in Alpaca's form."""
    content = {"message": message, **fields}
    return Reply(status, content if code is None else {"code": code, **content})


def answer(reply: Reply) -> Answer:
    """The reply as the client reads it."""
    response = requests.Response()
    response.status_code = reply.status
    response.headers.update(reply.headers)
    response._content = reply.body()
    return read_answer(response, 1000.0, 1000.1)


ABSENT = problem(404, 40410000, f"order not found for {CLIENT_ID}")
LIMITED = Reply(
    429, {"code": 42910000, "message": "rate limit exceeded"}, headers={"Retry-After": "9"}
)
UNAUTHORIZED = problem(401, 40110000, "request is not authorized")


def refused_connection() -> Exception:
    reason = NewConnectionError(None, "connection refused")  # type: ignore[arg-type]
    return requests.ConnectionError(MaxRetryError(None, "/v2/orders", reason))  # type: ignore[arg-type]
