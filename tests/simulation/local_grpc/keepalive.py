"""Finding out that a peer is gone although nothing said so: gRPC's keepalive pings."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Final

# As the project's own servers and channels set them (services/common/runtime/server.py).
TIME_S: Final = 30.0
TIMEOUT_S: Final = 10.0


class Keepalive:
    """Pings after a silence; without any word by `TIMEOUT_S` after that, `lost` is called."""

    def __init__(self, ping: Callable[[], None], lost: Callable[[str], None]) -> None:
        self._ping = ping
        self._lost = lost
        self._loop = asyncio.get_running_loop()
        self._heard_at = self._loop.time()
        self._timer = self._loop.call_later(TIME_S, self._look)

    def heard(self) -> None:
        """Something came from the peer."""
        self._heard_at = self._loop.time()

    def stop(self) -> None:
        """The connection has ended."""
        self._timer.cancel()

    def _look(self) -> None:
        ping_at = self._heard_at + TIME_S
        if self._loop.time() < ping_at:
            self._timer = self._loop.call_at(ping_at, self._look)
        else:
            self._ping()
            self._timer = self._loop.call_later(TIMEOUT_S, self._judge, self._heard_at)

    def _judge(self, heard_at: float) -> None:
        if self._heard_at > heard_at:
            self._look()
        else:
            self._lost("ping timeout")
