"""What became of options, as records: see `activities`."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Final

from services.common.adapter.port import ActivityQuery
from services.common.domain.activities import Activity, ActivityType
from services.common.domain.amounts import Money, mul
from services.common.domain.executions import RecordTimes
from services.common.domain.instruments import Equity, Instrument, OptionContract
from services.ib_adapter import figures, option_ends
from services.ib_adapter.activity_log import Seen
from services.ib_adapter.option_ends import Delivery, Gone, Moved

_CLOSE_HOUR: Final = 16
_POSITION: Final = "position:"
_ZERO: Final = Decimal(0)


class ActivityRecords:
    """Writes them for one account; `now` is our clock."""

    def __init__(self, venue: str, account_id: str, now: Callable[[], datetime]) -> None:
        self._venue = venue
        self._account_id = account_id
        self._now = now

    def delivered(self, found: Delivery) -> list[Activity]:
        """An option that was exercised or assigned, and its shares."""
        group_id = found.option.exec_id
        kind = option_ends.kind_of(found.option.qty)
        shares = self._ended(ActivityType.OPTION_DELIVERY, found.shares, group_id)
        return [self._ended(kind, found.option, group_id), shares]

    def expired(self, move: Moved) -> Activity:
        """An option that is gone without anything in its place."""
        return self._ended(ActivityType.EXPIRATION, move, move.exec_id)

    def of_gone(
        self, seen: Seen, change: Decimal, now: datetime, *, exercised: bool
    ) -> list[Activity]:
        """What became of an option that is gone from the positions by so much."""
        option = seen.instrument
        assert isinstance(option, OptionContract), "shares have no end"
        number = f"{_POSITION}{option.key}:{seen.at.isoformat()}"
        move = Moved(number, option, change, _ZERO, now)
        if not exercised:
            return [self.expired(move)]
        share = Equity(option_ends.underlying_of(option), option.currency)
        qty = option_ends.delivered(option, change)
        half = Moved(f"{number}:shares", share, qty, option.strike, now)
        return self.delivered(Delivery(move, half))

    def _ended(self, kind: ActivityType, move: Moved, group_id: str) -> Activity:
        is_seen = move.exec_id.startswith(_POSITION)
        paid = mul(move.qty, move.px).copy_negate()
        return Activity(
            venue=self._venue,
            account_id=self._account_id,
            activity_id=move.exec_id,
            activity_type=kind,
            raw_type="position" if is_seen else "execution without an order",
            times=RecordTimes(
                venue_time=move.at,
                received_time=self._now(),
                trading_date=figures.trading_date(move.at),
            ),
            instrument=move.instrument,
            qty=move.qty,
            price=move.px,
            net_amount=Money(paid, move.instrument.currency) if move.px else None,
            group_id=group_id,
            description="derived from positions" if is_seen else "",
        )


def why_gone(gone: list[Seen], changes: dict[str, Decimal], now: datetime) -> set[int] | None:
    """Which of the options on one share were exercised or assigned, by their places; the others
    have expired. None if their shares and their ends do not explain it."""
    ended = [
        Gone(seen.instrument, changes[seen.instrument.key])
        for seen in gone
        if isinstance(seen.instrument, OptionContract)
    ]
    share_change = changes.get(option_ends.underlying_of(gone[0].instrument), _ZERO)
    return option_ends.explain(ended, share_change, last_ended(now))


def last_ended(now: datetime) -> date:
    """The latest expiry of which all options have ended."""
    local = now.astimezone(figures.NEW_YORK)
    return local.date() if local.hour >= _CLOSE_HOUR else local.date() - timedelta(days=1)


def has_ended(option: Instrument, at: datetime) -> bool:
    """Whether it is an option that has ended by then."""
    return isinstance(option, OptionContract) and option.expiry <= last_ended(at)


def fits(activity: Activity, query: ActivityQuery) -> bool:
    """Whether it is asked for; one without a time always is."""
    if query.activity_types and activity.activity_type not in query.activity_types:
        return False
    at = activity.times.venue_time
    if at is None:
        return True
    return (query.after is None or at >= query.after) and (
        query.before is None or at < query.before
    )
