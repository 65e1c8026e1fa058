"""The control of the simulated Alpaca: what a card wants, as requests and events of Alpaca's."""

from __future__ import annotations

from collections.abc import Mapping
from fnmatch import fnmatchcase
from typing import Any, Final

from tests.conformance.control import Body, Can, Reads, Sends
from tests.conformance.venues.control_api import ControlApi

_CHANGES: Final = {
    Sends.SUBMIT: {"method": "POST", "path": "/v2/orders"},
    Sends.CANCEL: {"method": "DELETE", "path": "/v2/orders/*"},
    Sends.REPLACE: {"method": "PATCH", "path": "/v2/orders/*"},
    Sends.EXERCISE: {"method": "POST", "path": "/v2/positions/*/exercise"},
    Sends.CANCEL_ALL: {"method": "DELETE", "path": "/v2/orders"},
}
_READS: Final = {
    Reads.ORDERS: ("/v2/orders",),
    Reads.LOOK_UP: ("/v2/orders:by_client_order_id", "/v2/orders/*"),
    Reads.EXECUTIONS: ("/v2/account/activities*",),
    Reads.POSITIONS: ("/v2/positions*",),
    Reads.ACCOUNT: ("/v2/account",),
    Reads.CLOCK: ("/v2/clock",),
    Reads.QUOTES: ("/v2/stocks/*", "/v1beta1/options/*"),
    Reads.CONTRACTS: ("/v2/options/contracts*",),
}
_LIMITS: Final = {
    Can.CUT_AFTER: "each order of Alpaca's is a request with an answer of its own",
    Can.SUSPEND: "Alpaca suspends no order on request, and its simulator none at all",
    Can.NOTICE: "an answer of Alpaca's is an order or an error, without remarks",
    Can.CORRECT: "Alpaca's activities are final; its simulator corrects no execution",
    Can.DOUBLE_REPLACE: "a replace at Alpaca is another order, linked to the one that it ends",
    Can.OWN_LINK: "Alpaca tells of no link that it has behind its API",
    Can.RESTART: "ids of Alpaca's are random and never issued again, whatever restarts there",
    Can.RELOGIN: "keys of Alpaca's belong to one account for good",
    Can.DELAYED_DATA: "at Alpaca the adapter asks for a feed by name, and gets that or an error",
}
_REFUSED_LATER: Final = {
    Sends.SUBMIT: "reject_order",
    Sends.REPLACE: "reject_replace",
    Sends.CANCEL: "reject_cancel",
}


class AlpacaControl(ControlApi):
    """Implements `VenueControl` for simulators.alpaca."""

    @property
    def limits(self) -> Mapping[Can, str]:
        """What Alpaca has no such thing as."""
        return _LIMITS

    @property
    def renames(self) -> bool:
        """A change is an order of its own."""
        return True

    async def sends(self, of: str, change: Sends = Sends.SUBMIT) -> int:
        """How often this change of such orders was asked for."""
        wanted = _CHANGES[change]
        return sum(
            entry["method"] == wanted["method"]
            and fnmatchcase(entry["path"], wanted["path"])
            and entry["client_order_id"].startswith(of)
            for entry in await self.requests()
        )

    async def lookups(self, of: str) -> int:
        """How often such orders were looked up by client id."""
        return sum(
            entry["method"] == "GET" and entry["client_order_id"].startswith(of)
            for entry in await self.requests()
        )

    async def assign(self, symbol: str, qty: str) -> None:
        """Assign short contracts now."""
        await self.call("POST", "/do/assign", {"symbol": symbol, "qty": qty})

    async def option_activities(self, *, at_once: bool) -> None:
        """Whether option events are in the activities at once."""
        value = "at_once" if at_once else "next_day"
        await self.call("POST", "/options", {"name": "option_activities", "value": value})

    async def charge_fee(self, amount: str) -> None:
        """Charge the account a fee."""
        await self.call("POST", "/do/fee", {"amount": amount, "sub_type": "ORF"})

    async def pay_dividend(self, symbol: str, per_share: str) -> None:
        """Pay a dividend on what is held."""
        await self.call("POST", "/do/dividend", {"symbol": symbol, "per_share": per_share})

    async def lose_reply(self, change: Sends, of: str = "", *, hang: bool = False) -> None:
        """The change takes effect; its reply is lost."""
        await self._spoil(change, "drop_reply", of, ends="hang" if hang else "close")

    async def lose_request(self, change: Sends, of: str = "", *, hang: bool = False) -> None:
        """The change never reaches the books, and nobody says so."""
        await self._spoil(change, "drop_request", of, ends="hang" if hang else "reset")

    async def refuse_connection(self, change: Sends, of: str = "") -> None:
        """The request's connection is reset before the effect."""
        await self._spoil(change, "refuse", of)

    async def error_after(self, change: Sends, of: str = "", *, status: int = 500) -> None:
        """The change takes effect and is answered with a server error."""
        await self._spoil(change, "status", of, status=status, when="after")

    async def error_before(self, change: Sends, of: str = "", *, status: int = 500) -> None:
        """The change takes no effect and is answered with a server error."""
        await self._spoil(change, "status", of, status=status, when="before")

    async def bad_body(self, change: Sends, body: Body, of: str = "") -> None:
        """The change takes effect; its answer can't be read."""
        await self._spoil(change, "body", of, body=body.value)

    async def rate_limit(self, change: Sends, of: str = "") -> None:
        """The change takes no effect: too many requests."""
        await self._spoil(change, "status", of, status=429)

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
        """A cancel is confirmed, and nothing comes of it."""
        await self._spoil(Sends.CANCEL, "ignore_cancel", of)

    async def refuse_later(self, change: Sends, of: str = "") -> None:
        """A submit, replace or cancel is confirmed, and refused a moment later."""
        await self._spoil(change, _REFUSED_LATER[change], of)

    async def refuse_replace(self, of: str = "") -> None:
        """A change is answered with 422."""
        await self._spoil(Sends.REPLACE, "status", of, status=422, when="before")

    async def stall(self, of: str = "") -> None:
        """A submit is taken, and the order never comes to market by itself."""
        await self._spoil(Sends.SUBMIT, "stall_order", of)

    async def fail_reads(self, what: Reads, *, times: int = 0) -> None:
        """Reads fail on the venue's side."""
        await self._spoil_reads(what, times, "status", status=500)

    async def hang_reads(self, what: Reads, *, times: int = 0) -> None:
        """Reads are never answered."""
        await self._spoil_reads(what, times, "drop_reply", ends="hang")

    async def limit_reads(self, what: Reads, *, times: int) -> None:
        """Reads are answered with "too many requests"."""
        await self._spoil_reads(what, times, "status", status=429)

    async def odd_status(self, change: Sends, of: str = "") -> None:
        """The answer shows a status that nobody knows."""
        await self._spoil(change, "order_status", of, order_status="under_the_weather")

    async def share_exec_ids(self, *, shared: bool) -> None:
        """Whether stream and lists give one execution one id."""
        value = "same" if shared else "different"
        await self.call("POST", "/options", {"name": "stream_exec_ids", "value": value})

    async def _spoil(self, change: Sends, kind: str, of: str, **action: Any) -> None:
        match = {**_CHANGES[change], "client_order_id_prefix": of}
        await self.fault("request", kind, match, **action)

    async def _spoil_reads(self, what: Reads, times: int, kind: str, **action: Any) -> None:
        for path in _READS[what]:
            match = {"method": "GET", "path": path}
            await self.fault("request", kind, match, times=times, **action)
