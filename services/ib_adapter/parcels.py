"""What goes to IB in one go: an order, with the exits that belong to it.

Everything about it that can be refused is refused while it is made, before anything is sent.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from services.common.domain.errors import ReadFailed, Unavailable
from services.common.domain.order_spec import OrderSpec
from services.common.domain.order_terms import OptionCombo
from services.ib_adapter import brackets, combos, figures
from services.ib_adapter.contract_cache import ContractCache
from services.ib_adapter.library import Contract, Order
from services.ib_adapter.order_writing import check_ticks


@dataclass(slots=True)
class Parcel:
    """An order and its exits, the order first; numbered by `number`."""

    specs: list[OrderSpec]
    orders: list[Order]
    contract: Contract = field(default_factory=Contract)
    order_ids: list[int] = field(default_factory=list)

    @property
    def client_ids(self) -> list[str]:
        """The references of all of it."""
        return [spec.client_order_id for spec in self.specs]

    def number(self, next_id: Callable[[], int]) -> None:
        """Give numbers to the orders, and tie them together by them."""
        self.order_ids = [next_id() for _ in self.orders]
        brackets.tie(self.specs[0], self.orders, self.order_ids)

    def numbered(self) -> Sequence[tuple[int, Order]]:
        """The orders with their numbers."""
        return list(zip(self.order_ids, self.orders, strict=True))


class Packing:
    """Makes parcels."""

    def __init__(self, cache: ContractCache) -> None:
        self._cache = cache

    def orders(self, spec: OrderSpec, account: str) -> Parcel:
        """The orders, without contract and numbers. InvalidRequest for what can't be sent exactly,
        or can't be worked with exits."""
        brackets.check_family(spec)
        specs = [spec, *brackets.exits_of(spec)]
        return Parcel(specs, brackets.ib_family(specs, account))

    async def contract(self, spec: OrderSpec) -> Contract:
        """The contract that IB knows, once prices were found to fit it.

        Raises Refused INSTRUMENT_NOT_FOUND, InvalidRequest, and Unavailable if it could not be
        looked up.
        """
        try:
            if isinstance(spec.instrument, OptionCombo):
                legs = [await self._cache.contract(leg.contract) for leg in spec.instrument.legs]
                return combos.bag_of(spec.instrument, legs)
            contract = await self._cache.contract(spec.instrument)
            details = await self._cache.details(spec.instrument)
        except ReadFailed as error:
            text = f"not sent: the contract could not be looked up: {error.message}"
            raise Unavailable(error.reason, text, retry_after_s=error.retry_after_s) from error
        check_ticks(spec, figures.decimal(details.minTick))
        return contract
