"""A request on its way through the Gateway."""

from collections.abc import Callable
from dataclasses import dataclass

from simulators.control.request_log import RequestEntry
from simulators.ib_gateway.session import Session
from simulators.ib_gateway.wire import Fields
from simulators.venue.orders import Fate


@dataclass(slots=True)
class Call:
    """One message of one client.

    fate, goes_inactive, hold_s: what a fault makes of the order that it places, and for how long
    the Gateway sits on it; echo_s: for how long it shows a change as taken that is refused. `entry`
    is its line in the request log: whether it reached the venue, and how it ended.
    """

    session: Session
    fields: list[str]
    id: int
    entry: RequestEntry
    fate: Fate = Fate.WORKED
    goes_inactive: bool = False
    hold_s: float = 0.0
    echo_s: float | None = None

    def args(self, start: int) -> Fields:
        """The fields from that index on."""
        return Fields(self.fields, start)


Handler = Callable[[Call], None]
