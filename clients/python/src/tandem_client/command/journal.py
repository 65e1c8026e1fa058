"""The commands about the journal itself: verify, journal anchor, journal export."""

from __future__ import annotations

import json
from contextlib import aclosing
from typing import TextIO

import click

from tandem_client.command import outcomes
from tandem_client.command.session import Session, command
from tandem_client.command.words import plain
from tandem_client.journal import CHECK_DEADLINE_S, JournalAnchor, JournalCheck

_FROM = click.option(
    "--from", "from_sequence", type=click.IntRange(min=1), default=1, help="First record [1]."
)


@click.command("verify")
@click.option(
    "--anchor",
    "anchor_file",
    type=click.File(encoding="utf-8"),
    help="An anchor of before, to find a tail that was cut off.",
)
@_FROM
@command
async def verify(session: Session, *, anchor_file: TextIO | None, from_sequence: int) -> int:
    """Have the router check every record of its journal; exit code 1 if one does not fit.

    It waits ten minutes, or longer by --deadline. Without a router that runs:
    python -m services.router.journal verify --journal FILE.
    """
    anchor = None if anchor_file is None else JournalAnchor.from_json(anchor_file.read())
    async with session.operations() as operations:
        found = await operations.verify_journal(
            anchor,
            from_sequence=from_sequence,
            deadline_s=max(session.deadline_s, CHECK_DEADLINE_S),
        )
    shown = {**_fields(found), "head_hash": found.head_hash.hex()}
    session.show(shown, lambda: _line(found))
    return outcomes.DONE if found.intact else outcomes.REFUSED


def _fields(found: JournalCheck) -> dict[str, object]:
    return {name: getattr(found, name) for name in JournalCheck.__dataclass_fields__}


def _line(found: JournalCheck) -> str:
    if found.intact:
        return f"intact: {found.checked} records, the last with hash {found.head_hash.hex()}"
    return f"record {found.first_bad_sequence}: {plain(found.problem)}"


@click.group("journal")
def journal() -> None:
    """Look at the journal: where it stands, what is in it."""


@journal.command("anchor")
@command
async def anchor(session: Session) -> int:
    """Write where the journal stands now, for `tandem verify --anchor` later. Keep it elsewhere."""
    async with session.operations() as operations:
        session.line((await operations.journal_anchor()).to_json())
    return outcomes.DONE


@journal.command("export")
@_FROM
@command
async def export(session: Session, *, from_sequence: int) -> int:
    """Write each record as one line of JSON, with its hash."""
    async with session.operations() as operations:
        records = operations.journal_records(from_sequence=from_sequence)
        async with aclosing(records) as stream:
            async for record in stream:
                line = {"record": json.loads(record.record_json), "hash": record.hash.hex()}
                session.line(json.dumps(line, sort_keys=True, separators=(",", ":")))
    return outcomes.DONE
