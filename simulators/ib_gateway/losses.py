"""Orders lost around the end of a connection: those behind the n-th, those of the last seconds."""

from collections.abc import Iterable
from dataclasses import dataclass

from simulators.control.request_log import RequestEntry
from simulators.ib_gateway.gateway import Gateway
from simulators.ib_gateway.session import Session

_ORDER = "placeOrder"


@dataclass(slots=True)
class Cut:
    """Connections that end once so many more orders have arrived; client_id None is all."""

    orders_left: int
    client_id: int | None
    reset: bool

    def strikes(self, session: Session) -> bool:
        """Whether it is about that connection."""
        return self.client_id in (None, session.client_id)


class Losses:
    """What is written to a connection that ends is lost, but for what arrived before."""

    def __init__(self, gateway: Gateway) -> None:
        self._gateway = gateway
        self._cuts: list[Cut] = []

    def cut_after(self, cut: Cut, *, replies: bool) -> int:
        """Plans a cut; returns how many connections it will end.

        Args:
            replies: Whether what arrives until then is still answered.
        """
        self._cuts.append(cut)
        struck = self._struck(cut)
        if not replies:
            for session in struck:
                session.hush()
        return len(struck)

    def take(self, session: Session, entry: RequestEntry) -> bool:
        """Whether a request still arrives; one that doesn't ends its connection."""
        if entry.method == _ORDER:
            for cut in [c for c in self._cuts if c.strikes(session) and not c.orders_left]:
                entry.outcome = "lost"
                self._end(cut)
        return not session.is_cut

    def took(self, session: Session, entry: RequestEntry) -> None:
        """A request has had its effect."""
        if entry.method != _ORDER:
            return
        for cut in [c for c in self._cuts if c.strikes(session)]:
            cut.orders_left -= 1
            if not cut.orders_left:
                self._end(cut)

    def left(self, session: Session) -> None:
        """A connection has ended: what was planned for it does not hit the client's next one."""
        self._cuts = [cut for cut in self._cuts if cut.client_id != session.client_id]

    def stall_and_cut(self, seconds: float) -> None:
        """From now on nothing reaches IB, and after so long all connections end."""
        self._gateway.stall()
        self._gateway.timers.later(seconds, self._cut_all)

    def _cut_all(self) -> None:
        self._gateway.uplink.forget_held()
        for session in list(self._gateway.clients.values()):
            session.end(reset=True)
        self._gateway.unstall()

    def _end(self, cut: Cut) -> None:
        struck = self._struck(cut)
        self._cuts.remove(cut)
        for session in struck:
            session.end(reset=cut.reset)

    def _struck(self, cut: Cut) -> list[Session]:
        sessions: Iterable[Session] = self._gateway.clients.values()
        return [session for session in sessions if cut.strikes(session)]
