"""What was traded minute by minute: before the start by seed, since then as the quotes went.

The past is made so that it ends at the first quote: each session has a random return, drawn from
the seed, the symbol and its date, so any day can be asked for in any order and is always the same.
Since the start a minute is what the middle of the quotes did in it. Nothing after now is told.
"""

import math
import random
from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from functools import lru_cache
from itertools import pairwise
from typing import NamedTuple

from simulators.venue import trading_calendar as calendar
from simulators.venue.instruments import Equity, OptionContract
from simulators.venue.model_quotes import ModelQuotes, years_left
from simulators.venue.quotes import Quote
from simulators.venue.venue import Venue

_PAST = timedelta(days=3 * 365)
_LISTED = timedelta(days=210)
_RETURN, _GAP = 0.011, 0.003  # standard deviations of a day's return, and of that overnight
_CHANGES_MAX = 100_000
_DAYS_KEPT = 512
_MINUTE_YEARS = 60 / (365 * 86400)
_STEP = math.sqrt(12 / 390)  # makes of uniform steps a day's standard deviation
_VOLUME_SHAPE = [0.5 + 1.5 * ((i - 195) / 195) ** 2 for i in range(390)]
_SHARES_A_MINUTE, _CONTRACTS_A_MINUTE = 4000, 12


Ohlc = tuple[int, int, int, int]
"""Open, high, low and close, in cents."""


class Minute(NamedTuple):
    """One minute of trading; `minute` counts from 1970, prices are cents."""

    minute: int
    open: int
    high: int
    low: int
    close: int
    volume: int


