"""The event stream, resumed by token after each break, so that nothing is missed."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any, Final

import grpc

from tandem_client.connection import Connection, is_canceled
from tandem_client.errors import TandemError, Unreachable
from tandem_client.events import Event, Heartbeat
from tandem_client.pb import broker_service_pb2
from tandem_client.pb.broker_service_pb2_grpc import BrokerServiceStub
from tandem_client.wire.events import read_event
from tandem_client.wire.values import write_duration

_Code = grpc.StatusCode
# Asking again would be answered the same; everything else is a break that is resumed.
_FINAL: Final = frozenset(
    {
        _Code.INVALID_ARGUMENT,
        _Code.NOT_FOUND,
        _Code.ALREADY_EXISTS,
        _Code.PERMISSION_DENIED,
        _Code.UNAUTHENTICATED,
        _Code.FAILED_PRECONDITION,
        _Code.OUT_OF_RANGE,
        _Code.UNIMPLEMENTED,
        _Code.DATA_LOSS,
    }
)
_MISSED_HEARTBEATS: Final = 3
_BACKOFF_FIRST_S: Final = 0.1
_BACKOFF_MAX_S: Final = 2.0


@dataclass(frozen=True, slots=True)
class WatchOptions:
    """How to watch; spans in seconds.

    A stream that is silent for three heartbeat intervals counts as broken. A break is mended for
    at most `give_up_s`, then Unreachable (or what failed last) is raised.
    """

    heartbeat_s: float = 5.0
    give_up_s: float = 60.0
    heartbeats: bool = False


DEFAULT_WATCH: Final = WatchOptions()


class Watch:
    """Reads events from `token` on; iterate it once.

    `token` is always that of the last event given, so a later Watch can go on from there.
    """

    def __init__(
        self,
        connection: Connection,
        account_id: str,
        token: str,
        options: WatchOptions,
        jitter: Callable[[], float] = random.random,
    ) -> None:
        self.token = token
        self._connection = connection
        self._account_id = account_id
        self._options = options
        self._jitter = jitter
        self._attempts = 1
        self._last_sign = 0.0

    async def events(self) -> AsyncGenerator[Event, None]:
        """Give events as they come. Only a final answer or `give_up_s` without a sign ends it.

        Raises TokenExpired if the token is too old: list, then watch from the list's token.
        Cancellation and closing the iterator end the call at the server.
        """
        self._last_sign = asyncio.get_running_loop().time()
        while True:
            problem: TandemError = Unreachable(f"{self._connection.address}: the stream ended")
            try:
                async with aclosing(self._one_stream()) as stream:
                    async for event in stream:
                        self.token = event.token or self.token
                        if self._options.heartbeats or not isinstance(event.what, Heartbeat):
                            yield event
            except grpc.aio.AioRpcError as error:
                problem = self._connection.failure(error, "watch", mutation=False)
                if error.code() in _FINAL:
                    raise problem from error
            except Unreachable as error:
                problem = error
            await self._back_off(problem)

    async def _one_stream(self) -> AsyncGenerator[Event, None]:
        loop = asyncio.get_running_loop()
        await self._connection.connected(self._last_sign + self._options.give_up_s)
        channel = self._connection.channel
        call = self._connection.stub(BrokerServiceStub).WatchEvents(self._request())
        try:
            while True:
                async with asyncio.timeout(_MISSED_HEARTBEATS * self._options.heartbeat_s):
                    response = await call.read()
                if response is grpc.aio.EOF:
                    return
                self._attempts, self._last_sign = 1, loop.time()
                yield read_event(response.event)
        except TimeoutError:
            await self._connection.give_up_on_silent(channel)
            raise Unreachable(f"{self._connection.address}: the stream fell silent") from None
        except asyncio.CancelledError:
            if is_canceled():
                raise
            raise Unreachable(f"{self._connection.address}: the stream was given up") from None
        finally:
            call.cancel()

    async def _back_off(self, problem: TandemError) -> None:
        now = asyncio.get_running_loop().time()
        pause_s = min(_BACKOFF_FIRST_S * 2 ** (self._attempts - 1), _BACKOFF_MAX_S)
        pause_s *= 0.5 + self._jitter() / 2
        if now + pause_s > self._last_sign + self._options.give_up_s:
            raise problem
        self._attempts += 1
        await asyncio.sleep(pause_s)

    def _request(self) -> Any:
        return broker_service_pb2.WatchEventsRequest(
            account_id=self._account_id,
            resume_token=self.token,
            heartbeat_interval=write_duration(self._options.heartbeat_s),
        )
