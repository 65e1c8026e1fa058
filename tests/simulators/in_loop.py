"""alpaca-py and a simulated Alpaca in one event loop: its blocking calls become awaits.

`run_blocking` runs a synchronous function in a greenlet; what it would wait for is awaited by the
loop instead, so a virtual-time loop sees every wait. The stream needs nothing of the kind: it
connects over sockets of the loop, which may be in memory.
"""

import asyncio
import io
from collections.abc import AsyncIterator, Callable, Coroutine, Mapping
from contextlib import asynccontextmanager
from http.client import RemoteDisconnected
from typing import Any, TypeVar
from urllib.parse import parse_qsl, unquote, urlsplit

import greenlet
import requests
from aiohttp import web
from requests.adapters import HTTPAdapter
from urllib3 import HTTPResponse
from urllib3.connection import HTTPConnection
from urllib3.exceptions import MaxRetryError, NewConnectionError, ProtocolError

from simulators.alpaca.frontend import Frontend
from simulators.alpaca.http import Ending, HttpRequest, NoAnswer, PartialAnswer, Reply, merged
from simulators.alpaca.server import alpaca_app

_T = TypeVar("_T")
_SILENCE_S = 1e6


async def run_blocking(call: Callable[..., _T], *args: Any, **kwargs: Any) -> _T:
    """Runs a blocking function whose waits go through `wait_for`; canceling it cancels the wait."""
    runner = greenlet.greenlet(lambda: call(*args, **kwargs))
    outcome = runner.switch()
    while not runner.dead:
        try:
            value = await outcome
        except BaseException as error:  # noqa: BLE001  (goes on inside the function)
            outcome = runner.throw(error)
        else:
            outcome = runner.switch(value)
    return outcome  # type: ignore[no-any-return]


def wait_for(awaitable: Coroutine[Any, Any, _T]) -> _T:
    """Waits inside a function that `run_blocking` runs."""
    parent = greenlet.getcurrent().parent
    assert parent is not None, "only inside run_blocking"
    return parent.switch(awaitable)  # type: ignore[no-any-return]


class InLoopAdapter(HTTPAdapter):
    """A `requests` adapter that gives requests to a frontend of the same loop.

    Endings come out as `requests` raises them over a real socket. One difference: a time-out
    counts from the request's start, since there is no socket to see single bytes on.
    """

    def __init__(self, frontend: Frontend, latency_s: float = 0.05) -> None:
        super().__init__()
        self._frontend = frontend
        self._latency_s = latency_s

    def send(
        self,
        request: requests.PreparedRequest,
        stream: bool = False,
        timeout: Any = None,
        verify: Any = True,
        cert: Any = None,
        proxies: Mapping[str, str] | None = None,
    ) -> requests.Response:
        read_s = timeout[1] if isinstance(timeout, tuple) else timeout
        try:
            reply = wait_for(asyncio.wait_for(self._exchange(request), read_s))
        except TimeoutError as error:
            raise requests.exceptions.ReadTimeout(request=request) from error
        return self._answer(request, reply)

    async def _exchange(self, request: requests.PreparedRequest) -> Reply:
        await asyncio.sleep(self._latency_s)
        reply = await self._frontend.exchange(_as_data(request))
        if isinstance(reply, NoAnswer) and reply.ending is Ending.HANG:
            await asyncio.sleep(_SILENCE_S)
        await asyncio.sleep(self._latency_s)
        return reply

    def _answer(self, request: requests.PreparedRequest, reply: Reply) -> requests.Response:
        if isinstance(reply, NoAnswer):
            raise _connection_error(request, reply.ending)
        part = reply if isinstance(reply, PartialAnswer) else None
        response = reply.response if isinstance(reply, PartialAnswer) else reply
        headers = {**response.headers, "Content-Length": str(len(response.body))}
        body = response.body if part is None else response.body[: part.sent]
        raw = HTTPResponse(
            io.BytesIO(body),
            headers,
            response.status,
            preload_content=False,
            enforce_content_length=True,
            request_method=request.method,
        )
        return self.build_response(request, raw)


def _as_data(request: requests.PreparedRequest) -> HttpRequest:
    url = urlsplit(request.url or "")
    body = request.body or b""
    return HttpRequest(
        method=request.method or "GET",
        path=unquote(str(url.path)),
        query=merged(parse_qsl(str(url.query), keep_blank_values=True)),
        headers={str(name).lower(): str(value) for name, value in request.headers.items()},
        body=body.encode() if isinstance(body, str) else bytes(body),
    )


def _connection_error(
    request: requests.PreparedRequest, ending: Ending
) -> requests.exceptions.ConnectionError:
    if ending is Ending.REFUSED:
        refused = NewConnectionError(HTTPConnection("alpaca"), "Connection refused")
        cause: Exception = MaxRetryError(None, request.url or "", refused)  # type: ignore[arg-type]
    else:
        lost = RemoteDisconnected("Remote end closed connection without response")
        reset = ConnectionResetError(104, "Connection reset by peer")
        why = lost if ending is Ending.CLOSED else reset
        cause = ProtocolError("Connection aborted.", why)
    return requests.exceptions.ConnectionError(cause, request=request)


@asynccontextmanager
async def served(frontend: Frontend, host: str, port: int) -> AsyncIterator[None]:
    """Serves REST and stream on a host and port of the running loop, in memory if it is so."""
    runner = web.AppRunner(
        alpaca_app(frontend), access_log=None, handler_cancellation=True, shutdown_timeout=0.1
    )
    await runner.setup()
    try:
        await web.TCPSite(runner, host, port).start()
        async with frontend.running():
            yield
    finally:
        await runner.cleanup()
