"""The simulated venue's control: faults, hand tools, and its own books, which are the truth."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final

import aiohttp

_DEADLINE_S: Final = 10.0
_SUBMIT: Final = {"method": "POST", "path": "/v2/orders"}


@dataclass(frozen=True, slots=True)
class Fill:
    """One fill in a form in which both sides' books can be compared."""

    placement_id: str
    symbol: str
    side: str
    last_qty: Decimal
    last_px: Decimal
    cum_qty: Decimal | None


class VenueControl:
    """The control API at `address` (host:port)."""

    def __init__(self, address: str) -> None:
        self._base = f"http://{address}"

    async def call(self, method: str, path: str, content: Any = None) -> Any:
        """One call; what it answers. Raises for every status that is no success."""
        timeout = aiohttp.ClientTimeout(total=_DEADLINE_S)
        async with (
            aiohttp.ClientSession(timeout=timeout) as session,
            session.request(method, self._base + path, json=content) as reply,
        ):
            assert reply.ok, await reply.text()
            return await reply.json()

    # -- faults ------------------------------------------------------------------------------

    async def spoil_submit(self, kind: str, *, of: str = "", times: int = 1, **action: Any) -> None:
        """A fault of the requests that place orders; `of` is what their client ids begin with."""
        match = {**_SUBMIT, "client_order_id_prefix": of}
        await self.fault("request", kind, match, times=times, **action)

    async def spoil_events(self, kind: str, *, of: str, event: str = "*", times: int = 1) -> None:
        """A fault of what the stream tells of the orders whose client ids begin with `of`."""
        match = {"client_order_id_prefix": of, "event": event}
        await self.fault("event", kind, match, times=times)

    async def fault(
        self, place: str, kind: str, match: Mapping[str, str], *, times: int = 1, **action: Any
    ) -> None:
        """Add any fault."""
        spec = {"place": place, "match": match, "times": times, "action": {"kind": kind, **action}}
        await self.call("POST", "/faults", spec)

    async def clear_faults(self) -> None:
        """From now on nothing is spoiled."""
        await self.call("DELETE", "/faults")

    async def cut_streams(self) -> None:
        """Cut off whoever listens to the stream."""
        assert (await self.call("POST", "/stream/disconnect"))["disconnected"] > 0

    # -- truth -------------------------------------------------------------------------------

    async def submits(self, client_order_id: str) -> list[dict[str, Any]]:
        """The requests to place any placement of this order, oldest first."""
        return await self.submits_like(f"{client_order_id}~")

    async def submits_like(self, prefix: str) -> list[dict[str, Any]]:
        """The requests to place orders whose client ids begin so, oldest first."""
        return [
            entry
            for entry in await self.call("GET", "/requests")
            if (entry["method"], entry["path"]) == ("POST", "/v2/orders")
            and entry["client_order_id"].startswith(prefix)
        ]

    async def lookups(self, client_order_id: str) -> list[dict[str, Any]]:
        """The requests that look up any placement of this order, oldest first."""
        return [
            entry
            for entry in await self.call("GET", "/requests")
            if entry["method"] == "GET"
            and entry["client_order_id"].startswith(f"{client_order_id}~")
        ]

    async def listening(self) -> int:
        """How many clients listen to the stream."""
        return int((await self.call("GET", "/health"))["listening"])

    async def placed(self, client_order_id: str) -> list[dict[str, Any]]:
        """The orders that the venue has for it."""
        return [
            order
            for order in (await self.call("GET", "/ledger"))["orders"]
            if order["client_order_id"].startswith(f"{client_order_id}~")
        ]

    async def fills(self) -> list[Fill]:
        """Every fill of an order that came by Tandem, in the order of the venue's ledger."""
        return [
            Fill(
                placement_id=fill["client_order_id"],
                symbol=fill["symbol"],
                side=fill["side"].upper(),
                last_qty=Decimal(fill["last_qty"]),
                last_px=Decimal(fill["last_px"]),
                cum_qty=Decimal(fill["cum_qty"]),
            )
            for fill in (await self.call("GET", "/ledger"))["executions"]
            if "~" in fill["client_order_id"]
        ]

    async def positions(self) -> dict[str, Decimal]:
        """What the venue's account holds, by symbol."""
        (account,) = (await self.call("GET", "/ledger"))["accounts"].values()
        return {held["symbol"]: Decimal(held["qty"]) for held in account["positions"]}

    # -- hand tools --------------------------------------------------------------------------

    async def fill(self, placement_id: str, qty: str, px: str) -> None:
        """Fill a part of an order, whatever the market says."""
        await self.call("POST", "/fill", {"order": placement_id, "qty": qty, "px": px})

    async def place_by_hand(self, symbol: str, side: str, qty: str, limit: str) -> dict[str, Any]:
        """An order that its owner places at the venue itself."""
        asked = {"symbol": symbol, "side": side, "qty": qty, "limit_price": limit}
        placed: dict[str, Any] = await self.call("POST", "/orders/external", asked)
        return placed
