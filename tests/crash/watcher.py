"""Who follows the router's events through every restart: doubts with their times, and alerts."""

from __future__ import annotations

import asyncio
from contextlib import aclosing
from dataclasses import dataclass, field
from typing import Final

from tandem_client import (
    Alert,
    Order,
    OrderStatus,
    TandemClient,
    TandemError,
    TokenExpired,
    WatchOptions,
)

from tests.integration.system.trio import ACCOUNT

_OPTIONS: Final = WatchOptions(heartbeat_s=1.0, give_up_s=5.0)
_PAUSE_S: Final = 0.05


@dataclass(slots=True)
class Doubt:
    """An order in doubt, by the loop's clock: since when, since when alarmed, until when."""

    since_s: float
    until_s: float | None = None


@dataclass(slots=True)
class Heard:
    """What was told of one order."""

    doubts: list[Doubt] = field(default_factory=list)
    alerts: list[tuple[float, str]] = field(default_factory=list)

    @property
    def is_in_doubt(self) -> bool:
        return bool(self.doubts) and self.doubts[-1].until_s is None


class Watcher:
    """Watches from its last token on, whatever happens to the stream. `heard` is by order."""

    def __init__(self, address: str) -> None:
        self._address = address
        self._token: str | None = None
        self.heard: dict[str, Heard] = {}
        self.alerts: list[Alert] = []
        self.broken = 0

    async def run(self) -> None:
        """Until canceled."""
        async with TandemClient(self._address, account_id=ACCOUNT) as client:
            while True:
                try:
                    await self._watch(client)
                except TokenExpired:
                    self.broken += 1
                    self._token = None
                except TandemError:
                    pass  # it is down: asked again below
                await asyncio.sleep(_PAUSE_S)

    async def _watch(self, client: TandemClient) -> None:
        if self._token is None:
            self._token = await client.watch_token()
        async with aclosing(client.watch(self._token, _OPTIONS)) as events:
            async for event in events:
                self._token = event.token
                if isinstance(event.what, Alert):
                    self._alarmed(event.what)
                elif isinstance(event.what, Order):
                    self._told(event.what)

    def of(self, client_order_id: str) -> Heard:
        """What was told of an order so far."""
        return self.heard.setdefault(client_order_id, Heard())

    def _alarmed(self, alert: Alert) -> None:
        self.alerts.append(alert)
        if alert.client_order_id:
            at_s = asyncio.get_running_loop().time()
            self.of(alert.client_order_id).alerts.append((at_s, alert.kind))

    def _told(self, order: Order) -> None:
        heard, at_s = self.of(order.client_order_id), asyncio.get_running_loop().time()
        in_doubt = order.status is OrderStatus.IN_DOUBT
        if in_doubt and not heard.is_in_doubt:
            heard.doubts.append(Doubt(at_s))
        elif not in_doubt and heard.is_in_doubt:
            heard.doubts[-1].until_s = at_s
