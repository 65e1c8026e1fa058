"""Requests about contracts: details, option parameters, symbols that match."""

from simulators.ib_gateway.call import Call, Handler
from simulators.ib_gateway.contract_replies import (
    contract_details,
    option_parameters,
    symbol_samples,
)
from simulators.ib_gateway.contracts import Wanted, con_id_of, ib_symbol
from simulators.ib_gateway.gateway import Gateway
from simulators.ib_gateway.problems import no_definition
from simulators.venue.instruments import Equity

_SAMPLES_MAX = 16


class ContractRequests:
    """Answers at once, from the venue's catalog."""

    def __init__(self, gateway: Gateway) -> None:
        self._gateway = gateway

    def handlers(self) -> dict[int, Handler]:
        """Handlers by the number of their request."""
        return {9: self._details, 78: self._option_parameters, 81: self._samples}

    def _details(self, call: Call) -> None:
        args = call.args(3)
        wanted, with_expired = Wanted.read(args), args.flag()
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
        symbol, _exchange, sec_type, con_id = (
            args.text(),
            args.text(),
            args.text(),
            args.integer(),
        )
        contracts = self._gateway.finder.options_on(symbol, self._gateway.venue.now)
        if sec_type != "STK" or not contracts or con_id != con_id_of(contracts[0].underlying):
            raise no_definition()
        for message in option_parameters(call.id, contracts):
            call.session.send(*message)
        call.session.send(76, call.id)

    def _samples(self, call: Call) -> None:
        pattern = call.args(2).text().upper()
        shares = [i for i in self._gateway.venue.catalog if isinstance(i, Equity)]
        found = [i for i in shares if pattern and ib_symbol(i).startswith(pattern)]
        samples = symbol_samples(call.id, found[:_SAMPLES_MAX], call.session.version)
        call.session.send(*samples)
