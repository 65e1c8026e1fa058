"""Ticks of the past: a trade, a quote or a middle for each second of trading."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from decimal import Decimal

from simulators.ib_gateway import bar_terms as terms
from simulators.ib_gateway.bar_series import BarSeries, Row, Span
from simulators.ib_gateway.bar_times import number
from simulators.ib_gateway.call import Call, Handler
from simulators.ib_gateway.contracts import Wanted
from simulators.ib_gateway.gateway import Gateway
from simulators.ib_gateway.problems import Problem
from simulators.ib_gateway.subscriptions import Quoted
from simulators.ib_gateway.wire import Field
from simulators.venue import trading_calendar as calendar
from simulators.venue.instruments import Instrument

_MESSAGES = {"MIDPOINT": 96, "BID_ASK": 97, "TRADES": 98}
_TICKS_MAX = 1000
_SECOND = terms.read_size("1 secs")
_SESSIONS_MAX = 5
_STEP = timedelta(minutes=20)


class PastTicks:
    """Answers at once, with at most so many ticks as were asked for."""

    def __init__(self, gateway: Gateway) -> None:
        self._gateway = gateway
        self._series = BarSeries(gateway.market)

    def handlers(self) -> dict[int, Handler]:
        """Handlers by the number of their request."""
        return {96: self._ticks}

    def _ticks(self, call: Call) -> None:
        args = call.args(2)
        wanted = Wanted.read(args)
        args.skip(1)
        start, end, count = args.text().strip(), args.text().strip(), args.integer()
        kind = args.text()
        if kind not in _MESSAGES:
            raise _invalid(f"Invalid type of historical ticks '{kind[:40]}'")
        if bool(start) == bool(end):
            raise _invalid("Either a start or an end time is needed, and not both")
        if not 0 < count <= _TICKS_MAX:
            raise _invalid(f"The number of ticks is 1 to {_TICKS_MAX}")
        at = terms.read_end(start or end, self._gateway.venue.now)
        instrument = self._gateway.contract(wanted)
        if self._gateway.market_data in ("none", "competing"):
            raise terms.no_bars("No market data permissions")
        rows = self._rows(instrument, at, count, forward=bool(start))
        fields = [field for row in rows for field in self._tick(instrument, kind, row)]
        call.session.send(_MESSAGES[kind], call.id, len(rows), *fields, 1)

    def _rows(
        self, instrument: Instrument, at: datetime, count: int, *, forward: bool
    ) -> list[Row]:
        quoted = Quoted(((instrument, Decimal(1)),))
        rows: list[Row] = []
        for span in self._spans(at, forward=forward):
            more = self._series.rows(quoted, _SECOND, "TRADES", span)
            rows = [*rows, *more] if forward else [*more, *rows]
            if len(rows) >= count:
                break
        return rows[:count] if forward else rows[-count:]

    def _spans(self, at: datetime, *, forward: bool) -> Iterator[Span]:
        """Parts of sessions, from that time on until now, or back from it."""
        day, seen, now = calendar.trading_date(at), 0, self._gateway.venue.now
        while seen < _SESSIONS_MAX and day <= calendar.trading_date(now):
            session = calendar.session_on(day)
            if session is not None:
                seen += 1
                first = max(at, session.opens) if forward else session.opens
                end = session.closes if forward else min(at, session.closes)
                yield from _parts(first, end, forward=forward)
            day += timedelta(days=1 if forward else -1)

    def _tick(self, instrument: Instrument, kind: str, row: Row) -> tuple[Field, ...]:
        seconds = int(row.at.timestamp())
        if kind == "TRADES":
            return (seconds, 0, number(row.close), row.volume, "", "")
        if kind == "MIDPOINT":
            return (seconds, 0, number(row.close), 0)
        quote = self._gateway.venue.quotes.find(instrument.symbol)
        if quote is None:
            return (seconds, 0, number(row.close), number(row.close), 0, 0)
        half = float(quote.ask - quote.bid) / 2
        prices = number(max(0.0, row.close - half)), number(row.close + half)
        return (seconds, 0, *prices, quote.bid_size, quote.ask_size)


def _parts(first: datetime, end: datetime, *, forward: bool) -> Iterator[Span]:
    while first < end:
        if forward:
            yield Span(first, min(first + _STEP, end))
            first += _STEP
        else:
            yield Span(max(first, end - _STEP), end)
            end -= _STEP


def _invalid(cause: str) -> Problem:
    return Problem(321, f"Error validating request.-'ch' : cause - {cause}")
