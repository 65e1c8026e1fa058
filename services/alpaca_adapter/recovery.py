"""What happened at the venue since a moment, read by REST and reduced to what was not told yet.

Alpaca's stream has no sequence numbers and no replay: after a gap nothing but reading tells what
was missed. Orders can't be listed by change, so three sets are read: those that are open, those
submitted since, and one by one those that were open when last heard of and are in neither.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Final

import structlog

from services.alpaca_adapter import wire_fields
from services.alpaca_adapter.ancestry import Ancestry
from services.alpaca_adapter.listings import Listings
from services.alpaca_adapter.told import Told
from services.alpaca_adapter.translate import Translator
from services.alpaca_adapter.venue_watch import VenueWatch
from services.alpaca_adapter.wire_fields import Record, Unreadable
from services.common.domain.errors import ReadFailed
from services.common.domain.executions import Execution
from services.common.domain.order_terms import OptionCombo
from services.common.domain.reports import OrderReport
from services.common.runtime.clock import Clock

_log = structlog.stdlib.get_logger(__name__)

# FILL activities can appear a little after the fill: read them again before going on without.
_LAG_WAITS_S: Final = (0.25, 0.5, 1.0)
_NEVER: Final = datetime.min.replace(tzinfo=UTC)
_ZERO: Final = Decimal(0)


@dataclass(frozen=True, slots=True)
class Recovered:
    """What was not told yet, oldest first.

    `as_of` is the venue's time when the reading began: everything before it is in. `complete` is
    False if an order shows more filled than the venue's list of fills accounts for so far.
    """

    as_of: datetime
    executions: Sequence[Execution]
    reports: Sequence[OrderReport]
    complete: bool


class Recovery:
    """Reads what happened since a moment, a little earlier to be safe, and compares with `told`.

    `overlap_s` allows for fills that are listed out of order; `lookback_s` is how far the first
    read of a process goes back for orders that have ended and for fills.
    """

    def __init__(
        self,
        listings: Listings,
        translator: Translator,
        told: Told,
        watch: VenueWatch,
        clock: Clock,
        *,
        overlap_s: float,
        lookback_s: float,
    ) -> None:
        self._listings = listings
        self._translator = translator
        self._told = told
        self._watch = watch
        self._clock = clock
        self._ancestry = Ancestry(listings, translator.family)
        self._overlap = timedelta(seconds=overlap_s)
        self._lookback = timedelta(seconds=lookback_s)

    async def read(self, since: datetime | None) -> Recovered:
        """Everything since `since` (venue time; None: the first read). Raises ReadFailed."""
        as_of = self._watch.now()
        if as_of is None:
            raise ReadFailed("the venue's time is not known yet")
        after = (since or as_of - self._lookback) - self._overlap
        try:
            return await self._read(as_of, after, is_first=since is None)
        except Unreadable as error:
            raise ReadFailed(f"a recovered record can't be read: {error}") from error

    async def _read(self, as_of: datetime, after: datetime, *, is_first: bool) -> Recovered:
        orders = await self._listings.orders(open_only=True)
        orders += await self._listings.orders(open_only=False, after=after)
        reports = await self._reports(orders)
        executions = await self._fills(after, reports)
        complete = is_first or self._accounted(reports.values(), executions)
        for wait_s in () if complete else _LAG_WAITS_S:
            await self._clock.sleep(wait_s)
            executions = await self._fills(after, reports)
            complete = self._accounted(reports.values(), executions)
            if complete:
                break
        if not complete:
            _log.warning("fills_not_listed_yet")
        if is_first:
            self._take_as_baseline(reports.values())
        return Recovered(
            as_of=as_of,
            executions=[e for e in executions if self._told.is_news_of_execution(e)],
            reports=[r for r in _by_time(reports.values()) if self._told.is_news_of_order(r)],
            complete=complete,
        )

    async def _reports(self, orders: Sequence[Record]) -> dict[str, OrderReport]:
        """By the venue's ids; of an order that was read twice, the later word."""
        await self._ancestry.learn(orders)
        found: dict[str, OrderReport] = {}
        for order in orders:
            for report in self._translator.reports(order):
                found[report.venue_order_id] = report
        return found

    async def _read_missing(self, reports: dict[str, OrderReport], fills: Iterable[Record]) -> None:
        """Add what was open when last told of, or has fills, and is in neither list."""
        filled = {wire_fields.required_text(fill, "order_id") for fill in fills}
        for venue_order_id in sorted((filled | self._told.open_orders()) - reports.keys()):
            order = await self._listings.order_by_id(venue_order_id)
            if order is None:
                _log.error("order_gone_from_venue", venue_order_id=venue_order_id)
                self._told.forget_order(venue_order_id)
            else:
                reports |= await self._reports([order])

    async def _fills(self, after: datetime, reports: dict[str, OrderReport]) -> list[Execution]:
        """The executions since `after`, oldest first; their orders are added to `reports`."""
        fills = await self._listings.fills(after=after)
        await self._read_missing(reports, fills)
        found = []
        for fill in fills:
            client_id = self._told_under(reports.get(wire_fields.required_text(fill, "order_id")))
            execution = self._translator.activity_execution(fill, client_id)
            if execution is not None:
                found.append(execution)
        found.sort(key=lambda e: (e.times.venue_time or _NEVER, e.cum_qty or _ZERO))
        return found

    def _told_under(self, report: OrderReport | None) -> str:
        """The client id of an execution: that of the order that an exit or leg belongs to."""
        if report is None:
            return ""
        order = {"id": report.venue_order_id, "client_order_id": report.client_id}
        return self._translator.execution_client_id(order)

    def _accounted(self, reports: Iterable[OrderReport], executions: list[Execution]) -> bool:
        """Whether the fills reach, for each order, what the order itself shows as filled."""
        listed: dict[str, Decimal] = {}
        for execution in executions:
            key = execution.venue_order_id
            listed[key] = max(listed.get(key, _ZERO), execution.cum_qty or _ZERO)
        return all(
            report.cum_qty
            <= max(
                listed.get(report.venue_order_id, _ZERO), self._told.reached(report.venue_order_id)
            )
            for report in reports
            if has_fills_of_its_own(report)
        )

    def _take_as_baseline(self, reports: Iterable[OrderReport]) -> None:
        """Fills from before the first read's window are not waited for."""
        for report in reports:
            self._told.note_reached(report.venue_order_id, report.cum_qty)


def has_fills_of_its_own(report: OrderReport) -> bool:
    """Whether fills are listed under this order: a multi-leg order's are its legs'."""
    return report.instrument is not None and not isinstance(report.instrument, OptionCombo)


def _by_time(reports: Iterable[OrderReport]) -> list[OrderReport]:
    return sorted(reports, key=lambda report: report.times.venue_time or _NEVER)
