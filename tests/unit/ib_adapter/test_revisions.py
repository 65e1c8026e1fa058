"""What proves a change, and whose a fill is."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from services.common.domain.errors import Cause, Reason
from services.common.domain.order_status import OrderStatus
from services.ib_adapter.codes import Said
from services.ib_adapter.revision_rows import Fate, Revision
from services.ib_adapter.revision_terms import Terms
from services.ib_adapter.words import OrderWord
from tests.integration.ib_adapter.rig import resting
from tests.unit.ib_adapter.ib_story import PERM, Process
from tests.unit.ib_adapter.scene import NOW, A, Disk, Told, execution_word, order_word, status_word

A1 = "a~sim~1.1"
OLD = Terms(Decimal(3), Decimal(5))
NEW = Terms(Decimal(3), Decimal(7))


def shown(terms: Terms, raw_status: str = "Submitted", **changed: Any) -> OrderWord:
    return order_word(
        raw_status, order_qty=terms.order_qty, limit_price=terms.limit_price, **changed
    )


async def changing(after: Terms = NEW, told: Told | None = None) -> Process:
    """An order to sell three at 5, of which a change was sent."""
    process = Process(Disk(), told or Told())
    process.hear(shown(OLD))
    revision = Revision(A1, A, 1, 5, PERM, "", OLD, after, Decimal(0), 1, "s", NOW)
    await process.changes.revisions.log.begin(revision)
    return process


def fate(process: Process) -> Fate:
    known = process.changes.revisions.log.find(A1)
    assert known is not None
    return known.fate


def standing(process: Process) -> list[tuple[str, str, Decimal, Decimal | None]]:
    return [(r.client_id, r.status.value, r.cum_qty, r.order_qty) for r in process.reports()]


@pytest.mark.parametrize("raw_status", ["PreSubmitted", "Submitted", "Filled", "Cancelled"])
async def test_new_terms_at_ib_prove_a_change(raw_status: str) -> None:
    process = await changing()
    process.hear(shown(NEW, raw_status))
    assert fate(process) is Fate.TAKEN


@pytest.mark.parametrize("raw_status", ["PendingSubmit", "ApiPending", "PendingCancel", "Inactive"])
async def test_new_terms_that_ib_does_not_work_prove_nothing(raw_status: str) -> None:
    process = await changing()
    process.hear(shown(NEW, raw_status))
    assert fate(process) is Fate.SENT
    [report] = process.reports()
    assert (report.client_id, report.limit_price) == (A, 5), "told as it was proven last"


async def test_a_fill_that_only_new_terms_allow_proves_them() -> None:
    process = await changing(Terms(Decimal(3), Decimal(4)))
    process.hear(execution_word("x.1.01", "1", last_px=Decimal("4.5")))
    assert fate(process) is Fate.TAKEN
    await process.quiet()
    assert standing(process) == [(A, "REPLACED", 0, 3), (A1, "PARTIALLY_FILLED", 1, 3)]


async def test_more_filled_than_the_old_quantity_proves_a_change() -> None:
    process = await changing(Terms(Decimal(5), Decimal(5)))
    process.hear(execution_word("x.1.01", "3", last_qty=Decimal(3)))
    assert fate(process) is Fate.SENT
    assert standing(process) == [(A, "PARTIALLY_FILLED", 3, 3)], "no end while it is in doubt"
    process.hear(execution_word("x.2.01", "5", last_qty=Decimal(2)))
    assert fate(process) is Fate.TAKEN
    assert [cum for _, _, cum, _ in standing(process)] == [3, 2]


async def test_a_fill_that_may_be_of_either_waits_for_its_execution_while_in_doubt() -> None:
    process = await changing()
    process.hear(status_word("Filled", "3"))
    assert standing(process) == [(A, "ACCEPTED", 0, 3)]
    process.hear(execution_word("x.1.01", "3", last_qty=Decimal(3), last_px=Decimal(5)))
    assert standing(process) == [(A, "FILLED", 3, 3)]


async def test_a_late_fill_that_only_the_old_terms_allow_is_of_those() -> None:
    told = Told()
    process = await changing(told=told)
    process.hear(shown(NEW))
    process.hear(execution_word("x.2.01", "2", last_px=Decimal(7)))
    process.hear(execution_word("x.1.01", "1", last_px=Decimal(6)))
    await process.quiet()
    process.hear(status_word("Submitted", "2"))
    assert standing(process) == [(A, "REPLACED", 1, 3), (A1, "PARTIALLY_FILLED", 1, 2)]


async def test_a_change_that_comes_when_all_of_it_was_filled_is_spent() -> None:
    process = await changing(Terms(Decimal(2), Decimal(5)))
    process.hear(execution_word("x.1.01", "2", last_qty=Decimal(2)))
    process.hear(shown(Terms(Decimal(2), Decimal(5)), "Filled"))
    assert fate(process) is Fate.SPENT
    assert standing(process) == [(A, "CANCELED", 2, 3)], "the rest was taken off"


async def test_an_end_on_the_old_terms_refutes_a_change() -> None:
    process = await changing()
    process.hear(shown(OLD, "Cancelled"))
    assert fate(process) is Fate.REFUSED


async def test_a_completed_order_without_a_quantity_is_known_by_its_price() -> None:
    process = await changing()
    word = shown(NEW, "Cancelled", is_completed=True, filled=Decimal(0))
    process.hear(replace(word, order_qty=None))
    assert fate(process) is Fate.TAKEN


async def test_what_was_refused_and_is_shown_after_all_is_believed_by_lists() -> None:
    process = await changing()
    process.changes.revisions.refuse(A1, Cause(Reason.VENUE_REJECTED, "no"))
    process.hear(shown(NEW))
    assert (fate(process), process.contested) == (Fate.REFUSED, [PERM])
    assert [r.limit_price for r in process.reports()] == [5], "one word may be old news"
    await process.read(shown(NEW))
    assert fate(process) is Fate.TAKEN


async def test_terms_that_nobody_asked_for_are_told_of_the_revision_in_force() -> None:
    process = await changing()
    process.hear(shown(NEW))
    process.hear(shown(Terms(Decimal(4), Decimal(9))))
    await process.quiet()
    first, last = process.reports()
    assert (first.limit_price, first.status) == (5, OrderStatus.REPLACED)
    assert (last.client_id, last.limit_price, last.order_qty) == (A1, 9, 4)


async def test_a_refused_change_of_an_inactive_order_does_not_reject_the_order() -> None:
    """It can become active again, with the exits that it has."""
    process = Process(Disk(), Told())
    process.evidence.sent(5, resting(A))
    refused: list[object] = []
    process.news.on_refused = lambda spec, said: refused.append(said)
    process.hear(shown(OLD, "Inactive"))
    revision = Revision(A1, A, 1, 5, PERM, "", OLD, NEW, Decimal(0), 1, "s", NOW)
    await process.changes.revisions.log.begin(revision)
    process.news.on_said(Said(5, 201, "Order rejected"))
    assert [r.status for r in process.reports()] == [OrderStatus.SUSPENDED]
    assert refused == []


async def test_a_second_order_of_a_change_begins_with_it() -> None:
    told = Told()
    process = await changing(told=told)
    process.hear(shown(NEW, perm_id=901))
    await process.quiet()
    assert standing(process) == [(A, "ACCEPTED", 0, 3)]
    twin = process.evidence.of_perm(901)
    assert twin is not None
    [report] = process.translator.reports(twin)
    assert (report.client_id, report.venue_order_id, report.replaces) == (A1, "901", "900")
    process.hear(execution_word("y.1.01", "1", perm_id=901, last_px=Decimal(7)))
    process.hear(execution_word("x.1.01", "1", last_px=Decimal(5)))
    await process.quiet()
    own = [(e.client_id, e.venue_order_id) for e in told.executions()]
    assert sorted(set(own)) == [(A, "900"), (A1, "901")]
