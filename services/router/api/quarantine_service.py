"""What was found at venues and nobody can explain, as the operator sees it."""

from __future__ import annotations

from typing import Any

from services.common.contract.pb import operations_service_pb2 as pb
from services.router.api.operator_requests import OperatorRequests
from services.router.api.paging import page_of
from services.router.api.told import once_durable
from services.router.api.wire import quarantined_to_wire


class QuarantineServicer(OperatorRequests):
    """Serves ListQuarantined. Errors are raised; the server translates them."""

    async def ListQuarantined(self, request: pb.ListQuarantinedRequest, context: Any) -> Any:
        ids = self._ids(request.account_id)
        kept = [k for k in self._books.quarantine.values() if k.record.account_id in ids]
        numbered = [(-number, record) for number, record in enumerate(kept)]
        page, token = page_of(numbered, request.page, lambda item: item[0])
        reply = pb.ListQuarantinedResponse(
            records=[quarantined_to_wire(record) for _, record in page], next_page_token=token
        )
        return await once_durable(self._journal, reply)
