"""Historical bars, trading schedules, the oldest data there are, and how often prices were paid."""

from collections import Counter
from datetime import timedelta
from decimal import Decimal

from simulators.ib_gateway import bar_terms as terms
from simulators.ib_gateway.bar_series import BarSeries, Row, Span
from simulators.ib_gateway.bar_streams import BarStreams
from simulators.ib_gateway.bar_times import bar_time, dashed, number, zoned
from simulators.ib_gateway.call import Call, Handler
from simulators.ib_gateway.contracts import Wanted
from simulators.ib_gateway.gateway import Gateway
from simulators.ib_gateway.history_pacing import OPEN_MAX, Ask, HistoryPacing
from simulators.ib_gateway.problems import Problem
from simulators.ib_gateway.quoted import read_quoted
from simulators.ib_gateway.subscriptions import Quoted
from simulators.ib_gateway.wire import Field, Fields
from simulators.venue import trading_calendar as calendar
from simulators.venue.bars import Unit
from simulators.venue.instruments import Equity

_FARM_BROKEN = 2105
_SCHEDULE_VERSION = 165
_PERIOD_DAYS = {"day": 1, "week": 7, "month": 30}
_BID_ASK_WEIGHT = 2


class HistoricalData:
    """Answers at once, from the market's tape."""

    def __init__(self, gateway: Gateway) -> None:
        self._gateway = gateway
        self._series = BarSeries(gateway.market)
        self._streams = BarStreams(gateway)
        self._pacing = HistoryPacing(lambda: gateway.venue.clock.elapsed_s)

    def handlers(self) -> dict[int, Handler]:
        """Handlers by the number of their request."""
        return {
            20: self._bars,
            25: self._cancel_bars,
            50: self._streams.request_real_time,
            51: self._streams.cancel_real_time,
            87: self._head,
            88: self._histogram,
            89: _nothing,
            90: _nothing,
        }

    def _bars(self, call: Call) -> None:
        args = call.args(2)
        wanted = Wanted.read(args)
        args.skip(1)  # whether expired contracts are meant too: IB has no bars of expired options
        end_text, size_text, duration_text = args.text(), args.text(), args.text()
        regular_only, kind, in_seconds = args.flag(), args.text(), _in_seconds(args)
        quoted = read_quoted(self._gateway, wanted, args)
        keeps_up = args.flag()
        size = terms.read_size(size_text)
        duration = terms.read_duration(duration_text, size)
        end = terms.read_end(end_text, self._gateway.venue.now)
        _check_kind(kind, end_text, quoted)
        self._check_permission(quoted, kind)
        self._check_pace(size, wanted, kind, tuple(call.fields[2:]))
        span = Span(duration.first(end), end)
        if kind == terms.SCHEDULE:
            self._send_schedule(call, size, span, regular_only=regular_only)
            return
        if keeps_up:
            self._check_stream(call, size, kind, end_text)
        rows = self._series.rows(quoted, size, kind, span)
        if not rows and not keeps_up:
            raise terms.no_bars(f"HMDS query returned no data: {_name(quoted, wanted)} {kind}")
        self._send_bars(call, rows, size, span, in_seconds=in_seconds)
        if keeps_up:
            self._streams.keep_up(call, quoted, size, kind, rows, in_seconds=in_seconds)

    def _send_bars(
        self, call: Call, rows: list[Row], size: terms.BarSize, span: Span, *, in_seconds: bool
    ) -> None:
        fields: list[Field] = []
        for row in rows:
            at = bar_time(row.at, is_long=not size.seconds, in_seconds=in_seconds)
            fields += [at, *map(number, (row.open, row.high, row.low, row.close))]
            fields += [row.volume, number(row.average), row.count]
        times = zoned(span.first), zoned(span.end)
        call.session.send(17, call.id, *times, len(rows), *fields)

    def _send_schedule(
        self, call: Call, size: terms.BarSize, span: Span, *, regular_only: bool
    ) -> None:
        """The sessions of a span, in New York's time."""
        if call.session.version < _SCHEDULE_VERSION or size.unit is not Unit.DAY:
            raise _invalid("A schedule is for bars of one day, and for newer clients")
        on = calendar.session_on if regular_only else calendar.extended_hours_on
        first, last = calendar.trading_date(span.first), calendar.trading_date(span.end)
        days = (first + timedelta(days=n) for n in range((last - first).days + 1))
        sessions = [session for day in days if (session := on(day)) is not None]
        if not sessions:
            raise terms.no_bars("HMDS query returned no data")
        rows = [(dashed(s.opens), dashed(s.closes), f"{s.day:%Y%m%d}") for s in sessions]
        fields = [field for row in rows for field in row]
        ends = rows[0][0], rows[-1][1]
        call.session.send(106, call.id, *ends, "US/Eastern", len(rows), *fields)

    def _check_stream(self, call: Call, size: terms.BarSize, kind: str, end_text: str) -> None:
        if end_text:
            raise _invalid("End date/time is not supported with keepUpToDate")
        if kind not in ("TRADES", "MIDPOINT", "BID", "ASK") or 0 < size.seconds < 5:
            raise _invalid(f"keepUpToDate is not supported for {size.name} bars of {kind}")
        if size.name in ("1W", "1M"):
            raise _invalid(f"keepUpToDate is not supported for {size.name} bars")
        streams = call.session.subscriptions.bars
        if call.id in streams:
            raise Problem(322, "Error processing request.-'bK' : cause - Duplicate ticker id")
        clients = self._gateway.clients.values()
        if sum(len(s.subscriptions.bars) for s in clients) >= OPEN_MAX:
            raise terms.no_bars("Historical data request pacing violation")

    def _check_permission(self, quoted: Quoted, kind: str) -> None:
        have = self._gateway.market_data
        uplink = self._gateway.uplink
        if not uplink.is_up or uplink.is_broken(_FARM_BROKEN):
            raise terms.no_bars("HMDS server disconnect occurred.  Attempting reconnection...")
        if have == "competing":
            raise terms.no_bars("Trading TWS session is connected from a different IP address")
        if have == "none" and kind != terms.SCHEDULE:
            what = "STK" if isinstance(quoted.legs[0][0], Equity) else "OPT"
            raise terms.no_bars(f"No market data permissions for {what}")

    def _check_pace(
        self, size: terms.BarSize, wanted: Wanted, kind: str, request: tuple[str, ...]
    ) -> None:
        rule = self._gateway.settings.history_pacing
        if rule == "off" or (rule == "small_bars" and not size.is_small):
            return
        subject = (str(wanted), kind)
        weight = _BID_ASK_WEIGHT if kind == "BID_ASK" else 1
        if not self._pacing.admits(Ask(subject, request, weight)):
            raise terms.no_bars("Historical data request pacing violation")

    def _cancel_bars(self, call: Call) -> None:
        if call.session.subscriptions.bars.pop(call.id, None) is None:
            raise Problem(366, f"No historical data query found for ticker id:{call.id}")
        text = f"API historical data query cancelled: {call.id}"
        raise terms.no_bars(text)

    def _head(self, call: Call) -> None:
        args = call.args(2)
        wanted = Wanted.read(args)
        args.skip(2)
        kind, in_seconds = args.text(), _in_seconds(args)
        quoted = Quoted(((self._gateway.contract(wanted), Decimal(1)),))
        _check_kind(kind, "", quoted)
        self._check_permission(quoted, kind)
        at = self._series.head(quoted.legs[0][0])
        if at is None:
            raise terms.no_bars("No head time stamp")
        told = int(at.timestamp()) if in_seconds else f"{at:%Y%m%d-%H:%M:%S}"
        call.session.send(88, call.id, told)

    def _histogram(self, call: Call) -> None:
        args = call.args(2)
        wanted = Wanted.read(args)
        args.skip(2)
        words = args.text().split()
        days = _PERIOD_DAYS.get(words[1].rstrip("s")) if len(words) == 2 else None
        if days is None or not words[0].isdecimal() or not 0 < int(words[0]) <= 366 // days:
            raise _invalid("Invalid time period")
        quoted = Quoted(((self._gateway.contract(wanted), Decimal(1)),))
        now = self._gateway.venue.now
        span = Span(now - timedelta(days=days * int(words[0])), now)
        rows = self._series.rows(quoted, terms.read_size("1 min"), "TRADES", span)
        prices = Counter[float]()
        for row in rows:
            prices[row.close] += row.volume
        fields = [field for price, size in sorted(prices.items()) for field in (price, size)]
        call.session.send(89, call.id, len(prices), *fields)


def _nothing(call: Call) -> None:
    """What it cancels was answered at once."""


def _in_seconds(args: Fields) -> bool:
    style = args.integer()
    if style not in (1, 2):
        raise _invalid("Date format must be 1 or 2")
    return style == 2


def _check_kind(kind: str, end_text: str, quoted: Quoted) -> None:
    known = (*terms.KINDS, *terms.VOLATILITIES, terms.SCHEDULE)
    if kind not in known:
        legal = ", ".join(known)
        raise _invalid(f"Invalid historical data type '{kind[:40]}'. Legal ones are: {legal}")
    if kind == "ADJUSTED_LAST" and end_text:
        raise _invalid("End date/time is not supported with ADJUSTED_LAST")
    if kind in terms.VOLATILITIES and not isinstance(quoted.single, Equity):
        raise terms.no_bars(f"No data of type {kind} is available for this contract")


def _invalid(cause: str) -> Problem:
    return Problem(321, f"Error validating request.-'bK' : cause - {cause}")


def _name(quoted: Quoted, wanted: Wanted) -> str:
    named = quoted.single
    return f"{named.symbol if named is not None else wanted.symbol}@{wanted.exchange or 'SMART'}"
