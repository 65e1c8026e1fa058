"""What the adapter writes to the Gateway, judged as it leaves: under which number, and when.

What "ready" means is asked of the Gateway's own log, not of the adapter: since the connection
began, or the link to IB came back with data lost, all three lists were answered to their end.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from simulators.ib_gateway.session import Phase
from simulators.ib_gateway.simulated import SimulatedIbGateway
from tests.simulation.venues.ib import CLIENT_ID

_LISTS: Final = frozenset({"reqExecutions", "reqAllOpenOrders", "reqCompletedOrders"})
# What the Gateway has said is heard a moment later, and so is what is written.
_ON_THE_WAY_S: Final = 1.0


@dataclass(slots=True)
class Writes:
    """`take` it all; `wrong` says what should not have been written, `orders` which ids were."""

    simulated: SimulatedIbGateway
    now: Callable[[], float]
    orders: dict[str, str] = field(default_factory=dict)
    wrong: list[str] = field(default_factory=list)
    count: int = 0
    link_lost_s: float | None = None
    _read: int = 0
    _listed: set[str] = field(default_factory=set)

    def take(self, order_ref: str, order_id: str, session_id: str) -> None:
        """An order, or a change of one, leaves under a number."""
        self.count += 1
        earlier = self.orders.setdefault(order_id, order_ref)
        if earlier != order_ref:
            self._found(f"order id {order_id} was {earlier}'s and is written for {order_ref}")
        if not session_id:
            self._found(f"{order_ref} is written while the adapter says that it is not in sync")
        account = self.simulated.gateway.account_id
        if not account.startswith("D"):
            self._found(f"{order_ref} is written to the live account {account}")
        self._follow()
        missing = _LISTS - self._listed
        if missing:
            self._found(f"{order_ref} is written before {', '.join(sorted(missing))} was read")
        lost_s = self.link_lost_s if self._was_told_of_a_loss() else None
        if lost_s is not None and self.now() - lost_s > _ON_THE_WAY_S:
            self._found(f"{order_ref} is written while the link has been lost since {lost_s:.3f}")

    def _was_told_of_a_loss(self) -> bool:
        """Whether the link is lost and the Gateway talks to the adapter's connection."""
        gateway = self.simulated.gateway
        session = gateway.clients.get(CLIENT_ID)
        is_heard = session is not None and session.phase is Phase.OPEN
        return bool(gateway.uplink.lost_by) and is_heard

    def _follow(self) -> None:
        """Read on in the Gateway's log: which lists this connection was given."""
        for entry in self.simulated.control.requests(self._read):
            self._read = max(self._read, entry.seq)
            if entry.method == "startApi":
                self._listed.clear()
            elif entry.method in _LISTS:
                self._listed.add(entry.method)

    def _found(self, text: str) -> None:
        self.wrong.append(f"{text} (at {self.now():.3f} s)")
