"""`AdapterService`: what only routers ask of an adapter."""

from __future__ import annotations

from typing import Any

import structlog

from services.common.adapter.absence import Absence
from services.common.adapter.fence_store import FenceStore
from services.common.adapter.order_desk import OrderDesk
from services.common.adapter.port import VenueGateway
from services.common.adapter.requests import (
    claim_from_wire,
    claim_to_wire,
    require_account,
    require_key,
    require_own_tag,
)
from services.common.contract.convert import (
    check_known_fields,
    optional_timestamp_from_wire,
    proof_to_wire,
    timestamp_to_wire,
)
from services.common.contract.pb import adapter_service_pb2 as pb
from services.common.contract.pb.adapter_service_pb2_grpc import AdapterServiceServicer
from services.common.domain.errors import InvalidRequest

_log = structlog.stdlib.get_logger(__name__)


class AdapterServicer(AdapterServiceServicer):
    """Takes routers' claims, and placements out of play.

    `settling_s` is the venue's settling time, in seconds.
    """

    def __init__(
        self,
        gateway: VenueGateway,
        desk: OrderDesk,
        store: FenceStore,
        *,
        account_tag: str,
        settling_s: float,
    ) -> None:
        self._gateway = gateway
        self._store = store
        self._account_tag = account_tag
        self._settling_s = settling_s
        self._absence = Absence(gateway, desk, store, settling_s=settling_s)

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

    async def FenceOrder(
        self, request: pb.FenceOrderRequest, context: Any
    ) -> pb.FenceOrderResponse:
        """Find a placement or take it out of play; its tombstone is durable before FENCED."""
        check_known_fields(request)
        require_account(request.account_id, self._gateway.account_id)
        require_key(request.placement_id, "placement_id", placement=True)
        require_own_tag(request.placement_id, self._account_tag)
        if not request.HasField("fence"):
            raise InvalidRequest("fence", "required")
        self._store.check(claim_from_wire(request.fence))
        attempted_at = optional_timestamp_from_wire(request, "attempted_at", "attempted_at")
        proof = await self._absence.prove(request.placement_id, attempted_at)
        _log.info(
            "order_fenced",
            placement_id=request.placement_id,
            outcome=proof.outcome.value,
            evidence=proof.evidence,
        )
        return proof_to_wire(proof)
