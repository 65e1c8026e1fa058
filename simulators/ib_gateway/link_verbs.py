"""What the control can do to connections: those of the clients, and the Gateway's own to IB."""

from typing import Annotated, Any

import msgspec

from simulators.control.control import BadRequest, Verb
from simulators.ib_gateway import uplink
from simulators.ib_gateway.forms import Nothing, check_times, taking
from simulators.ib_gateway.gateway import Gateway
from simulators.ib_gateway.session import Session
from simulators.ib_gateway.wire import frame

_PORT_RESET = 1300


class Connectivity(msgspec.Struct, forbid_unknown_fields=True):
    """The notice to send to every client; 1100, 2110, 1101 and 1102 also move the link."""

    code: int
    orders: str = ""


class OneClient(msgspec.Struct, forbid_unknown_fields=True):
    """Which client, None for all. ends: close, reset, or half (half a message, then close)."""

    client_id: int | None = None
    ends: str = "reset"


class Ghost(msgspec.Struct, forbid_unknown_fields=True):
    """A client id that counts as in use, for so many seconds or until it is let go (0)."""

    client_id: Annotated[int, msgspec.Meta(ge=0)]
    seconds: float | None = None


class LinkVerbs:
    """Each takes effect at once; what makes no sense is a BadRequest and changes nothing."""

    def __init__(self, gateway: Gateway) -> None:
        self._gateway = gateway

    def verbs(self) -> dict[str, Verb]:
        """The verbs by name."""
        return {
            "connectivity": taking(Connectivity, self._connectivity),
            "blackhole": taking(OneClient, self._blackhole),
            "disconnect": taking(OneClient, self._disconnect),
            "ghost": taking(Ghost, self._ghost),
            "api_orders": taking(Nothing, self._api_orders),
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
            gateway.uplink.heard(asked.code)
            gateway.tell_all(asked.code)
        if asked.code == _PORT_RESET:
            for session in list(gateway.clients.values()):
                session.end()
        return {"is_up": gateway.uplink.is_up, "held": gateway.uplink.held_count}

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

    def _ghost(self, asked: Ghost) -> dict[str, Any]:
        """As if a connection were still there of which the Gateway alone believes that it lives."""
        ghosts, client_id = self._gateway.ghosts, asked.client_id
        check_times(asked.seconds or 0)
        if asked.seconds == 0:
            ghosts.discard(client_id)
        else:
            ghosts.add(client_id)
        if asked.seconds:
            self._gateway.timers.later(asked.seconds, lambda: ghosts.discard(client_id))
        return {"ghosts": sorted(ghosts)}

    def _api_orders(self, asked: Nothing) -> list[dict[str, Any]]:
        """Every order that the Gateway has heard of at this account, as it knows it."""
        return [
            {
                "permId": api_order.perm_id,
                "client_id": api_order.client_id,
                "order_id": api_order.order_id,
                "orderRef": api_order.order.client_order_id,
                "status": api_order.status,
            }
            for api_order in self._gateway.orders
        ]

    def _sessions(self, asked: OneClient) -> list[Session]:
        clients = self._gateway.clients
        if asked.client_id is None:
            return list(clients.values())
        if asked.client_id not in clients:
            raise BadRequest(f"no client {asked.client_id} is connected")
        return [clients[asked.client_id]]
