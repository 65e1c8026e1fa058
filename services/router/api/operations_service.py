"""`OperationsService`: the operator's eyes and hand. Every change is journaled with its actor."""

from __future__ import annotations

from datetime import datetime

from services.common.contract.pb import operations_service_pb2_grpc
from services.common.runtime.clock import Clock
from services.router.api.doubts_service import DoubtsServicer
from services.router.api.fleet_service import FleetServicer
from services.router.api.gate_service import GateServicer
from services.router.api.journal_service import JournalServicer
from services.router.api.not_served import OPERATIONS_METHODS, not_served
from services.router.api.quarantine_service import QuarantineServicer
from services.router.books.books import Books
from services.router.journal.journal import Journal
from services.router.journal.reading import JournalReads
from services.router.routing.desk import Desk
from services.router.routing.quarantine_desk import QuarantineDesk


@not_served(*OPERATIONS_METHODS)
class OperationsServicer(
    FleetServicer,
    GateServicer,
    DoubtsServicer,
    QuarantineServicer,
    JournalServicer,
    operations_service_pb2_grpc.OperationsServiceServicer,
):
    """Served on a port of its own. Errors are raised; the server translates them."""

    def __init__(
        self,
        desk: Desk,
        books: Books,
        journal: Journal,
        journal_reads: JournalReads,
        quarantine: QuarantineDesk,
        clock: Clock,
        version: str,
    ) -> None:
        self._desk = desk
        self._books = books
        self._journal = journal
        self._journal_reads = journal_reads
        self._quarantine = quarantine
        self._version = version
        self._clock = clock
        self._started: datetime = clock.now()
