"""The operator's view of everything: accounts, venues, the journal's head."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from services.common.contract.convert import optional_timestamp_to_wire, timestamp_to_wire
from services.common.contract.pb import operations_service_pb2 as pb
from services.common.runtime.clock import Clock
from services.router.api.operator_requests import OperatorRequests
from services.router.api.told import once_durable
from services.router.api.views import (
    account_to_wire,
    count_in_doubt,
    count_quarantined,
    link_to_wire,
    strictest_gate,
)
from services.router.api.wire import gate_to_wire
from services.router.routing.accounts import AccountLinks


class FleetServicer(OperatorRequests):
    """Serves GetFleet. Errors are raised; the server translates them."""

    _version: str
    _started: datetime
    _clock: Clock

    async def GetFleet(self, request: pb.GetFleetRequest, context: Any) -> Any:
        books, head = self._books, self._journal.head
        reply = pb.GetFleetResponse(
            accounts=map(self._fleet_account, self._desk.accounts.values()),
            journal_id=books.journal_id,
            generation=books.generation,
            epoch=books.epoch,
            head_sequence=head.seq,
            head_hash=head.hash,
            server_version=self._version,
            started=timestamp_to_wire(self._started),
            failover_count=books.failover_count,
            last_failover=optional_timestamp_to_wire(books.last_failover),
            failover_count_today=sum(map(self._failovers_today, self._desk.accounts)),
            standby=self._journal.epoch == 0,
        )
        return await once_durable(self._journal, reply)

    def _fleet_account(self, account: AccountLinks) -> pb.FleetAccount:
        account_id = account.account_id
        return pb.FleetAccount(
            account=account_to_wire(account),
            trading_state=gate_to_wire(strictest_gate(self._books, account_id)),
            venues=[link_to_wire(link, self._books) for link in account.links],
            open_orders=sum(1 for _ in self._books.open_entries(account_id)),
            in_doubt_orders=count_in_doubt(self._books, account_id),
            quarantined=count_quarantined(self._books, account_id),
            failover_count_today=self._failovers_today(account_id),
        )

    def _failovers_today(self, account_id: str) -> int:
        return self._books.failovers.today(account_id, self._clock.now())
