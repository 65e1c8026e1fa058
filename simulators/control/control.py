"""The control of a simulator in process: the same verbs as over HTTP, for tests in one loop."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, Protocol

from simulators.control.faults import Fault, FaultBook, FaultSpec, parse_fault
from simulators.control.request_log import RequestEntry, RequestLog
from simulators.control.truth import ledger_json
from simulators.venue.instruments import parse_instrument
from simulators.venue.orders import Execution, NewOrder, Order, OrderType, Side, TimeInForce
from simulators.venue.quotes import Quote
from simulators.venue.venue import Venue

# What lies between happens step by step, so a year is a while and a millennium is for ever.
_CLOCK_MOVE_MAX = timedelta(days=400)


class Wire(Protocol):
    """What the control needs of a simulator's own protocol."""

    def disconnect_all(self) -> int:
        """Cuts every stream client off; returns how many there were."""

    def release(self) -> int:
        """Sends the events that faults keep back; returns how many."""

    @property
    def session_count(self) -> int:
        """How many stream clients are connected."""

    @property
    def listening_count(self) -> int:
        """How many of them are authorised and subscribed."""


@dataclass(frozen=True, slots=True)
class Option:
    """A switch of a simulator that can be turned while it runs."""

    values: tuple[str, ...]
    get: Callable[[], str]
    set: Callable[[str], None]


Verb = Callable[[dict[str, Any]], Any]
"""Something that only one simulator can do, from arguments to answer: plain JSON values."""


class BadRequest(ValueError):
    """The control was asked for something that makes no sense; the message says what."""


