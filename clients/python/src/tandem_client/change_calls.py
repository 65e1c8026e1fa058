"""The part of `TandemClient` that changes orders and positions besides submit and cancel.

No call is ever sent twice by this library; each has a key of the caller's, under which it may be
sent again after an OutcomeUnknown.
"""

from __future__ import annotations

from decimal import Decimal

from tandem_client.base import AccountClient
from tandem_client.changes import CancelAll, Instruction, OrderChange, PositionClose, Preview
from tandem_client.instruments import Instrument, Option
from tandem_client.orders import Order, OrderSpec
from tandem_client.pb import broker_service_pb2 as pb
from tandem_client.wire import changes, orders
from tandem_client.wire.instruments import write_instrument
from tandem_client.wire.values import write_decimal


class ChangeCalls(AccountClient):
    """Replace, cancel all, close, exercise, preview."""

    async def preview(self, spec: OrderSpec, *, venue: str = "") -> Preview:
        """What an order would cost at `venue`, or at the one that would get it; sends nothing."""
        request = pb.PreviewOrderRequest(
            account_id=await self.account_id(), order=orders.write_spec(spec), venue=venue
        )
        return await self._connection.read(
            self._stub.PreviewOrder, request, changes.read_preview, asked="preview"
        )

    async def replace(
        self, client_order_id: str, change: OrderChange, *, deadline_s: float | None = None
    ) -> Order:
        """Ask for other terms of a working order; the old ones may fill until it is confirmed.

        Raises Refused / ORDER_ENDED or CHANGE_IN_PROGRESS. The order may come back IN_DOUBT.
        """
        request = changes.write_change(client_order_id, change)
        request.account_id = await self.account_id()
        return await self._connection.change(
            self._stub.ReplaceOrder,
            request,
            lambda reply: orders.read_order(reply.order),
            asked=f"replace {client_order_id}",
            deadline_s=deadline_s,
        )

    async def cancel_all(
        self,
        *,
        instrument: Instrument | None = None,
        venue: str = "",
        deadline_s: float | None = None,
    ) -> CancelAll:
        """Ask for the end of every open order, of one instrument or at one venue if given."""
        request = pb.CancelAllOrdersRequest(account_id=await self.account_id(), venue=venue)
        if instrument is not None:
            request.instrument.CopyFrom(write_instrument(instrument, "instrument"))
        return await self._connection.change(
            self._stub.CancelAllOrders,
            request,
            changes.read_cancel_all,
            asked="cancel all",
            deadline_s=deadline_s,
        )

    async def close_position(
        self, close: PositionClose, *, deadline_s: float | None = None
    ) -> Order:
        """Close a position, or a part, by an ordinary order; answers as `submit` does."""
        request = changes.write_close(close)
        request.account_id = await self.account_id()
        return await self._connection.change(
            self._stub.ClosePosition,
            request,
            lambda reply: orders.read_order(reply.order),
            asked=f"close {close.client_order_id}",
            deadline_s=deadline_s,
        )

    async def exercise(
        self,
        client_order_id: str,
        option: Option,
        qty: Decimal | None = None,
        *,
        venue: str = "",
        deadline_s: float | None = None,
    ) -> Instruction:
        """Exercise long contracts, all of them if `qty` is None; `client_order_id` is its key."""
        request = pb.ExerciseOptionRequest(
            account_id=await self.account_id(),
            client_order_id=orders.check_client_order_id(client_order_id, "client_order_id"),
            instrument=write_instrument(option, "instrument"),
            venue=venue,
        )
        if qty is not None:
            request.qty.CopyFrom(write_decimal(qty, "qty"))
        return await self._connection.change(
            self._stub.ExerciseOption,
            request,
            changes.read_instruction,
            asked=f"exercise {client_order_id}",
            deadline_s=deadline_s,
        )

    async def do_not_exercise(
        self,
        client_order_id: str,
        option: Option,
        *,
        venue: str = "",
        deadline_s: float | None = None,
    ) -> Instruction:
        """Instruct the venue not to exercise long contracts at expiry."""
        request = pb.DoNotExerciseRequest(
            account_id=await self.account_id(),
            client_order_id=orders.check_client_order_id(client_order_id, "client_order_id"),
            instrument=write_instrument(option, "instrument"),
            venue=venue,
        )
        return await self._connection.change(
            self._stub.DoNotExercise,
            request,
            changes.read_instruction,
            asked=f"do not exercise {client_order_id}",
            deadline_s=deadline_s,
        )
