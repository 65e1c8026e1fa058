"""Whose exit an order is, and which exits it has, by what was heard of each."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from services.common.domain.order_spec import OrderSpec
from services.common.domain.order_terms import (
    OptionCombo,
    OrderClass,
    StopLoss,
    TakeProfit,
)
from services.ib_adapter import brackets
from services.ib_adapter.brackets import ExitRef
from services.ib_adapter.combos import is_combo
from services.ib_adapter.evidence import Evidence, OrderFacts


class Families:
    """Reads the evidence; used on the event loop's thread only."""

    def __init__(self, evidence: Evidence) -> None:
        self._evidence = evidence

    def parent_of(self, facts: OrderFacts) -> str:
        """The venue's id of the order that this one belongs to, "" if it belongs to none, or to one
        that was not heard of."""
        exit_ = ExitRef.parse(facts.order_ref)
        if exit_ is not None:
            return self.id_of(exit_.head)
        if not facts.parent_order_id:
            return ""
        number = (facts.client_id, facts.parent_order_id)
        others = (o for o in self._evidence if (o.client_id, o.order_id) == number)
        return next((str(other.perm_id) for other in others), "")

    def id_of(self, order_ref: str) -> str:
        """The venue's id of the order under this reference, "" if it was not heard of."""
        facts = self._evidence.of_ref(order_ref)
        return "" if facts is None else str(facts.perm_id)

    def exits_of(self, order_ref: str) -> Iterator[OrderFacts]:
        """The exits of an order that were heard of."""
        for ref in brackets.exit_refs(order_ref):
            facts = self._evidence.of_ref(ref)
            if facts is not None:
                yield facts

    def terms_of(self, facts: OrderFacts) -> dict[str, Any]:
        """Class, exits and legs of an order, by the names of `OrderReport`.

        Which legs open and which close is not told by IB: the legs are named while the process
        remembers what it sent. Exits that were not heard of yet are those that were asked for.
        """
        spec = self._evidence.sent_as(facts)
        if is_combo(facts.contract):
            legs = None if spec is None else spec.instrument
            known = legs if isinstance(legs, OptionCombo) else None
            return {"order_class": OrderClass.MULTI_LEG, "instrument": known}
        exit_ = ExitRef.parse(facts.order_ref)
        if exit_ is not None:
            return {"order_class": exit_.order_class}
        shown = {ExitRef.parse(other.order_ref): other for other in self.exits_of(facts.order_ref)}
        exits = {ref: other for ref, other in shown.items() if ref is not None}
        if not exits:
            return {} if spec is None else asked_family(spec)
        return _shown_family(facts, exits)


def asked_family(spec: OrderSpec) -> dict[str, Any]:
    """Class and exits of an order as asked for, by the names of `OrderReport`."""
    return {
        "order_class": spec.order_class,
        "take_profit": spec.take_profit,
        "stop_loss": spec.stop_loss,
    }


def _shown_family(facts: OrderFacts, exits: dict[ExitRef, OrderFacts]) -> dict[str, Any]:
    order_class = next(iter(exits)).order_class
    takes = next((other for ref, other in exits.items() if ref.takes_profit), None)
    stops = next((other for ref, other in exits.items() if not ref.takes_profit), None)
    if order_class is OrderClass.OCO:
        takes = facts  # it is the profit-taking exit itself
    limit = None if takes is None else takes.limit_price
    stop = None if stops is None else stops.aux_price
    return {
        "order_class": order_class,
        "take_profit": None if limit is None else TakeProfit(limit),
        "stop_loss": None if stop is None or stops is None else StopLoss(stop, stops.limit_price),
    }
