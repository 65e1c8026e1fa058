"""The send log: one row per id, durable, and never sent again."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import apsw
import pytest

from services.common.domain.errors import Effect, Reason, Unavailable
from services.common.runtime.blocking import BlockingPool
from services.common.runtime.clock import SystemClock
from services.ib_adapter.send_log import Send, SendLog, SendLogFailed, SendLogUnusable
from tests.unit.adapter.recording_vfs import RecordingVfs

CLOCK = SystemClock()
AT = datetime(2024, 11, 4, 15, 0, tzinfo=UTC)
SEND = Send("a~t~1.0", "1:hash", 7, 3, "session-1", AT, AT)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "sends.sqlite"


@pytest.fixture
async def pool() -> AsyncIterator[BlockingPool]:
    pool = BlockingPool(1, slot_wait_s=1.0, name="test")
    yield pool
    assert await pool.close(timeout_s=5.0) == 0


def opened(path: Path, pool: BlockingPool, vfs: str | None = None) -> SendLog:
    return SendLog.open(path, CLOCK, pool.run, vfs=vfs)


async def test_a_send_is_found_by_a_later_process(path: Path, pool: BlockingPool) -> None:
    log = opened(path, pool)
    assert log.high_water == 0
    assert await log.begin(SEND) is None
    log.close()
    later = opened(path, pool)
    assert await later.find("a~t~1.0") == SEND
    assert later.high_water == 7
    assert later.created <= CLOCK.now()
    later.close()


async def test_an_id_is_begun_once(path: Path, pool: BlockingPool) -> None:
    log = opened(path, pool)
    await log.begin(SEND)
    again = await log.begin(replace(SEND, order_id=8, content_hash="1:other"))
    assert again == SEND
    assert await log.find("a~t~1.0") == SEND
    log.close()


async def test_a_withdrawn_send_gives_way_and_keeps_its_order_id_used(
    path: Path, pool: BlockingPool
) -> None:
    log = opened(path, pool)
    await log.begin(SEND)
    await log.withdraw("a~t~1.0")
    assert await log.find("a~t~1.0") == replace(SEND, not_sent=True)
    assert await log.begin(replace(SEND, order_id=9)) is None
    assert await log.find("a~t~1.0") == replace(SEND, order_id=9)
    assert log.high_water == 9
    log.close()


async def test_the_highest_order_id_never_falls(path: Path, pool: BlockingPool) -> None:
    log = opened(path, pool)
    await log.begin(replace(SEND, placement_id="b~t~1.0", order_id=50))
    await log.begin(SEND)
    assert log.high_water == 50
    log.close()
    later = opened(path, pool)
    assert later.high_water == 50
    later.close()


async def test_begin_returns_after_the_sync(path: Path, pool: BlockingPool) -> None:
    vfs = RecordingVfs()
    log = opened(path, pool, vfs.name)
    before = len(vfs.log)
    await log.begin(SEND)
    assert vfs.log[before:][-1][0] == "sync"
    log.close()


async def test_a_log_that_failed_refuses_until_it_is_opened_again(
    path: Path, pool: BlockingPool
) -> None:
    vfs = RecordingVfs()
    log = opened(path, pool, vfs.name)
    vfs.sync_fails = True
    with pytest.raises(SendLogFailed) as failed:
        await log.begin(SEND)
    assert (failed.value.reason, failed.value.effect) == (Reason.JOURNAL_UNAVAILABLE, Effect.NONE)
    vfs.sync_fails = False
    with pytest.raises(Unavailable):
        await log.begin(SEND)
    with pytest.raises(Unavailable):
        log.require_working()
    assert "a write of the send log failed" in log.failure
    log.close()


async def test_a_second_process_cant_have_it(path: Path, pool: BlockingPool) -> None:
    log = opened(path, pool)
    with pytest.raises(SendLogUnusable, match="locked by another process"):
        opened(path, pool)
    log.close()


def test_a_file_of_another_kind_is_not_touched(path: Path) -> None:
    other = apsw.Connection(str(path))
    other.execute("CREATE TABLE diary (page TEXT)")
    other.close()
    with pytest.raises(SendLogUnusable, match="something else"):
        SendLog.open(path, CLOCK, None)  # type: ignore[arg-type]


def test_a_volume_that_is_not_mounted_is_not_made(tmp_path: Path) -> None:
    with pytest.raises(SendLogUnusable, match="there is no folder"):
        SendLog.open(tmp_path / "missing" / "log", CLOCK, None)  # type: ignore[arg-type]


async def test_a_log_is_of_one_account_for_good(path: Path, pool: BlockingPool) -> None:
    log = opened(path, pool)
    assert await log.bind("DU1") == "DU1"
    assert await log.bind("DU2") == "DU1"
    log.close()
    later = opened(path, pool)
    assert await later.bind("DU2") == "DU1"
    later.close()


async def test_a_log_without_an_account_takes_the_next_one(path: Path, pool: BlockingPool) -> None:
    opened(path, pool).close()
    connection = apsw.Connection(str(path))
    connection.execute("DROP TABLE account")  # as the first release wrote it
    connection.close()
    log = opened(path, pool)
    assert await log.bind("DU1") == "DU1"
    log.close()


async def test_what_the_gateway_held_is_known_to_a_later_process(
    path: Path, pool: BlockingPool
) -> None:
    log = opened(path, pool)
    await log.begin(replace(SEND, client_id=17))
    await log.note_held("a~t~1.0", "PendingSubmit")
    await log.note_held("nobody~t~1.0", "PendingSubmit")
    log.close()
    later = opened(path, pool)
    assert await later.find("a~t~1.0") == replace(SEND, client_id=17, held_as="PendingSubmit")
    assert await later.find("nobody~t~1.0") is None
    await later.note_held("a~t~1.0", "")
    assert await later.find("a~t~1.0") == replace(SEND, client_id=17)
    later.close()


async def test_a_log_of_an_earlier_release_is_read_and_written_on(
    path: Path, pool: BlockingPool
) -> None:
    log = opened(path, pool)
    await log.begin(SEND)
    log.close()
    connection = apsw.Connection(str(path))
    for column in ("client_id", "held_as"):
        connection.execute(f"ALTER TABLE send DROP COLUMN {column}")
    connection.close()
    later = opened(path, pool)
    assert await later.find("a~t~1.0") == SEND
    assert await later.begin(replace(SEND, placement_id="b~t~1.0", client_id=17)) is None
    later.close()


EXIT = replace(SEND, placement_id="a~t~1.0..btp", order_id=8, content_hash="1:exit")


async def test_an_order_and_its_exits_are_noted_together_or_not_at_all(
    path: Path, pool: BlockingPool
) -> None:
    log = opened(path, pool)
    assert await log.begin(SEND, EXIT) is None
    assert (await log.find("a~t~1.0..btp"), log.high_water) == (EXIT, 8)
    other = replace(SEND, placement_id="b~t~1.0", order_id=9)
    assert await log.begin(other, replace(EXIT, order_id=10)) == EXIT
    assert await log.find("b~t~1.0") is None
    log.close()


async def test_an_order_and_its_exits_are_taken_back_together(
    path: Path, pool: BlockingPool
) -> None:
    log = opened(path, pool)
    await log.begin(SEND, EXIT)
    await log.withdraw("a~t~1.0", "a~t~1.0..btp")
    assert await log.begin(replace(SEND, order_id=9), replace(EXIT, order_id=10)) is None
    log.close()


async def test_several_rows_cost_one_sync(path: Path, pool: BlockingPool) -> None:
    vfs = RecordingVfs()
    log = opened(path, pool, vfs=vfs.name)

    async def syncs_of(*sends: Send) -> int:
        before = [kind for kind, _ in vfs.log].count("sync")
        await log.begin(*sends)
        return [kind for kind, _ in vfs.log].count("sync") - before

    single = await syncs_of(SEND)
    again = [replace(send, placement_id=f"b{send.placement_id}") for send in (SEND, EXIT)]
    assert await syncs_of(*again) == single > 0
    log.close()


async def test_a_number_that_is_used_for_no_order_is_no_later_orders(
    path: Path, pool: BlockingPool
) -> None:
    log = opened(path, pool)
    await log.use(41)
    assert log.high_water == 41
    log.close()
    later = opened(path, pool)
    assert later.high_water == 41
    await later.use(5)
    later.close()
    assert opened_high_water(path, pool) == 41


def opened_high_water(path: Path, pool: BlockingPool) -> int:
    log = opened(path, pool)
    log.close()
    return log.high_water


async def test_whether_an_order_had_exits_is_told_by_their_ids(
    path: Path, pool: BlockingPool
) -> None:
    log = opened(path, pool)
    await log.begin(SEND, EXIT)
    await log.begin(replace(SEND, placement_id="a~t~1.00", order_id=9))
    assert await log.has_any("a~t~1.0..")
    assert not await log.has_any("a~t~1.00..")
    await log.withdraw("a~t~1.0", "a~t~1.0..btp")
    assert not await log.has_any("a~t~1.0.."), "what was not sent does not count"
    log.close()
