"""The HTTP transport: the last check after connecting, and a deadline over the whole exchange.

`requests` bounds each single wait and not their sum, so an answer that drips can hold a thread for
ever. Here every read of the socket gets what is left of the total as its time-out. The check
before a write runs on the open connection, TLS included, so that nothing waits between it and the
first byte.
"""

from __future__ import annotations

import http.client
import io
import socket
from typing import TYPE_CHECKING, Any, Final, cast

from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool

from services.alpaca_adapter.exchange import Exchange, current_exchange

ANSWER_BYTES_MAX: Final = 32 * 1024 * 1024


class _BoundedReader(io.RawIOBase):
    """Reads a socket until the exchange's deadline, and no more than an answer may have."""

    def __init__(self, raw: io.RawIOBase, sock: socket.socket, exchange: Exchange) -> None:
        super().__init__()
        self._raw = raw
        self._sock = sock
        self._exchange = exchange
        self._wait_s = sock.gettimeout()
        self._taken = 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:
        left_s = self._exchange.left_s()
        if left_s <= 0:
            raise TimeoutError("the answer took longer than allowed in total")
        self._sock.settimeout(left_s if self._wait_s is None else min(self._wait_s, left_s))
        taken = self._raw.readinto(buffer)
        self._taken += taken or 0
        if self._taken > ANSWER_BYTES_MAX:
            raise OSError(f"an answer of more than {ANSWER_BYTES_MAX} bytes")
        return cast("int | None", taken)

    def close(self) -> None:
        self._raw.close()
        super().close()


class _BoundedResponse(http.client.HTTPResponse):
    """The standard library's response, read through a `_BoundedReader`, status line included."""

    def __init__(self, sock: socket.socket, *args: Any, **kwargs: Any) -> None:
        super().__init__(sock, *args, **kwargs)
        raw = self.fp.detach()
        self.fp = io.BufferedReader(_BoundedReader(raw, sock, current_exchange()))


if TYPE_CHECKING:
    _ConnectionBase = HTTPConnection
else:
    _ConnectionBase = object


class _Checked(_ConnectionBase):
    """Connects first, then asks whether the write may begin, then writes."""

    response_class = _BoundedResponse

    def request(self, *args: Any, **kwargs: Any) -> None:
        exchange = current_exchange()
        if self.sock is None:
            self._shorten(exchange)
            self.connect()
        exchange.begin_write()
        self._shorten(exchange)
        super().request(*args, **kwargs)

    def _shorten(self, exchange: Exchange) -> None:
        left_s = max(exchange.left_s(), 0.001)
        self.timeout = left_s if self.timeout is None else min(self.timeout, left_s)


class _CheckedHttp(_Checked, HTTPConnection):
    pass


class _CheckedHttps(_Checked, HTTPSConnection):
    pass


class _HttpPool(HTTPConnectionPool):
    ConnectionCls = _CheckedHttp


class _HttpsPool(HTTPSConnectionPool):
    ConnectionCls = _CheckedHttps


class DeadlineAdapter(HTTPAdapter):
    """The adapter to mount on each session: never sends again, checks right before the write."""

    def __init__(self) -> None:
        # One connection: a session is used by one call at a time.
        super().__init__(pool_connections=1, pool_maxsize=1, max_retries=0)

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        super().init_poolmanager(*args, **kwargs)
        self.poolmanager.pool_classes_by_scheme = {"http": _HttpPool, "https": _HttpsPool}
