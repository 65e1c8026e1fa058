"""Which client ids have a send of this process whose outcome nobody has told yet.

While there is one, a refusal of a later send under the same id proves nothing about the order: the
refusal may be about the money that the first one holds, and a request that is stuck on its way can
still arrive. Absence counts only once the venue's settling time has passed since the last such
request must have ended.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from typing import Final

REMEMBERED_MAX: Final = 10_000


class Unproven:
    """Remembers at most `REMEMBERED_MAX` ids; the oldest is forgotten first, and `forgot` says so.

    `request_s` is the longest that a request can be under way, `settling_s` how long after its end
    the venue may still bring it up. Used on the event loop's thread.
    """

    def __init__(
        self, monotonic: Callable[[], float], *, request_s: float, settling_s: float
    ) -> None:
        self._monotonic = monotonic
        self._request_s = request_s
        self._settling_s = settling_s
        # For each id: when each of its sends must have ended at the latest.
        self._sends: OrderedDict[str, list[float]] = OrderedDict()
        self.forgot = False

    def begin(self, client_id: str) -> float:
        """Note a send before it begins; give the mark to end it by."""
        mark = self._monotonic() + self._request_s
        self._sends.setdefault(client_id, []).append(mark)
        self._sends.move_to_end(client_id)
        if len(self._sends) > REMEMBERED_MAX:
            self._sends.popitem(last=False)
            self.forgot = True
        return mark

    def end(self, client_id: str, mark: float) -> None:
        """That send had no effect, by the venue's word or because nothing left."""
        sends = self._sends.get(client_id, [])
        if mark in sends:
            sends.remove(mark)
        if not sends:
            self._sends.pop(client_id, None)

    def found(self, client_id: str) -> None:
        """The venue has shown the order: there is nothing to prove any more."""
        self._sends.pop(client_id, None)

    def is_open(self, client_id: str) -> bool:
        """Whether a send under this id is unproven."""
        return client_id in self._sends

    def must_have_ended_at(self, client_id: str) -> float | None:
        """When the last unproven send under this id has ended for sure; None without one."""
        sends = self._sends.get(client_id)
        return max(sends) if sends else None

    def may_still_land(self, client_id: str) -> bool:
        """Whether an unproven send under this id may come up although the venue shows nothing."""
        sends = self._sends.get(client_id)
        return sends is not None and self._monotonic() < max(sends) + self._settling_s
