"""/v2/account/portfolio/history: what the account was worth, every five minutes of trading."""

import re
from bisect import bisect_right
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

from simulators.alpaca.contract_filters import read_day
from simulators.alpaca.http import HttpResponse, json_response
from simulators.alpaca.problems import invalid
from simulators.alpaca.router import Call, Router
from simulators.alpaca.wire_values import cents, ratio, read_time
from simulators.venue import trading_calendar as calendar
from simulators.venue.venue import Venue

_SAMPLE = timedelta(minutes=5)
_SAMPLES_MAX = 40_000
_DAY = timedelta(days=1)
_FRAMES = {"1Min": 1, "5Min": 5, "15Min": 15, "1H": 60}
_PERIOD = re.compile(r"(\d{1,3})([DWMA])", re.ASCII)
_DAYS = {"D": 1, "W": 7, "M": 31, "A": 366}
_POINTS_MAX = 10_000


class PortfolioHistory:
    """Keeps the account's equity from its opening on and tells it window by window."""

    def __init__(self, venue: Venue, account_id: str) -> None:
        self._venue = venue
        self._account_id = account_id
        self._opened_at = venue.now
        self._base = venue.accounts[account_id].cash
        self._at: list[datetime] = []
        self._equity: list[Decimal] = []
        venue.repeat(_next_sample, self._sample)

    def add_to(self, router: Router) -> None:
        router.add("GET", "/v2/account/portfolio/history", self._history)

    def _sample(self) -> None:
        while self._at and self._at[-1] >= self._venue.now:
            self._at.pop()  # the clock was set back
            self._equity.pop()
        self._at.append(self._venue.now)
        self._equity.append(self._now())
        if len(self._at) > _SAMPLES_MAX:
            del self._at[: _SAMPLES_MAX // 2], self._equity[: _SAMPLES_MAX // 2]

    def _now(self) -> Decimal:
        return self._venue.means(self._account_id).equity

    def _history(self, call: Call) -> HttpResponse:
        first, last = self._range(call)
        frame = call.query("timeframe") or _default_frame(last - first)
        first = max(first, self._opened_at - _DAY)
        if frame == "1D":
            windows = _of_days(first, last)
        elif frame in _FRAMES:
            windows = _of_minutes(first, last, _FRAMES[frame])
        else:
            raise invalid("invalid timeframe")
        windows = [window for window in windows if window[1] > self._opened_at]
        windows = windows[-_POINTS_MAX:]
        equity = [self._equity_at(end) for _, end in windows]
        base = self._equity_at(windows[0][0]) if windows else self._base
        content = {
            "timestamp": [int(start.timestamp()) for start, _ in windows],
            "equity": [cents(value) for value in equity],
            "profit_loss": [cents(value - base) for value in equity],
            "profit_loss_pct": [ratio(value - base, base) for value in equity],
            "base_value": cents(base),
            "base_value_asof": calendar.trading_date(first).isoformat(),
            "timeframe": frame,
        }
        return json_response(200, content)

    def _equity_at(self, at: datetime) -> Decimal:
        if at >= self._venue.now:
            return self._now()
        index = bisect_right(self._at, at)
        return self._equity[index - 1] if index else self._base

    def _range(self, call: Call) -> tuple[datetime, datetime]:
        """The times that are asked for: two of start, end and period, by default a month."""
        now = self._venue.now
        last = min(_time(call, "end") or now, now)
        if call.query("date_end"):
            day = read_day(call, "date_end", calendar.trading_date(now))
            last = min(_midnight(day) + _DAY, now)
        first = _time(call, "start") or _time(call, "date_start")
        if first is None:
            match = _PERIOD.fullmatch(call.query("period", "1M"))
            if match is None:
                raise invalid("invalid period")
            days = int(match[1]) * _DAYS[match[2]]
            first = _midnight(calendar.trading_date(last) - timedelta(days=days - 1))
        if first > last:
            raise invalid("start is after end")
        return first, last


def _default_frame(length: timedelta) -> str:
    if length < timedelta(days=7):
        return "1Min"
    return "15Min" if length < timedelta(days=30) else "1D"


def _of_days(first: datetime, last: datetime) -> list[tuple[datetime, datetime]]:
    sessions = calendar.sessions_between(calendar.trading_date(first), calendar.trading_date(last))
    return [(s.opens, s.closes) for s in sessions if s.opens <= last]


def _of_minutes(first: datetime, last: datetime, minutes: int) -> list[tuple[datetime, datetime]]:
    step, windows = timedelta(minutes=minutes), []
    for opens, closes in _of_days(first, last):
        start = opens
        while start < min(closes, last):
            if start >= first:
                windows.append((start, min(start + step, closes)))
            start += step
    return windows


def _next_sample(at: datetime) -> datetime:
    """The next multiple of five minutes within a session, its close included."""
    session = calendar.current_or_next_session(at)
    if at < session.opens:
        return session.opens
    return session.opens + ((at - session.opens) // _SAMPLE + 1) * _SAMPLE


def _time(call: Call, name: str) -> datetime | None:
    text = call.query(name)
    if not text:
        return None
    nanos = read_time(text)
    if nanos is None:
        raise invalid(f"invalid {name}")
    return datetime.fromtimestamp(nanos / 10**9, UTC)


def _midnight(day: date) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=calendar.NEW_YORK).astimezone(UTC)
