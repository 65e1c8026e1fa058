"""Orders whose outcome nobody knows, as the operator sees them, and the operator's word on them."""

from __future__ import annotations

from typing import Any

from services.common.contract.convert import check_known_fields
from services.common.contract.pb import operations_service_pb2 as pb
from services.common.domain.errors import InvalidRequest
from services.common.domain.order_status import OrderStatus
from services.router.api.operator_requests import OperatorRequests, text_of
from services.router.api.paging import page_of
from services.router.api.told import once_durable
from services.router.api.wire import entry_to_wire
from services.router.journal.records import DoubtResolved, DoubtVerdict
from services.router.journal.store import JournalError
from services.router.routing.verdicts import resolve_doubt
from services.router.routing.work import not_durable

_VERDICTS = {
    pb.DOUBT_VERDICT_NEVER_PLACED: DoubtVerdict.NEVER_PLACED,
    pb.DOUBT_VERDICT_ENDED: DoubtVerdict.ENDED,
}


class DoubtsServicer(OperatorRequests):
    """Serves ListInDoubtOrders and ResolveInDoubtOrder. Errors are raised."""

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

    async def ResolveInDoubtOrder(
        self, request: pb.ResolveInDoubtOrderRequest, context: Any
    ) -> Any:
        check_known_fields(request)
        said = self._verdict_of(request)
        self._desk.require_open()
        try:
            entry = resolve_doubt(self._journal, self._books, said)
        except JournalError as error:
            raise not_durable(error) from error
        reply = pb.ResolveInDoubtOrderResponse(order=entry_to_wire(entry))
        return await once_durable(self._journal, reply)

    def _verdict_of(self, request: pb.ResolveInDoubtOrderRequest) -> DoubtResolved:
        account = self._desk.required_account(request.account_id)
        for field in ("client_order_id", "placement_id"):
            if not getattr(request, field):
                raise InvalidRequest(field, "required")
        verdict = _VERDICTS.get(request.verdict)
        if verdict is None:
            raise InvalidRequest("verdict", "required: NEVER_PLACED or ENDED")
        return DoubtResolved(
            account.account_id,
            request.client_order_id,
            request.placement_id,
            verdict,
            text_of(request.reason, "reason", required=True),
            text_of(request.actor, "actor", required=True),
        )
