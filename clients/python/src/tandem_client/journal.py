"""The router's journal as an operator sees it: anchors, checks of the chain, its records."""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

import grpc

from tandem_client.connection import Connection
from tandem_client.errors import InvalidRequest
from tandem_client.pb import operations_service_pb2 as pb

CHECK_DEADLINE_S: Final = 600.0
_FIELDS: Final = {"hash", "journal_id", "sequence", "time"}
_HASH_LEN: Final = 32


@dataclass(frozen=True, slots=True)
class JournalAnchor:
    """Where the journal stood at a moment. Kept elsewhere it proves later what was there.

    `to_json` and `from_json` are the form that `python -m services.router.journal` knows as well.
    """

    journal_id: str
    sequence: int
    hash: bytes
    time: datetime

    def to_json(self) -> str:
        """One line of JSON."""
        content = {
            "hash": self.hash.hex(),
            "journal_id": self.journal_id,
            "sequence": self.sequence,
            "time": self.time.astimezone(UTC).isoformat(timespec="seconds"),
        }
        return json.dumps(content, sort_keys=True)

    @classmethod
    def from_json(cls, text: str) -> JournalAnchor:
        """Read one. Raises InvalidRequest."""
        try:
            content = json.loads(text)
            if set(content) != _FIELDS:
                raise ValueError("it has other fields")
            made = cls(
                str(content["journal_id"]),
                int(content["sequence"]),
                bytes.fromhex(content["hash"]),
                datetime.fromisoformat(content["time"]),
            )
        except (TypeError, ValueError) as error:
            raise InvalidRequest(f"not an anchor: {error}", field="anchor") from error
        if made.sequence < 1 or len(made.hash) != _HASH_LEN:
            raise InvalidRequest("not an anchor: its sequence or hash is none", field="anchor")
        return made


@dataclass(frozen=True, slots=True)
class JournalCheck:
    """What a check of the journal has found.

    `first_bad_sequence` is 0 and `problem` empty if every record fits; `head_sequence` is the last
    that does.
    """

    intact: bool
    checked: int
    first_bad_sequence: int
    problem: str
    head_sequence: int
    head_hash: bytes
    journal_id: str


@dataclass(frozen=True, slots=True)
class JournalRecord:
    """A record as it is stored: canonical JSON, and its link in the chain."""

    sequence: int
    record_json: str
    hash: bytes


class JournalCalls:
    """The calls of `OperationsClient` about the journal; it is made there."""

    _connection: Connection
    _stub: Any

    async def journal_anchor(self) -> JournalAnchor:
        """Where the journal stands now, durable."""
        return await self._connection.read(
            self._stub.GetFleet, pb.GetFleetRequest(), _read_anchor, asked="journal anchor"
        )

    async def verify_journal(
        self,
        anchor: JournalAnchor | None = None,
        *,
        from_sequence: int = 0,
        deadline_s: float = CHECK_DEADLINE_S,
    ) -> JournalCheck:
        """Have the router check its chain, and its end against an anchor of before.

        Raises Unavailable BUDGET_EXHAUSTED while another check runs. Cancellation ends it there.
        """
        request = pb.VerifyJournalRequest(from_sequence=from_sequence)
        if anchor is not None:
            request.anchor_sequence, request.anchor_hash = anchor.sequence, anchor.hash
        found = await self._connection.read(
            self._stub.VerifyJournal,
            request,
            _read_check,
            asked="verify journal",
            deadline_s=deadline_s,
        )
        if anchor is not None and found.journal_id != anchor.journal_id:
            raise InvalidRequest(
                f"the anchor is of journal {anchor.journal_id}, this is {found.journal_id}",
                field="anchor",
            )
        return found

    async def journal_records(
        self, *, from_sequence: int = 0, deadline_s: float = CHECK_DEADLINE_S
    ) -> AsyncGenerator[JournalRecord, None]:
        """Every record from a sequence on, up to what is durable when this is asked."""
        request = pb.ExportJournalRequest(from_sequence=from_sequence)
        call = self._stub.ExportJournal(request, timeout=deadline_s)
        try:
            async for record in call:
                yield JournalRecord(record.sequence, record.record_json, record.hash)
        except grpc.aio.AioRpcError as error:
            raise self._connection.failure(error, "journal records", mutation=False) from error
        finally:
            call.cancel()


def _read_anchor(reply: pb.GetFleetResponse) -> JournalAnchor:
    now = datetime.now(UTC)
    return JournalAnchor(reply.journal_id, reply.head_sequence, reply.head_hash, now)


def _read_check(reply: pb.VerifyJournalResponse) -> JournalCheck:
    return JournalCheck(
        intact=reply.intact,
        checked=reply.checked,
        first_bad_sequence=reply.first_bad_sequence,
        problem=reply.problem,
        head_sequence=reply.head_sequence,
        head_hash=reply.head_hash,
        journal_id=reply.journal_id,
    )
