"""Second orders of a venue under one placement of ours: which of them are live by what was told.

They are in quarantine, since the books can't explain them; from there they are known after a
restart too.
"""

from __future__ import annotations

from services.common.domain.order_spec import PlacementId
from services.common.domain.order_status import TERMINAL
from services.common.domain.reports import OrderReport
from services.router.books.books import Books


class TwinOrders:
    """Live second orders by placement, as of the last word on each."""

    def __init__(self, books: Books) -> None:
        self._books = books
        self._live: dict[str, set[str]] | None = None

    def are_live(self, placement_id: str) -> bool:
        """Whether the venue works another order under this placement."""
        return bool(self._known().get(placement_id))

    def take(self, report: OrderReport) -> bool:
        """A word on a second order; True if it is news that it is live, or has filled."""
        is_first = report.venue_order_id not in self._known().get(report.client_id, ())
        self._note(self._known(), report)
        return is_first and (report.status not in TERMINAL or report.cum_qty > 0)

    def _known(self) -> dict[str, set[str]]:
        if self._live is None:
            self._live = {}
            for entry in self._books.quarantine.values():
                report = entry.record.order
                if report is not None and self._is_twin(report):
                    self._note(self._live, report)
        return self._live

    def _is_twin(self, report: OrderReport) -> bool:
        key = self._books.by_placement.get(report.client_id)
        if key is None or PlacementId.parse(report.client_id) is None:
            return False
        placement = self._books.orders[key].order.placement(report.client_id)
        return placement is not None and placement.venue_order_id != report.venue_order_id

    @staticmethod
    def _note(live: dict[str, set[str]], report: OrderReport) -> None:
        if report.status in TERMINAL:
            live.get(report.client_id, set()).discard(report.venue_order_id)
        else:
            live.setdefault(report.client_id, set()).add(report.venue_order_id)
