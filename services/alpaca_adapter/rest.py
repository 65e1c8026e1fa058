"""Exact requests on alpaca-py's clients: one try, bounded, off the event loop, numbers kept.

alpaca-py builds the address, the headers and the body. What it would do with the answer (retry a
POST on 504, raise errors that can't read an HTML body, turn prices into floats) is replaced in the
one step that sees it.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any, TypeAlias

import requests
import structlog
from alpaca.common.rest import RESTClient
from alpaca.data.historical.option import OptionHistoricalDataClient
from alpaca.data.historical.stock import StockHistoricalDataClient
from alpaca.trading.client import TradingClient
from urllib3.exceptions import MaxRetryError, NewConnectionError

from services.alpaca_adapter.exchange import (
    Answer,
    Exchange,
    NoAnswer,
    NotSent,
    current_exchange,
    read_answer,
    run_in,
)
from services.alpaca_adapter.transport import DeadlineAdapter
from services.common.adapter.port import LastCheck
from services.common.domain.errors import TandemError
from services.common.runtime.blocking import RunBlocking
from services.common.runtime.broker_calls import broker_span
from services.common.runtime.clock import Clock
from services.common.runtime.errors import PoolBusyError, PoolTimeoutError
from services.common.runtime.telemetry import HTTP_STATUS_CODE

_log = structlog.stdlib.get_logger(__name__)

# What the caller waits beyond the worker's own deadline, so that the worker's word comes first.
_CALLER_MARGIN_S = 0.5

Mount: TypeAlias = Callable[[requests.Session], None]
"""Puts the transport under a new session. A transport other than `DeadlineAdapter` is given
control after the last check, and has to keep the deadline of the exchange itself."""

Observer: TypeAlias = Callable[["Api", Answer], None]
"""Told of each answer, on the event loop's thread."""


class Api(Enum):
    """Which of Alpaca's interfaces a path belongs to."""

    TRADING = "trading"
    STOCKS = "stocks"
    OPTIONS = "options"


@dataclass(frozen=True, slots=True)
class Access:
    """Where and as whom; the repr shows no secret."""

    trading_url: str
    data_url: str
    key: str
    secret: str

    def __repr__(self) -> str:
        return f"Access({self.trading_url}, {self.data_url})"


@dataclass(frozen=True, slots=True)
class RestLimits:
    """Seconds: for a connection, for each wait on the answer, and for the whole exchange."""

    connect_s: float
    read_s: float
    total_s: float


@dataclass(frozen=True, slots=True)
class _Request:
    api: Api
    method: str
    path: str
    data: dict[str, Any]

    @property
    def name(self) -> str:
        """What is called, without the ids in it."""
        path = "/orders/{order_id}" if self.path.startswith("/orders/") else self.path
        if path.startswith("/positions/"):
            path = f"/positions/{{symbol}}/{path.rpartition('/')[2]}"
        return f"{self.method} {path}"

    def send_by(self, client: RESTClient) -> Any:
        return client._request(self.method, self.path, self.data or None)


