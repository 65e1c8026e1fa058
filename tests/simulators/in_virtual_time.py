"""Tests of the simulated Gateway on a loop whose time costs nothing: what waits is exact there."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any

import async_solipsism

from simulators.ib_gateway.settings import IbGatewaySettings
from simulators.ib_gateway.simulated import SimulatedIbGateway, build

Test = Callable[[SimulatedIbGateway], Awaitable[None]]


def virtually(**settings: Any) -> Callable[[Test], Callable[[], None]]:
    """Makes a test of a story: it is given a Gateway of its own, on a loop of its own."""

    def decorate(test: Test) -> Callable[[], None]:
        async def act() -> None:
            given = replace(IbGatewaySettings(messages_per_s=0), **settings)
            simulated = build(given, asyncio.get_running_loop().time)
            async with simulated.frontend.running():
                await test(simulated)

        def run() -> None:
            loop = async_solipsism.EventLoop()  # type: ignore[no-untyped-call]
            asyncio.set_event_loop(loop)
            try:
                loop.run_until_complete(act())
            finally:
                asyncio.set_event_loop(None)
                loop.close()

        run.__name__, run.__doc__ = getattr(test, "__name__", "story"), test.__doc__
        return run

    return decorate
