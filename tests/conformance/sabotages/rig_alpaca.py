"""The whole Alpaca adapter in this process, before a simulated Alpaca on sockets."""

from __future__ import annotations

import random
import secrets
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from decimal import Decimal
from functools import partial
from typing import Any, Final

from services.alpaca_adapter.assembly import Surroundings, build_gateway
from services.alpaca_adapter.settings import AlpacaSettings
from services.common.adapter.hosting import Host, make_pacer
from services.common.runtime.blocking import BlockingPool
from simulators.alpaca.server import alpaca_app
from simulators.alpaca.settings import SIMULATED_KEY, SIMULATED_SECRET
from simulators.alpaca.settings import AlpacaSettings as SimulatorSettings
from simulators.alpaca.simulated import build
from simulators.control.server import ControlServer
from simulators.listening import Listener
from tests.conformance.sabotages.rig import TAG, InProcess, sabotaged
from tests.conformance.sabotages.sabotage import Sabotage
from tests.conformance.server import Stand
from tests.conformance.venues.alpaca_control import AlpacaControl

_QUICK: Final[dict[str, Any]] = {
    "rest": {
        "connect_timeout_s": 1.0,
        "read_timeout_s": 0.8,
        "total_timeout_s": 0.8,
        "read_deadline_s": 1.5,
        "probe_timeout_s": 0.5,
    },
    "sync": {
        "backoff_min_s": 0.05,
        "backoff_max_s": 0.1,
        "silence_s": 0.5,
        "late_event_s": 0.1,
        "overlap_s": 5.0,
    },
    "settling_s": 0.3,
    "pacing": {"limit": 100_000},
    "data_pacing": {"limit": 100_000},
    "drain_s": 0.0,
}


@asynccontextmanager
async def sabotaged_stand(sabotage: Sabotage, alone: bool) -> AsyncIterator[Stand]:
    """An adapter with this bug, and its simulator."""
    assert not alone, "no sabotage needs it"
    async with sabotaged(sabotage, "alpaca", _simulator, AlpacaInProcess, AlpacaControl) as stand:
        yield stand


async def _simulator(owned: AsyncExitStack) -> tuple[int, int]:
    settings = SimulatorSettings(cash=Decimal(10_000_000), options_level=3, rate_limit_per_min=0)
    simulated, listener = build(settings, time.monotonic), Listener("127.0.0.1")
    owned.push_async_callback(listener.close)
    await owned.enter_async_context(simulated.frontend.running())
    port = await listener.listen(alpaca_app(simulated.frontend), 0)
    return port, await listener.listen(ControlServer(simulated.control).app(), 0)


class AlpacaInProcess(InProcess):
    """The Alpaca adapter in this process. What it forgets is its fence store."""

    enforces_unique_ids = True
    fractional_quantities = True

    def _settings(self) -> Any:
        return AlpacaSettings(
            listen=self.address,
            account_id="main",
            account_tag=TAG,
            fence_store_path=self._folder / f"fence{self._forgotten}.sqlite",
            api_key=SIMULATED_KEY,  # type: ignore[arg-type]
            secret_key=SIMULATED_SECRET,  # type: ignore[arg-type]
            base_url=f"http://{self._venue}",
            **_QUICK,
        )

    def _gateway(self, host: Host, settings: Any) -> Any:
        rest, clock = settings.rest, host.lifecycle.clock
        pool = BlockingPool(rest.slots, slot_wait_s=rest.slot_wait_s, name="sabotaged")
        host.lifecycle.on_close("requests", partial(pool.close, rest.total_timeout_s))
        gateway = build_gateway(
            settings,
            Surroundings(
                clock=clock,
                run_blocking=pool.run,
                sink=self._sabotage.sink(host.sink),
                pacer=host.pacer,
                data_pacer=make_pacer(clock, settings.data_pacing),
                random=random.SystemRandom(),
                new_session_id=partial(secrets.token_hex, 8),
            ),
        )
        host.lifecycle.on_close("gateway", gateway.close)
        return gateway