class AlpacaRest:
    """Sends single requests. Safe for concurrent calls; each uses a client of its own."""

    def __init__(
        self,
        access: Access,
        limits: RestLimits,
        *,
        clock: Clock,
        run_blocking: RunBlocking,
        mount: Mount | None = None,
        observe: Observer | None = None,
    ) -> None:
        self._access = access
        self._limits = limits
        self._clock = clock
        self._run_blocking = run_blocking
        self._mount = mount or mount_deadline_adapter
        self._observe = observe
        # Clients that no call uses now; a call takes one, or makes one.
        self._idle: dict[Api, list[RESTClient]] = {api: [] for api in Api}

    async def get(
        self,
        path: str,
        params: Mapping[str, str] | None = None,
        api: Api = Api.TRADING,
        *,
        within_s: float = math.inf,
    ) -> Answer:
        """Send one GET, taking at most `within_s`. Raises NotSent and NoAnswer."""
        total_s = min(self._limits.total_s, within_s)
        return await self._call(_Request(api, "GET", path, dict(params or {})), total_s)

    async def post(self, path: str, body: Mapping[str, Any], last_check: LastCheck) -> Answer:
        """Send one POST, once. Raises what `last_check` raises, NotSent and NoAnswer.

        Canceling the await stops a write that has not begun, and no other.
        """
        request = _Request(Api.TRADING, "POST", path, dict(body))
        return await self._call(request, self._limits.total_s, last_check)

    async def patch(self, path: str, body: Mapping[str, Any], last_check: LastCheck) -> Answer:
        """Send one PATCH, once; otherwise like `post`."""
        request = _Request(Api.TRADING, "PATCH", path, dict(body))
        return await self._call(request, self._limits.total_s, last_check)

    async def delete(self, path: str, last_check: LastCheck) -> Answer:
        """Send one DELETE, once; otherwise like `post`."""
        request = _Request(Api.TRADING, "DELETE", path, {})
        return await self._call(request, self._limits.total_s, last_check)

    def close(self) -> None:
        """Close the connections that no call uses."""
        for clients in self._idle.values():
            while clients:
                clients.pop()._session.close()

    async def _call(
        self, request: _Request, total_s: float, last_check: LastCheck | None = None
    ) -> Answer:
        exchange = Exchange(total_s, self._clock.monotonic, last_check)
        with broker_span("alpaca", request.name, clock=self._clock) as told:
            try:
                answer = await self._exchange(exchange, request, total_s)
            except (NotSent, NoAnswer) as error:
                _log_call(request, exchange, outcome=type(error).__name__, error=str(error))
                raise
            told.attribute(HTTP_STATUS_CODE, answer.status)
            if not answer.ok:
                told.failed(str(answer.status))
            request_id = answer.headers.get("x-request-id", "")
            _log_call(request, exchange, outcome=answer.status, request_id=request_id)
        if self._observe is not None:
            self._observe(request.api, answer)
        return answer

    async def _exchange(self, exchange: Exchange, request: _Request, total_s: float) -> Answer:
        """The answer to a request; whatever goes wrong says whether anything left."""
        try:
            answer: Answer = await self._run_blocking(
                self._work, exchange, request, timeout_s=total_s + _CALLER_MARGIN_S
            )
        except asyncio.CancelledError:
            exchange.forbid("its caller was canceled")
            raise
        except (TandemError, NotSent):
            raise
        except PoolBusyError as error:
            raise NotSent(f"no thread was free: {error}") from error
        except PoolTimeoutError as error:
            if exchange.forbid("its caller had given up"):
                raise NotSent("no connection within the time allowed") from error
            raise NoAnswer(f"no answer within {total_s:.3g} s") from error
        except Exception as error:
            if not exchange.began or never_connected(error):
                raise NotSent(_describe(error)) from error
            raise NoAnswer(_describe(error)) from error
        return answer

    def _work(self, exchange: Exchange, request: _Request) -> Answer:
        idle = self._idle[request.api]
        # list.pop and list.append are atomic; a client is never in two hands.
        try:
            client = idle.pop()
        except IndexError:
            client = self._new_client(request.api)
        try:
            answer: Answer = run_in(exchange, lambda: request.send_by(client))
        except BaseException:
            # After a failure its connection is in no known state.
            client._session.close()
            raise
        idle.append(client)
        return answer

    def _new_client(self, api: Api) -> RESTClient:
        client = _CLIENTS[api](self._access, self._limits)
        session = client._session
        # Neither a proxy nor a .netrc of the environment may see or change our credentials.
        session.trust_env = False
        self._mount(session)
        return client


def mount_deadline_adapter(session: requests.Session) -> None:
    """Put the real transport under a session."""
    adapter = DeadlineAdapter()
    session.mount("https://", adapter)
    session.mount("http://", adapter)


def never_connected(error: BaseException) -> bool:
    """Whether a `requests` error says that no connection was made for the request."""
    if not isinstance(error, requests.ConnectionError) or not error.args:
        return False
    inner = error.args[0]
    return isinstance(inner, MaxRetryError) and isinstance(inner.reason, NewConnectionError)


def _log_call(request: _Request, exchange: Exchange, **told: object) -> None:
    """One line for each call: what may change something always, reads for who looks closely."""
    write = _log.debug if request.method == "GET" else _log.info
    write(
        "alpaca_call",
        method=request.method,
        path=request.path,
        took_s=round(exchange.now() - exchange.began_at, 6),
        **told,
    )


def _describe(error: BaseException) -> str:
    inner = error.args[0] if error.args else None
    reason = getattr(inner, "reason", None) or error
    return f"{type(error).__name__}: {str(reason)[:200]}"


class _OneTry(RESTClient):
    """The step of alpaca-py that sends and interprets, exchanged: sends once, interprets nothing.

    Stands between its clients and `RESTClient` in their order of resolution.
    """

    _limits: RestLimits

    def _one_request(  # type: ignore[override]
        self, method: str, url: str, opts: dict[str, Any], retry: int
    ) -> Answer:
        exchange = current_exchange()
        if not isinstance(self._session.get_adapter(url), DeadlineAdapter):
            exchange.begin_write()
        timeout = (self._limits.connect_s, self._limits.read_s)
        response = self._session.request(method, url, timeout=timeout, **opts)
        return read_answer(response, exchange.began_at, exchange.now())


class _Trading(_OneTry, TradingClient):
    def __init__(self, access: Access, limits: RestLimits) -> None:
        super().__init__(access.key, access.secret, raw_data=True, url_override=access.trading_url)
        self._retry = 0
        self._limits = limits


class _Stocks(_OneTry, StockHistoricalDataClient):
    def __init__(self, access: Access, limits: RestLimits) -> None:
        super().__init__(access.key, access.secret, raw_data=True, url_override=access.data_url)
        self._retry = 0
        self._limits = limits


class _Options(_OneTry, OptionHistoricalDataClient):
    def __init__(self, access: Access, limits: RestLimits) -> None:
        super().__init__(access.key, access.secret, raw_data=True, url_override=access.data_url)
        self._retry = 0
        self._limits = limits


_CLIENTS: dict[Api, Callable[[Access, RestLimits], RESTClient]] = {
    Api.TRADING: _Trading,
    Api.STOCKS: _Stocks,
    Api.OPTIONS: _Options,
}
