"""The operator's hand on the gate."""

from __future__ import annotations

from typing import Any

from services.common.contract.convert import check_known_fields
from services.common.contract.pb import events_pb2
from services.common.contract.pb import operations_service_pb2 as pb
from services.common.domain.errors import InvalidRequest, Reason, Refused
from services.router.api.operator_requests import OperatorRequests, actor_of, text_of
from services.router.api.told import once_durable
from services.router.api.wire import gate_to_wire
from services.router.journal.records import TradingState, TradingStateSet
from services.router.journal.store import JournalError
from services.router.routing.work import not_durable

_STATES = {
    events_pb2.TRADING_STATE_ACTIVE: TradingState.ACTIVE,
    events_pb2.TRADING_STATE_REDUCING: TradingState.REDUCING,
    events_pb2.TRADING_STATE_HALTED: TradingState.HALTED,
}


class GateServicer(OperatorRequests):
    """Serves SetTradingState. Errors are raised; the server translates them."""

    async def SetTradingState(self, request: pb.SetTradingStateRequest, context: Any) -> Any:
        check_known_fields(request)
        if request.account_id:
            self._desk.account(request.account_id)
        state = _STATES.get(request.state)
        if state is None:
            raise InvalidRequest("state", "required: ACTIVE, REDUCING or HALTED")
        unread = self._books.to_be_read(request.account_id)
        if state is not TradingState.HALTED and unread:
            raise Refused(
                Reason.TRADING_HALTED,
                "the journal was restored from a copy, and these venues were not read since: "
                + ", ".join(unread),
            )
        reason = text_of(request.reason, "reason", required=True)
        actor = actor_of(request.actor)
        try:
            self._journal.record(TradingStateSet(request.account_id, state, reason, actor))
        except JournalError as error:
            raise not_durable(error) from error
        gate = self._books.gates[request.account_id]
        reply = pb.SetTradingStateResponse(change=gate_to_wire(gate))
        return await once_durable(self._journal, reply)
