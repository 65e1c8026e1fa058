"""Short words for what tests of orders do over the REST core: events heard, statuses, quotes."""

from decimal import Decimal
from typing import Any

from simulators.venue.orders import OrderEvent
from simulators.venue.settings import VenueSettings
from tests.simulators.markets import new_york
from tests.simulators.rest import Api

SPY = {"symbol": "SPY", "side": "buy", "qty": "10", "type": "market", "limit_price": None}


class OrderDesk(Api):
    """A REST core with the order events that happened and words for orders of SPY at 400."""

    def __init__(
        self, at: str = "10:00:00", day: str = "2024-11-04", level: int = 3, **more: Any
    ) -> None:
        venue = VenueSettings(**more.pop("venue", {}))
        super().__init__(
            start=new_york(day, at), options_level=level, rate_limit_per_min=0, venue=venue, **more
        )
        self.events: list[tuple[str, str]] = []
        self.simulated.venue.subscribe(self._heard)
        self.quote("SPY", "399.98", "400.02")

    def _heard(self, event: OrderEvent) -> None:
        self.events.append((event.order.client_order_id, event.kind.value))

    def wait(self, seconds: float = 1) -> None:
        super().wait(seconds)
        self.simulated.venue.advance()

    def heard(self, client_order_id: str) -> list[str]:
        """What happened to that order so far."""
        return [kind for client_id, kind in self.events if client_id == client_order_id]

    def spy(self, status: int = 200, **changed: Any) -> Any:
        """An order for ten SPY at the market, otherwise as changed."""
        return self.order(status, **{**SPY, **changed})

    def long(self, qty: str = "10") -> None:
        """Buys SPY and lets it fill."""
        self.spy(qty=qty)
        self.wait()

    def get(self, order: Any, **query: Any) -> Any:
        """The order as it is now."""
        return self.json("GET", f"/v2/orders/{order['id']}", **query)

    def patch(self, order: Any, status: int = 200, **changes: Any) -> Any:
        """Replaces the order."""
        return self.json("PATCH", f"/v2/orders/{order['id']}", changes, status)

    def delete(self, order: Any) -> int:
        """Asks for a cancel; the status of the answer."""
        return self("DELETE", f"/v2/orders/{order['id']}").status

    def quote(self, symbol: str, bid: str, ask: str) -> None:
        self.simulated.control.set_quote(symbol, Decimal(bid), Decimal(ask))

    def price(self, px: str) -> None:
        """Moves SPY so that it is bid and asked around that price."""
        middle = Decimal(px)
        self.simulated.control.set_quote("SPY", middle - Decimal("0.02"), middle + Decimal("0.02"))

    def to(self, at: str, day: str = "2024-11-04") -> None:
        """Lets market time pass until then."""
        self.simulated.control.set_clock(new_york(day, at))
