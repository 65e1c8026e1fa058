"""Orders whose outcome nobody knows, as the operator sees them."""

from __future__ import annotations

from typing import Any

from services.common.contract.pb import operations_service_pb2 as pb
from services.common.domain.order_status import OrderStatus
from services.router.api.operator_requests import OperatorRequests
from services.router.api.paging import page_of
from services.router.api.told import once_durable
from services.router.api.wire import entry_to_wire


class DoubtsServicer(OperatorRequests):
    """Serves ListInDoubtOrders. Errors are raised; the server translates them."""

    async def ListInDoubtOrders(self, request: pb.ListInDoubtOrdersRequest, context: Any) -> Any:
        entries = [
            entry
            for account_id in self._ids(request.account_id)
            for entry in self._books.open_entries(account_id)
            if entry.order.status is OrderStatus.IN_DOUBT
        ]
        entries.sort(key=lambda entry: entry.first_seq)  # oldest doubt first
        page, token = page_of(entries, request.page, lambda entry: -entry.first_seq)
        reply = pb.ListInDoubtOrdersResponse(orders=map(entry_to_wire, page), next_page_token=token)
        return await once_durable(self._journal, reply)
