"""What the venue knows, asked for by our words: orders, executions, positions, figures, time."""

from __future__ import annotations

import uuid
from collections import OrderedDict
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime, timedelta
from typing import Final, TypeVar

from services.alpaca_adapter import statuses, translate_account, wire_fields
from services.alpaca_adapter.ancestry import Ancestry
from services.alpaca_adapter.listings import Listings
from services.alpaca_adapter.reads import Reader
from services.alpaca_adapter.translate import Translator
from services.alpaca_adapter.venue_watch import VenueWatch
from services.alpaca_adapter.wire_fields import Record, Unreadable
from services.common.adapter.port import ExecutionQuery, OrderQuery
from services.common.domain.errors import InvalidRequest, ReadFailed
from services.common.domain.executions import Execution
from services.common.domain.market import MarketClock
from services.common.domain.reports import (
    AccountMode,
    Balance,
    Lookup,
    LookupResult,
    OrderReport,
    VenuePosition,
)

T = TypeVar("T")

CLIENT_IDS_MAX: Final = 20_000
# Beyond so many unknown orders behind fills, one list is cheaper than a look-up of each.
_SINGLE_LOOK_UPS_MAX: Final = 5
_BEFORE_FILL: Final = timedelta(days=1)


class ClientIds:
    """Which client id belongs to an order of the venue; never changes, so it can be kept."""

    def __init__(self) -> None:
        self._ids: OrderedDict[str, str] = OrderedDict()

    def learn(self, reports: Iterable[OrderReport]) -> None:
        """Keep what the reports show; the oldest beyond the bound is forgotten."""
        for report in reports:
            self._ids[report.venue_order_id] = report.client_id
            self._ids.move_to_end(report.venue_order_id)
        while len(self._ids) > CLIENT_IDS_MAX:
            self._ids.popitem(last=False)

    def unknown(self, venue_order_ids: Iterable[str]) -> list[str]:
        """Those that are not known, in order."""
        return sorted(set(venue_order_ids) - self._ids.keys())

    def get(self, venue_order_id: str) -> str:
        """The client id, "" if the venue knows no such order any more."""
        return self._ids.get(venue_order_id, "")


