"""What the control can do to a Gateway that no other simulator has: its link, doors, ids, days."""

from collections.abc import Callable
from typing import Any, TypeVar

import msgspec

from simulators.control.control import BadRequest, Verb
from simulators.ib_gateway import uplink
from simulators.ib_gateway.announcements import Announcements
from simulators.ib_gateway.frontend import Frontend
from simulators.ib_gateway.gateway import Gateway
from simulators.ib_gateway.order_book import ApiOrder
from simulators.ib_gateway.session import Session
from simulators.ib_gateway.wire import frame
from simulators.venue.refusals import NoSuchOrder

_CLOSED_MAX_S = 1e9
_S = TypeVar("_S", bound=msgspec.Struct)


class Connectivity(msgspec.Struct, forbid_unknown_fields=True):
    """The notice to send to every client; 1100, 2110, 1101 and 1102 also move the link."""

    code: int
    orders: str = ""


class Closing(msgspec.Struct, forbid_unknown_fields=True):
    """Refuse connections for so long, then accept them and stay silent for so long."""

    refuse_s: float = 0.0
    silent_s: float = 0.0


class Restart(msgspec.Struct, forbid_unknown_fields=True):
    """As Closing, and forget that so many order ids were used."""

    refuse_s: float = 5.0
    silent_s: float = 0.0
    roll_back_ids: int = 0


class RollBack(msgspec.Struct, forbid_unknown_fields=True):
    """How many order ids to forget."""

    by: int


class OneClient(msgspec.Struct, forbid_unknown_fields=True):
    """Which client, None for all. ends: close, reset, or half (half a message, then close)."""

    client_id: int | None = None
    ends: str = "reset"


class OneOrder(msgspec.Struct, forbid_unknown_fields=True):
    """An order by its orderRef or permId."""

    order: str


class Nothing(msgspec.Struct, forbid_unknown_fields=True):
    """No arguments."""


class GatewayVerbs:
    """Each verb takes effect at once; what makes no sense is a BadRequest and changes nothing."""

    def __init__(self, gateway: Gateway, announcements: Announcements, frontend: Frontend) -> None:
        self._gateway = gateway
        self._announcements = announcements
        self._frontend = frontend

    def verbs(self) -> dict[str, Verb]:
        """The verbs by name."""
        return {
            "connectivity": _taking(Connectivity, self._connectivity),
            "restart": _taking(Restart, self._restart),
            "doors": _taking(Closing, self._close_doors),
            "roll_back_ids": _taking(RollBack, self._roll_back_ids),
            "forget_day": _taking(Nothing, self._forget_day),
            "blackhole": _taking(OneClient, self._blackhole),
            "disconnect": _taking(OneClient, self._disconnect),
            "inactivate": _taking(OneOrder, self._inactivate),
            "activate": _taking(OneOrder, self._activate),
        }

    def _connectivity(self, asked: Connectivity) -> dict[str, Any]:
        gateway = self._gateway
        if asked.code not in uplink.TEXTS:
            known = ", ".join(str(code) for code in uplink.TEXTS)
            raise BadRequest(f"code is one of {known}")
        if asked.orders not in ("", *uplink.ORDERS_WHILE_LOST):
            raise BadRequest(f"orders is one of {', '.join(uplink.ORDERS_WHILE_LOST)}")
        gateway.venue.advance()
        gateway.uplink.orders = asked.orders or gateway.uplink.orders
        if asked.code in uplink.LOST:
            gateway.lose_link(asked.code)
        elif asked.code in uplink.RESTORED or gateway.uplink.ends_with(asked.code):
            gateway.restore_link(asked.code)
        else:
            gateway.tell_all(asked.code)
        return {"is_up": gateway.uplink.is_up, "held": gateway.uplink.held_count}

    def _restart(self, asked: Restart) -> dict[str, Any]:
        self._check_times(asked.refuse_s, asked.silent_s)
        if asked.roll_back_ids < 0:
            raise BadRequest("roll_back_ids must be at least 0")
        lost = self._gateway.uplink.forget_held()
        disconnected = self._frontend.disconnect_all()
        self._gateway.orders.roll_back_ids(asked.roll_back_ids)
        self._frontend.doors.close(asked.refuse_s, asked.silent_s)
        return {"disconnected": disconnected, "lost": lost}

    def _close_doors(self, asked: Closing) -> dict[str, Any]:
        self._check_times(asked.refuse_s, asked.silent_s)
        self._frontend.doors.close(asked.refuse_s, asked.silent_s)
        return {"refuse_s": asked.refuse_s, "silent_s": asked.silent_s}

    def _check_times(self, *times_s: float) -> None:
        if not all(0 <= time_s <= _CLOSED_MAX_S for time_s in times_s):
            raise BadRequest(f"a time is between 0 and {_CLOSED_MAX_S:g} seconds")

    def _roll_back_ids(self, asked: RollBack) -> dict[str, Any]:
        if asked.by < 0:
            raise BadRequest("by must be at least 0")
        self._gateway.orders.roll_back_ids(asked.by)
        clients = self._gateway.clients
        return {str(client): self._gateway.orders.next_valid_id(client) for client in clients}

    def _forget_day(self, asked: Nothing) -> dict[str, Any]:
        self._gateway.venue.advance()
        self._gateway.orders.forgotten_before = self._gateway.venue.now
        return {"before": self._gateway.venue.now.isoformat()}

    def _blackhole(self, asked: OneClient) -> dict[str, Any]:
        sessions = self._sessions(asked)
        for session in sessions:
            session.go_silent()
        return {"silent": len(sessions)}

    def _disconnect(self, asked: OneClient) -> dict[str, Any]:
        if asked.ends not in ("close", "reset", "half"):
            raise BadRequest("ends is one of close, reset, half")
        sessions = self._sessions(asked)
        for session in sessions:
            if asked.ends == "half":
                session.end_in_half(frame(49, 1, int(self._gateway.venue.now.timestamp())))
            else:
                session.end(reset=asked.ends == "reset")
        return {"disconnected": len(sessions)}

    def _sessions(self, asked: OneClient) -> list[Session]:
        clients = self._gateway.clients
        if asked.client_id is None:
            return list(clients.values())
        if asked.client_id not in clients:
            raise BadRequest(f"no client {asked.client_id} is connected")
        return [clients[asked.client_id]]

    def _inactivate(self, asked: OneOrder) -> dict[str, Any]:
        return self._set_inactive(asked, is_inactive=True)

    def _activate(self, asked: OneOrder) -> dict[str, Any]:
        return self._set_inactive(asked, is_inactive=False)

    def _set_inactive(self, asked: OneOrder, *, is_inactive: bool) -> dict[str, Any]:
        api_order = self._order(asked.order)
        venue = self._gateway.venue
        change = venue.suspend if is_inactive else venue.resume
        change(api_order.perm_id)
        api_order.is_inactive = is_inactive
        self._gateway.uplink.when_up(lambda: self._announcements.standing(api_order))
        return {"permId": api_order.perm_id, "status": api_order.status}

    def _order(self, order: str) -> ApiOrder:
        for api_order in reversed(list(self._gateway.orders)):
            if order in (api_order.perm_id, api_order.order.client_order_id):
                return api_order
        raise NoSuchOrder(order)


def _taking(form: type[_S], act: Callable[[_S], Any]) -> Verb:
    """The verb that reads its arguments as that form."""

    def verb(arguments: dict[str, Any]) -> Any:
        try:
            asked = msgspec.convert(arguments, form)
        except msgspec.ValidationError as error:
            raise BadRequest(str(error)) from error
        return act(asked)

    return verb
