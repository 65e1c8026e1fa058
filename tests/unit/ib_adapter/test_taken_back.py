"""What IB had shown and does not work after all: told, and told of the order that it works."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from services.common.domain.errors import Cause, Reason
from services.common.domain.order_status import OrderStatus, Signal
from services.ib_adapter.revision_rows import Fate, Revision
from services.ib_adapter.revision_terms import Terms
from services.ib_adapter.words import OrderWord
from tests.unit.ib_adapter.ib_story import PERM, Process
from tests.unit.ib_adapter.scene import NOW, A, Disk, Told, execution_word, order_word, status_word

A1, A2 = "a~sim~1.1", "a~sim~1.2"
OLD = Terms(Decimal(3), Decimal(5))
NEW = Terms(Decimal(2), Decimal(7))
REFUSED = Cause(Reason.INSUFFICIENT_BUYING_POWER, "margin", "201")


def shown(terms: Terms, raw_status: str = "Submitted", **changed: Any) -> OrderWord:
    return order_word(
        raw_status, order_qty=terms.order_qty, limit_price=terms.limit_price, **changed
    )


async def change(process: Process, revision_id: str, before: Terms, after: Terms) -> None:
    revisions = process.changes.revisions
    seq = revisions.next_seq(A)
    row = Revision(revision_id, A, seq, 5, PERM, "", before, after, Decimal(0), 1, "s", NOW)
    await revisions.log.begin(row)


async def echoed(disk: Disk | None = None, told: Told | None = None) -> Process:
    """An order to sell three at 5; a change to two at 7 was sent and shown."""
    process = Process(disk or Disk(), told or Told())
    process.hear(shown(OLD))
    await change(process, A1, OLD, NEW)
    process.hear(shown(NEW))
    await process.quiet()
    return process


def fate(process: Process, revision_id: str = A1) -> Fate:
    known = process.changes.revisions.log.find(revision_id)
    assert known is not None
    return known.fate


def standing(process: Process) -> list[tuple[str, str, str, Decimal | None, Decimal | None]]:
    return [
        (r.client_id, r.status.value, r.signal.value, r.order_qty, r.limit_price)
        for r in process.reports()
    ]


async def test_old_terms_in_the_lists_take_a_change_back() -> None:
    told = Told()
    process = await echoed(told=told)
    process.changes.refused(A1, REFUSED)
    told.events.clear()
    await process.read(shown(OLD))
    await process.quiet()
    assert standing(process) == [
        (A, "ACCEPTED", "REOPENED", 3, 5),
        (A1, "REJECTED", "REJECTED", 2, 7),
    ]
    first, second = told.reports()
    assert (first.client_id, second.client_id) == (A, A1), "something is live all the while"
    assert (first.replaced_by, second.cause) == ("", REFUSED)


async def test_one_word_of_old_terms_takes_nothing_back() -> None:
    told = Told()
    process = await echoed(told=told)
    before = standing(process)
    told.events.clear()
    process.hear(shown(OLD))
    await process.quiet()
    assert (fate(process), process.contested) == (Fate.TAKEN, [PERM])
    assert standing(process) == before
    assert told.events == []
    await process.read(shown(NEW))
    assert fate(process) is Fate.TAKEN


async def test_a_later_process_takes_back_what_an_earlier_one_had_told() -> None:
    disk = Disk()
    await echoed(disk)
    later = Process(disk, told := Told())
    await later.read(shown(OLD))
    await later.quiet()
    assert [(r.client_id, r.signal) for r in told.reports()][-2:] == [
        (A, Signal.REOPENED),
        (A1, Signal.REJECTED),
    ]
    latest = Process(disk, Told())
    await latest.read(shown(OLD))
    assert standing(latest) == standing(later), "it is durable"


async def test_what_fills_at_the_old_limit_is_of_the_old_terms() -> None:
    told = Told()
    process = await echoed(told=told)
    process.hear(execution_word("x.1.01", "1", last_px=Decimal("5.5")))
    assert process.contested == [PERM], "it can't be of the new terms"
    await process.read(shown(OLD))
    process.hear(execution_word("x.2.01", "3", last_qty=Decimal(2), last_px=Decimal(6)))
    process.hear(status_word("Filled", "3"))
    await process.quiet()
    assert {(e.client_id, e.cum_qty) for e in told.executions()} == {(A, 1), (A, 3)}
    first, second = process.reports()
    assert (first.status, first.cum_qty) == (OrderStatus.FILLED, 3)
    assert (second.status, second.cum_qty) == (OrderStatus.REJECTED, 0)


async def test_what_had_filled_of_a_change_stays_its_own() -> None:
    told = Told()
    process = await echoed(told=told)
    process.hear(execution_word("x.1.01", "1", last_px=Decimal(7)))
    await process.read(shown(OLD), status_word("Submitted", "1"))
    process.hear(execution_word("x.2.01", "3", last_qty=Decimal(2), last_px=Decimal(5)))
    process.hear(status_word("Filled", "3"))
    await process.quiet()
    assert {(e.client_id, e.cum_qty) for e in told.executions()} == {(A1, 1), (A, 2)}
    first, second = process.reports()
    assert (first.status, first.order_qty, first.cum_qty) == (OrderStatus.CANCELED, 3, 2)
    assert (second.status, second.cum_qty) == (OrderStatus.CANCELED, 1)


async def test_an_order_that_ends_on_its_old_terms_ends_under_its_old_id() -> None:
    process = await echoed()
    await process.read(shown(OLD, "Cancelled"))
    await process.quiet()
    assert [(r.client_id, r.status) for r in process.reports()] == [
        (A, OrderStatus.CANCELED),
        (A1, OrderStatus.REJECTED),
    ]


async def test_two_changes_that_were_shown_are_taken_back_together() -> None:
    process = await echoed()
    later = Terms(Decimal(2), Decimal(9))
    await change(process, A2, NEW, later)
    process.hear(shown(later))
    await process.read(shown(OLD))
    assert (fate(process, A1), fate(process, A2)) == (Fate.TAKEN_BACK, Fate.TAKEN_BACK)
    assert standing(process)[0] == (A, "ACCEPTED", "REOPENED", 3, 5)


async def test_a_change_made_of_what_was_taken_back_is_refuted_by_the_terms_before_both() -> None:
    process = await echoed()
    await change(process, A2, NEW, Terms(Decimal(2), Decimal(9)))
    await process.read(shown(OLD))
    facts = process.evidence.of_perm(PERM)
    assert facts is not None
    assert process.changes.revisions.settle(facts) == ""
    assert (fate(process, A1), fate(process, A2)) == (Fate.TAKEN_BACK, Fate.REFUSED)


async def test_what_was_taken_back_and_is_in_the_lists_again_is_in_force() -> None:
    process = await echoed()
    await process.read(shown(OLD))
    process.hear(shown(NEW))
    assert fate(process) is Fate.TAKEN_BACK
    await process.read(shown(NEW))
    assert [r.status for r in process.reports()] == [OrderStatus.REPLACED, OrderStatus.ACCEPTED]


async def test_a_fill_that_only_new_terms_allow_is_not_undone_by_an_older_row() -> None:
    process = Process(Disk(), Told())
    process.hear(shown(OLD))
    await change(process, A1, OLD, Terms(Decimal(3), Decimal(4)))
    await process.read(shown(OLD), execution_word("x.1.01", "1", last_px=Decimal("4.5")))
    assert fate(process) is Fate.TAKEN


# -- live after its end --------------------------------------------------------------------------


async def test_an_order_that_lists_show_live_after_its_end_is_live() -> None:
    process = Process(Disk(), told := Told())
    process.hear(shown(OLD))
    process.hear(status_word("Cancelled"))
    process.hear(shown(OLD))
    assert [r.status for r in process.reports()] == [OrderStatus.CANCELED], "this may be old news"
    assert process.contested
    await process.read(shown(OLD))
    assert told.short() == ["ACCEPTED 0", "CANCELED 0", "ACCEPTED 0"]
    assert told.reports()[-1].signal is Signal.REOPENED
    process.hear(status_word("Cancelled"))
    assert told.reports()[-1].status is OrderStatus.CANCELED


@pytest.mark.parametrize("raw_status", ["PendingCancel", "Inactive", "PendingSubmit"])
async def test_what_does_not_work_is_not_live_after_its_end(raw_status: str) -> None:
    process = Process(Disk(), Told())
    process.hear(shown(OLD))
    process.hear(status_word("Cancelled"))
    await process.read(shown(OLD, raw_status))
    assert [r.status for r in process.reports()] == [OrderStatus.CANCELED]


async def test_a_word_from_before_the_lists_reopens_nothing() -> None:
    process = Process(Disk(), Told())
    process.hear(shown(OLD))
    process.hear(status_word("Cancelled"))
    process.hear(shown(OLD))
    await process.read(shown(OLD, "PendingCancel"))
    assert [r.status for r in process.reports()] == [OrderStatus.CANCELED]


async def test_what_the_same_lists_show_as_ended_has_ended() -> None:
    process = Process(Disk(), Told())
    process.hear(shown(OLD))
    process.hear(status_word("Cancelled"))
    await process.read(shown(OLD), shown(OLD, "Cancelled", is_completed=True))
    assert [r.status for r in process.reports()] == [OrderStatus.CANCELED]


async def test_what_was_filled_is_not_reopened() -> None:
    process = Process(Disk(), Told())
    process.hear(shown(OLD))
    process.hear(execution_word("x.1.01", "3", last_qty=Decimal(3)))
    process.hear(status_word("Filled", "3"))
    await process.read(shown(OLD))
    assert [r.status for r in process.reports()] == [OrderStatus.FILLED]
