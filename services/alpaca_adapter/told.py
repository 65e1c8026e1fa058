"""What has been told of orders and executions, so that a recovery tells what is new and only that.

Stream and REST give one execution two ids, as far as anyone knows. What they share is the order
and its filled quantity after the execution, so that is the key here.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Final, TypeVar

import structlog

from services.alpaca_adapter import statuses
from services.common.domain.executions import ExecSource, Execution
from services.common.domain.reports import OrderReport

_log = structlog.stdlib.get_logger(__name__)

K = TypeVar("K")
V = TypeVar("V")

ORDERS_MAX: Final = 20_000
EXECUTIONS_MAX: Final = 50_000


class Inconsistent(Exception):
    """Two different executions of the stream claim the same filled quantity of an order."""


@dataclass(frozen=True, slots=True)
class _Shown:
    raw_status: str
    cum_qty: Decimal
    venue_time: datetime | None


class Told:
    """Remembers the latest word on each order and each execution that was told.

    Bounded; the oldest is forgotten first. What is forgotten may be told once more, which those
    who book executions by their keys do not mind.
    """

    def __init__(self) -> None:
        self._orders: OrderedDict[str, _Shown] = OrderedDict()
        self._executions: OrderedDict[tuple[str, Decimal], Execution] = OrderedDict()
        self._exec_ids: OrderedDict[str, None] = OrderedDict()
        self._reached: OrderedDict[str, Decimal] = OrderedDict()

    def note_order(self, report: OrderReport) -> None:
        """The report was told; an older word than the latest changes nothing."""
        if self.is_outdated(report):
            return
        shown = _Shown(report.raw_status, report.cum_qty, report.times.venue_time)
        _keep(self._orders, report.venue_order_id, shown, ORDERS_MAX)

    def note_execution(self, execution: Execution) -> None:
        """The execution was told."""
        _keep(self._exec_ids, execution.exec_id, None, EXECUTIONS_MAX)
        if execution.cum_qty is not None:
            key = (execution.venue_order_id, execution.cum_qty)
            _keep(self._executions, key, execution, EXECUTIONS_MAX)
            self.note_reached(execution.venue_order_id, execution.cum_qty)

    def note_reached(self, venue_order_id: str, cum_qty: Decimal) -> None:
        """Executions of the order up to this filled quantity were told, or are not ours to tell."""
        reached = max(self.reached(venue_order_id), cum_qty)
        _keep(self._reached, venue_order_id, reached, ORDERS_MAX)

    def reached(self, venue_order_id: str) -> Decimal:
        """The filled quantity of an order up to which executions were told."""
        return self._reached.get(venue_order_id, Decimal(0))

    def knows(self, report: OrderReport) -> bool:
        """Whether anything was told of the order."""
        return report.venue_order_id in self._orders

    def is_outdated(self, report: OrderReport) -> bool:
        """Whether a later word on the order was told already."""
        shown, at = self._orders.get(report.venue_order_id), report.times.venue_time
        if shown is None or shown.venue_time is None or at is None:
            return False
        return at < shown.venue_time

    def is_news_of_order(self, report: OrderReport) -> bool:
        """Whether the report says more than what was told; an older word is no news."""
        shown = self._orders.get(report.venue_order_id)
        if shown is None:
            return True
        same = (shown.raw_status, shown.cum_qty) == (report.raw_status, report.cum_qty)
        return not same and not self.is_outdated(report)

    def is_news_of_execution(self, execution: Execution) -> bool:
        """Whether the execution was not told yet, under this id or another.

        Raises Inconsistent if both came from the stream and yet are not the same: one of the two
        then shows a filled quantity of a later moment, and only the venue's list can tell which.
        """
        if execution.exec_id in self._exec_ids:
            return False
        if execution.cum_qty is None:
            return True
        known = self._executions.get((execution.venue_order_id, execution.cum_qty))
        if known is None:
            return True
        if known.source is ExecSource.STREAM and execution.source is ExecSource.STREAM:
            raise Inconsistent(
                f"executions {known.exec_id} and {execution.exec_id} of order "
                f"{execution.venue_order_id} both reach {execution.cum_qty}"
            )
        if (known.last_qty, known.last_px) != (execution.last_qty, execution.last_px):
            _log.error("executions_differ", told=known.exec_id, read=execution.exec_id)
            return True
        return False

    def open_orders(self) -> set[str]:
        """Ids of the orders whose end was not told."""
        return {
            venue_order_id
            for venue_order_id, shown in self._orders.items()
            if not statuses.is_ended(shown.raw_status)
        }

    def forget_order(self, venue_order_id: str) -> None:
        """The venue does not know the order any more."""
        self._orders.pop(venue_order_id, None)


def _keep(kept: OrderedDict[K, V], key: K, value: V, len_max: int) -> None:
    kept[key] = value
    kept.move_to_end(key)
    while len(kept) > len_max:
        kept.popitem(last=False)
