"""Requests about contracts: details, chains, symbols that match, price steps, exchanges."""

from collections.abc import Iterable

from simulators.ib_gateway.call import Call, Handler
from simulators.ib_gateway.contract_replies import (
    contract_details,
    option_parameters,
    symbol_samples,
)
from simulators.ib_gateway.contracts import (
    OPTION_EXCHANGES,
    STOCK_EXCHANGES,
    Wanted,
    con_id_of,
    ib_symbol,
)
from simulators.ib_gateway.gateway import Gateway
from simulators.ib_gateway.market_rules import RULES
from simulators.ib_gateway.problems import Problem, invalid, no_definition
from simulators.ib_gateway.wire import Field

_SAMPLES_MAX = 16
_SMART = "SMART"
_LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
_DEPTH_KIND = "Deep"


class ContractRequests:
    """Answers at once, from the venue's catalog."""

    def __init__(self, gateway: Gateway) -> None:
        self._gateway = gateway

    def handlers(self) -> dict[int, Handler]:
        """Handlers by the number of their request."""
        return {
            9: self._details,
            78: self._option_parameters,
            81: self._samples,
            82: self._depth_exchanges,
            83: self._smart_components,
            91: self._market_rule,
        }

    def _details(self, call: Call) -> None:
        args = call.args(3)
        wanted, with_expired = Wanted.read(args), args.flag()
        _check_sec_type(wanted)
        found = self._gateway.contracts(wanted, with_expired=with_expired)
        if not found:
            raise no_definition()
        now, version = self._gateway.venue.now, call.session.version
        for instrument in found:
            details = contract_details(call.id, instrument, wanted.exchange, now, version)
            call.session.send(*details)
        call.session.send(52, 1, call.id)

    def _option_parameters(self, call: Call) -> None:
        args = call.args(2)
        symbol, future_exchange, sec_type = args.text(), args.text(), args.text()
        con_id = args.integer()
        contracts = self._gateway.finder.options_on(symbol, self._gateway.venue.now)
        if sec_type != "STK" or not contracts or con_id != con_id_of(contracts[0].underlying):
            raise no_definition()
        if not future_exchange:  # exchanges are named for options on futures only
            for message in option_parameters(call.id, contracts):
                call.session.send(*message)
        call.session.send(76, call.id)

    def _samples(self, call: Call) -> None:
        pattern = call.args(2).text().strip().upper()
        shares = self._gateway.market.catalog.equities()
        by_symbol = [i for i in shares if pattern and ib_symbol(i).startswith(pattern)]
        by_name = [i for i in shares if pattern and pattern in i.name.upper()]
        found = list(dict.fromkeys((*by_symbol, *by_name)))
        samples = symbol_samples(call.id, found[:_SAMPLES_MAX], call.session.version)
        call.session.send(*samples)

    def _market_rule(self, call: Call) -> None:
        number = call.args(1).integer()
        if number not in RULES:
            raise Problem(321, f"Error validating request.-'cg' : cause - Invalid rule {number}")
        steps = [field for step in RULES[number] for field in step]
        call.session.send(93, number, len(RULES[number]), *steps)

    def _smart_components(self, call: Call) -> None:
        """The exchanges behind the letters of a best bid or offer."""
        bbo_exchange = call.args(2).text()
        if not bbo_exchange:
            raise invalid("Please enter a BBO exchange")
        parts = enumerate(name for name in STOCK_EXCHANGES if name != _SMART)
        fields = [field for n, name in parts for field in (n, name, _LETTERS[n])]
        call.session.send(82, call.id, len(fields) // 3, *fields)

    def _depth_exchanges(self, call: Call) -> None:
        rows = [*_rows(STOCK_EXCHANGES, "STK"), *_rows(OPTION_EXCHANGES, "OPT")]
        call.session.send(80, len(rows), *(field for row in rows for field in row))


def _rows(exchanges: Iterable[str], sec_type: str) -> list[tuple[Field, ...]]:
    """Exchange, kind of instrument, listing exchange, kind of data, group of each exchange."""
    return [(name, sec_type, "", _DEPTH_KIND, 1) for name in exchanges if name != _SMART]


def _check_sec_type(wanted: Wanted) -> None:
    """A symbol alone names nothing.

    Raises:
        Problem: The kind of instrument is missing, and no conId stands for it.
    """
    if not wanted.sec_type and not wanted.con_id and not wanted.local_symbol:
        raise Problem(
            321, "Error validating request.-'bJ' : cause - Please enter a valid security type"
        )
