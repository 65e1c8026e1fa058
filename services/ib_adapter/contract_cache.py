"""Contracts by instrument, as IB itself names them: asked for once, remembered up to a bound."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from decimal import Decimal

from services.common.domain.errors import Reason, Refused
from services.common.domain.instruments import Instrument, OptionContract
from services.ib_adapter import contracts, figures
from services.ib_adapter.codes import Kind
from services.ib_adapter.figures import Unreadable
from services.ib_adapter.library import Contract, ContractDetails
from services.ib_adapter.pending import RequestRefused
from services.ib_adapter.requests import Requests


class ContractCache:
    """Qualifies instruments. `requests` gives the current connection's, or raises ReadFailed."""

    def __init__(self, requests: Callable[[], Requests], len_max: int) -> None:
        self._requests = requests
        self._len_max = len_max
        self._known: OrderedDict[str, ContractDetails] = OrderedDict()

    async def contract(self, instrument: Instrument) -> Contract:
        """The contract, with its conId, routed SMART. Raises as `details` does."""
        details = await self.details(instrument)
        found = details.contract
        assert found is not None  # `details` gives none without
        return Contract(
            secType=found.secType,
            conId=found.conId,
            symbol=found.symbol,
            lastTradeDateOrContractMonth=found.lastTradeDateOrContractMonth,
            strike=found.strike,
            right=found.right,
            multiplier=found.multiplier,
            exchange=contracts.SMART,
            currency=found.currency,
            localSymbol=found.localSymbol,
            tradingClass=found.tradingClass,
        )

    async def min_tick(self, instrument: Instrument) -> Decimal | None:
        """The smallest step of the contract's prices, None if IB tells none. As `details`."""
        return figures.decimal((await self.details(instrument)).minTick) or None

    async def details(self, instrument: Instrument, *, fresh: bool = False) -> ContractDetails:
        """What IB tells of the contract; with `fresh` it is asked anew.

        Raises Refused INSTRUMENT_NOT_FOUND if IB knows none, or more than one, that fits exactly,
        and ReadFailed.
        """
        key = instrument.key
        if key in self._known and not fresh:
            self._known.move_to_end(key)
            return self._known[key]
        found = self._one(instrument, await self._ask(instrument))
        self._known[key] = found
        while len(self._known) > self._len_max:
            self._known.popitem(last=False)
        return found

    async def _ask(self, instrument: Instrument) -> list[ContractDetails]:
        found = await self._ask_for(contracts.contract_of(instrument))
        if not found and isinstance(instrument, OptionContract):
            # Its last trade date may be another than the one in its symbol.
            found = await self._ask_for(contracts.local_contract_of(instrument))
        return found

    async def _ask_for(self, contract: Contract) -> list[ContractDetails]:
        try:
            return await self._requests().contract_details(contract)
        except RequestRefused as error:
            if error.said.kind is Kind.REJECTED:
                return []
            raise

    def _one(self, instrument: Instrument, found: list[ContractDetails]) -> ContractDetails:
        fitting = {
            details.contract.conId: details
            for details in found
            if details.contract is not None and _names(details.contract, instrument)
        }
        if len(fitting) != 1:
            many = "no contract" if not fitting else f"{len(fitting)} contracts"
            raise Refused(Reason.INSTRUMENT_NOT_FOUND, f"IB has {many} for {instrument.key}")
        return next(iter(fitting.values()))


def _names(contract: Contract, instrument: Instrument) -> bool:
    try:
        return contracts.instrument_of(contract) == instrument
    except Unreadable:
        return False
