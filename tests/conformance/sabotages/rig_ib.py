"""The whole IB adapter in this process, before a simulated Gateway on sockets."""

from __future__ import annotations

import random
import secrets
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from decimal import Decimal
from functools import partial
from typing import Any, Final

from services.common.adapter.hosting import Host, awaitable, open_store_pool
from services.ib_adapter.assembly import Surroundings, build_gateway
from services.ib_adapter.send_log import SendLog
from services.ib_adapter.settings import IbSettings
from simulators.control.server import ControlServer
from simulators.ib_gateway.server import GatewayServer
from simulators.ib_gateway.settings import IbGatewaySettings
from simulators.ib_gateway.simulated import build
from simulators.listening import Listener
from tests.conformance.sabotages.rig import TAG, InProcess, sabotaged
from tests.conformance.sabotages.sabotage import Sabotage
from tests.conformance.server import Stand
from tests.conformance.venues.ib_control import IbControl

_QUICK: Final[dict[str, Any]] = {
    "connection": {
        "connect_timeout_s": 2.0,
        "answer_timeout_s": 1.5,
        "backoff_min_s": 0.05,
        "backoff_max_s": 0.2,
    },
    "orders": {"ack_timeout_s": 0.8, "execution_wait_s": 1.0, "silence_s": 1.0},
    "settling_s": 0.5,
    "drain_s": 0.0,
}


@asynccontextmanager
async def sabotaged_ib_stand(sabotage: Sabotage, alone: bool) -> AsyncIterator[Stand]:
    """An adapter with this bug, and its simulator."""
    assert not alone, "no sabotage needs it"
    async with sabotaged(sabotage, "ib", _simulator, IbInProcess, IbControl) as stand:
        yield stand


async def _simulator(owned: AsyncExitStack) -> tuple[int, int]:
    simulated = build(IbGatewaySettings(cash=Decimal(10_000_000)), time.monotonic)
    listener = Listener("127.0.0.1")
    owned.push_async_callback(listener.close)
    await owned.enter_async_context(simulated.frontend.running())
    server = GatewayServer(simulated.frontend, "127.0.0.1")
    port = await owned.enter_async_context(server.listening(0))
    return port, await listener.listen(ControlServer(simulated.control).app(), 0)


class IbInProcess(InProcess):
    """The IB adapter in this process. What it forgets is its send log."""

    enforces_unique_ids = False
    fractional_quantities = False

    def _settings(self) -> IbSettings:
        host, _, port = self._venue.rpartition(":")
        return IbSettings(
            listen=self.address,
            account_id="main",
            account_tag=TAG,
            fence_store_path=self._folder / "fence.sqlite",
            send_log_path=self._folder / f"sends{self._forgotten}.sqlite",
            host=host,
            port=int(port),
            **_QUICK,
        )

    def _gateway(self, host: Host, settings: Any) -> Any:
        lifecycle = host.lifecycle
        pool = open_store_pool(lifecycle, "send log", settings.fence_write_timeout_s)
        log = SendLog.open(settings.send_log_path, lifecycle.clock, pool.run)
        lifecycle.on_close("send log", awaitable(log.close))
        gateway = build_gateway(
            settings,
            Surroundings(
                clock=lifecycle.clock,
                sink=self._sabotage.sink(host.sink),
                pacer=host.pacer,
                send_log=log,
                random=random.SystemRandom(),
                new_session_id=partial(secrets.token_hex, 8),
                current_epoch=lambda: 0 if host.store.seen is None else host.store.seen.epoch,
            ),
        )
        lifecycle.on_close("gateway", gateway.close)
        return gateway
