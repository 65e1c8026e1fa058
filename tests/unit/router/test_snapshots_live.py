"""A router that takes snapshots while it runs, and goes on from them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path

import pytest

from services.common.domain.errors import Reason, Refused
from services.common.domain.order_status import OrderStatus
from services.router.books.books import Books
from services.router.books.digest import digest
from services.router.books.snapshotting import SnapshotSettings
from services.router.journal import codec
from services.router.journal.sqlite_snapshots import open_snapshots
from tests.unit.domain.orders import spec
from tests.unit.router.harness import Running, router, until, virtual

OFTEN = SnapshotSettings(every=5, behind=10)


async def trade(running: Running, first: int, count: int) -> None:
    running.alpaca.cash = "1000000000"
    for number in range(first, first + count):
        await running.submit(spec(client_order_id=f"n-{number}"))
        if number % 3:
            running.alpaca.fill(f"n-{number}~al~1.0", f"e-{number}", "10", "10")
            await until(
                lambda n=number: running.order(f"n-{n}").order.status is OrderStatus.FILLED  # type: ignore[misc]
            )


@virtual
async def test_a_router_goes_on_from_its_snapshot_and_sends_nothing_twice(tmp_path: Path) -> None:
    for turn in range(3):
        store = open_snapshots(tmp_path / "snapshots")
        named = {"snapshot_store": store, "snapshots": OFTEN}
        async with router(tmp_path / "j.db", **named) as running:  # type: ignore[arg-type]
            books = running.core.books
            assert len(books.orders) == turn * 12
            for key in list(books.orders)[:2]:
                with pytest.raises(Refused) as again:
                    await running.submit(spec(client_order_id=key[1], order_qty=Decimal(7)))
                assert again.value.reason is Reason.CLIENT_ORDER_ID_REUSED
            await trade(running, turn * 12, 12)
            await until(store.latest)
            await running.core.journal.durable()
            whole = Books()
            for entry in running.core._store.entries():
                whole.apply(*codec.decode(entry.data))
            assert digest(books) == digest(whole)


@virtual
async def test_orders_go_on_while_a_snapshot_is_written(tmp_path: Path) -> None:
    store, writing, go_on = open_snapshots(tmp_path / "snapshots"), asyncio.Event(), asyncio.Event()
    named = {"snapshot_store": store, "snapshots": OFTEN}
    async with router(tmp_path / "j.db", **named) as running:  # type: ignore[arg-type]
        snapshots = running.core._snapshots
        assert snapshots is not None
        real = snapshots._run_blocking

        async def slow(call: Callable[[], None]) -> None:
            writing.set()
            await go_on.wait()
            await real(call)

        snapshots._run_blocking = slow
        await trade(running, 0, 8)
        await until(writing.is_set)
        await trade(running, 8, 8)
        assert len(running.core.books.orders) == 16
        go_on.set()
        await until(lambda: len(running.core.books.orders.in_memory()) < 12)


@virtual
async def test_a_watcher_resumes_over_a_restart_from_a_snapshot(tmp_path: Path) -> None:
    store = open_snapshots(tmp_path / "snapshots")
    named = {"snapshot_store": store, "snapshots": SnapshotSettings(every=5, behind=40)}
    async with router(tmp_path / "j.db", **named) as running:  # type: ignore[arg-type]
        early = running.core.watching.token()
        await trade(running, 0, 20)
        await until(store.latest)
        recent = running.core.watching.token()
        await trade(running, 20, 3)
    named = {"snapshot_store": open_snapshots(tmp_path / "snapshots"), "snapshots": OFTEN}
    async with router(tmp_path / "j.db", **named) as running:  # type: ignore[arg-type]
        told = running.core.watching.subscribe(recent)
        assert await told.next(1.0) is not None
        with pytest.raises(Refused) as refused:
            running.core.watching.subscribe(early)
        assert refused.value.reason is Reason.TOKEN_EXPIRED
