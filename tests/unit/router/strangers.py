"""Strangers' orders at a scripted venue, and an operator who decides on them."""

from __future__ import annotations

from typing import Any

from services.common.domain.reports import OrderReport
from services.router.books.entries import QuarantineEntry
from services.router.routing.policy import AccountPolicy
from services.router.routing.quarantine_desk import QuarantineDesk
from tests.unit.domain.orders import NOW
from tests.unit.router.harness import Running, until
from tests.unit.router.test_adopting import found

ID = "order:main:alpaca:v-7"
ADOPTED = "external-alpaca-v-7"
ADOPTS = AccountPolicy(adopts_unknown=True)


def tell(running: Running, **changes: Any) -> OrderReport:
    """A stranger's order at the venue, and its stream tells of it as it is now."""
    shown = found(**changes)
    running.alpaca.knows[shown.client_id] = shown
    running.alpaca.news.put_nowait(shown)
    return shown


def desk(running: Running) -> QuarantineDesk:
    core = running.core
    return QuarantineDesk(core.books, core.intake, core.accounts, lambda: NOW)


async def adopt(running: Running, quarantine_id: str = ID) -> QuarantineEntry:
    return await desk(running).adopt(quarantine_id, reason="it is mine", actor="me")


def dismiss(running: Running, quarantine_id: str = ID) -> QuarantineEntry:
    return desk(running).dismiss(quarantine_id, reason="known", actor="me")


def shown(running: Running, quarantine_id: str = ID) -> OrderReport:
    report = running.core.books.quarantine[quarantine_id].record.order
    assert report is not None
    return report


async def quarantined(running: Running, count: int = 1) -> None:
    await until(lambda: len(running.core.books.quarantine) >= count)
