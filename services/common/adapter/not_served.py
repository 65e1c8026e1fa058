"""RPCs that no adapter of this release serves: each answers UNIMPLEMENTED, effect NONE."""

from __future__ import annotations

from typing import Any, NoReturn

from services.common.contract.pb import broker_service_pb2 as pb
from services.common.contract.pb.broker_service_pb2_grpc import BrokerServiceServicer
from services.common.contract.status import unimplemented


class NotServedYet(BrokerServiceServicer):
    """The rest of BrokerService; an adapter's servicer overrides what it serves.

    Written out, since the generated base class answers without details and not as coroutines.
    """

    async def EstimateCost(self, request: Any, context: Any) -> NoReturn:
        raise unimplemented("EstimateCost")


def served_methods(servicer: type[NotServedYet]) -> list[str]:
    """The names of the RPCs of BrokerService that this servicer serves, in the contract's order."""
    service = pb.DESCRIPTOR.services_by_name["BrokerService"]
    return [
        method.name
        for method in service.methods
        if getattr(servicer, method.name) is not getattr(NotServedYet, method.name)
    ]
