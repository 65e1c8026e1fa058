"""What was derived of positions that changed without a trade, and the positions it was seen from.

IB has no list of such things, so what was told once must be kept: to be listed, and never to be
told twice. In the send log's file, since that is the adapter's memory; durable before it is told.
"""

from __future__ import annotations

import json
from collections import OrderedDict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any, Final

import apsw

from services.common.adapter.one_writer import OneWriter
from services.common.domain.activities import Activity, ActivityType
from services.common.domain.amounts import Money, format_decimal
from services.common.domain.errors import OutcomeUnknown, Unavailable
from services.common.domain.executions import RecordTimes
from services.common.domain.instruments import Equity, Instrument, OptionContract
from services.common.domain.occ import parse_occ

KEPT_MAX: Final = 20_000

# Not in the first releases' files.
ADDED: Final = """
CREATE TABLE IF NOT EXISTS activity (
  activity_id TEXT PRIMARY KEY,
  body TEXT NOT NULL
) STRICT;
CREATE TABLE IF NOT EXISTS position_seen (
  instrument TEXT PRIMARY KEY,
  body TEXT NOT NULL
) STRICT;
"""


@dataclass(frozen=True, slots=True)
class Seen:
    """A position as IB stated it, signed; `at` is IB's time of that statement. `known` are the ids
    of the trades and activities that were in it, as far as they were heard of."""

    instrument: Instrument
    qty: Decimal
    at: datetime
    known: tuple[str, ...] = ()


class ActivityLog:
    """Activities, the `KEPT_MAX` latest in memory, and positions. On the event loop's thread."""

    def __init__(self, connection: apsw.Connection, writer: OneWriter) -> None:
        self._connection = connection
        self._writer = writer
        self._activities = _load(connection)
        rows = connection.execute("SELECT instrument, body FROM position_seen")
        self._seen = {key: _seen(json.loads(body)) for key, body in rows}
        self._moves: dict[str, dict[str, Decimal]] = {}
        self._index(self._activities.values())

    def __contains__(self, activity_id: str) -> bool:
        return activity_id in self._activities

    @property
    def seen(self) -> Mapping[str, Seen]:
        """The positions as they were kept last, by instrument."""
        return self._seen

    def all(self, venue: str, account_id: str) -> list[Activity]:
        """Every activity, in the sequence in which they were told."""
        return [_activity(body, venue, account_id) for body in self._activities.values()]

    def moves_of(self, instrument_key: str) -> dict[str, Decimal]:
        """By how much activities have changed a position, by their ids."""
        return self._moves.get(instrument_key, {})

    def _index(self, bodies: Iterable[dict[str, Any]]) -> None:
        for body in bodies:
            if body["instrument"] is not None and body["qty"] is not None:
                moves = self._moves.setdefault(_instrument(body["instrument"]).key, {})
                moves[body["activity_id"]] = Decimal(body["qty"])

    async def keep(self, activities: Iterable[Activity], seen: Mapping[str, Seen]) -> None:
        """Add activities, and keep these positions from now on; durable on return, both or neither.

        Raises SendLogFailed and Unavailable: then nothing is to be told.
        """
        bodies = {activity.activity_id: _body(activity) for activity in activities}
        try:
            await self._writer.run(lambda: self._writer.persist(lambda: self._save(bodies, seen)))
        except OutcomeUnknown as error:
            raise Unavailable(error.reason, error.message) from error
        self._activities.update(bodies)
        self._index(bodies.values())
        while len(self._activities) > KEPT_MAX:
            self._activities.popitem(last=False)
        self._seen = dict(seen)

    def _save(self, bodies: Mapping[str, dict[str, Any]], seen: Mapping[str, Seen]) -> None:
        with self._connection:  # both or neither
            for activity_id, body in bodies.items():
                self._connection.execute(
                    "INSERT OR IGNORE INTO activity VALUES (?, ?)", (activity_id, json.dumps(body))
                )
            self._connection.execute("DELETE FROM position_seen")
            for key, one in seen.items():
                body = {
                    "at": one.at.isoformat(),
                    "qty": format_decimal(one.qty),
                    "known": one.known,
                    "instrument": _instrument_body(one.instrument),
                }
                self._connection.execute(
                    "INSERT INTO position_seen VALUES (?, ?)", (key, json.dumps(body))
                )


def _load(connection: apsw.Connection) -> OrderedDict[str, dict[str, Any]]:
    rows = connection.execute(
        f"SELECT activity_id, body FROM activity ORDER BY rowid DESC LIMIT {KEPT_MAX}"
    ).fetchall()
    return OrderedDict((key, json.loads(body)) for key, body in reversed(rows))


def _seen(body: dict[str, Any]) -> Seen:
    at = datetime.fromisoformat(body["at"])
    known = tuple(body["known"])
    return Seen(_instrument(body["instrument"]), Decimal(body["qty"]), at, known)


def _body(activity: Activity) -> dict[str, Any]:
    times, amount = activity.times, activity.net_amount
    return {
        "activity_id": activity.activity_id,
        "type": activity.activity_type.value,
        "raw_type": activity.raw_type,
        "venue_time": _text(times.venue_time),
        "received_time": _text(times.received_time),
        "trading_date": _text(times.trading_date),
        "instrument": activity.instrument and _instrument_body(activity.instrument),
        "qty": None if activity.qty is None else format_decimal(activity.qty),
        "price": None if activity.price is None else format_decimal(activity.price),
        "net_amount": amount and [format_decimal(amount.amount), amount.currency],
        "group_id": activity.group_id,
        "description": activity.description,
    }


def _activity(body: dict[str, Any], venue: str, account_id: str) -> Activity:
    amount, instrument = body["net_amount"], body["instrument"]
    day = body["trading_date"]
    return Activity(
        venue=venue,
        account_id=account_id,
        activity_id=body["activity_id"],
        activity_type=ActivityType(body["type"]),
        raw_type=body["raw_type"],
        times=RecordTimes(
            venue_time=_time(body["venue_time"]),
            received_time=_time(body["received_time"]),
            trading_date=day and date.fromisoformat(day),
        ),
        instrument=instrument and _instrument(instrument),
        qty=_decimal(body["qty"]),
        price=_decimal(body["price"]),
        net_amount=amount and Money(Decimal(amount[0]), amount[1]),
        group_id=body["group_id"],
        description=body["description"],
    )


def _instrument_body(instrument: Instrument) -> dict[str, Any]:
    if isinstance(instrument, Equity):
        return {"symbol": instrument.symbol, "currency": instrument.currency}
    return {
        "osi": instrument.osi,
        "underlying": instrument.underlying,
        "multiplier": format_decimal(instrument.multiplier),
        "currency": instrument.currency,
    }


def _instrument(body: dict[str, Any]) -> Instrument:
    if "symbol" in body:
        return Equity(body["symbol"], body["currency"])
    named = parse_occ(body["osi"])
    return OptionContract(
        root=named.root,
        expiry=named.expiry,
        right=named.right,
        strike=named.strike,
        underlying=body["underlying"],
        multiplier=Decimal(body["multiplier"]),
        currency=body["currency"],
    )


def _text(moment: datetime | date | None) -> str | None:
    return None if moment is None else moment.isoformat()


def _time(text: str | None) -> datetime | None:
    return None if text is None else datetime.fromisoformat(text)


def _decimal(text: str | None) -> Decimal | None:
    return None if text is None else Decimal(text)