class VenueReads:
    """Each method gives everything that was asked for, or raises ReadFailed."""

    def __init__(
        self,
        reader: Reader,
        listings: Listings,
        translator: Translator,
        watch: VenueWatch,
        *,
        venue: str,
        account_id: str,
        mode: AccountMode,
        now: Callable[[], datetime],
    ) -> None:
        self._reader = reader
        self._listings = listings
        self._translator = translator
        self._watch = watch
        self._venue = venue
        self._account_id = account_id
        self._mode = mode
        self._now = now
        self._client_ids = ClientIds()
        self._ancestry = Ancestry(listings, translator.family)

    def learn(self, reports: Iterable[OrderReport]) -> None:
        """Keep the client ids of orders that were heard of elsewhere."""
        self._client_ids.learn(reports)

    async def balance(self) -> Balance:
        """See `VenueGateway.balance`."""
        account = await self._reader.read("/account")
        return _readable(
            lambda: translate_account.read_balance(account, self._venue, self._mode, self._now())
        )

    async def positions(self) -> list[VenuePosition]:
        """See `VenueGateway.positions`."""
        content = await self._reader.read("/positions")
        return _readable(
            lambda: translate_account.read_positions(content, self._venue, self._account_id)
        )

    async def market_clock(self) -> MarketClock:
        """See `VenueGateway.market_clock`; sets the venue's clock by it."""
        answer = await self._reader.answer("/clock")
        clock = _readable(lambda: translate_account.read_clock(answer.content))
        self._watch.see_time(clock.venue_time, answer)
        return clock

    async def find_order(self, client_id: str, venue_order_id: str) -> LookupResult:
        """See `VenueGateway.find_order`. InvalidRequest for an id that can't be Alpaca's."""
        if client_id:
            order = await self._listings.order_by_client_id(client_id)
        else:
            order = await self._listings.order_by_id(_alpaca_id(venue_order_id))
        if order is None:
            return LookupResult(Lookup.ABSENT)
        return LookupResult(Lookup.FOUND, (await self._reports([order]))[0])

    async def orders(self, query: OrderQuery) -> list[OrderReport]:
        """See `VenueGateway.orders`. Legs of an order are listed as orders of their own."""
        listed = await self._listings.orders(
            open_only=query.open_only, after=query.after, before=query.before
        )
        reports = await self._reports(listed)
        return sorted(
            (report for report in reports if _fits(report, query)),
            key=lambda report: _moment(report.created),
            reverse=True,
        )

    async def executions(self, query: ExecutionQuery) -> list[Execution]:
        """See `VenueGateway.executions`; those of legs and exits are of their order as well."""
        after, parts = query.after, set[str]()
        if query.venue_order_id:
            # Alpaca can't list the fills of one order; none of them is older than the order.
            order = await self._listings.order_by_id(_alpaca_id(query.venue_order_id))
            if order is None:
                return []
            reports = await self._reports([order])
            parts = {report.venue_order_id for report in reports}
            after = max((at for at in (after, reports[0].created) if at is not None), default=None)
        fills = await self._listings.fills(after=after, before=query.before)
        if query.venue_order_id:
            fills = [f for f in fills if f.get("order_id") in parts]
        await self._learn_client_ids(fills)
        executions = _readable(lambda: self._executions(fills))
        found = [e for e in executions if _in_window(e.times.venue_time, query)]
        return sorted(found, key=lambda e: _moment(e.times.venue_time), reverse=True)

    def _executions(self, fills: Sequence[Record]) -> list[Execution]:
        executions = (
            self._translator.activity_execution(fill, self._told_under(fill)) for fill in fills
        )
        return [execution for execution in executions if execution is not None]

    def _told_under(self, fill: Record) -> str:
        """The client id of an execution: that of the order that an exit or leg belongs to."""
        venue_order_id = wire_fields.text(fill, "order_id")
        order = {"id": venue_order_id, "client_order_id": self._client_ids.get(venue_order_id)}
        return self._translator.execution_client_id(order)

    async def _learn_client_ids(self, fills: Sequence[Record]) -> None:
        """A fill names the venue's order only; ours is looked up, all at once if many."""
        wanted = [wire_fields.text(fill, "order_id") for fill in fills]
        if len(self._client_ids.unknown(wanted)) > _SINGLE_LOOK_UPS_MAX:
            times = [wire_fields.time(fill, "transaction_time") for fill in fills]
            first = min((at for at in times if at is not None), default=None)
            after = None if first is None else first - _BEFORE_FILL
            await self._reports(await self._listings.orders(open_only=False, after=after))
        until = self._reader.list_until()
        for venue_order_id in self._client_ids.unknown(wanted):
            order = await self._listings.order_by_id(venue_order_id, until)
            if order is not None:
                await self._reports([order])

    async def _reports(self, orders: Sequence[Record]) -> list[OrderReport]:
        try:
            await self._ancestry.learn(orders)
        except Unreadable as error:
            raise ReadFailed(f"Alpaca's answer can't be read: {error}") from error
        reports = _readable(lambda: [r for o in orders for r in self._translator.reports(o)])
        self._client_ids.learn(reports)
        return reports


def _readable(read: Callable[[], T]) -> T:
    try:
        return read()
    except Unreadable as error:
        raise ReadFailed(f"Alpaca's answer can't be read: {error}") from error


def _alpaca_id(venue_order_id: str) -> str:
    try:
        return str(uuid.UUID(venue_order_id))
    except ValueError as error:
        raise InvalidRequest("venue_order_id", "not an order id of Alpaca's (a UUID)") from error


def _fits(report: OrderReport, query: OrderQuery) -> bool:
    if query.open_only and statuses.is_ended(report.raw_status):
        return False
    if query.instrument is not None and report.instrument != query.instrument:
        return False
    return _in_window(report.created, query)


def _in_window(at: datetime | None, query: OrderQuery | ExecutionQuery) -> bool:
    """Inside, or without a time, which proves nothing."""
    if at is None:
        return True
    return (query.after is None or at >= query.after) and (
        query.before is None or at < query.before
    )


def _moment(at: datetime | None) -> float:
    return 0.0 if at is None else at.timestamp()
