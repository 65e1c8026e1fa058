"""Both simulated brokers with their adapters and the router: Alpaca first, IB as its backup."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from tandem_client import OrderSpec, PositionIntent, Side, VenueStatus

from stack.children import Program
from stack.programs import ALPACA, IB
from tests.integration.system.parts import Part, eventually
from tests.integration.system.trio import Programs, Trio, says_ready, shares
from tests.integration.system.venue import Fill, VenueControl

PUT: Final = "QQQ241115P00350000"
"""Bid at 5.50 at both venues; 1 of it, sold, binds 35,000 in cash."""


class Quintet(Trio):
    """Five processes. What Trio calls the venue is Alpaca."""

    brokers = (ALPACA, IB)

    def __init__(self, made: Programs, router: Program) -> None:
        super().__init__(made, router)
        logs = made.folder / "logs"
        self.gateway = Part(made.simulator(IB), logs, says_ready)
        self.ib_adapter = Part(made.adapter(IB), logs, says_ready)
        self.ib = VenueControl(f"127.0.0.1:{made.ports.ib.control}")

    @property
    def simulators(self) -> list[Part]:
        return [self.simulator, self.gateway]

    @property
    def adapters(self) -> list[Part]:
        return [self.adapter, self.ib_adapter]

    async def status_of(self, venue: str) -> VenueStatus:
        """One venue as the router tells of it."""
        venues = (await self.client.status()).venues
        return next(told for told in venues if told.venue.name == venue)

    async def is_open(self, venue: str, *, wanted: bool = True) -> VenueStatus:
        """Wait until the router sends entries to a venue, or has noticed that it can't."""
        return await eventually(
            lambda: self.status_of(venue), lambda told: bool(told.ready) is wanted
        )

    async def open_for_entries(self) -> VenueStatus:
        for broker in self.brokers:
            told = await self.is_open(broker.venue)
        return told

    async def filled(self) -> list[Fill]:
        return [*await self.venue.fills(), *await self.ib.fills()]


class Settling(Quintet):
    """Five processes whose venues have brought up within a second what they took."""

    def __init__(self, made: Programs, router: Program) -> None:
        super().__init__(made, router)
        logs = made.folder / "logs"
        self.adapter = Part(made.adapter(ALPACA, TANDEM_ALPACA_SETTLING_S="1"), logs, says_ready)
        self.ib_adapter = Part(made.adapter(IB, TANDEM_IB_SETTLING_S="1"), logs, says_ready)


def put_sale(client_order_id: str, qty: str = "1") -> OrderSpec:
    """A short put that fills at once where it gets to, and needs its cash there."""
    sale = shares(client_order_id, Side.SELL, "5.50", qty=qty, symbol=PUT)
    return replace(sale, position_intent=PositionIntent.SELL_TO_OPEN)


def put_purchase(client_order_id: str) -> OrderSpec:
    """What closes it: QQQ's put is offered at 5.70."""
    purchase = shares(client_order_id, Side.BUY, "5.70", symbol=PUT)
    return replace(purchase, position_intent=PositionIntent.BUY_TO_CLOSE)
