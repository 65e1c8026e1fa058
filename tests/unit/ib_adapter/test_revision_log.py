"""The log of changes: what a later process knows, and what is never sent again."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import apsw
import pytest

from services.common.domain.errors import Cause, Reason
from services.common.runtime.blocking import BlockingPool
from services.common.runtime.clock import SystemClock
from services.ib_adapter.revision_rows import Fate, RevisedFill, Revision
from services.ib_adapter.revision_terms import Terms, changed_names, shows
from services.ib_adapter.send_log import SendLog
from tests.unit.ib_adapter.scene import NOW, A, Disk

A1 = "a~sim~1.1"
BEFORE = Terms(Decimal(3), Decimal("5.5"), None, None, "GTC")
AFTER = replace(BEFORE, limit_price=Decimal("5.6"))


def change(revision_id: str = A1, seq: int = 1) -> Revision:
    return Revision(revision_id, A, seq, 5, 900, "asked", BEFORE, AFTER, Decimal(0), 1, "s", NOW)


def fill(stem: str = "x.1", seq: int = 1, part: int = 0) -> RevisedFill:
    return RevisedFill(900, stem, part, seq, Decimal(2), Decimal(2))


async def test_a_later_process_knows_all_that_was_saved() -> None:
    disk = Disk()
    log = disk.log()
    assert await log.begin(change()) is None
    cause = Cause(Reason.INVALID_PRICE, "off the tick")
    log.decide(A1, Fate.REFUSED, cause=cause)
    log.add_fill(fill())
    assert log.unsaved() == {A, 900}
    await log.save()
    assert log.unsaved() == frozenset()
    later = disk.log()
    known = later.find(A1)
    assert known == replace(change(), fate=Fate.REFUSED, cause=Cause(cause.reason, cause.message))
    assert later.of_order(A) == [known]
    assert later.fill(900, "x.1") == fill()
    assert later.filled(900, 1) == 2
    assert later.filled(900, 0) == later.filled(900, 1, part=7) == 0


async def test_what_is_decided_counts_at_once_and_is_gone_with_the_process() -> None:
    disk = Disk()
    log = disk.log()
    await log.begin(change())
    log.decide(A1, Fate.TAKEN, taken_by=900)
    log.add_fill(fill())
    assert [c.fate for c in log.of_order(A)] == [Fate.TAKEN]
    later = disk.log()
    assert [c.fate for c in later.of_order(A)] == [Fate.SENT]
    assert later.fill(900, "x.1") is None


async def test_an_id_that_may_have_been_sent_is_given_back() -> None:
    disk = Disk()
    await disk.log().begin(change())
    log = disk.log()
    assert await log.begin(change(seq=2)) == change()
    await log.withdraw(A1)
    assert await disk.log().begin(change(seq=2)) is None
    assert [c.seq for c in disk.log().of_order(A)] == [2]


async def test_an_id_that_is_out_of_memory_is_still_never_sent_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    disk = Disk()
    monkeypatch.setattr("services.ib_adapter.revision_log.KEPT_MAX", 2)
    log = disk.log()
    for seq in (1, 2, 3):
        await log.begin(change(f"a~sim~1.{seq}", seq))
        log.add_fill(fill(f"x.{seq}", seq))
    await log.save()
    for known in (log, disk.log()):
        assert [c.seq for c in known.of_order(A)] == [2, 3]
        assert known.fill(900, "x.1") is None
        assert await known.begin(change()) == change()


async def test_whose_a_fill_is_does_not_change() -> None:
    disk = Disk()
    for seq in (1, 2):
        log = disk.log()
        log.add_fill(fill(seq=seq))
        await log.save()
    assert disk.log().fill(900, "x.1") == fill(seq=1)


async def test_a_send_log_of_the_first_release_is_opened(tmp_path: Path) -> None:
    path, pool = tmp_path / "sends.sqlite", BlockingPool(1, slot_wait_s=5.0, name="send-log")
    SendLog.open(path, SystemClock(), pool.run).close()
    connection = apsw.Connection(str(path))
    connection.execute("DROP TABLE revision; DROP TABLE revised_fill")
    connection.close()
    log = SendLog.open(path, SystemClock(), pool.run)
    try:
        assert await log.revisions.begin(change()) is None
    finally:
        log.close()
        await pool.close(timeout_s=5.0)


def test_terms_are_read_back_and_compared_by_what_was_changed() -> None:
    assert Terms.read(AFTER.text) == AFTER
    assert changed_names(BEFORE, AFTER) == ["limit_price"]
    assert shows(AFTER, BEFORE, AFTER) is True
    assert shows(replace(BEFORE, order_qty=Decimal(9)), BEFORE, AFTER) is False
    assert shows(replace(BEFORE, limit_price=Decimal(1)), BEFORE, AFTER) is None
    assert shows(replace(BEFORE, limit_price=None), BEFORE, AFTER) is None
