"""Reports of legs that came before their parent's answer: kept until the parent is known.

A venue's stream may show the legs of a multi-leg order before the answer to its submit has given
the venue's id of the parent. Until a multi-leg order of ours at that venue has its id, nobody can
say whose the legs are.
"""

from __future__ import annotations

from collections import deque
from itertools import chain, islice
from typing import Final

from services.common.domain.order_status import OPEN
from services.common.domain.order_terms import OptionCombo
from services.common.domain.reports import OrderReport
from services.router.books.books import Books
from services.router.books.entries import OrderEntry

KEPT_MAX: Final = 1000
_RECENT: Final = 64


class Unclaimed:
    """Reports with a parent that is not known, oldest first, at most `KEPT_MAX`."""

    def __init__(self, books: Books) -> None:
        self._books = books
        self._kept: deque[OrderReport] = deque()

    def keeps(self, report: OrderReport) -> bool:
        """Keep a report if its parent may yet turn out to be ours; False if it is to be judged.

        When there is no room for more, it is judged at once.
        """
        if not self._may_be_claimed(report) or len(self._kept) >= KEPT_MAX:
            return False
        self._kept.append(report)
        return True

    def to_judge(self) -> list[OrderReport]:
        """Those that need not wait any more, each given once."""
        if not self._kept:
            return []
        kept, self._kept = self._kept, deque()
        ripe = []
        for report in kept:
            if self._may_be_claimed(report):
                self._kept.append(report)
            else:
                ripe.append(report)
        return ripe

    def _may_be_claimed(self, report: OrderReport) -> bool:
        if not report.parent:
            return False
        if (report.account_id, report.venue, report.parent) in self._books.by_venue_order:
            return False
        # One that was filled before its answer came is not open any more, but it is recent.
        recent = islice(reversed(self._books.orders.values()), _RECENT)
        entries = chain(self._books.open_entries(report.account_id), recent)
        return any(_awaits_id(entry, report) for entry in entries)


def _awaits_id(entry: OrderEntry, report: OrderReport) -> bool:
    """Whether the order has a placement that the venue may know under an id not told yet."""
    if entry.order.account_id != report.account_id:
        return False
    return isinstance(entry.order.spec.instrument, OptionCombo) and any(
        placement.venue == report.venue
        and not placement.venue_order_id
        and placement.status in OPEN
        for placement in entry.order.placements
    )
