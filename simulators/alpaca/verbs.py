"""What only the simulated Alpaca's control can do: option events, cash and positions by hand."""

from collections.abc import Callable
from decimal import Decimal, InvalidOperation
from typing import Any

from simulators.alpaca.data_stream import DataStreams
from simulators.alpaca.market import Market
from simulators.alpaca.wire_values import cents
from simulators.control.control import BadRequest, Verb
from simulators.control.truth import account_event_record
from simulators.venue.accounts import Account
from simulators.venue.instruments import Instrument, parse_instrument
from simulators.venue.ledger import AccountEvent, AccountEventKind

_LARGEST = Decimal("1e9")


class AlpacaVerbs:
    """The verbs of one account: each takes plain JSON arguments and returns what it did."""

    def __init__(self, market: Market, account_id: str) -> None:
        self._market = market
        self._account_id = account_id

    def verbs(self) -> dict[str, Verb]:
        """Verbs by name."""
        return {
            "assign": self._assign,
            "exercise": self._exercise,
            "fee": self._fee,
            "dividend": self._dividend,
            "deposit": self._transfer(AccountEventKind.DEPOSIT, 1),
            "withdraw": self._transfer(AccountEventKind.WITHDRAWAL, -1),
            "position": self._position,
        }

    @property
    def _account(self) -> Account:
        self._market.venue.advance()
        return self._market.venue.accounts[self._account_id]

    def _assign(self, given: dict[str, Any]) -> Any:
        _only(given, "symbol", "qty")
        qty = _number(given, "qty") if "qty" in given else None
        before = self._count()
        self._market.lifecycle.assign(self._account_id, _symbol(given), qty)
        return self._since(before)

    def _exercise(self, given: dict[str, Any]) -> Any:
        _only(given, "symbol")
        before = self._count()
        self._market.lifecycle.exercise(self._account_id, _symbol(given))
        return self._since(before)

    def _fee(self, given: dict[str, Any]) -> Any:
        """A fee of the account, or of one symbol: `sub_type` is Alpaca's, such as ORF or TAF."""
        _only(given, "amount", "symbol", "sub_type")
        return self._cash(
            AccountEventKind.FEE,
            -_positive(given, "amount"),
            symbol=str(given.get("symbol", "")),
            sub_type=str(given.get("sub_type", "")),
        )

    def _dividend(self, given: dict[str, Any]) -> Any:
        """So much for each share that is held; who is short pays it."""
        _only(given, "symbol", "per_share")
        symbol, per_share = _symbol(given), _positive(given, "per_share")
        held = self._account.position_qty(symbol)
        if not held:
            raise BadRequest(f"no position in {symbol}")
        kind, amount = AccountEventKind.DIVIDEND, cents(held * per_share)
        return self._cash(
            kind, amount, symbol=symbol, on_qty=held, price=per_share, sub_type="CDIV"
        )

    def _transfer(self, kind: AccountEventKind, sign: int) -> Callable[[dict[str, Any]], Any]:
        def transfer(given: dict[str, Any]) -> Any:
            _only(given, "amount")
            return self._cash(kind, sign * _positive(given, "amount"))

        return transfer

    def _position(self, given: dict[str, Any]) -> Any:
        """Puts so many (a negative number takes away) into the account at a price, without cash."""
        _only(given, "symbol", "qty", "px")
        instrument, qty = self._instrument(_symbol(given)), _number(given, "qty")
        px = _positive(given, "px")
        account = self._account
        now = self._market.venue.now
        return _told(self._market.events.move_position(account, instrument, qty, px, now))

    def _instrument(self, symbol: str) -> Instrument:
        found = self._market.catalog.find(symbol)
        if found is not None:
            return found
        instrument = parse_instrument(symbol)
        if instrument is None:
            raise BadRequest(f"{symbol!r} is neither a ticker nor an OCC symbol")
        self._market.catalog.list(instrument)
        return instrument

    def _cash(self, kind: AccountEventKind, amount: Decimal, **more: Any) -> Any:
        account = self._account
        now = self._market.venue.now
        return _told(self._market.events.move_cash(account, kind, amount, now, **more))

    def _count(self) -> int:
        self._market.venue.advance()
        return len(self._market.venue.ledger.account_events)

    def _since(self, count: int) -> Any:
        return [_told(event) for event in self._market.venue.ledger.account_events[count:]]


def stream_verbs(streams: DataStreams) -> dict[str, Verb]:
    """Faults of the data streams; each tells how many clients there are."""

    def count() -> dict[str, int]:
        return {"sessions": streams.session_count}

    def disconnect(given: dict[str, Any]) -> Any:
        _only(given)
        told = count()
        streams.disconnect_all()
        return told

    def mute(given: dict[str, Any]) -> Any:
        _only(given, "muted")
        muted = given.get("muted", True)
        if not isinstance(muted, bool):
            raise BadRequest("muted is true or false")
        streams.is_muted = muted
        return count()

    def refuse(given: dict[str, Any]) -> Any:
        _only(given, "times")
        times = given.get("times", 1)
        if isinstance(times, bool) or not isinstance(times, int) or not 0 <= times <= 1000:
            raise BadRequest("times is a number from 0 to 1000")
        streams.refuse_next = times
        return count()

    return {
        "data_streams_disconnect": disconnect,
        "data_streams_mute": mute,
        "data_streams_refuse": refuse,
    }


def _told(event: AccountEvent) -> dict[str, Any]:
    return account_event_record(event)


def _only(given: dict[str, Any], *names: str) -> None:
    for name in given:
        if name not in names:
            raise BadRequest(f"{name}: one of {', '.join(names)}")


def _symbol(given: dict[str, Any]) -> str:
    symbol = given.get("symbol")
    if not isinstance(symbol, str) or not symbol:
        raise BadRequest("symbol is needed")
    return symbol


def _positive(given: dict[str, Any], name: str) -> Decimal:
    value = _number(given, name)
    if value <= 0:
        raise BadRequest(f"{name} must be above 0")
    return value


def _number(given: dict[str, Any], name: str) -> Decimal:
    text = given.get(name)
    if isinstance(text, bool) or not isinstance(text, str | int):
        raise BadRequest(f"{name} is a decimal in a string")
    try:
        value = Decimal(text)
    except InvalidOperation as error:
        raise BadRequest(f"{name} is not a decimal") from error
    if not value.is_finite() or abs(value) > _LARGEST or not value:
        raise BadRequest(f"{name} is out of range")
    return value
