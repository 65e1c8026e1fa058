"""What venues showed and the books can't explain, and what the operator decides on it."""

from __future__ import annotations

from typing import Any

from tandem_client.connection import Connection
from tandem_client.events import QuarantineRecord
from tandem_client.pages import Page, Pages
from tandem_client.pb import operations_service_pb2 as pb
from tandem_client.wire import events

_PAGE_SIZE = 500


class QuarantineCalls:
    """The part of `OperationsClient` that is about quarantine."""

    _connection: Connection
    _stub: Any

    def quarantined(
        self, *, account_id: str = "", include_closed: bool = False
    ) -> Pages[QuarantineRecord]:
        """What was found at venues and can't be explained by the books, oldest first."""

        async def fetch(page_token: str) -> Page[QuarantineRecord]:
            request = pb.ListQuarantinedRequest(
                account_id=account_id, include_closed=include_closed
            )
            request.page.page_size, request.page.page_token = _PAGE_SIZE, page_token
            return await self._connection.read(
                self._stub.ListQuarantined, request, _read_records, asked="quarantine"
            )

        return Pages(fetch)

    async def adopt(self, quarantine_id: str, *, reason: str, actor: str = "") -> QuarantineRecord:
        """Take an order that was found at a venue into the books, with its executions.

        Its record comes back closed, with the `client_order_id` that the order has from here on;
        durable on return. The same again changes nothing. Raises NotFound, Refused NOT_PERMITTED
        for what can't be adopted, and Unavailable if its venue had to be asked and could not be.
        """
        return await self._decide(quarantine_id, reason, actor, dismiss=False)

    async def dismiss(
        self, quarantine_id: str, *, reason: str, actor: str = ""
    ) -> QuarantineRecord:
        """Keep a record out of the books, an order with its executions; durable on return.

        What the order does after that is a new record. The same again changes nothing. Raises
        NotFound, and Refused NOT_PERMITTED for what was adopted.
        """
        return await self._decide(quarantine_id, reason, actor, dismiss=True)

    async def _decide(
        self, quarantine_id: str, reason: str, actor: str, *, dismiss: bool
    ) -> QuarantineRecord:
        request = pb.AdoptOrderRequest(
            quarantine_id=quarantine_id, reason=reason, actor=actor, dismiss=dismiss
        )
        return await self._connection.change(
            self._stub.AdoptOrder,
            request,
            lambda reply: events.read_quarantine(reply.record),
            asked=f"{'dismiss' if dismiss else 'adopt'} {quarantine_id}",
        )


def _read_records(reply: pb.ListQuarantinedResponse) -> Page[QuarantineRecord]:
    records = tuple(events.read_quarantine(record) for record in reply.records)
    return Page(records, reply.next_page_token, as_of=None, watch_token="")
