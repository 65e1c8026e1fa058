"""The control API of a simulator over HTTP, and what every simulator's control can do by it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any, Final

import aiohttp

from tests.conformance.control import VenueFill, VenueOrder
from tests.conformance.venues.rarities import Rarities

_DEADLINE_S: Final = 20.0
_TIDY_S: Final = 10.0
_POLL_S: Final = 0.01
_ENDED: Final = frozenset({"filled", "canceled", "expired", "rejected", "replaced"})


class ControlApi(Rarities):
    """The control API at `address` (host:port). Everything that no broker does its own way."""

    def __init__(self, address: str) -> None:
        self._base = f"http://{address}"
        self._session: aiohttp.ClientSession | None = None
        self._quotes: dict[str, tuple[str, str]] = {}
        self._account_changed = False

    async def close(self) -> None:
        """Let go of the connection."""
        if self._session is not None:
            await self._session.close()

    async def call(self, method: str, path: str, content: Any = None) -> Any:
        """One call; what it answers. AssertionError with its words for every refusal."""
        if self._session is None:
            timeout = aiohttp.ClientTimeout(total=_DEADLINE_S)
            self._session = aiohttp.ClientSession(timeout=timeout)
        async with self._session.request(method, self._base + path, json=content) as reply:
            assert reply.ok, f"{method} {path}: {reply.status} {await reply.text()}"
            return await reply.json()

    async def fault(
        self, place: str, kind: str, match: Mapping[str, str], *, times: int = 1, **action: Any
    ) -> None:
        """Add a fault."""
        spec = {"place": place, "match": match, "times": times, "action": {"kind": kind, **action}}
        await self.call("POST", "/faults", spec)

    # -- truth -------------------------------------------------------------------------------

    async def orders(self, of: str = "") -> Sequence[VenueOrder]:
        """The orders in its books, oldest first."""
        return [
            VenueOrder(
                client_id=order["client_order_id"],
                venue_order_id=order["venue_order_id"],
                symbol=order["symbol"],
                side=order["side"],
                status=order["status"],
                order_qty=_decimal(order["order_qty"]),
                cum_qty=Decimal(order["cum_qty"]),
                limit_price=_decimal(order["limit_price"]),
            )
            for order in (await self.call("GET", "/ledger"))["orders"]
            if order["client_order_id"].startswith(of)
        ]

    async def fills(self, of: str = "") -> Sequence[VenueFill]:
        """The fills in its books, oldest first."""
        return [
            VenueFill(
                client_id=fill["client_order_id"],
                symbol=fill["symbol"],
                side=fill["side"],
                last_qty=Decimal(fill["last_qty"]),
                last_px=Decimal(fill["last_px"]),
            )
            for fill in (await self.call("GET", "/ledger"))["executions"]
            if fill["client_order_id"].startswith(of)
        ]

    async def positions(self) -> Mapping[str, Decimal]:
        """What the account holds, by symbol."""
        account = await self._ledger_account()
        return {held["symbol"]: Decimal(held["qty"]) for held in account["positions"]}

    async def cash(self) -> Decimal:
        """What the account has."""
        return Decimal((await self._ledger_account())["cash"])

    async def requests(self) -> list[dict[str, Any]]:
        """Every request, oldest first."""
        kept: list[dict[str, Any]] = await self.call("GET", "/requests")
        return kept

    # -- the market and the account ----------------------------------------------------------

    async def now(self) -> datetime:
        """Market time."""
        return datetime.fromisoformat((await self.call("GET", "/health"))["now"])

    async def set_clock(self, at: datetime) -> None:
        """Move market time; what lies between happens."""
        await self.call("POST", "/clock", {"set": at.isoformat()})

    async def quote(self, symbol: str, bid: str, ask: str, *, frozen: bool = False) -> None:
        """Set a quote."""
        body = {"symbol": symbol, "bid": bid, "ask": ask, "frozen": frozen}
        self._quotes.setdefault(symbol, FIRST_QUOTES.get(symbol, (bid, ask)))
        await self.call("POST", "/quotes", body)

    async def fill(self, order: str, qty: str, px: str, *, even_if_ended: bool = False) -> None:
        """Fill a part of an order, whatever the market says."""
        body = {"order": order, "qty": qty, "px": px, "even_if_ended": even_if_ended}
        await self.call("POST", "/fill", body)

    async def reject(self, order: str) -> None:
        """Reject an order that was accepted."""
        await self.call("POST", "/reject", {"order": order})

    async def cancel_by_hand(self, order: str) -> None:
        """Cancel an order without the server's doing."""
        await self.call("POST", "/cancel", {"order": order})

    async def place_by_hand(
        self, symbol: str, side: str, qty: str, limit_price: str | None = None
    ) -> str:
        """Place an order without the server's doing; its venue order id."""
        asked = {"symbol": symbol, "side": side, "qty": qty, "limit_price": limit_price}
        placed = await self.call("POST", "/orders/external", asked)
        return str(placed["venue_order_id"])

    async def account(self, **flags: Any) -> None:
        """Set flags of the account."""
        self._account_changed = True
        await self.call("POST", "/account", flags)

    # -- faults that all have ----------------------------------------------------------------

    async def drop_event(self, of: str, event: str = "*", *, times: int = 1) -> None:
        """Events are lost."""
        await self._event_fault("drop", of, event, times)

    async def duplicate_event(self, of: str, event: str = "*", *, times: int = 1) -> None:
        """Events come twice."""
        await self._event_fault("duplicate", of, event, times)

    async def reorder_events(self, of: str, *, times: int) -> None:
        """So many events come in reverse."""
        await self._event_fault("reorder", of, "*", times)

    async def hold_events(self, of: str, *, times: int) -> None:
        """So many events wait until they are released."""
        await self._event_fault("hold", of, "*", times)

    async def release_events(self) -> None:
        """What was held is told."""
        await self.call("POST", "/stream/release")

    async def garble_event(self, of: str, event: str = "*") -> None:
        """An event can't be read."""
        await self._event_fault("garble", of, event, 1)

    async def drop_stream(self) -> None:
        """The event stream is cut."""
        assert (await self.call("POST", "/stream/disconnect"))["disconnected"] > 0

    async def refuse_stream(self, *, times: int) -> None:
        """So many attempts to open the event stream are refused."""
        await self.fault("connect", "refuse", {}, times=times)

    async def clear_faults(self) -> None:
        """Nothing goes wrong any more."""
        await self.call("DELETE", "/faults")

    async def tidy(self) -> bool:
        """No faults, no open orders, no positions, first quotes; False if that can't be had."""
        await self.restore()
        return await self._end_all_orders() and await self._flatten()

    async def restore(self) -> None:
        """No faults, nothing held back, first quotes, a free account."""
        await self.clear_faults()
        await self.release_events()
        for symbol, (bid, ask) in self._quotes.items():
            await self.call("POST", "/quotes", {"symbol": symbol, "bid": bid, "ask": ask})
        self._quotes.clear()
        if self._account_changed:
            await self.call("POST", "/account", _FREE_ACCOUNT)
            self._account_changed = False

    # -- inside ------------------------------------------------------------------------------

    def _event_name(self, event: str) -> str:
        return event

    async def _event_fault(self, kind: str, of: str, event: str, times: int) -> None:
        match = {"client_order_id_prefix": of, "event": self._event_name(event)}
        await self.fault("event", kind, match, times=times)

    async def _end_all_orders(self) -> bool:
        ends_at = time.monotonic() + _TIDY_S
        while True:
            left = [o for o in await self.orders() if o.status not in _ENDED]
            if not left:
                return True
            if time.monotonic() > ends_at:
                return False
            for order in left:
                if order.status != "pending_cancel":
                    await self._quietly("POST", "/cancel", {"order": order.venue_order_id})
            await asyncio.sleep(_POLL_S)

    async def _flatten(self) -> bool:
        for symbol, qty in (await self.positions()).items():
            side = "sell" if qty > 0 else "buy"
            asked = {"symbol": symbol, "side": side, "qty": format(abs(qty), "f")}
            if not await self._quietly("POST", "/orders/external", asked):
                return False
        ends_at = time.monotonic() + _TIDY_S
        while await self.positions():
            if time.monotonic() > ends_at:
                return False
            await asyncio.sleep(_POLL_S)
        return True

    async def _quietly(self, method: str, path: str, content: Any) -> bool:
        """A call that the venue may refuse: what was asked for may have happened by itself."""
        try:
            await self.call(method, path, content)
        except AssertionError:
            return False
        return True

    async def _ledger_account(self) -> dict[str, Any]:
        (account,) = (await self.call("GET", "/ledger"))["accounts"].values()
        return dict(account)


FIRST_QUOTES: Final = {
    "SPY": ("399.98", "400.02"),
    "QQQ": ("349.97", "350.03"),
    "AAPL": ("222.00", "222.04"),
    "SPY241115P00390000": ("4.90", "5.05"),
    "SPY241115P00395000": ("6.50", "6.70"),
    "SPY241115P00400000": ("8.50", "9.00"),
    "SPY241115C00400000": ("8.70", "8.90"),
    "SPY241115C00410000": ("3.90", "4.05"),
}
"""What the simulators begin with, to be put back after a card has moved it."""

_FREE_ACCOUNT: Final = {
    "trading_blocked": False,
    "account_blocked": False,
    "trade_suspended": False,
    "shorting_enabled": True,
    "options_level": 3,
}


def _decimal(text: str | None) -> Decimal | None:
    return None if text is None else Decimal(text)
