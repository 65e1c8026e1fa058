"""Quotes for clients: snapshots and lines, live, delayed or frozen as the account has them."""

from datetime import datetime

from simulators.ib_gateway.call import Call, Handler
from simulators.ib_gateway.contracts import Wanted
from simulators.ib_gateway.delayed import DelayedMarket
from simulators.ib_gateway.entitlements import (
    DELAYED_FROZEN,
    FROZEN,
    TYPES,
    access_to,
    competing,
    told_type,
)
from simulators.ib_gateway.gateway import Gateway
from simulators.ib_gateway.generic_ticks import read_generics
from simulators.ib_gateway.line_pictures import LinePictures, LiveMarket
from simulators.ib_gateway.problems import Problem
from simulators.ib_gateway.quoted import read_quoted
from simulators.ib_gateway.session import Session
from simulators.ib_gateway.subscriptions import Line, Quoted, changed
from simulators.ib_gateway.ticks import HEADS
from simulators.ib_gateway.wire import Fields
from simulators.venue import trading_calendar as calendar
from simulators.venue.quotes import Quote

_FARM_BROKEN = 2103
_MIN_TICK, _BBO_EXCHANGE, _SNAPSHOTS_ALLOWED = "0.01", "9c0001", 3


class MarketData:
    """Ticks for the clients that ask for them.

    A line sends all that it shows at first, then whatever of it changed: with each quote, and
    with each minute of trading. While the link to IB is down, or the farm of market data is broken,
    lines stand still.
    """

    def __init__(self, gateway: Gateway) -> None:
        self._gateway = gateway
        market = gateway.market
        self._live = LinePictures(market, LiveMarket(market), is_live=True)
        self._delayed = LinePictures(market, DelayedMarket(market), is_live=False)
        self._waits_for_link = False
        market.venue.subscribe_to_quotes(self._quoted)
        market.venue.repeat(_next_look, self._look)

    def handlers(self) -> dict[int, Handler]:
        """Handlers by the number of their request."""
        return {1: self._request, 2: self._cancel, 59: self._set_type}

    def _set_type(self, call: Call) -> None:
        wanted = call.args(2).integer()
        if wanted not in TYPES:
            raise Problem(321, f"Error validating request.-'bS' : cause - Invalid type {wanted}")
        call.session.data_type = wanted
        for req_id, line in call.session.subscriptions.lines.items():
            self._refresh(call.session, req_id, line)

    def _request(self, call: Call) -> None:
        args = call.args(3)
        quoted = read_quoted(self._gateway, Wanted.read(args), args)
        if args.flag():
            args.skip(3)  # the hedge of a delta-neutral combination changes nothing about its price
        generics, is_snapshot = self._read_kind(quoted, args)
        lines = call.session.subscriptions.lines
        if call.id in lines:
            raise Problem(322, "Error processing request.-'bQ' : cause - Duplicate ticker id")
        access = access_to(self._gateway.market_data, call.session.data_type, quoted)
        if not is_snapshot:
            self._check_room()
        if access.notice is not None:
            call.session.error(*access.notice, call.id)
        line = Line(quoted, quoted.movers, generics, access.is_live, access.has_greeks)
        if is_snapshot and not self._has_data:
            raise Problem(10182, "Failed to request live updates (disconnected).")
        self._refresh(call.session, call.id, line)
        if is_snapshot:
            call.session.send(57, 1, call.id)
        else:
            lines[call.id] = line

    def _read_kind(self, quoted: Quoted, args: Fields) -> tuple[frozenset[int], bool]:
        """The generic ticks, and whether it is a snapshot."""
        text, is_snapshot, is_regulatory = args.text(), args.flag(), args.flag()
        generics = read_generics(text, quoted.single)
        if generics and (is_snapshot or is_regulatory):
            cause = "Snapshot market data subscription is not applicable to generic ticks"
            raise Problem(321, f"Error validating request.-'bW' : cause - {cause}")
        return generics, is_snapshot or is_regulatory

    def _check_room(self) -> None:
        clients = self._gateway.clients.values()
        taken = sum(len(session.subscriptions.lines) for session in clients)
        if taken >= self._gateway.settings.market_data_lines:
            raise Problem(101, "Max number of tickers has been reached")

    def _cancel(self, call: Call) -> None:
        if call.session.subscriptions.lines.pop(call.id, None) is None:
            raise Problem(300, f"Can't find EId with tickerId:{call.id}")

    def _quoted(self, quote: Quote) -> None:
        for session in self._gateway.clients.values():
            for req_id, line in session.subscriptions.lines.items():
                if line.is_live and quote.symbol in line.movers:
                    self._refresh(session, req_id, line)

    def _look(self) -> None:
        for session in self._gateway.clients.values():
            for req_id, line in session.subscriptions.lines.items():
                self._refresh(session, req_id, line)

    @property
    def _has_data(self) -> bool:
        uplink = self._gateway.uplink
        return uplink.is_up and not uplink.is_broken(_FARM_BROKEN)

    def _refresh(self, session: Session, req_id: int, line: Line) -> None:
        gateway = self._gateway
        if gateway.market_data == "competing":
            self._interrupt(session, req_id, line)
        elif self._has_data:
            self._send(session, req_id, line)
        elif not gateway.uplink.is_up and not self._waits_for_link:
            self._waits_for_link = True
            gateway.uplink.when_up(self._catch_up)

    def _interrupt(self, session: Session, req_id: int, line: Line) -> None:
        """Says once that another session has the data; when it is gone all is sent anew."""
        if line.told:
            problem = competing()
            session.error(problem.code, problem.text, req_id)
            line.told, line.told_type = {}, 0

    def _catch_up(self) -> None:
        self._waits_for_link = False
        self._look()

    def _send(self, session: Session, req_id: int, line: Line) -> None:
        """Sends what of the line has changed since it was last sent."""
        pictures = self._live if line.is_live else self._delayed
        wants_frozen = session.data_type in (FROZEN, DELAYED_FROZEN)
        picture = pictures.of(line, wants_frozen=wants_frozen)
        if not line.told_type:
            session.send(81, req_id, _MIN_TICK, _BBO_EXCHANGE, _SNAPSHOTS_ALLOWED)
        kind = told_type(is_live=line.is_live, is_frozen=picture.is_frozen)
        if kind != line.told_type:
            session.send(58, 1, req_id, kind)
            line.told_type = kind
        for (message, tick), values in changed(line.told, picture.ticks).items():
            session.send(*HEADS[message], req_id, tick, *values)
        line.told = picture.ticks


def _next_look(at: datetime) -> datetime:
    """The next minute of trading, or the next beginning or end of a session."""
    return min(
        calendar.next_minute(at),
        calendar.next_open(at),
        calendar.next_extended_open(at),
        calendar.next_extended_close(at),
    )