@dataclass(slots=True)
class _Record:
    """What a symbol's quotes did since its first one, by minute and ascending."""

    since: datetime
    base: int
    changes: list[list[int]] = field(default_factory=list)

    def add(self, minute: int, cents: int) -> None:
        while self.changes and self.changes[-1][0] > minute:
            self.changes.pop()  # the clock was set back: what came later has not happened
        if self.changes and self.changes[-1][0] == minute:
            _, _, high, low, _ = self.changes[-1]
            self.changes[-1][2:] = [max(high, cents), min(low, cents), cents]
            return
        before = self.changes[-1][4] if self.changes else self.base
        self.changes.append([minute, before, max(before, cents), min(before, cents), cents])
        if len(self.changes) > _CHANGES_MAX:
            self.base = self.changes[_CHANGES_MAX // 2 - 1][4]
            del self.changes[: _CHANGES_MAX // 2]

    def minutes(self, first: int, end: int) -> list[Ohlc]:
        """Open, high, low and close of each minute from the first up to the end."""
        index = bisect_left(self.changes, [first])
        last = self.changes[index - 1][4] if index else self.base
        told = []
        for minute in range(first, end):
            if index < len(self.changes) and self.changes[index][0] == minute:
                _, opened, high, low, last = self.changes[index]
                told.append((opened, high, low, last))
                index += 1
            else:
                told.append((last, last, last, last))
        return told


class _Past:
    """The sessions of one symbol until its first quote."""

    def __init__(self, seed: int, symbol: str, record: _Record) -> None:
        self._name = f"{seed}/{symbol}"
        self._since = record.since
        self._oldest = _session_begun_by(record.since).day
        draw = random.Random(f"{self._name}/{self._oldest}")
        base = float(record.base)
        self._days = {self._oldest: (base * math.exp(draw.gauss(0, _GAP)), base)}
        self._close_before = base

    def day(self, day: date) -> list[Ohlc]:
        """Open, high, low and close of each minute of a session, until the first quote."""
        session = calendar.session_on(day)
        if session is None or session.opens >= self._since:
            return []
        while self._oldest > day:
            self._reach_back()
        opened, closed = self._days[day]
        end = min(session.closes, self._since)
        count = math.ceil((end - session.opens).total_seconds() / 60)
        return _path(random.Random(f"{self._name}/{day}/minutes"), opened, closed, count)

    def _reach_back(self) -> None:
        before = calendar.last_close(_opening(self._oldest))
        day = calendar.trading_date(before)
        draw = random.Random(f"{self._name}/{day}")
        closed = self._close_before
        self._close_before = closed / math.exp(draw.gauss(0, _RETURN))
        self._days[day] = (self._close_before * math.exp(draw.gauss(0, _GAP)), closed)
        self._oldest = day


class Tape:
    """The minutes of every symbol that has a quote or a model price.

    Make it before the first quotes are set: it listens to the venue from then on.
    """

    def __init__(self, venue: Venue, model: ModelQuotes) -> None:
        self._venue = venue
        self._model = model
        self._seed = venue.randomness.seed
        self._records: dict[str, _Record] = {}
        self._past: dict[str, _Past] = {}
        self._start = self._latest = venue.now
        self.oldest_day = calendar.trading_date(venue.now) - _PAST
        self.revision = 0
        """Counts the times that the clock was set back: what is known of later times is void."""
        self._whole_day = lru_cache(maxsize=_DAYS_KEPT)(self._minutes)
        venue.subscribe_to_quotes(self._quoted)

    def minutes(self, symbol: str, day: date) -> Sequence[Minute]:
        """The minutes of a session that are over, ascending; none if nothing is known."""
        self._look_at_clock()
        session = calendar.session_on(day)
        if session is None or day < self.oldest_day or session.opens >= self._venue.now:
            return ()
        if session.closes > self._venue.now:
            return self._minutes(symbol, day)
        return self._whole_day(symbol, day)

    def price_at(self, symbol: str, at: datetime) -> int | None:
        """The last price (cents) traded by that time, which must not be in the future."""
        minute = int(at.timestamp()) // 60
        day = _session_begun_by(at).day
        past = [m.close for m in self.minutes(symbol, day) if m.minute < minute]
        return past[-1] if past else None

    def volume(self, symbol: str, day: date, until: datetime) -> int:
        """How much of it was traded in that session until then, in minutes that are over."""
        session = calendar.session_on(day)
        if session is None or until <= session.opens:
            return 0
        volumes = self._volumes_of(symbol, day)
        return sum(volumes[: _minute(min(until, session.closes)) - _minute(session.opens)])

    def _volumes_of(self, symbol: str, day: date) -> list[int]:
        is_option = isinstance(self._venue.catalog.find(symbol), OptionContract)
        mean = _CONTRACTS_A_MINUTE if is_option else _SHARES_A_MINUTE
        return _volumes(f"{self._seed}/{symbol}/{day}", mean)

    def _quoted(self, quote: Quote) -> None:
        self._look_at_clock()
        cents = round(quote.mid * 100)
        record = self._records.get(quote.symbol)
        if record is None:
            record = self._records[quote.symbol] = _Record(self._venue.now, cents)
            self._whole_day.cache_clear()
        record.add(int(self._venue.now.timestamp()) // 60, cents)

    def _look_at_clock(self) -> None:
        if self._venue.now < self._latest:
            self.revision += 1
            self._whole_day.cache_clear()
        self._latest = self._venue.now

    def _minutes(self, symbol: str, day: date) -> Sequence[Minute]:
        instrument = self._venue.catalog.find(symbol)
        if isinstance(instrument, OptionContract):
            prices = self._of_option(instrument, day)
        else:
            prices = self._of_share(symbol, day)
        start = _minute(_opening(day))
        over = max(0, _minute(self._venue.now) - start)
        volumes = self._volumes_of(symbol, day)
        return [Minute(start + i, *p, volumes[i]) for i, p in enumerate(prices[:over])]

    def _of_share(self, symbol: str, day: date) -> list[Ohlc]:
        record = self._records.get(symbol)
        if record is None or not isinstance(self._venue.catalog.find(symbol), Equity):
            return []
        return self._past_of(symbol, record).day(day) + self._recorded(record, day)

    def _past_of(self, symbol: str, record: _Record) -> _Past:
        past = self._past.get(symbol)
        if past is None:
            past = self._past[symbol] = _Past(self._seed, symbol, record)
        return past

    def _recorded(self, record: _Record, day: date) -> list[Ohlc]:
        session = calendar.session_on(day)
        assert session is not None
        first = max(_minute(session.opens), math.ceil(record.since.timestamp() / 60))
        end = min(_minute(session.closes), int(self._venue.now.timestamp()) // 60)
        return record.minutes(first, end) if first < end else []

    def _of_option(self, contract: OptionContract, day: date) -> list[Ohlc]:
        last_day = calendar.trading_date(calendar.last_trading(contract.expiry))
        if not contract.expiry - _LISTED <= day <= last_day:
            return []
        record = self._records.get(contract.symbol)
        spots = self._of_share(contract.underlying, day)
        if record is None:
            return self._valued(contract, day, spots, 0)
        own = self._recorded(record, day)
        past = spots[: len(spots) - len(own)]
        return self._valued(contract, day, past, self._offset(contract, record)) + own

    def _offset(self, contract: OptionContract, record: _Record) -> int:
        """How far its first quote was from the model, which its past is shifted by."""
        underlying = self._records.get(contract.underlying)
        if underlying is None or record.since > self._start:
            return 0
        years = years_left(contract, record.since)
        return record.base - round(self._model.value(contract, underlying.base / 100, years) * 100)

    def _valued(
        self,
        contract: OptionContract,
        day: date,
        spots: list[Ohlc],
        offset: int,
    ) -> list[Ohlc]:
        years, told = years_left(contract, _opening(day)), []
        for i, spot in enumerate(spots):
            left = max(0.0, years - i * _MINUTE_YEARS)
            opened, one, other, closed = (
                max(1, offset + round(self._model.value(contract, cents / 100, left) * 100))
                for cents in spot
            )
            extremes = (opened, one, other, closed)
            told.append((opened, max(extremes), min(extremes), closed))
        return told


def _path(draw: random.Random, opened: float, closed: float, count: int) -> list[Ohlc]:
    """A random path from one price to the other, by minutes."""
    chance, walk = draw.random, [0.0]
    for _ in range(count):
        walk.append(walk[-1] + chance() - 0.5)
    step = opened * _RETURN * _STEP
    drift = (closed - opened - walk[-1] * step) / max(1, count)
    points = [max(1, round(opened + at * step + i * drift)) for i, at in enumerate(walk)]
    wick, told = step / 4, []
    for start, end in pairwise(points):
        high, low = (end, start) if end > start else (start, end)
        high, low = high + int(wick * chance()), low - int(wick * chance())
        told.append((start, high, low if low > 0 else 1, end))
    return told


@lru_cache(maxsize=_DAYS_KEPT)
def _volumes(name: str, mean: int) -> list[int]:
    """A volume for each minute of a day, larger near the open and the close."""
    chance = random.Random(f"{name}/volume").random
    return [1 + int(mean * shape * (0.4 + chance())) for shape in _VOLUME_SHAPE]


def _session_begun_by(at: datetime) -> calendar.Session:
    session = calendar.current_or_next_session(at)
    if session.opens <= at:
        return session
    found = calendar.session_on(calendar.trading_date(calendar.last_close(at)))
    assert found is not None
    return found


def _opening(day: date) -> datetime:
    session = calendar.session_on(day)
    assert session is not None
    return session.opens


def _minute(at: datetime) -> int:
    return int(at.timestamp()) // 60
