"""Binds the simulated Alpaca to a port: REST and the websockets together, on aiohttp."""

import asyncio
import logging
from collections.abc import AsyncIterator

from aiohttp import WSMsgType, web

from simulators.alpaca.data_stream import PATHS as DATA_PATHS
from simulators.alpaca.event_feed import EVENT_STREAM
from simulators.alpaca.frontend import Frontend
from simulators.alpaca.http import (
    Ending,
    HttpRequest,
    HttpResponse,
    NoAnswer,
    PartialAnswer,
    merged,
)

_BODY_BYTES_MAX = 1_000_000
_HANG_S = 3600.0
_STREAM_PATHS = ("/stream", "/stream/")
_SEND_S = 5.0

logger = logging.getLogger(__name__)


def alpaca_app(frontend: Frontend) -> web.Application:
    """The application that serves a simulated Alpaca."""

    async def rest(request: web.Request) -> web.StreamResponse:
        return await _rest(frontend, request)

    async def stream(request: web.Request) -> web.StreamResponse:
        socket = _AiohttpSocket(request)
        if not socket.can_open():
            return web.Response(status=426, text="this is a websocket")
        session = frontend.connect_stream()
        if session is None:
            return web.Response(status=503)
        await frontend.serve_stream(session, socket)
        return socket.response

    async def data(request: web.Request) -> web.StreamResponse:
        socket = _AiohttpSocket(request)
        if not socket.can_open():
            return web.Response(status=426, text="this is a websocket")
        session = frontend.connect_data(request.path, _headers(request))
        if session is None:
            return web.Response(status=503)
        await frontend.serve_data(session, socket)
        return socket.response

    app = web.Application(client_max_size=_BODY_BYTES_MAX)
    for path in _STREAM_PATHS:
        app.router.add_get(path, stream)
    for path in DATA_PATHS:
        app.router.add_get(path, data)
        app.router.add_get(f"{path}/", data)
    app.router.add_route("*", "/{path:.*}", rest)
    return app


async def _rest(frontend: Frontend, request: web.Request) -> web.StreamResponse:
    asked = HttpRequest(
        method=request.method,
        path=request.path,
        query=merged(request.query.items()),
        headers=_headers(request),
        body=await request.read(),
    )
    reply = await frontend.exchange(asked)
    if isinstance(reply, HttpResponse):
        if reply.headers.get("Content-Type") == EVENT_STREAM["Content-Type"]:
            return await _events(frontend.read_events(dict(asked.query)), reply, request)
        return _response(reply)
    if isinstance(reply, PartialAnswer):
        return await _part_of(reply, request)
    return await _nothing(reply, request)


def _headers(request: web.Request) -> dict[str, str]:
    return {name.lower(): value for name, value in request.headers.items()}


def _response(reply: HttpResponse) -> web.Response:
    return web.Response(status=reply.status, headers=reply.headers, body=reply.body or None)


async def _events(
    chunks: AsyncIterator[bytes], reply: HttpResponse, request: web.Request
) -> web.StreamResponse:
    """Writes server-sent events until there are no more or the client leaves."""
    response = web.StreamResponse(status=reply.status, headers=reply.headers)
    await response.prepare(request)
    try:
        async for chunk in chunks:
            async with asyncio.timeout(_SEND_S):
                await response.write(chunk)
    except (ConnectionError, TimeoutError):
        logger.info("a client of the server-sent events is gone or does not read")
        _end(request, abort=True)
    return response


async def _part_of(reply: PartialAnswer, request: web.Request) -> web.StreamResponse:
    response = web.StreamResponse(status=reply.response.status, headers=reply.response.headers)
    response.content_length = len(reply.response.body)
    await response.prepare(request)
    await response.write(reply.response.body[: reply.sent])
    _end(request, abort=False)
    return response


async def _nothing(reply: NoAnswer, request: web.Request) -> web.StreamResponse:
    if reply.ending is Ending.HANG:
        # Ends early when the client leaves: the runner cancels handlers then.
        await asyncio.sleep(_HANG_S)
    _end(request, abort=reply.ending in (Ending.RESET, Ending.REFUSED))
    # The connection is gone; aiohttp wants a response all the same and finds out on writing it.
    return web.Response()


def _end(request: web.Request, *, abort: bool) -> None:
    transport = request.transport
    if transport is None:
        return
    if abort:
        transport.abort()
    else:
        transport.close()


class _AiohttpSocket:
    """A websocket of aiohttp as the frontend speaks to it."""

    def __init__(self, request: web.Request) -> None:
        self._request = request
        self.response = web.WebSocketResponse(timeout=0.1, max_msg_size=_BODY_BYTES_MAX)

    def can_open(self) -> bool:
        """Whether the request asks for a websocket at all."""
        return self.response.can_prepare(self._request).ok

    async def open(self) -> None:
        """Answers the handshake."""
        await self.response.prepare(self._request)

    async def receive(self) -> str | bytes | None:
        message = await self.response.receive()
        if message.type in (WSMsgType.TEXT, WSMsgType.BINARY):
            data: str | bytes = message.data
            return data
        return None

    async def send(self, frame: str | bytes) -> None:
        try:
            async with asyncio.timeout(_SEND_S):
                if isinstance(frame, str):
                    await self.response.send_str(frame)
                else:
                    await self.response.send_bytes(frame)
        except (ConnectionError, TimeoutError):
            logger.info("a stream client is gone or does not read")
            _end(self._request, abort=True)

    async def close(self) -> None:
        # Cut, without a closing handshake: what a client has to survive is a lost connection.
        _end(self._request, abort=False)
