"""Orders in doubt as the operator of a router sees them, and the operator's word on one."""

from __future__ import annotations

from typing import Any

from tandem_client.connection import Connection
from tandem_client.enums import DoubtVerdict
from tandem_client.orders import Order
from tandem_client.pages import Page, Pages
from tandem_client.pb import operations_service_pb2 as pb
from tandem_client.wire import orders, values

_PAGE_SIZE = 500


class DoubtCalls:
    """The part of `OperationsClient` that is about orders in doubt."""

    _connection: Connection
    _stub: Any

    def in_doubt(self, *, account_id: str = "") -> Pages[Order]:
        """Orders whose outcome at a venue is not known, oldest first; of all accounts if none is
        named."""

        async def fetch(page_token: str) -> Page[Order]:
            request = pb.ListInDoubtOrdersRequest(account_id=account_id)
            request.page.page_size, request.page.page_token = _PAGE_SIZE, page_token
            return await self._connection.read(
                self._stub.ListInDoubtOrders, request, _read_orders, asked="orders in doubt"
            )

        return Pages(fetch)

    async def resolve_in_doubt(
        self,
        account_id: str,
        client_order_id: str,
        placement_id: str,
        verdict: DoubtVerdict,
        *,
        reason: str,
        actor: str,
    ) -> Order:
        """End a doubt by the word of an operator who has looked at the venue; durable on return.

        The order comes back CANCELED, and nothing more is sent for it. The same again changes
        nothing. Raises NotFound, and Refused / NOT_IN_DOUBT.
        """
        request = pb.ResolveInDoubtOrderRequest(
            account_id=account_id,
            client_order_id=client_order_id,
            placement_id=placement_id,
            verdict=values.write_enum(pb.DoubtVerdict, verdict),
            reason=reason,
            actor=actor,
        )
        return await self._connection.change(
            self._stub.ResolveInDoubtOrder,
            request,
            lambda reply: orders.read_order(reply.order),
            asked=f"resolve {placement_id}",
        )


def _read_orders(reply: pb.ListInDoubtOrdersResponse) -> Page[Order]:
    found = tuple(orders.read_order(order) for order in reply.orders)
    return Page(found, reply.next_page_token, as_of=None, watch_token="")
