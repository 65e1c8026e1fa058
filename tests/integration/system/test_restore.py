"""A journal put back from a copy, with real processes and both brokers; checks by command."""

from __future__ import annotations

import json
import shutil
import sqlite3
import sys
from collections.abc import AsyncIterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest
import pytest_asyncio
from tandem_client import Order, OrderSpec, OrderStatus, Reason, Refused, TradingState

from stack.children import ROOT
from stack.programs import IB
from tests.integration.system.parts import eventually
from tests.integration.system.quintet import Quintet
from tests.integration.system.tandem import Said, run_program, tandem
from tests.integration.system.trio import fills_now, rests

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def five(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Quintet]:
    """One quintet for the module."""
    async with Quintet.running(tmp_path_factory.mktemp("restore")) as quintet:
        yield quintet


def journal_of(five: Quintet) -> Path:
    return five.programs.folder / "router" / "journal.sqlite"


def copy_journal(source: Path, target: Path) -> None:
    """By SQLite's own backup, as docs/operations.md says."""
    with closing(sqlite3.connect(source)) as original, closing(sqlite3.connect(target)) as copy:
        original.backup(copy)


def put_back(copy: Path, journal: Path) -> None:
    for path in journal.parent.glob(f"{journal.name}*"):
        path.unlink()
    shutil.copy(copy, journal)


def at_ib(spec: OrderSpec) -> OrderSpec:
    return replace(spec, venue_pin=IB.venue)


def shown(order: Order) -> tuple[str, OrderStatus, object, object]:
    placements = tuple((p.placement_id, p.status, p.venue_order_id) for p in order.placements)
    return order.client_order_id, order.status, order.cum_qty, placements


async def orders(five: Quintet) -> dict[str, tuple[str, OrderStatus, object, object]]:
    listed = (await five.client.orders().all()).items
    return {order.client_order_id: shown(order) for order in listed}


async def journal_program(*arguments: str) -> Said:
    """The program that looks at a journal without a router."""
    return await run_program(
        sys.executable, "-m", "services.router.journal", *arguments, folder=ROOT
    )


async def test_what_was_traded_since_the_copy_is_in_the_books_again(
    five: Quintet, tmp_path: Path
) -> None:
    await five.client.submit(rests("before"))
    copy_journal(journal_of(five), tmp_path / "copy.sqlite")
    anchor = await tandem(five, "journal", "anchor")
    (tmp_path / "anchor").write_text(anchor.out)
    for spec in (fills_now("filled", "3"), rests("rests"), rests("canceled")):
        await five.client.submit(spec)
        await five.client.submit(at_ib(replace(spec, client_order_id=f"ib-{spec.client_order_id}")))
    for name in ("filled", "ib-filled"):
        await five.becomes(name, OrderStatus.FILLED)
    for name in ("canceled", "ib-canceled", "before"):
        await five.client.cancel(name)
        await five.becomes(name, OrderStatus.CANCELED)
    await five.books_agree()
    traded, held = await orders(five), await five.held()
    assert len(traded) == 7
    assert await five.router.stop() == 0

    put_back(tmp_path / "copy.sqlite", journal_of(five))
    journal = str(journal_of(five))
    found = await journal_program("verify", "--journal", journal)
    assert (found.code, found.out.split(":")[0]) == (0, "intact")
    five.router.program = five.programs.router(TANDEM_ROUTER_JOURNAL_GENERATION="2")
    await five.router.start()
    await five.open_for_entries()
    restored = await eventually(lambda: orders(five), lambda found: len(found) == 7)
    assert {name: found[:3] for name, found in restored.items()} == {
        name: found[:3] for name, found in traded.items()
    }
    await five.books_agree()
    assert await five.held() == held
    assert (await five.operations.quarantined().all()).items == ()

    # HALTED until a person has looked; then a repeat is the same order, sent nowhere again.
    with pytest.raises(Refused) as halted:
        await five.client.submit(fills_now("new"))
    assert halted.value.reason is Reason.TRADING_HALTED
    sent = len(await five.venue.submits("rests"))
    await five.operations.set_trading_state(TradingState.ACTIVE, reason="looked", actor="test")
    assert shown(await five.client.submit(rests("rests"))) == restored["rests"]
    assert len(await five.venue.submits("rests")) == sent == 1
    await five.client.cancel("ib-rests")
    await five.becomes("ib-rests", OrderStatus.CANCELED)
    assert (await five.client.submit_and_wait(fills_now("new"), 10)).ended


async def test_a_journal_is_verified_by_command_with_a_router_and_without(
    five: Quintet, tmp_path: Path
) -> None:
    anchor = await tandem(five, "journal", "anchor")
    assert anchor.code == 0, anchor.err
    (tmp_path / "anchor").write_text(anchor.out)
    with_anchor = ("--anchor", str(tmp_path / "anchor"))
    verified = await tandem(five, "verify", *with_anchor)
    assert (verified.code, verified.out.split(":")[0]) == (0, "intact"), verified.err
    exported = await tandem(five, "journal", "export", "--from", "2")
    lines = [json.loads(line) for line in exported.out.splitlines()]
    assert [line["record"]["seq"] for line in lines] == list(range(2, len(lines) + 2))

    # Beside the router that has it open, and of a copy that was tampered with.
    journal = str(journal_of(five))
    assert (await journal_program("verify", "--journal", journal, *with_anchor)).code == 0
    sequence = json.loads(anchor.out)["sequence"]
    tampered = tmp_path / "tampered.sqlite"
    copy_journal(journal_of(five), tampered)
    with closing(sqlite3.connect(tampered)) as db, db:
        db.execute("DELETE FROM entries WHERE seq >= ?", (sequence - 1,))
    cut = await journal_program("verify", "--journal", str(tampered), *with_anchor)
    assert (cut.code, cut.out.split(":")[0]) == (1, f"record {sequence - 1}")
    with closing(sqlite3.connect(tampered)) as db, db:
        db.execute("UPDATE entries SET data = replace(data, 'ACTIVE', 'HALTED') WHERE seq = 2")
    flipped = await journal_program("verify", "--journal", str(tampered))
    assert (flipped.code, flipped.out.split(":")[0]) == (1, "record 2")
