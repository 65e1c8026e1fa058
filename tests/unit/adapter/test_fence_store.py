"""The fence store: order of claims, durability before any answer, one process alone."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import apsw
import pytest

from services.common.adapter.fence_file import FenceFileUnusable
from services.common.adapter.fence_store import FenceClaim, FenceStore, FenceStoreFailed
from services.common.domain.errors import Effect, Reason, Refused, TandemError, Unavailable
from services.common.runtime.blocking import BlockingPool
from services.common.runtime.clock import SystemClock
from tests.unit.adapter.recording_vfs import RecordingVfs

Claim = Callable[..., FenceClaim]
CLOCK = SystemClock()


@pytest.fixture
async def store(store_path: Path, pool: BlockingPool) -> AsyncIterator[FenceStore]:
    store = FenceStore.open(store_path, CLOCK, pool.run)
    yield store
    store.close()


def refusal(store: FenceStore, claim: FenceClaim | None) -> Reason | None:
    try:
        store.check(claim)
    except TandemError as error:
        return error.reason if error.effect is Effect.NONE else Reason.UNSPECIFIED
    return None


async def test_a_blank_store_refuses_every_claim(store: FenceStore, claim: Claim) -> None:
    assert store.seen is None
    assert refusal(store, claim()) is Reason.FENCE_NOT_TAKEN


async def test_only_the_claim_that_was_taken_passes(store: FenceStore, claim: Claim) -> None:
    assert await store.take(claim(5)) is None
    assert refusal(store, claim(5)) is None
    assert refusal(store, claim(5, head=99)) is None
    assert refusal(store, claim(4)) is Reason.STALE_EPOCH
    assert refusal(store, claim(6)) is Reason.FENCE_NOT_TAKEN
    assert refusal(store, claim(5, journal_id="j2")) is Reason.STALE_EPOCH
    assert refusal(store, None) is Reason.FENCE_REQUIRED


async def test_generation_counts_before_epoch(store: FenceStore, claim: Claim) -> None:
    await store.take(claim(9, generation=1))
    await store.take(claim(1, generation=2))
    assert refusal(store, claim(9, generation=1)) is Reason.STALE_EPOCH
    with pytest.raises(Refused) as refused:
        await store.take(claim(10, generation=1))
    assert refused.value.reason is Reason.STALE_EPOCH
    assert store.seen == claim(1, generation=2)


async def test_taking_answers_with_what_was_seen_before(store: FenceStore, claim: Claim) -> None:
    await store.take(claim(1, head=10))
    assert await store.take(claim(2, journal_id="j2", head=3)) == claim(1, head=10)


async def test_taking_the_same_claim_again_keeps_the_higher_head(
    store: FenceStore, claim: Claim
) -> None:
    await store.take(claim(1, head=10))
    assert await store.take(claim(1, head=8)) == claim(1, head=10)
    assert await store.take(claim(1, head=12)) == claim(1, head=10)
    assert store.seen == claim(1, head=12)


async def test_two_journals_cannot_share_an_epoch(store: FenceStore, claim: Claim) -> None:
    await store.take(claim(3))
    with pytest.raises(Refused) as refused:
        await store.take(claim(3, journal_id="j2"))
    assert refused.value.reason is Reason.STALE_EPOCH


async def test_claim_head_tombstones_and_birth_outlive_the_process(
    store_path: Path, pool: BlockingPool, claim: Claim
) -> None:
    first = FenceStore.open(store_path, CLOCK, pool.run)
    await first.take(claim(2, head=10))
    await first.note(claim(2, head=40))
    await first.bury("a~t~1.0", "two 404s")
    first.close()
    second = FenceStore.open(store_path, CLOCK, pool.run)
    assert second.seen == claim(2, head=40)
    assert second.is_buried("a~t~1.0")
    assert not second.is_buried("a~t~2.0")
    assert second.created == first.created
    second.close()


async def test_without_routers_only_given_claims_are_checked(
    store_path: Path, pool: BlockingPool, claim: Claim
) -> None:
    store = FenceStore.open(store_path, CLOCK, pool.run, routed=False)
    assert refusal(store, None) is None
    assert refusal(store, claim()) is Reason.FENCE_NOT_TAKEN
    store.close()


async def test_a_second_opener_is_told_that_the_store_is_locked(
    store: FenceStore, store_path: Path, pool: BlockingPool
) -> None:
    program = (
        "import sys; from pathlib import Path; from datetime import datetime, UTC\n"
        "from services.common.adapter.fence_file import FenceFile, FenceFileUnusable\n"
        "try: FenceFile.open(Path(sys.argv[1]), now=datetime.now(UTC))\n"
        "except FenceFileUnusable as error: sys.exit(str(error))"
    )
    ran = await asyncio.to_thread(
        subprocess.run, [sys.executable, "-c", program, str(store_path)], capture_output=True
    )
    assert ran.returncode == 1
    assert b"locked by another process" in ran.stderr
    with pytest.raises(FenceFileUnusable, match="locked by another process"):
        FenceStore.open(store_path, CLOCK, pool.run)


def test_a_file_of_another_kind_is_not_touched(store_path: Path) -> None:
    other = apsw.Connection(str(store_path))
    other.execute("CREATE TABLE diary (page TEXT)")
    other.close()
    with pytest.raises(FenceFileUnusable, match="something else"):
        FenceStore.open(store_path, CLOCK, None)  # type: ignore[arg-type]


def test_a_file_of_a_newer_release_is_not_read(store_path: Path) -> None:
    FenceStore.open(store_path, CLOCK, None).close()  # type: ignore[arg-type]
    newer = apsw.Connection(str(store_path))
    newer.pragma("user_version", 2)
    newer.close()
    with pytest.raises(FenceFileUnusable, match="newer release"):
        FenceStore.open(store_path, CLOCK, None)  # type: ignore[arg-type]


def test_a_missing_volume_is_one_clear_line(tmp_path: Path) -> None:
    with pytest.raises(FenceFileUnusable, match=r"there is no folder .*not there$"):
        FenceStore.open(tmp_path / "not there" / "fence.db", CLOCK, None)  # type: ignore[arg-type]


@pytest.mark.parametrize("change", ["take", "note", "bury"])
async def test_a_change_is_written_and_synced_before_it_is_answered(
    change: str, store_path: Path, pool: BlockingPool, claim: Claim
) -> None:
    vfs = RecordingVfs()
    store = FenceStore.open(store_path, CLOCK, pool.run, vfs=vfs.name)
    if change == "note":
        await store.take(claim(1, head=1))
    vfs.log.clear()
    if change == "take":
        await store.take(claim())
    elif change == "note":
        await store.note(claim(1, head=2))
    else:
        await store.bury("a~t~1.0", "proof")
    vfs.log.append(("answer", ""))
    steps = list(dict.fromkeys(vfs.log))  # a commit writes several pages
    assert steps == [("write", "fence.db-wal"), ("sync", "fence.db-wal"), ("answer", "")]
    store.close()


@pytest.mark.parametrize("change", ["take", "note", "bury"])
async def test_a_failed_sync_is_no_answer_and_refuses_all_that_follows(
    change: str, store_path: Path, pool: BlockingPool, claim: Claim
) -> None:
    vfs = RecordingVfs()
    store = FenceStore.open(store_path, CLOCK, pool.run, vfs=vfs.name)
    await store.take(claim(1, head=1))
    vfs.sync_fails = True
    changes: dict[str, Callable[[], Awaitable[object]]] = {
        "take": lambda: store.take(claim(2)),
        "note": lambda: store.note(claim(1, head=2)),
        "bury": lambda: store.bury("a~t~1.0", "proof"),
    }
    with pytest.raises(FenceStoreFailed):
        await changes[change]()
    vfs.sync_fails = False  # a disk that comes back is not believed
    assert store.seen == claim(1, head=1)
    assert not store.is_buried("a~t~1.0")
    assert "failed" in store.failure
    assert refusal(store, claim(1)) is Reason.JOURNAL_UNAVAILABLE
    for again in changes.values():
        with pytest.raises(FenceStoreFailed):
            await again()
    store.close()


async def test_notes_at_the_same_time_share_a_sync(
    store_path: Path, pool: BlockingPool, claim: Claim
) -> None:
    vfs = RecordingVfs()
    store = FenceStore.open(store_path, CLOCK, pool.run, vfs=vfs.name)
    await store.take(claim(1, head=1))
    vfs.log.clear()
    await asyncio.gather(*(store.note(claim(1, head=head)) for head in range(2, 60)))
    assert store.seen == claim(1, head=59)
    assert 1 <= vfs.log.count(("sync", "fence.db-wal")) <= 2
    store.close()


async def test_a_note_that_is_known_writes_nothing(
    store_path: Path, pool: BlockingPool, claim: Claim
) -> None:
    vfs = RecordingVfs()
    store = FenceStore.open(store_path, CLOCK, pool.run, vfs=vfs.name)
    await store.take(claim(1, head=9))
    vfs.log.clear()
    await store.note(claim(1, head=9))
    await store.note(claim(1, head=3))
    assert vfs.log == []
    store.close()


async def test_a_slow_disk_holds_back_the_answer_and_not_the_loop(
    store_path: Path, pool: BlockingPool, claim: Claim
) -> None:
    vfs = RecordingVfs()
    store = FenceStore.open(store_path, CLOCK, pool.run, write_timeout_s=0.05, vfs=vfs.name)
    await store.take(claim(1))
    vfs.disk_answers.clear()
    with pytest.raises(TandemError) as unknown:
        await store.take(claim(2))
    assert unknown.value.effect is Effect.UNKNOWN
    assert store.seen == claim(1)
    with pytest.raises(Unavailable) as unavailable:
        await store.note(claim(1, head=77))
    assert unavailable.value.effect is Effect.NONE
    vfs.disk_answers.set()
    await pool.close(timeout_s=2.0)
    assert store.seen == claim(2)  # late, but true
    store.close()


async def test_a_disk_that_fails_at_the_end_is_told(
    store_path: Path, pool: BlockingPool, claim: Claim
) -> None:
    vfs = RecordingVfs()
    store = FenceStore.open(store_path, CLOCK, pool.run, vfs=vfs.name)
    await store.take(claim(1))
    vfs.sync_fails = True
    with pytest.raises(FenceStoreFailed, match="closing"):
        store.close()
    again = FenceStore.open(store_path, CLOCK, pool.run)
    assert again.seen == claim(1)
    again.close()
