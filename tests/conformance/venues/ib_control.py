"""The control of the simulated IB Gateway: what a card wants, as messages of IB's socket."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from tests.conformance.control import Body, Can, Reads, Sends
from tests.conformance.venues.control_api import ControlApi
from tests.conformance.venues.rarities import Beyond

_IN_STATEMENTS: Final = "dividends and fees stand in IB's statements; no message tells them"
_LIMITS: Final = {
    Can.BAD_BODY: "IB's socket has messages, no HTTP bodies; what can't be read ends the session",
    Can.ODD_STATUS: "IB's answer to an order is a status of its own list, and nothing beside it",
    Can.REFUSE_CONNECTION: "orders go over one standing connection at IB",
    Can.DIVIDENDS: _IN_STATEMENTS,
    Can.FORGET_CANCEL: "a cancel that IB forgets is answered by nothing, as a lost one",
    Can.SHARED_EXEC_IDS: "IB gives an execution one id everywhere",
    Can.REFUSE_LATER: "IB shows an order that it refuses later as Inactive, which is live",
    Can.RATE_LIMIT: "IB's code 100 doesn't say which message it has dropped",
    Can.REJECT: "IB shows an order that it refuses later as Inactive, which is live",
}
_CHANGES: Final = {
    Sends.SUBMIT: "placeOrder",
    Sends.REPLACE: "placeOrder",
    Sends.CANCEL: "cancelOrder",
    Sends.CANCEL_ALL: "reqGlobalCancel",
    Sends.EXERCISE: "exerciseOptions",
}
_NAMELESS: Final = frozenset({Sends.CANCEL_ALL, Sends.EXERCISE})
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
_UNRESOLVED: Final = 10328
"""Connection lost, order data could not be resolved: it says nothing of what became of an order."""

_REFUSED_CHANGE: Final = 201
_WARNING: Final = 399


class IbControl(ControlApi):
    """Implements `VenueControl` for simulators.ib_gateway."""

    def __init__(self, address: str) -> None:
        super().__init__(address)
        self._options_changed = False

    @property
    def limits(self) -> Mapping[Can, str]:
        """What IB's protocol has no such thing as."""
        return _LIMITS

    @property
    def renames(self) -> bool:
        """An order is changed in place."""
        return False

    async def sends(self, of: str, change: Sends = Sends.SUBMIT) -> int:
        """How often this change of such orders was asked for. An order is changed by placing it
        once more under its number."""
        seen: set[tuple[str, str]] = set()
        count = 0
        for entry in await self.requests():
            if entry["method"] != _CHANGES[change]:
                continue
            if change not in (Sends.SUBMIT, Sends.REPLACE):
                count += change in _NAMELESS or entry["client_order_id"].startswith(of)
                continue
            order = (entry["path"], entry["body"][1])
            if entry["client_order_id"].startswith(of):
                count += (order in seen) is (change is Sends.REPLACE)
            seen.add(order)
        return count

    async def lookups(self, of: str) -> int:
        """IB has no look-up by client id: all orders are read."""
        return sum(entry["method"] == "reqAllOpenOrders" for entry in await self.requests())

    async def assign(self, symbol: str, qty: str) -> None:
        """Assign short contracts now."""
        await self.call("POST", "/do/assign", {"symbol": symbol, "qty": qty})

    async def option_activities(self, *, at_once: bool) -> None:
        """Executions and positions tell of option events, and at once, whatever is asked for."""

    async def charge_fee(self, amount: str) -> None:
        """Nobody would be told."""
        raise Beyond(Can.DIVIDENDS)

    async def pay_dividend(self, symbol: str, per_share: str) -> None:
        """Nobody would be told."""
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
        """The change takes effect; what comes is a code that leaves it open."""
        await self._spoil(change, "error", of, code=_UNRESOLVED, when="after")

    async def error_before(self, change: Sends, of: str = "", *, status: int = 500) -> None:
        """The change takes no effect; what comes is a code that leaves it open."""
        await self._spoil(change, "error", of, code=_UNRESOLVED, when="before")

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
        """Nothing is confirmed."""
        raise Beyond(Can.FORGET_CANCEL)

    async def refuse_later(self, change: Sends, of: str = "") -> None:
        """What IB refuses later is shown as Inactive."""
        raise Beyond(Can.REFUSE_LATER)

    async def stall(self, of: str = "") -> None:
        """A submit is taken, and the order never comes to market by itself."""
        await self._spoil(Sends.SUBMIT, "stall_order", of)

    async def fail_reads(self, what: Reads, *, times: int = 0) -> None:
        """IB's lists have no error of their own: one that fails is one that never ends."""
        await self.hang_reads(what, times=times)

    async def hang_reads(self, what: Reads, *, times: int = 0) -> None:
        """Reads are never answered."""
        for method in _READS[what]:
            await self.fault("request", "drop_reply", {"method": method}, times=times, ends="hang")

    async def limit_reads(self, what: Reads, *, times: int) -> None:
        """Code 100 names no message."""
        raise Beyond(Can.RATE_LIMIT)

    async def odd_status(self, change: Sends, of: str = "") -> None:
        """No such thing."""
        raise Beyond(Can.ODD_STATUS)

    async def share_exec_ids(self, *, shared: bool) -> None:
        """They are shared always."""
        raise Beyond(Can.SHARED_EXEC_IDS)

    # -- what only IB's Gateway does ---------------------------------------------------------

    async def cut_after(self, count: int) -> None:
        """So many more orders arrive, then the connection is gone."""
        await self.call("POST", "/do/cut_after", {"orders": count, "ends": "reset"})

    async def suspend(self, order: str) -> None:
        """An order goes Inactive."""
        await self.call("POST", "/do/inactivate", {"order": order})

    async def resume(self, order: str) -> None:
        """An Inactive order comes back to market."""
        await self.call("POST", "/do/activate", {"order": order})

    async def refuse_replace(self, of: str = "") -> None:
        """A modify is answered with 201, and does nothing."""
        await self._spoil(Sends.REPLACE, "error", of, code=_REFUSED_CHANGE, when="before")

    async def remark(self, of: str = "") -> None:
        """The next order gets a warning, and works."""
        await self._spoil(Sends.SUBMIT, "notice", of, code=_WARNING)

    async def correct(self, exec_id: str, px: str) -> None:
        """The execution comes again, its id grown in the last part."""
        await self.call("POST", "/do/correct_execution", {"exec_id": exec_id, "px": px})

    async def bust(self, exec_id: str) -> None:
        """The execution comes again with nothing in it."""
        await self.call("POST", "/do/bust_execution", {"exec_id": exec_id})

    async def double_replace(self) -> None:
        """The next modify makes a second order under the same number."""
        await self.call("POST", "/do/double_modifies", {"times": 1})

    async def lose_link(self) -> None:
        """Code 1100."""
        await self.call("POST", "/do/connectivity", {"code": 1100})

    async def restore_link(self) -> None:
        """Code 1102."""
        await self.call("POST", "/do/connectivity", {"code": 1102})

    async def restart(self) -> None:
        """A restart after which ids are issued again that were used."""
        await self.call("POST", "/do/restart", {"roll_back_ids": 2, "refuse_s": 0.3})

    async def become(self, account: str) -> None:
        """A login at another account."""
        await self.call("POST", "/do/login", {"account": account})

    async def delay_data(self, *, delayed: bool) -> None:
        """What the account is subscribed to."""
        value = "delayed" if delayed else "realtime"
        self._options_changed = self._options_changed or delayed
        await self.call("POST", "/options", {"name": "market_data", "value": value})

    async def restore(self) -> None:
        """No faults, nothing held back, first quotes, a free account, real-time data."""
        await super().restore()
        if self._options_changed:
            await self.delay_data(delayed=False)
            self._options_changed = False

    def _event_name(self, event: str) -> str:
        return _EVENTS.get(event, "*")

    async def _spoil(self, change: Sends, kind: str, of: str, **action: Any) -> None:
        match = {"method": _CHANGES[change]}
        if change not in _NAMELESS:
            match["client_order_id_prefix"] = of
        await self.fault("request", kind, match, **action)
