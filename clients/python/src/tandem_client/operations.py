"""`OperationsClient`: what the router's operator does; on a port of its own."""

from __future__ import annotations

from types import TracebackType
from typing import Any, Self

from tandem_client.connection import Connection
from tandem_client.doubts import DoubtCalls
from tandem_client.enums import TradingState
from tandem_client.errors import InvalidRequest
from tandem_client.events import TradingStateChange
from tandem_client.journal import JournalCalls
from tandem_client.pb import events_pb2
from tandem_client.pb import operations_service_pb2 as pb
from tandem_client.pb.operations_service_pb2_grpc import OperationsServiceStub
from tandem_client.quarantine import QuarantineCalls
from tandem_client.tracing import Traceparent
from tandem_client.wire import events, values

DEFAULT_OPERATIONS_ADDRESS = "127.0.0.1:50060"


class OperationsClient(JournalCalls, DoubtCalls, QuarantineCalls):
    """Speaks to the router's OperationsService. Made inside a running event loop.

    Deadlines, errors, cancellation and traces are those of `TandemClient`.
    """

    def __init__(
        self,
        address: str = DEFAULT_OPERATIONS_ADDRESS,
        *,
        deadline_s: float = 10.0,
        connect_timeout_s: float = 2.0,
        traceparent: Traceparent | None = None,
    ) -> None:
        if "," in address:
            raise InvalidRequest.unsent(
                "address", "a standby answers operators as well: name one router"
            )
        self._connection = Connection(
            address,
            deadline_s=deadline_s,
            connect_timeout_s=connect_timeout_s,
            traceparent=traceparent,
        )
        self._stub: Any = self._connection.stub(OperationsServiceStub)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Close the connection."""
        await self._connection.close()

    async def set_trading_state(
        self, state: TradingState, *, reason: str, actor: str, account_id: str = ""
    ) -> TradingStateChange:
        """Set ACTIVE, REDUCING or HALTED, for all accounts if none is named.

        Durable when this returns, and still in force after restarts.
        """
        request = pb.SetTradingStateRequest(
            account_id=account_id,
            state=values.write_enum(events_pb2.TradingState, state),
            reason=reason,
            actor=actor,
        )
        return await self._connection.change(
            self._stub.SetTradingState,
            request,
            lambda reply: events.read_trading_state(reply.change),
            asked=f"set trading state {state.name}",
        )
