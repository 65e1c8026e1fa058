"""Whose journal an adapter knows: claims, and journals behind or beside what it has seen."""

from __future__ import annotations

import asyncio
import shutil
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import pytest

from services.common.domain.errors import Reason, Refused, TandemError, Unavailable
from services.router.journal import codec
from services.router.journal.records import AlertRaised, Severity, TradingState
from services.router.journal.sqlite import SqliteJournal
from services.router.journal.store import Entry, link
from services.router.routing.venue import Claim
from tests.unit.domain.orders import spec
from tests.unit.router.harness import router, takes_entries, until, virtual
from tests.unit.router.scripted_port import ScriptedPort


@virtual
async def test_a_restored_journal_starts_halted(tmp_path: Path) -> None:
    """The copy's own first records may well reach beyond what the adapter saw."""
    port = ScriptedPort("alpaca")
    async with router(tmp_path / "j.db", ports={"alpaca": port}) as running:
        await running.submit(spec())
    shutil.copy(tmp_path / "j.db", tmp_path / "copy.db")
    async with router(tmp_path / "j.db", ports={"alpaca": port}) as running:
        await running.submit(spec(client_order_id="o-2", order_qty=Decimal(1)))
    async with router(tmp_path / "copy.db", ports={"alpaca": port}) as running:
        assert running.core.books.trading_state("main") is TradingState.HALTED
        assert "JOURNAL_BEHIND" in running.kinds()
        with pytest.raises(Refused) as refused:
            await running.submit(spec(client_order_id="o-3"))
        assert refused.value.reason is Reason.TRADING_HALTED
        assert len(port.sent) == 2


@virtual
async def test_a_restored_journal_is_found_out_also_after_it_has_grown(tmp_path: Path) -> None:
    port = ScriptedPort("alpaca")
    async with router(tmp_path / "j.db", ports={"alpaca": port}) as running:
        await running.submit(spec())
    shutil.copy(tmp_path / "j.db", tmp_path / "copy.db")
    async with router(tmp_path / "j.db", ports={"alpaca": port}) as running:
        await running.submit(spec(client_order_id="o-2", order_qty=Decimal(1)))
    port.reachable = False
    ports = {"alpaca": port, "second": ScriptedPort("second")}
    async with router(tmp_path / "copy.db", ports=ports, wait_ready=False) as running:
        await until(lambda: running.core.links["main", "second"].view().takes_entries)
        for number in range(5):
            await running.submit(spec(client_order_id=f"n-{number}", order_qty=Decimal(1)))
        seen = port.claims[-1].head_seq
        port.reachable = True
        await until(lambda: takes_entries(running))
        assert port.claims[-1].head_seq > seen
        assert running.core.books.trading_state("main") is TradingState.HALTED
        assert "JOURNAL_BEHIND" in running.kinds()


@virtual
async def test_a_journal_that_lacks_its_end_starts_halted(tmp_path: Path) -> None:
    port = ScriptedPort("alpaca")
    async with router(tmp_path / "j.db", ports={"alpaca": port}) as running:
        await running.submit(spec())
        journal_id, epoch = running.core.books.journal_id, running.core.books.epoch
    port.claims.append(Claim(journal_id, 1, epoch, 10_000, bytes(32)))
    async with router(tmp_path / "j.db", ports={"alpaca": port}) as running:
        assert running.core.books.trading_state("main") is TradingState.HALTED


@virtual
async def test_a_journal_beside_the_one_that_an_adapter_knows_starts_halted(
    tmp_path: Path,
) -> None:
    """A journal that was lost and made anew knows nothing of what is at the venue."""
    port = ScriptedPort("alpaca")
    async with router(tmp_path / "j.db", ports={"alpaca": port}) as running:
        await running.submit(spec())
    async with router(tmp_path / "new.db", ports={"alpaca": port}) as running:
        assert running.core.books.trading_state("main") is TradingState.HALTED
        assert "JOURNAL_BEHIND" in running.kinds()


@virtual
async def test_an_adapter_that_knows_another_journal_by_name_alone_halts_ours(
    tmp_path: Path,
) -> None:
    port = ScriptedPort("alpaca", claims=[Claim("another", 1, 0, 0, bytes(32))])
    async with router(tmp_path / "j.db", ports={"alpaca": port}) as running:
        assert running.core.books.trading_state("main") is TradingState.HALTED


