"""The control of the simulated IB Gateway: what a card wants, as messages of IB's socket."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from tests.conformance.control import Body, Can, Reads, Sends
from tests.conformance.venues.control_api import Beyond, ControlApi

_NO_STATUS: Final = "IB's socket has messages with codes, no HTTP statuses"
_NO_BODY: Final = "IB's socket has messages, no HTTP bodies"
_NOT_BUILT: Final = "the simulated IB Gateway has no {} yet (a later issue)"
_LIMITS: Final = {
    Can.ERROR_AFTER: _NO_STATUS,
    Can.ERROR_BEFORE: _NO_STATUS,
    Can.BAD_BODY: _NO_BODY,
    Can.ODD_STATUS: _NO_STATUS,
    Can.FAIL_READS: "IB's lists have no error of their own: they end or they hang",
    Can.REFUSE_CONNECTION: "orders go over one standing connection at IB",
    Can.OPTION_EVENTS: _NOT_BUILT.format("assignment, exercise and expiry"),
    Can.DIVIDENDS: _NOT_BUILT.format("dividends"),
    Can.SHARED_EXEC_IDS: "IB gives an execution one id everywhere",
    Can.FORGET_CANCEL: "IB confirms no cancel before it ends the order",
    Can.REFUSE_LATER: "IB shows an order that it refuses later as Inactive, which is live",
    Can.RATE_LIMIT: "IB's code 100 doesn't say which message it has dropped",
    Can.REJECT: "IB shows an order that it refuses later as Inactive, which is live",
}
_CHANGES: Final = {Sends.SUBMIT: "placeOrder", Sends.CANCEL: "cancelOrder"}
_READS: Final = {
    Reads.ORDERS: ("reqAllOpenOrders", "reqOpenOrders", "reqCompletedOrders"),
    Reads.LOOK_UP: ("reqAllOpenOrders", "reqOpenOrders", "reqCompletedOrders"),
    Reads.EXECUTIONS: ("reqExecutions",),
    Reads.POSITIONS: ("reqPositions",),
    Reads.ACCOUNT: ("reqAccountUpdates*", "reqAccountSummary"),
    Reads.CLOCK: ("reqCurrentTime",),
    Reads.QUOTES: ("reqMktData",),
    Reads.CONTRACTS: ("reqContractDetails",),
}
_EVENTS: Final = {
    "fill": "execDetails",
    "partial_fill": "execDetails",
    "new": "orderStatus",
    "canceled": "orderStatus",
}


class IbControl(ControlApi):
    """Implements `VenueControl` for simulators.ib_gateway."""

    @property
    def limits(self) -> Mapping[Can, str]:
        """What IB's protocol has no such thing as, or its simulator not yet."""
        return _LIMITS

    async def sends(self, of: str, change: Sends = Sends.SUBMIT) -> int:
        """How often this change of such orders was asked for."""
        return sum(
            entry["method"] == _CHANGES[change] and entry["client_order_id"].startswith(of)
            for entry in await self.requests()
        )

    async def lookups(self, of: str) -> int:
        """IB has no look-up by client id: all orders are read."""
        return 0

    async def assign(self, symbol: str, qty: str) -> None:
        """Not yet."""
        raise Beyond(Can.OPTION_EVENTS)

    async def option_activities(self, *, at_once: bool) -> None:
        """Not yet."""
        raise Beyond(Can.OPTION_EVENTS)

    async def charge_fee(self, amount: str) -> None:
        """Not yet."""
        raise Beyond(Can.DIVIDENDS)

    async def pay_dividend(self, symbol: str, per_share: str) -> None:
        """Not yet."""
        raise Beyond(Can.DIVIDENDS)

    async def lose_reply(self, change: Sends, of: str = "", *, hang: bool = False) -> None:
        """The change takes effect; its reply is lost."""
        await self._spoil(change, "drop_reply", of, ends="hang" if hang else "close")

    async def lose_request(self, change: Sends, of: str = "", *, hang: bool = False) -> None:
        """The change never reaches the books, and nobody says so."""
        await self._spoil(change, "drop_request", of, ends="hang" if hang else "reset")

    async def refuse_connection(self, change: Sends, of: str = "") -> None:
        """There is one connection for all."""
        raise Beyond(Can.REFUSE_CONNECTION)

    async def error_after(self, change: Sends, of: str = "", *, status: int = 500) -> None:
        """No statuses."""
        raise Beyond(Can.ERROR_AFTER)

    async def error_before(self, change: Sends, of: str = "", *, status: int = 500) -> None:
        """No statuses."""
        raise Beyond(Can.ERROR_BEFORE)

    async def bad_body(self, change: Sends, body: Body, of: str = "") -> None:
        """No bodies."""
        raise Beyond(Can.BAD_BODY)

    async def rate_limit(self, change: Sends, of: str = "") -> None:
        """Code 100 names no message."""
        raise Beyond(Can.RATE_LIMIT)

    async def delay(self, change: Sends, seconds: float, of: str = "") -> None:
        """The change takes effect, and its answer so much later."""
        await self._spoil(change, "delay", of, delay_after_s=seconds)

    async def delay_effect(self, change: Sends, seconds: float, of: str = "") -> None:
        """The change takes effect so much later."""
        await self._spoil(change, "delay", of, delay_before_s=seconds)

    async def vanish(self, of: str = "") -> None:
        """A submit is confirmed and never in the books."""
        await self._spoil(Sends.SUBMIT, "vanish_order", of)

    async def forget_cancel(self, of: str = "") -> None:
        """IB confirms no cancel before it ends the order."""
        raise Beyond(Can.FORGET_CANCEL)

    async def refuse_later(self, change: Sends, of: str = "") -> None:
        """What IB refuses later is shown as Inactive."""
        raise Beyond(Can.REFUSE_LATER)

    async def stall(self, of: str = "") -> None:
        """A submit is taken, and the order never comes to market by itself."""
        await self._spoil(Sends.SUBMIT, "stall_order", of)

    async def fail_reads(self, what: Reads, *, times: int = 0) -> None:
        """Lists have no error of their own."""
        raise Beyond(Can.FAIL_READS)

    async def hang_reads(self, what: Reads, *, times: int = 0) -> None:
        """Reads are never answered."""
        for method in _READS[what]:
            await self.fault("request", "drop_reply", {"method": method}, times=times, ends="hang")

    async def limit_reads(self, what: Reads, *, times: int) -> None:
        """Lists have no error of their own."""
        raise Beyond(Can.FAIL_READS)

    async def odd_status(self, change: Sends, of: str = "") -> None:
        """No statuses."""
        raise Beyond(Can.ODD_STATUS)

    async def share_exec_ids(self, *, shared: bool) -> None:
        """They are shared always."""
        raise Beyond(Can.SHARED_EXEC_IDS)

    def _event_name(self, event: str) -> str:
        return _EVENTS.get(event, "*")

    async def _spoil(self, change: Sends, kind: str, of: str, **action: Any) -> None:
        match = {"method": _CHANGES[change], "client_order_id_prefix": of}
        await self.fault("request", kind, match, **action)
