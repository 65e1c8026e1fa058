"""Quotes: snapshots and subscriptions, live, delayed or frozen as the account has them."""

from decimal import Decimal

from simulators.ib_gateway.call import Call, Handler
from simulators.ib_gateway.contracts import Wanted
from simulators.ib_gateway.gateway import Gateway
from simulators.ib_gateway.problems import Problem, not_built
from simulators.ib_gateway.session import Session
from simulators.venue import trading_calendar as calendar
from simulators.venue.instruments import Instrument
from simulators.venue.quotes import Quote

_LIVE, _FROZEN, _DELAYED, _DELAYED_FROZEN = 1, 2, 3, 4
_TICKS = {True: (1, 2, 9), False: (66, 67, 75)}  # bid, ask, close; live and delayed
_NO_PRICE = Decimal(-1)


class MarketData:
    """Ticks of the venue's quotes for the clients that ask for them."""

    def __init__(self, gateway: Gateway) -> None:
        self._gateway = gateway
        gateway.venue.subscribe_to_quotes(self._quoted)

    def handlers(self) -> dict[int, Handler]:
        """Handlers by the number of their request."""
        return {1: self._request, 2: self._cancel, 59: self._set_type}

    def _set_type(self, call: Call) -> None:
        wanted = call.args(2).integer()
        if wanted not in (_LIVE, _FROZEN, _DELAYED, _DELAYED_FROZEN):
            raise Problem(321, f"Error validating request.-'bS' : cause - Invalid type {wanted}")
        call.session.data_type = wanted

    def _request(self, call: Call) -> None:
        args = call.args(3)
        wanted = Wanted.read(args)
        if wanted.sec_type == "BAG" or args.flag():
            raise not_built("market data of combinations")
        _generic_ticks, is_snapshot = args.text(), args.flag()
        instrument = self._gateway.contract(wanted)
        session = call.session
        if call.id in session.quotes:
            raise Problem(322, "Error processing request.-'bQ' : cause - Duplicate ticker id")
        is_live = self._check_subscription(call)
        session.send(81, call.id, "0.01", "9c0001", 3)
        self._send_type(session, call.id, is_live=is_live, instrument=instrument)
        self._send_ticks(session, call.id, instrument.symbol, is_live=is_live)
        if is_snapshot:
            session.send(57, 1, call.id)
        else:
            session.quotes[call.id] = instrument.symbol

    def _check_subscription(self, call: Call) -> bool:
        """Whether the data are live; raises Problem if there are none for what is wanted."""
        have = self._gateway.market_data
        if have == "realtime" and call.session.data_type in (_LIVE, _FROZEN, _DELAYED):
            return True
        if have == "none" or call.session.data_type in (_LIVE, _FROZEN):
            missing = "Requested market data is not subscribed."
            if have == "none":
                raise Problem(354, missing)
            raise Problem(10168, f"{missing} Delayed market data is not enabled.")
        text = "Requested market data is not subscribed. Displaying delayed market data."
        call.session.error(10167, text, call.id)
        return False

    def _send_type(
        self, session: Session, req_id: int, *, is_live: bool, instrument: Instrument
    ) -> None:
        quote = self._gateway.venue.quotes.find(instrument.symbol)
        is_frozen = quote is not None and quote.frozen
        if session.data_type in (_FROZEN, _DELAYED_FROZEN) and not self._is_open():
            is_frozen = True
        kind = (_FROZEN if is_frozen else _LIVE) if is_live else _DELAYED
        if not is_live and is_frozen:
            kind = _DELAYED_FROZEN
        session.send(58, 1, req_id, kind)

    def _send_ticks(self, session: Session, req_id: int, symbol: str, *, is_live: bool) -> None:
        """Bid, ask and close; without a market there is no price unless frozen ones are wanted."""
        bid_tick, ask_tick, close_tick = _TICKS[is_live]
        quote = self._gateway.venue.quotes.find(symbol)
        is_shown = self._is_open() or session.data_type in (_FROZEN, _DELAYED_FROZEN)
        if quote is None or not is_shown:
            session.send(1, 6, req_id, bid_tick, _NO_PRICE, 0, 0)
            session.send(1, 6, req_id, ask_tick, _NO_PRICE, 0, 0)
        else:
            session.send(1, 6, req_id, bid_tick, quote.bid or _NO_PRICE, quote.bid_size, 1)
            session.send(1, 6, req_id, ask_tick, quote.ask, quote.ask_size, 1)
        close = self._gateway.venue.quotes.previous_close(symbol)
        if close is not None:
            session.send(1, 6, req_id, close_tick, close, 0, 0)

    def _quoted(self, quote: Quote) -> None:
        for session in self._gateway.clients.values():
            for req_id, symbol in session.quotes.items():
                if symbol == quote.symbol:
                    is_live = self._gateway.market_data == "realtime"
                    self._send_ticks(session, req_id, symbol, is_live=is_live)

    def _cancel(self, call: Call) -> None:
        if call.session.quotes.pop(call.id, None) is None:
            raise Problem(300, f"Can't find EId with tickerId:{call.id}")

    def _is_open(self) -> bool:
        return calendar.session_at(self._gateway.venue.now) is not None
