"""The journal's anchor in the log: what log shipping has carried away can't be changed here."""

from __future__ import annotations

import asyncio
from pathlib import Path

from structlog.testing import capture_logs

from tests.unit.domain.orders import spec
from tests.unit.router.harness import router, virtual


@virtual
async def test_the_anchor_is_logged_at_intervals_and_at_the_end(tmp_path: Path) -> None:
    with capture_logs() as logs:
        async with router(tmp_path / "j.db", anchor_log_s=60.0) as running:
            await asyncio.sleep(300)
            quiet = [line for line in logs if line["event"] == "journal_anchor"]
            await running.submit(spec())
            await asyncio.sleep(61)
            await running.submit(spec(client_order_id="o-2"))
            head = running.core.journal.durable_head
        running.core.tell_anchor()
        running.core.tell_anchor()
    told = [line for line in logs if line["event"] == "journal_anchor"]
    assert 1 <= len(quiet) <= 2, "nothing new, nothing said"
    assert len(told) == len(quiet) + 2
    assert told[-1]["journal_id"] == running.core.books.journal_id
    end = running.core.journal.durable_head
    assert (told[-1]["sequence"], told[-1]["hash"]) == (end.seq, end.hash.hex())
    assert told[-2]["sequence"] < head.seq <= end.seq
