"""Bars that go on: those kept up to date, and real-time bars of five seconds."""

from datetime import datetime, timedelta
from decimal import Decimal

from simulators.ib_gateway.bar_series import Row
from simulators.ib_gateway.bar_terms import BarSize
from simulators.ib_gateway.bar_times import bar_start, bar_time, number
from simulators.ib_gateway.call import Call
from simulators.ib_gateway.contracts import Wanted
from simulators.ib_gateway.entitlements import sees_live
from simulators.ib_gateway.gateway import Gateway
from simulators.ib_gateway.problems import Problem, invalid
from simulators.ib_gateway.session import Session
from simulators.ib_gateway.subscriptions import BarStream, Growing, Quoted
from simulators.ib_gateway.wire import Field
from simulators.venue import trading_calendar as calendar
from simulators.venue.instruments import Equity, OptionContract
from simulators.venue.quotes import Quote

_OFFSETS = {"TRADES": 0, "MIDPOINT": 0, "BID": -1, "ASK": 1}
_REAL_TIME_S = 5
_REAL_TIME_MAX = 60
_LOT = {True: 100, False: 1}


class BarStreams:
    """Grows a bar with each quote and each minute of a session.

    Real-time bars come at each fifth second of a session, whether anything changed or not.
    """

    def __init__(self, gateway: Gateway) -> None:
        self._gateway = gateway
        self._is_beating = False
        gateway.venue.subscribe_to_quotes(self._quoted)
        gateway.venue.repeat(calendar.next_minute, self._minute_passed)

    def keep_up(
        self,
        call: Call,
        quoted: Quoted,
        size: BarSize,
        kind: str,
        rows: list[Row],
        *,
        in_seconds: bool,
    ) -> None:
        """Goes on where the bars that were sent end.

        Raises:
            Problem: It is a combination.
        """
        instrument = quoted.single
        if instrument is None:
            raise invalid("keepUpToDate is not supported for combinations")
        stream = BarStream(
            instrument=instrument,
            size_s=size.seconds,
            offset=_OFFSETS[kind],
            is_traded=kind == "TRADES",
            in_seconds=in_seconds,
        )
        if rows and rows[-1].at == bar_start(self._gateway.venue.now, size.seconds):
            stream.bar = _grown(rows[-1])
        call.session.subscriptions.bars[call.id] = stream

    def request_real_time(self, call: Call) -> None:
        """Bars of five seconds from now on."""
        args = call.args(3)
        wanted = Wanted.read(args)
        args.skip(1)  # the size: there is only one
        kind = args.text()
        if kind not in _OFFSETS:
            raise invalid(f"Invalid real-time bar type '{kind[:40]}'")
        instrument = self._gateway.contract(wanted)
        streams = call.session.subscriptions.real_time
        if call.id in streams:
            raise Problem(322, "Error processing request.-'bQ' : cause - Duplicate ticker id")
        if not sees_live(self._gateway.market_data, Quoted(((instrument, Decimal(1)),))):
            raise Problem(420, "Invalid Real-time Query:No market data permissions")
        clients = self._gateway.clients.values()
        if sum(len(s.subscriptions.real_time) for s in clients) >= _REAL_TIME_MAX:
            raise Problem(456, "Max number of real time requests has been reached")
        streams[call.id] = BarStream(
            instrument=instrument,
            size_s=_REAL_TIME_S,
            offset=_OFFSETS[kind],
            is_traded=kind == "TRADES",
            is_real_time=True,
        )
        self._beat()

    def cancel_real_time(self, call: Call) -> None:
        """No more bars."""
        if call.session.subscriptions.real_time.pop(call.id, None) is None:
            raise Problem(300, f"Can't find EId with tickerId:{call.id}")

    def _quoted(self, quote: Quote) -> None:
        for session in self._gateway.clients.values():
            told = session.subscriptions
            for streams in (told.bars, told.real_time):
                for req_id, stream in streams.items():
                    instrument = stream.instrument
                    names = {instrument.symbol}
                    if isinstance(instrument, OptionContract):
                        names.add(instrument.underlying)
                    if quote.symbol in names:
                        self._grow(session, req_id, stream)

    def _minute_passed(self) -> None:
        for session in self._gateway.clients.values():
            for req_id, stream in session.subscriptions.bars.items():
                self._grow(session, req_id, stream)

    def _grow(self, session: Session, req_id: int, stream: BarStream) -> None:
        """Adds what is quoted now to the bar; one that is kept up to date is sent."""
        now, px = self._gateway.venue.now, self._px(stream)
        if px is None or calendar.session_at(now) is None or not self._gateway.uplink.is_up:
            return
        start = bar_start(now, stream.size_s)
        if stream.bar is None or stream.bar.at != start:
            stream.bar = Growing(start, px, px, px, px)
        stream.bar.trade(px, _LOT[isinstance(stream.instrument, Equity)])
        if not stream.is_real_time:
            session.send(90, req_id, *_update(stream, stream.bar))

    def _px(self, stream: BarStream) -> float | None:
        quote = self._gateway.venue.quotes.find(stream.instrument.symbol)
        if quote is None:
            return None
        return round(float(quote.mid + stream.offset * (quote.ask - quote.bid) / 2), 4)

    # Real-time bars

    def _beat(self) -> None:
        """Comes back at the next fifth second, for as long as anybody listens."""
        if self._is_beating:
            return
        self._is_beating = True
        now = self._gateway.venue.now
        if calendar.session_at(now) is None:
            now = calendar.next_open(now)
        due = bar_start(now, _REAL_TIME_S) + timedelta(seconds=_REAL_TIME_S)
        self._gateway.venue.run_at(due, self._tell_real_time)

    def _tell_real_time(self) -> None:
        self._is_beating = False
        now = self._gateway.venue.now
        over = now - timedelta(seconds=_REAL_TIME_S)
        is_listened_to = False
        for session in self._gateway.clients.values():
            for req_id, stream in session.subscriptions.real_time.items():
                is_listened_to = True
                if calendar.session_at(over) is not None and self._gateway.uplink.is_up:
                    self._tell(session, req_id, stream, over)
        if is_listened_to:
            self._beat()

    def _tell(self, session: Session, req_id: int, stream: BarStream, at: datetime) -> None:
        bar = stream.bar
        if bar is None or bar.at != at:
            px = bar.close if bar is not None else self._px(stream)
            if px is None:
                return
            bar = Growing(at, px, px, px, px)
        prices = map(number, (bar.open, bar.high, bar.low, bar.close))
        volume = bar.volume if stream.is_traded else -1
        count = bar.count if stream.is_traded else -1
        seconds = int(at.timestamp())
        session.send(50, 3, req_id, seconds, *prices, volume, number(_average(bar)), count)


def _update(stream: BarStream, bar: Growing) -> tuple[Field, ...]:
    """Count, date, open, close, high, low, average, volume: in the order of this message."""
    at = bar_time(bar.at, is_long=not stream.size_s, in_seconds=stream.in_seconds)
    prices = map(number, (bar.open, bar.close, bar.high, bar.low))
    if not stream.is_traded:
        return (-1, at, *prices, -1, -1)
    return (bar.count, at, *prices, number(_average(bar)), bar.volume)


def _average(bar: Growing) -> float:
    return bar.value / bar.volume if bar.volume else bar.close


def _grown(row: Row) -> Growing:
    bar = Growing(row.at, row.open, row.high, row.low, row.close)
    if row.volume > 0:
        bar.volume, bar.count, bar.value = row.volume, row.count, row.volume * row.average
    return bar
