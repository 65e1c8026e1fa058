"""What of each position is free: IB does not say, so it is what no open order would take.

Of orders of which only one can fill (the exits of an order, the two of an OCO) the largest counts.
Exits that wait for their order's fill take nothing yet.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from decimal import Decimal

from services.common.domain.amounts import sub
from services.common.domain.executions import Side
from services.common.domain.instruments import OptionContract
from services.common.domain.reports import OrderReport, VenuePosition
from services.common.runtime.clock import Clock
from services.ib_adapter import brackets, combos
from services.ib_adapter.brackets import ExitRef
from services.ib_adapter.contract_cache import ContractCache
from services.ib_adapter.evidence import Evidence, OrderFacts
from services.ib_adapter.session import Session
from services.ib_adapter.translate import Translator

_ZERO = Decimal(0)


class FreeQty:
    """Adds to positions how much of them is free."""

    def __init__(
        self,
        session: Session,
        evidence: Evidence,
        cache: ContractCache,
        translator: Translator,
        clock: Clock,
    ) -> None:
        self._session = session
        self._evidence = evidence
        self._cache = cache
        self._translator = translator
        self._clock = clock

    async def of(self, positions: Sequence[VenuePosition]) -> list[VenuePosition]:
        """The positions with `available_qty`, signed as they are. Raises ReadFailed."""
        if not positions:
            return []
        orders = await self._open_orders()
        spreads = [facts for facts in orders if combos.is_combo(facts.contract)]
        reports = [(f, self._translator.report(f)) for f in orders if f not in spreads]
        found = []
        for position in positions:
            taken = _taken(position, reports)
            if spreads and isinstance(position.instrument, OptionContract):
                con_id = (await self._cache.contract(position.instrument)).conId
                taken += sum((_leg_qty(position, f, con_id) for f in spreads), _ZERO)
            free = max(sub(abs(position.qty), taken), _ZERO)
            signed = free if position.qty > 0 else -free
            found.append(replace(position, available_qty=signed))
        return found

    async def _open_orders(self) -> list[OrderFacts]:
        began = self._clock.monotonic()
        await self._session.requests().open_orders()
        return [
            facts
            for facts in self._evidence
            if facts.heard_at >= began
            and facts.is_proven
            and not facts.is_ended
            and facts.is_of(self._session.account)
            and not self._waits_for_its_order(facts)
        ]

    def _waits_for_its_order(self, facts: OrderFacts) -> bool:
        exit_ = ExitRef.parse(facts.order_ref)
        if exit_ is None or not exit_.is_child:
            return False
        head = self._evidence.of_ref(exit_.head)
        return head is not None and not head.is_ended


def _taken(position: VenuePosition, orders: Iterable[tuple[OrderFacts, OrderReport]]) -> Decimal:
    """What orders for this instrument would close of it."""
    by_family: dict[str, Decimal] = {}
    for facts, report in orders:
        if report.instrument != position.instrument or report.side is not _closing(position):
            continue
        family = brackets.head_of(facts.order_ref) or str(facts.perm_id)
        leaves = sub(facts.order_qty or _ZERO, facts.filled)
        by_family[family] = max(by_family.get(family, _ZERO), leaves)
    return sum(by_family.values(), _ZERO)


def _leg_qty(position: VenuePosition, facts: OrderFacts, con_id: int) -> Decimal:
    """What a spread would close of a position by its leg in that contract."""
    units = sub(facts.order_qty or _ZERO, facts.filled)
    sign = 1 if facts.side is Side.BUY else -1
    legs = () if facts.contract is None else facts.contract.comboLegs or ()
    qty = sum(
        leg.ratio * sign * (1 if leg.action == "BUY" else -1) for leg in legs if leg.conId == con_id
    )
    closes = qty < 0 if position.qty > 0 else qty > 0
    return units * abs(qty) if closes else _ZERO


def _closing(position: VenuePosition) -> Side:
    return Side.SELL if position.qty > 0 else Side.BUY
