"""What the router says that it can do: what its venues said, less what it does not route."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path

from services.common.contract.pb import broker_service_pb2 as pb
from services.common.contract.pb import types_pb2
from services.common.domain.errors import ReadFailed
from services.common.domain.order_terms import OrderClass
from services.router.api.capabilities import KnownCapabilities
from tests.unit.router.api_rig import api
from tests.unit.router.harness import Running, router, virtual
from tests.unit.router.scripted_market import SIMPLE
from tests.unit.router.scripted_port import ScriptedPort

WIDE = replace(
    SIMPLE,
    order_classes=(OrderClass.SIMPLE, OrderClass.BRACKET),
    methods=("SubmitOrder", "GetBars", "EstimateCost", "LaterRpc"),
    entitlements=("feed=iex",),
    enforces_unique_ids=True,
    fractional_quantities=True,
)


async def of(running: Running, known: KnownCapabilities) -> list[pb.VenueCapabilities]:
    return await known.of(running.core.accounts["main"])


async def test_each_venues_own_word_counts_less_what_is_not_routed(path: Path) -> None:
    ports = {"alpaca": ScriptedPort("alpaca", can=WIDE), "second": ScriptedPort("second")}
    async with api(path, ports=ports) as it:
        request = pb.GetCapabilitiesRequest(account_id="main")
        first, second = (await it.broker.GetCapabilities(request)).venues
        assert (first.venue.name, first.venue.account_tag) == ("alpaca", "al")
        assert first.venue.venue_account_id == "PA1"
        assert list(first.methods) == ["SubmitOrder", "GetBars"], "served here and there"
        assert list(first.order_classes) == [types_pb2.ORDER_CLASS_SIMPLE]
        assert list(first.entitlements) == ["feed=iex"]
        assert (first.enforces_unique_ids, first.fractional_quantities) == (True, True)
        assert (second.venue.name, second.fractional_quantities) == ("second", False)
        shown = [types_pb2.ORDER_TYPE_MARKET, types_pb2.ORDER_TYPE_LIMIT]
        assert list(second.order_types) == shown
        assert list(second.times_in_force) == [types_pb2.TIME_IN_FORCE_DAY]


@virtual
async def test_they_are_asked_again_when_they_are_old_and_stand_while_nobody_answers(
    path: Path,
) -> None:
    async with router(path) as running:
        port, now = running.alpaca, 0.0
        known = KnownCapabilities(lambda: now, kept_s=60.0)
        port.market_error = ReadFailed("not yet")
        (unknown,) = await of(running, known)
        assert (unknown.venue.name, list(unknown.methods)) == ("alpaca", [])
        port.market_error = None
        (first,) = await of(running, known)
        port.can = WIDE
        now = 59.0
        assert await of(running, known) == [first]
        now = 61.0
        (later,) = await of(running, known)
        assert later.fractional_quantities
        now, port.reachable = 200.0, False
        assert await of(running, known) == [later]


@virtual
async def test_a_venue_that_does_not_answer_holds_up_nobody_for_long(path: Path) -> None:
    async with router(path, "alpaca", "second") as running:

        async def never() -> object:
            return await asyncio.Event().wait()

        running.alpaca.capabilities = never  # type: ignore[method-assign, assignment]
        known = KnownCapabilities(asyncio.get_running_loop().time, ask_s=3.0)
        first, second = await of(running, known)
        assert (len(first.methods), bool(second.methods)) == (0, True)
