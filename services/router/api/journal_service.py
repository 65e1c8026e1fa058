"""The operator's look at the journal itself: its chain checked, its records told."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any, Final

from services.common.contract.convert import check_known_fields
from services.common.contract.pb import operations_service_pb2 as pb
from services.common.domain.errors import InvalidRequest, ReadFailed, Reason, Unavailable
from services.router.api.operator_requests import OperatorRequests
from services.router.journal.reading import JournalReads, TooManyReaders
from services.router.journal.store import Head, JournalError

_HASH_LEN: Final = 32


class JournalServicer(OperatorRequests):
    """Serves VerifyJournal and ExportJournal. Errors are raised; the server translates them."""

    _journal_reads: JournalReads

    async def VerifyJournal(self, request: pb.VerifyJournalRequest, context: Any) -> Any:
        check_known_fields(request)
        head = self._journal.durable_head
        from_seq = _from_seq(request.from_sequence, head)
        anchors = [head]  # this process knows it from before the file was read
        if (anchor := _anchor(request, from_seq)) is not None:
            anchors.append(anchor)  # of two for one record the caller's counts
        try:
            found = await self._journal_reads.verify(
                from_seq=from_seq, anchors=anchors, until_seq=head.seq
            )
        except (JournalError, TooManyReaders) as error:
            raise _failed(error) from error
        return pb.VerifyJournalResponse(
            intact=found.intact,
            checked=found.checked,
            first_bad_sequence=found.first_bad_seq,
            problem=found.problem,
            head_sequence=found.head.seq,
            head_hash=found.head.hash,
            journal_id=self._books.journal_id,
        )

    async def ExportJournal(
        self, request: pb.ExportJournalRequest, context: Any
    ) -> AsyncIterator[Any]:
        check_known_fields(request)
        head = self._journal.durable_head
        entries = self._journal_reads.export(
            from_seq=_from_seq(request.from_sequence, head), until_seq=head.seq
        )
        try:
            async for entry in entries:
                yield pb.ExportJournalResponse(
                    sequence=entry.seq, record_json=entry.data.decode(), hash=entry.hash
                )
        except (JournalError, TooManyReaders, UnicodeDecodeError) as error:
            raise _failed(error) from error


def _from_seq(asked: int, head: Head) -> int:
    if asked > head.seq:
        raise InvalidRequest("from_sequence", f"the journal ends at record {head.seq}")
    return max(asked, 1)


def _anchor(request: pb.VerifyJournalRequest, from_seq: int) -> Head | None:
    if not request.anchor_sequence and not request.anchor_hash:
        return None
    if len(request.anchor_hash) != _HASH_LEN:
        raise InvalidRequest("anchor_hash", f"must be {_HASH_LEN} bytes")
    if request.anchor_sequence < from_seq:
        raise InvalidRequest("anchor_sequence", "must be among the records that are checked")
    return Head(request.anchor_sequence, request.anchor_hash)


def _failed(error: Exception) -> Exception:
    if isinstance(error, TooManyReaders):
        return Unavailable(Reason.BUDGET_EXHAUSTED, str(error))
    return ReadFailed(str(error))