class SimulatorControl:
    """Faults, truth and hand tools of one simulator.

    Every verb takes effect at once and synchronously. Refusals of the venue come out as
    `simulators.venue.refusals.Refusal`, what makes no sense as `BadRequest` or `BadFault`.
    """

    def __init__(
        self,
        venue: Venue,
        faults: FaultBook,
        log: RequestLog,
        wire: Wire,
        wake: Callable[[], None],
        options: dict[str, Option],
        verbs: Mapping[str, Verb] | None = None,
        account_id: Callable[[], str] | None = None,
    ) -> None:
        """Args: account_id: whose orders are meant; the first account's unless it is told."""
        self.venue = venue
        self._faults = faults
        self._log = log
        self._wire = wire
        self._wake = wake
        self._options = options
        self._verbs = verbs or {}
        first = next(iter(venue.accounts))
        self._whose = account_id or (lambda: first)

    @property
    def _account_id(self) -> str:
        return self._whose()

    # Faults

    def add_fault(self, fault: FaultSpec | dict[str, Any]) -> Fault:
        """Adds a fault; raises BadFault if it makes no sense."""
        spec = fault if isinstance(fault, FaultSpec) else parse_fault(fault)
        return self._faults.add(spec)

    def faults(self) -> list[Fault]:
        """The faults in force."""
        return self._faults.list()

    def clear_faults(self, fault_id: int | None = None) -> int:
        """Takes out one fault or all; returns how many."""
        return self._faults.clear(fault_id)

    def disconnect_streams(self) -> int:
        """Cuts every stream client off; returns how many."""
        return self._wire.disconnect_all()

    def release_events(self) -> int:
        """Sends the events that hold and reorder keep back; returns how many."""
        return self._wire.release()

    def set_option(self, name: str, value: str) -> None:
        """Turns a switch, such as stream_exec_ids."""
        option = self._options.get(name)
        if option is None:
            raise BadRequest(f"no option {name!r}; there are {', '.join(sorted(self._options))}")
        if value not in option.values:
            raise BadRequest(f"{name} is one of {', '.join(option.values)}")
        option.set(value)

    def options(self) -> dict[str, str]:
        """How the switches stand."""
        return {name: option.get() for name, option in self._options.items()}

    # What only this simulator can do

    def verbs(self) -> list[str]:
        """The names of the simulator's own verbs."""
        return sorted(self._verbs)

    def do(self, name: str, **arguments: Any) -> Any:
        """Acts one of the simulator's own verbs; returns what it tells."""
        verb = self._verbs.get(name)
        if verb is None:
            raise BadRequest(f"no verb {name!r}; there are {', '.join(self.verbs()) or 'none'}")
        told = verb(arguments)
        self._wake()
        return told

    # Truth

    def ledger(self, *, with_entries: bool = False) -> dict[str, Any]:
        """Orders, executions, positions, cash, realised profit and fees, as plain JSON values."""
        self.venue.advance()
        return ledger_json(self.venue, with_entries=with_entries)

    def requests(self, after_seq: int = 0) -> list[RequestEntry]:
        """The request log behind that number, oldest first."""
        return [entry for entry in self._log.entries if entry.seq > after_seq]

    def health(self) -> dict[str, Any]:
        """That it runs, what time it is there, and what it holds."""
        return {
            "status": "ok",
            "now": self.venue.clock.now().isoformat(),
            "elapsed_s": self.venue.clock.elapsed_s,
            "seed": self.venue.randomness.seed,
            "stream_sessions": self._wire.session_count,
            "listening": self._wire.listening_count,
            "open_orders": len(self.venue.desk.open_orders()),
            "faults": len(self._faults.list()),
            "requests_not_kept": self._log.dropped,
        }

    # Hand tools

    def set_clock(self, at: datetime) -> datetime:
        """Moves the market clock there; what lies between happens, in order."""
        if at.tzinfo is None:
            raise BadRequest("the time needs a zone")
        if abs(at - self.venue.clock.now()) > _CLOCK_MOVE_MAX:
            raise BadRequest(f"the clock moves by at most {_CLOCK_MOVE_MAX.days} days at a time")
        self.venue.set_clock(at)
        self._wake()
        return self.venue.clock.now()

    def advance_clock(self, seconds: float) -> datetime:
        """Moves the market clock by so many seconds."""
        if not abs(seconds) <= _CLOCK_MOVE_MAX.total_seconds():
            raise BadRequest(f"the clock moves by at most {_CLOCK_MOVE_MAX.days} days at a time")
        return self.set_clock(self.venue.clock.now() + timedelta(seconds=seconds))

    def set_quote(self, symbol: str, bid: Decimal, ask: Decimal, *, frozen: bool = False) -> Quote:
        """Sets the best bid and ask; an instrument that isn't listed yet is listed.

        Args:
            frozen: The quote's time stays that of now, so that it grows old.
        """
        instrument = parse_instrument(symbol)
        if instrument is None:
            raise BadRequest(f"{symbol!r} is neither a ticker nor an OCC symbol")
        if self.venue.catalog.find(instrument.symbol) is None:
            self.venue.catalog.list(instrument)
        quote = Quote(instrument.symbol, bid, ask, self.venue.clock.now(), frozen)
        self.venue.set_quote(quote)
        self._wake()
        return quote

    def fill(
        self,
        order: str,
        qty: Decimal | None = None,
        px: Decimal | None = None,
        *,
        even_if_ended: bool = False,
    ) -> Execution:
        """Fills an order (by client or venue id), or a part of it, whatever the market says."""
        found = self._order(order)
        execution = self.venue.force_fill(
            found.venue_order_id, qty, px, even_if_ended=even_if_ended
        )
        self._wake()
        return execution

    def reject(self, order: str) -> Order:
        """Rejects an order (by client or venue id) that was accepted."""
        return self.venue.reject(self._order(order).venue_order_id)

    def cancel(self, order: str) -> Order:
        """Cancels an order (by client or venue id) as the account's owner could by hand."""
        canceled = self.venue.cancel(self._order(order).venue_order_id)
        self._wake()
        return canceled

    def place_by_hand(
        self,
        symbol: str,
        side: Side,
        qty: Decimal,
        limit_price: Decimal | None = None,
        time_in_force: TimeInForce = TimeInForce.DAY,
        client_order_id: str = "",
    ) -> Order:
        """Places an order at the venue itself, as its owner could in the broker's own app."""
        order_type = OrderType.MARKET if limit_price is None else OrderType.LIMIT
        asked = NewOrder(
            account_id=self._account_id,
            symbol=symbol,
            side=side,
            order_qty=qty,
            order_type=order_type,
            time_in_force=time_in_force,
            limit_price=limit_price,
            client_order_id=client_order_id,
            by_hand=True,
        )
        order = self.venue.submit(asked)
        self._wake()
        return order

    def set_account(self, **flags: Any) -> dict[str, Any]:
        """Sets the account's flags and its options level; returns how they stand."""
        account = self.venue.accounts[self._account_id]
        for name, value in flags.items():
            wanted = _ACCOUNT_FLAGS.get(name)
            if wanted is None or type(value) is not wanted:
                raise BadRequest(f"{name}: one of {', '.join(_ACCOUNT_FLAGS)}, of its own type")
        for name, value in flags.items():
            setattr(account, name, value)
        return {name: getattr(account, name) for name in _ACCOUNT_FLAGS}

    def _order(self, order: str) -> Order:
        self.venue.advance()
        found = self.venue.desk.find_by_client_id(self._account_id, order)
        return found if found is not None else self.venue.desk.get(order)


_ACCOUNT_FLAGS: dict[str, type] = {
    "trading_blocked": bool,
    "account_blocked": bool,
    "trade_suspended": bool,
    "shorting_enabled": bool,
    "options_level": int,
}
