"""Single ticks as they come: trades, quotes, or the middle of them."""

from decimal import Decimal

from simulators.ib_gateway.call import Call, Handler
from simulators.ib_gateway.contracts import Wanted
from simulators.ib_gateway.entitlements import sees_live
from simulators.ib_gateway.gateway import Gateway
from simulators.ib_gateway.problems import Problem, invalid
from simulators.ib_gateway.session import Session
from simulators.ib_gateway.subscriptions import Quoted, TickStream
from simulators.ib_gateway.ticks import is_open, trade_px
from simulators.ib_gateway.wire import Field
from simulators.venue.instruments import Equity
from simulators.venue.quotes import Quote

_KINDS = {"Last": 1, "AllLast": 2, "BidAsk": 3, "MidPoint": 4}
_BID_ASK, _MIDPOINT = 3, 4
_LINES_A_STREAM = 20
_STREAMS_MIN = 3
_LOT = {True: 100, False: 1}


class TickStreams:
    """A tick for each new quote of a market that is open."""

    def __init__(self, gateway: Gateway) -> None:
        self._gateway = gateway
        gateway.venue.subscribe_to_quotes(self._quoted)

    def handlers(self) -> dict[int, Handler]:
        """Handlers by the number of their request."""
        return {97: self._request, 98: self._cancel}

    def _request(self, call: Call) -> None:
        args = call.args(2)
        wanted, name = Wanted.read(args), args.text()
        if name not in _KINDS:
            raise invalid(f"Invalid tick-by-tick type '{name[:40]}'")
        instrument = self._gateway.contract(wanted)
        streams = call.session.subscriptions.ticks
        if call.id in streams:
            raise Problem(322, "Error processing request.-'cf' : cause - Duplicate ticker id")
        if not sees_live(self._gateway.market_data, Quoted(((instrument, Decimal(1)),))):
            text = "Failed to request tick-by-tick data:No market data permissions"
            raise Problem(10189, text)
        clients = self._gateway.clients.values()
        most = max(_STREAMS_MIN, self._gateway.settings.market_data_lines // _LINES_A_STREAM)
        if sum(len(session.subscriptions.ticks) for session in clients) >= most:
            raise Problem(10190, "Max number of tick-by-tick requests has been reached")
        streams[call.id] = TickStream(instrument, _KINDS[name])

    def _cancel(self, call: Call) -> None:
        if call.session.subscriptions.ticks.pop(call.id, None) is None:
            raise Problem(300, f"Can't find EId with tickerId:{call.id}")

    def _quoted(self, quote: Quote) -> None:
        if not self._gateway.uplink.is_up:
            return  # what a broken link didn't bring is not brought later
        for session in self._gateway.clients.values():
            for req_id, stream in session.subscriptions.ticks.items():
                if stream.instrument.symbol == quote.symbol:
                    self._tell(session, req_id, stream, quote)

    def _tell(self, session: Session, req_id: int, stream: TickStream, quote: Quote) -> None:
        now = self._gateway.venue.now
        if not is_open(stream.instrument, now):
            return
        values: tuple[Field, ...]
        if stream.kind == _BID_ASK:
            values = (quote.bid, quote.ask, quote.bid_size, quote.ask_size, 0)
        elif stream.kind == _MIDPOINT:
            values = (quote.mid,)
        else:
            lot = _LOT[isinstance(stream.instrument, Equity)]
            values = (trade_px(quote), lot, 0, "", "")
        session.send(99, req_id, stream.kind, int(now.timestamp()), *values)
