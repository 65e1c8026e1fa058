"""What was found at venues and nobody can explain, as the operator sees it and decides on it."""

from __future__ import annotations

from typing import Any

from services.common.contract.convert import check_known_fields
from services.common.contract.pb import operations_service_pb2 as pb
from services.common.domain.errors import InvalidRequest
from services.router.api.operator_requests import OperatorRequests, actor_of, text_of
from services.router.api.paging import page_of
from services.router.api.told import once_durable
from services.router.api.wire import quarantined_to_wire
from services.router.books.entries import QuarantineEntry
from services.router.journal.store import JournalError
from services.router.routing.quarantine_desk import QuarantineDesk
from services.router.routing.work import not_durable


class QuarantineServicer(OperatorRequests):
    """Serves ListQuarantined and AdoptOrder. Errors are raised; the server translates them."""

    _quarantine: QuarantineDesk

    async def ListQuarantined(self, request: pb.ListQuarantinedRequest, context: Any) -> Any:
        ids = self._ids(request.account_id)
        numbered = [
            (-number, entry)
            for number, entry in enumerate(self._books.quarantine.values())
            if entry.record.account_id in ids and (request.include_closed or not entry.closed)
        ]
        page, token = page_of(numbered, request.page, lambda item: item[0])
        reply = pb.ListQuarantinedResponse(
            records=[quarantined_to_wire(entry) for _, entry in page], next_page_token=token
        )
        return await once_durable(self._journal, reply)

    async def AdoptOrder(self, request: pb.AdoptOrderRequest, context: Any) -> Any:
        check_known_fields(request)
        if not request.quarantine_id:
            raise InvalidRequest("quarantine_id", "required")
        reason = text_of(request.reason, "reason", required=True)
        self._desk.require_open()
        try:
            entry = await self._decided(request, reason, actor_of(request.actor))
        except JournalError as error:
            raise not_durable(error) from error
        reply = pb.AdoptOrderResponse(record=quarantined_to_wire(entry))
        return await once_durable(self._journal, reply)

    async def _decided(
        self, request: pb.AdoptOrderRequest, reason: str, actor: str
    ) -> QuarantineEntry:
        if request.dismiss:
            return self._quarantine.dismiss(request.quarantine_id, reason=reason, actor=actor)
        return await self._quarantine.adopt(request.quarantine_id, reason=reason, actor=actor)
