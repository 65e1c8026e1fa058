"""What the parts of `TandemClient` have in common: the connection, the account, lists by pages."""

from __future__ import annotations

from datetime import datetime
from types import TracebackType
from typing import Any, Self

from tandem_client.accounts import Account
from tandem_client.connection import Connection
from tandem_client.errors import InvalidRequest
from tandem_client.pages import Page, Pages
from tandem_client.pb import broker_service_pb2 as pb
from tandem_client.pb.broker_service_pb2_grpc import BrokerServiceStub
from tandem_client.tracing import Traceparent
from tandem_client.wire import accounts, values

DEFAULT_ADDRESS = "127.0.0.1:50050"
_PAGE_SIZE = 500


class AccountClient:
    """Speaks to one BrokerService for one account. Made inside a running event loop."""

    def __init__(
        self,
        address: str = DEFAULT_ADDRESS,
        *,
        account_id: str | None = None,
        deadline_s: float = 10.0,
        connect_timeout_s: float | None = None,
        traceparent: Traceparent | None = None,
    ) -> None:
        self._connection = Connection(
            address,
            deadline_s=deadline_s,
            connect_timeout_s=connect_timeout_s,
            traceparent=traceparent,
        )
        self._account_id = account_id

    @property
    def _stub(self) -> Any:
        return self._connection.stub(BrokerServiceStub)

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
        """Close the connection. Orders go on."""
        await self._connection.close()

    async def accounts(self) -> tuple[Account, ...]:
        """The accounts served there."""
        return await self._connection.read(
            self._stub.ListAccounts,
            pb.ListAccountsRequest(),
            lambda reply: tuple(accounts.read_account(account) for account in reply.accounts),
            asked="accounts",
        )

    async def account_id(self) -> str:
        """The account that this client trades: the given one, or the server's only one."""
        if not self._account_id:
            served = [account.account_id for account in await self.accounts()]
            if len(served) != 1:
                names = ", ".join(served) or "none"
                raise InvalidRequest.unsent("account_id", f"say which account (served: {names})")
            self._account_id = served[0]
        return self._account_id

    def _pages(self, method: Any, request: Any, read: Any, asked: str) -> Pages[Any]:
        async def fetch(page_token: str) -> Page[Any]:
            request.account_id = await self.account_id()
            request.page.page_size, request.page.page_token = _PAGE_SIZE, page_token
            return await self._connection.read(method, request, read, asked=asked)

        return Pages(fetch)


def write_span(request: Any, after: datetime | None, before: datetime | None) -> None:
    """Set the bounds of a list that are given."""
    for name, moment in (("after", after), ("before", before)):
        if moment is not None:
            getattr(request, name).CopyFrom(values.write_time(moment, name))


def read_page(field: str, read: Any, reply: Any) -> Page[Any]:
    """A page of a list that names its moment and a token to watch from."""
    return Page(
        items=tuple(read(item) for item in getattr(reply, field)),
        next_page_token=reply.next_page_token,
        as_of=values.time_or_none(reply, "as_of"),
        watch_token=reply.watch_token,
    )
