"""What the control can do to orders that are on their way: lose them around a disconnect."""

from typing import Annotated, Any

import msgspec

from simulators.control.control import BadRequest, Verb
from simulators.ib_gateway.forms import check_times, taking
from simulators.ib_gateway.frontend import Frontend
from simulators.ib_gateway.gateway import Gateway
from simulators.ib_gateway.losses import Cut

_ENDS = ("close", "reset")


class Cutting(msgspec.Struct, forbid_unknown_fields=True):
    """So many more orders arrive, then the connection ends; client_id None is all.

    replies: whether those that arrive are still answered.
    """

    orders: Annotated[int, msgspec.Meta(ge=0)]
    client_id: int | None = None
    replies: bool = False
    ends: str = "close"


class Stalling(msgspec.Struct, forbid_unknown_fields=True):
    """For so long nothing reaches IB, then all connections end, and what was sent is lost."""

    seconds: float


class Doubling(msgspec.Struct, forbid_unknown_fields=True):
    """How many of the next modifies leave the old order live beside a new one."""

    times: Annotated[int, msgspec.Meta(ge=0)] = 1


class LossVerbs:
    """Each takes effect at once; what makes no sense is a BadRequest and changes nothing."""

    def __init__(self, gateway: Gateway, frontend: Frontend) -> None:
        self._gateway = gateway
        self._frontend = frontend

    def verbs(self) -> dict[str, Verb]:
        """The verbs by name."""
        return {
            "cut_after": taking(Cutting, self._cut_after),
            "stall_and_cut": taking(Stalling, self._stall_and_cut),
            "double_modifies": taking(Doubling, self._double_modifies),
        }

    def _cut_after(self, asked: Cutting) -> dict[str, Any]:
        if asked.ends not in _ENDS:
            raise BadRequest(f"ends is one of {', '.join(_ENDS)}")
        cut = Cut(asked.orders, asked.client_id, reset=asked.ends == "reset")
        return {"connections": self._frontend.losses.cut_after(cut, replies=asked.replies)}

    def _stall_and_cut(self, asked: Stalling) -> dict[str, Any]:
        check_times(asked.seconds)
        self._gateway.venue.advance()
        self._frontend.losses.stall_and_cut(asked.seconds)
        return {"connections": len(self._gateway.clients)}

    def _double_modifies(self, asked: Doubling) -> dict[str, Any]:
        self._gateway.orders.modifies_to_double = asked.times
        return {"times": asked.times}
