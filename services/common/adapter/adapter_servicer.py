"""`AdapterService`: what only routers ask of an adapter."""

from __future__ import annotations

from typing import Any, NoReturn

import structlog

from services.common.adapter.fence_store import FenceStore
from services.common.adapter.port import VenueGateway
from services.common.adapter.requests import claim_from_wire, claim_to_wire
from services.common.contract.convert import check_known_fields, timestamp_to_wire
from services.common.contract.pb import adapter_service_pb2 as pb
from services.common.contract.pb.adapter_service_pb2_grpc import AdapterServiceServicer
from services.common.contract.status import unimplemented
from services.common.domain.errors import InvalidRequest

_log = structlog.stdlib.get_logger(__name__)


class AdapterServicer(AdapterServiceServicer):
    """Takes routers' claims. `settling_s` is the venue's settling time, in seconds."""

    def __init__(self, gateway: VenueGateway, store: FenceStore, *, settling_s: float) -> None:
        self._gateway = gateway
        self._store = store
        self._settling_s = settling_s

    async def Fence(self, request: pb.FenceRequest, context: Any) -> pb.FenceResponse:
        """Take a claim; durable before it is answered."""
        check_known_fields(request)
        if not request.HasField("fence"):
            raise InvalidRequest("fence", "required")
        claim = claim_from_wire(request.fence)
        previous = await self._store.take(claim)
        if previous is None or previous.term != claim.term:
            _log.info(
                "fence_taken",
                claim=str(claim),
                previous=None if previous is None else str(previous),
            )
        return pb.FenceResponse(
            previous=None if previous is None else claim_to_wire(previous),
            session_id=self._gateway.session_id,
            store_created=timestamp_to_wire(self._store.created),
            settling_s=self._settling_s,
        )

    async def FenceOrder(self, request: Any, context: Any) -> NoReturn:
        """Not served yet; the tombstones that it needs are kept already."""
        raise unimplemented("FenceOrder")
