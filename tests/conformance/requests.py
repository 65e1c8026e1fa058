"""How requests to one server are written: with or without fences, under which ids."""

from __future__ import annotations

from typing import Any

from services.common.contract.pb import broker_service_pb2 as pb
from tests.conformance.scene import Ticket
from tests.conformance.server import Server


class Requests:
    """Writes requests for a server. `epoch` is claimed by each, `session_id` expected."""

    def __init__(self, server: Server) -> None:
        self.server = server
        self.epoch = 1
        self.session_id = ""
        self._changes = 0

    @property
    def account_id(self) -> str:
        """The account."""
        return self.server.account_id

    def fence(self, epoch: int | None = None) -> pb.Fence:
        """The claim that changes carry."""
        return pb.Fence(
            journal_id="conformance",
            generation=1,
            epoch=self.epoch if epoch is None else epoch,
            head_sequence=1,
            head_hash=bytes(32),
        )

    def claim(self, *, with_session: bool = True, epoch: int | None = None) -> dict[str, Any]:
        """The fields by which a change is allowed here: none unless it is fenced."""
        if not self.server.fenced:
            return {}
        session = {"expected_session_id": self.session_id} if with_session else {}
        return {"fence": self.fence(epoch), **session}

    def placement(self, base: str, number: int = 1, revision: int = 0) -> str:
        """The id by which this server is told of an order."""
        if not self.server.fenced:
            return base
        return f"{base}~{self.server.account_tag}~{number}.{revision}"

    def submit_request(self, ticket: Ticket, **changed: Any) -> pb.SubmitOrderRequest:
        """The request by which an order is sent."""
        fields = {"account_id": self.account_id, "order": ticket.spec, **self.claim(), **changed}
        return pb.SubmitOrderRequest(**fields)

    def cancel_request(self, ticket: Ticket, **changed: Any) -> pb.CancelOrderRequest:
        """The request by which an order is canceled."""
        fields = {
            "account_id": self.account_id,
            "client_order_id": ticket.current_id,
            **self.claim(with_session=False),
            **changed,
        }
        return pb.CancelOrderRequest(**fields)

    def replace_request(self, ticket: Ticket, **given: Any) -> pb.ReplaceOrderRequest:
        """The request by which an order is changed."""
        request = pb.ReplaceOrderRequest(
            account_id=self.account_id,
            client_order_id=ticket.current_id,
            replace_id=given.pop("replace_id", self.next_revision(ticket)),
            **self.claim(),
        )
        for name in ("order_qty", "limit_price", "stop_price", "trail_amount", "trail_percent"):
            if (text := given.pop(name, None)) is not None:
                getattr(request, name).value = text
        for name, value in given.items():
            if hasattr(value, "DESCRIPTOR"):
                getattr(request, name).CopyFrom(value)
            else:
                setattr(request, name, value)
        return request

    def next_revision(self, ticket: Ticket) -> str:
        """The id of the next revision of an order, or the key of the next change."""
        number = len(ticket.revisions) + 1
        if self.server.fenced:
            return self.placement(ticket.base, revision=number)
        self._changes += 1
        return f"{ticket.base}-r{self._changes}"
