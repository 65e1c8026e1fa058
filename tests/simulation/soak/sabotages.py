"""Bugs put into the adapter on purpose, to show that a soak sees them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal
from typing import Any, Final

import pytest

from services.alpaca_adapter.exchange import NoAnswer
from services.alpaca_adapter.order_entry import OrderEntry
from services.alpaca_adapter.recovery import Recovered, Recovery
from services.alpaca_adapter.rest import AlpacaRest
from services.alpaca_adapter.told import Told
from services.alpaca_adapter.trade_updates import TradeUpdates
from services.alpaca_adapter.translate_activity import ActivityTranslator
from services.alpaca_adapter.venue_reads import VenueReads
from services.common.domain.activities import ActivityType
from services.common.domain.errors import Reason, Unavailable
from services.common.domain.reports import Balance

Sabotage = Callable[[pytest.MonkeyPatch], None]


def missed_fills_dropped(patch: pytest.MonkeyPatch) -> None:
    """A recovery tells orders, which is enough for most."""
    read = Recovery.read

    async def without_fills(self: Recovery, since: Any) -> Recovered:
        return replace(await read(self, since), executions=())

    patch.setattr(Recovery, "read", without_fills)


def fills_booked_by_id_alone(patch: pytest.MonkeyPatch) -> None:
    """Another id is another execution."""

    def is_new(self: Told, execution: Any) -> bool:
        return execution.exec_id not in self._exec_ids

    patch.setattr(Told, "is_news_of_execution", is_new)


def lost_events_forgotten(patch: pytest.MonkeyPatch) -> None:
    """What the stream does not tell has not happened: neither silence nor gaps are looked into."""

    async def nothing(self: Recovery, since: Any) -> Recovered:
        found = await read(self, since)
        return replace(found, executions=(), reports=()) if since is not None else found

    read = Recovery.read
    patch.setattr(Recovery, "read", nothing)


def unreadable_events_dropped(patch: pytest.MonkeyPatch) -> None:
    """An event that fails is logged, and the next one will do; alpaca-py itself does so."""
    gap = TradeUpdates._gap

    def shrug(self: TradeUpdates, reason: str) -> None:
        if not reason.startswith(("an event", "the stream lost events")):
            gap(self, reason)

    patch.setattr(TradeUpdates, "_gap", shrug)


def doubt_taken_for_not_sent(patch: pytest.MonkeyPatch) -> None:
    """No answer: it was not sent."""
    post = AlpacaRest.post

    async def surely(self: AlpacaRest, *args: Any) -> Any:
        try:
            return await post(self, *args)
        except NoAnswer as error:
            raise Unavailable(Reason.VENUE_UNAVAILABLE, "not sent") from error

    patch.setattr(AlpacaRest, "post", surely)


def refusals_believed(patch: pytest.MonkeyPatch) -> None:
    """A 4xx is a rejection, whatever was sent before."""

    async def believed(self: OrderEntry, spec: Any, problem: Any) -> Any:
        return self._rejection(spec, problem)

    patch.setattr(OrderEntry, "_refused", believed)


def fees_forgotten(patch: pytest.MonkeyPatch) -> None:
    """A fee is no trade."""
    activity = ActivityTranslator.activity

    def without_fees(self: ActivityTranslator, item: Any) -> Any:
        read = activity(self, item)
        return None if read is None or read.activity_type is ActivityType.FEE else read

    patch.setattr(ActivityTranslator, "activity", without_fees)


def cash_rounded(patch: pytest.MonkeyPatch) -> None:
    """Dollars are enough."""
    balance = VenueReads.balance

    async def rounded(self: VenueReads) -> Balance:
        read = await balance(self)
        assert read.cash is not None
        return replace(read, cash=replace(read.cash, amount=round(read.cash.amount, 0)))

    patch.setattr(VenueReads, "balance", rounded)


def positions_cut_off(patch: pytest.MonkeyPatch) -> None:
    """A position of a part of a share is none."""
    positions = VenueReads.positions

    async def whole(self: VenueReads) -> Any:
        return [p for p in await positions(self) if abs(p.qty) > Decimal(1)]

    patch.setattr(VenueReads, "positions", whole)


def lists_cut_short(patch: pytest.MonkeyPatch) -> None:
    """The first page will do."""
    orders = VenueReads.orders

    async def first(self: VenueReads, query: Any) -> Any:
        return (await orders(self, query))[:2]

    patch.setattr(VenueReads, "orders", first)


ALL: Final[dict[str, Sabotage]] = {
    sabotage.__name__: sabotage
    for sabotage in (
        missed_fills_dropped,
        fills_booked_by_id_alone,
        lost_events_forgotten,
        unreadable_events_dropped,
        doubt_taken_for_not_sent,
        refusals_believed,
        fees_forgotten,
        cash_rounded,
        positions_cut_off,
        lists_cut_short,
    )
}