@virtual
async def test_a_journal_that_goes_on_in_order_is_not_halted(tmp_path: Path) -> None:
    port = ScriptedPort("alpaca")
    for number in range(3):
        async with router(tmp_path / "j.db", ports={"alpaca": port}) as running:
            await running.submit(spec(client_order_id=f"o-{number}", order_qty=Decimal(1)))
            port.news.put_nowait(None)
            await until(lambda: not takes_entries(running))
            await until(lambda: takes_entries(running))
            assert running.core.books.trading_state("main") is TradingState.ACTIVE


@virtual
async def test_a_claim_names_only_records_that_are_durable(tmp_path: Path) -> None:
    """Else a crash under load would look like a restored journal."""
    async with router(tmp_path / "j.db") as running:
        orders = [spec(client_order_id=f"o-{i}", order_qty=Decimal(1)) for i in range(5)]
        seen: list[bool] = []

        def checks(order: object) -> TandemError:
            claim = running.alpaca.claims[-1]
            seen.append(claim.head_seq <= running.core.journal.durable_head.seq)
            return Unavailable(Reason.RATE_LIMITED, "429")

        running.alpaca.answer = checks
        await asyncio.gather(*map(running.submit, orders), return_exceptions=True)
        assert seen == [True] * 5


@virtual
async def test_a_higher_generation_starts_halted(tmp_path: Path) -> None:
    async with router(tmp_path / "j.db") as running:
        assert running.core.books.generation == 1
    async with router(tmp_path / "j.db", generation=2) as running:
        assert running.core.books.generation == 2
        assert running.core.books.trading_state("main") is TradingState.HALTED
    async with router(tmp_path / "j.db", generation=1) as running:
        assert running.core.books.generation == 2, "a generation never goes back"
        assert running.core.books.trading_state("main") is TradingState.HALTED


@virtual
async def test_an_epoch_rises_with_each_start_and_is_claimed_at_each_venue(
    tmp_path: Path,
) -> None:
    port = ScriptedPort("alpaca")
    for epoch in (1, 2, 3):
        async with router(tmp_path / "j.db", ports={"alpaca": port}) as running:
            assert running.core.books.epoch == epoch
            assert port.claims[-1].epoch == epoch
            assert port.claims[-1].journal_id == running.core.books.journal_id


@virtual
async def test_a_fence_that_is_refused_as_stale_stops_the_router(tmp_path: Path) -> None:
    port = ScriptedPort("alpaca", fence_error=Refused(Reason.STALE_EPOCH, "epoch 9 was seen"))
    ports = {"alpaca": port, "second": ScriptedPort("second")}
    async with router(tmp_path / "j.db", ports=ports, wait_ready=False) as running:
        await until(lambda: running.stops)
        await asyncio.sleep(10)
        with pytest.raises(Unavailable) as refused:
            await running.submit(spec(venue_pin="second"))
        assert refused.value.reason is Reason.NOT_LEADER


@virtual
async def test_a_journal_that_is_found_elsewhere_starts_halted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As with a PostgreSQL that was promoted: nobody has to remember to raise the generation."""
    async with router(tmp_path / "j.db"):
        pass
    with monkeypatch.context() as moved:
        moved.setattr(SqliteJournal, "is_moved", lambda _: True)
        async with router(tmp_path / "j.db") as running:
            assert running.core.books.generation == 2
            gate = running.core.books.gates[""]
            assert gate.state is TradingState.HALTED
            assert "promoted or restored" in gate.reason
    async with router(tmp_path / "j.db") as running:
        assert running.core.books.generation == 2


@virtual
async def test_what_was_still_written_while_the_epoch_was_taken_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The one before leads until that very moment, and what it wrote last is in the chain."""
    async with router(tmp_path / "j.db"):
        pass
    late = AlertRaised("TEST", Severity.INFO, "written at the last moment")
    taken = SqliteJournal.take_epoch

    def take_late(store: SqliteJournal) -> int:
        head = store.head()
        data = codec.encode(head.seq + 1, datetime(2026, 1, 1, tzinfo=UTC), late)
        store.append([Entry(head.seq + 1, data, link(head.hash, data))], 1)
        return taken(store)

    with monkeypatch.context() as racing:
        racing.setattr(SqliteJournal, "take_epoch", take_late)
        async with router(tmp_path / "j.db") as running:
            await running.core.journal.durable()
    async with router(tmp_path / "j.db") as running:
        assert late in running.alerts()
