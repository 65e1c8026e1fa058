"""Contracts by instrument, as IB itself names them: asked for once a day, up to a bound.

A day's entry is not believed on the next: hours, ticks and what is listed change overnight. Whoever
asks for one that is being asked for waits for the same answer.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from datetime import date

from services.common.domain.errors import Reason, Refused
from services.common.domain.instruments import Instrument, OptionContract
from services.ib_adapter import contracts
from services.ib_adapter.asked_once import AskedOnce
from services.ib_adapter.figures import Unreadable
from services.ib_adapter.library import Contract, ContractDetails
from services.ib_adapter.pending import RequestRefused
from services.ib_adapter.requests import Requests


class ContractCache:
    """Qualifies instruments. `requests` gives the current connection's, or raises ReadFailed;
    `today` is the day at IB, None while it is not known."""

    def __init__(
        self,
        requests: Callable[[], Requests],
        len_max: int,
        today: Callable[[], date | None] = lambda: None,
    ) -> None:
        self._requests = requests
        self._len_max = len_max
        self._today = today
        self._known: OrderedDict[str, tuple[date | None, ContractDetails]] = OrderedDict()
        self._asked: AskedOnce[ContractDetails] = AskedOnce()

    async def contract(self, instrument: Instrument, *, is_data: bool = False) -> Contract:
        """The contract, with its conId, routed SMART. Raises as `details` does."""
        details = await self.details(instrument, is_data=is_data)
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

    async def details(self, instrument: Instrument, *, is_data: bool = False) -> ContractDetails:
        """What IB tells of the contract, as of today; `is_data` if no order waits for it.

        Raises Refused INSTRUMENT_NOT_FOUND if IB knows none, or more than one, that fits exactly,
        and ReadFailed.
        """
        key = instrument.key
        kept = self._known.get(key)
        if kept is not None and kept[0] == self._today():
            self._known.move_to_end(key)
            return kept[1]
        return await self._asked.run(key, lambda: self._find(instrument, is_data=is_data))

    async def _find(self, instrument: Instrument, *, is_data: bool) -> ContractDetails:
        day = self._today()  # that of the question: the answer may come on the next
        found = self._one(instrument, await self._ask(instrument, is_data=is_data))
        self.learn(instrument, found, day)
        return found

    def learn(self, instrument: Instrument, details: ContractDetails, day: date | None) -> None:
        """Keep what IB told of a contract on that day; the oldest beyond the bound is forgotten."""
        self._known[instrument.key] = (day, details)
        self._known.move_to_end(instrument.key)
        while len(self._known) > self._len_max:
            self._known.popitem(last=False)

    async def _ask(self, instrument: Instrument, *, is_data: bool) -> list[ContractDetails]:
        found = await self._ask_for(contracts.contract_of(instrument), is_data=is_data)
        if not found and isinstance(instrument, OptionContract):
            # Its last trade date may be another than the one in its symbol.
            found = await self._ask_for(contracts.local_contract_of(instrument), is_data=is_data)
        return found

    async def _ask_for(self, contract: Contract, *, is_data: bool) -> list[ContractDetails]:
        try:
            return await self._requests().contract_details(contract, is_data=is_data)
        except RequestRefused as error:
            if error.reason is Reason.INSTRUMENT_NOT_FOUND:
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
