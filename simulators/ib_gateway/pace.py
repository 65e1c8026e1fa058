"""How fast clients may send: over the limit a message is refused, and in the end the client goes.

A client that connected with `+PACEAPI` is not refused: its messages wait until there is room.
"""

from collections.abc import Callable

from simulators.ib_gateway.session import Session

_WINDOW_S = 1.0
EXCESSES_MAX = 3


class Pace:
    """Messages of each client within the last second. Both limits may be changed at any time."""

    def __init__(self, now_s: Callable[[], float], messages_per_s: int) -> None:
        self.messages_per_s = messages_per_s
        """0 switches it off."""
        self.excesses_max = EXCESSES_MAX
        """The so manieth message over the limit ends the connection."""
        self._now_s = now_s

    def wait_s(self, session: Session) -> float:
        """How long this message has to wait; only of a client that asked to be paced."""
        sent = self._recent(session)
        if not self.messages_per_s or not session.is_paced or len(sent) < self.messages_per_s:
            return 0.0
        return max(0.0, sent[-self.messages_per_s] + _WINDOW_S - self._now_s())

    def admits(self, session: Session) -> bool:
        """Counts a message; one over the limit is refused with error 100."""
        if not self.messages_per_s:
            return True
        sent = self._recent(session)
        session.sent_at_s = [*sent, self._now_s()]
        if len(sent) < self.messages_per_s or session.is_paced:
            return True
        session.excesses += 1
        text = "Max rate of messages per second has been exceeded"
        rates = f"max={self.messages_per_s} rec={len(sent) + 1} ({session.excesses})"
        session.error(100, f"{text}: {rates}")
        if session.excesses >= self.excesses_max:
            session.end()
        return False

    def _recent(self, session: Session) -> list[float]:
        since_s = self._now_s() - _WINDOW_S
        return [at_s for at_s in session.sent_at_s if at_s > since_s]
