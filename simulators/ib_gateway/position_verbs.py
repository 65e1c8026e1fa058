"""What the control can do to positions without an order: option events, transfers."""

from decimal import Decimal, InvalidOperation
from typing import Any

import msgspec

from simulators.control.control import BadRequest, Verb
from simulators.control.truth import account_event_record
from simulators.ib_gateway.forms import taking
from simulators.ib_gateway.gateway import Gateway
from simulators.venue.accounts import Account
from simulators.venue.instruments import Instrument, OptionContract, parse_instrument

_LARGEST = Decimal("1e9")


class OneOption(msgspec.Struct, forbid_unknown_fields=True):
    """A contract by its OCC symbol; so many of it, all if it is left out."""

    symbol: str
    qty: str | None = None


class OneSymbol(msgspec.Struct, forbid_unknown_fields=True):
    """A contract by its OCC symbol."""

    symbol: str


class Transfer(msgspec.Struct, forbid_unknown_fields=True):
    """So many (a negative number takes away) come into the account at a price, without cash."""

    symbol: str
    qty: str
    px: str


class PositionVerbs:
    """Of the account that is logged in; each answers the ledger's entries that it made."""

    def __init__(self, gateway: Gateway) -> None:
        self._gateway = gateway

    def verbs(self) -> dict[str, Verb]:
        """The verbs by name."""
        return {
            "assign": taking(OneOption, self._assign),
            "exercise": taking(OneOption, self._exercise),
            "expire": taking(OneSymbol, self._expire),
            "do_not_exercise": taking(OneSymbol, self._do_not_exercise),
            "position": taking(Transfer, self._transfer),
        }

    def _assign(self, asked: OneOption) -> Any:
        before = self._count()
        qty = None if asked.qty is None else _number(asked.qty, "qty")
        self._gateway.market.lifecycle.assign(self._gateway.account_id, asked.symbol, qty)
        return self._since(before)

    def _exercise(self, asked: OneOption) -> Any:
        before = self._count()
        qty = None if asked.qty is None else _number(asked.qty, "qty")
        self._gateway.market.lifecycle.exercise(self._gateway.account_id, asked.symbol, qty)
        return self._since(before)

    def _expire(self, asked: OneSymbol) -> Any:
        before = self._count()
        contract = self._gateway.venue.catalog.get(asked.symbol)
        if not isinstance(contract, OptionContract) or not self._account.position_qty(asked.symbol):
            raise BadRequest(f"no position in an option {asked.symbol}")
        self._gateway.market.events.expire(self._account, contract, self._gateway.venue.now)
        return self._since(before)

    def _do_not_exercise(self, asked: OneSymbol) -> Any:
        account_id = self._gateway.account_id
        self._gateway.market.lifecycle.do_not_exercise(account_id, asked.symbol)
        return {"symbol": asked.symbol}

    def _transfer(self, asked: Transfer) -> Any:
        before = self._count()
        qty, px = _number(asked.qty, "qty"), _number(asked.px, "px")
        if px < 0:
            raise BadRequest("px must be above 0")
        instrument, now = self._instrument(asked.symbol), self._gateway.venue.now
        self._gateway.market.events.move_position(self._account, instrument, qty, px, now)
        return self._since(before)

    def _instrument(self, symbol: str) -> Instrument:
        instrument = self._gateway.market.catalog.find(symbol)
        if instrument is None:
            instrument = parse_instrument(symbol)
            if instrument is None:
                raise BadRequest(f"{symbol!r} is neither a ticker nor an OCC symbol")
            self._gateway.market.catalog.list(instrument)
        return instrument

    @property
    def _account(self) -> Account:
        return self._gateway.venue.accounts[self._gateway.account_id]

    def _count(self) -> int:
        self._gateway.venue.advance()
        return len(self._gateway.venue.ledger.account_events)

    def _since(self, count: int) -> list[dict[str, Any]]:
        events = self._gateway.venue.ledger.account_events[count:]
        return [account_event_record(event) for event in events]


def _number(text: str, name: str) -> Decimal:
    try:
        value = Decimal(text)
    except InvalidOperation as error:
        raise BadRequest(f"{name} is not a decimal") from error
    if not value.is_finite() or not value or abs(value) > _LARGEST:
        raise BadRequest(f"{name} is out of range")
    return value
