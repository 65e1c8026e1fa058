"""RPCs of the contract that this release does not serve: each answers UNIMPLEMENTED, clearly.

docs/protocol.md lists them; a test compares.
"""

from __future__ import annotations

from typing import Any, TypeVar

from services.common.contract.status import unimplemented

Servicer = TypeVar("Servicer", bound=type)

BROKER_METHODS = ("EstimateCost",)
OPERATIONS_METHODS = (
    "SetVenueState",
    "GetLimits",
    "SetLimits",
    "RunReconciliation",
    "ListDiscrepancies",
    "ResolveDiscrepancy",
    "GetReconciliationReport",
    "AdjustPosition",
    "ExplainPosition",
    "ImportStatement",
    "GetCostReport",
    "ListProposals",
    "DecideProposal",
    "RunFailoverDrill",
)


def not_served(*methods: str) -> Any:
    """Class decorator: give a servicer these methods, each answering UNIMPLEMENTED."""

    def add(servicer: Servicer) -> Servicer:
        for method in methods:
            setattr(servicer, method, _unary(method))
        return servicer

    return add


def _unary(method: str) -> Any:
    async def refuse(self: object, request: object, context: object) -> None:
        raise unimplemented(method)

    refuse.__name__ = method
    return refuse
