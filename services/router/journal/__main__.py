"""Look at a journal without a router: `python -m services.router.journal verify|anchor|export`.

Nothing of the journal is changed, and a router may have it open meanwhile. Exit codes: 0 every
record fits, 1 one does not, 2 wrong usage or no such journal.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Final, TextIO

from services.router.journal.anchor import Anchor, NotAnAnchor
from services.router.journal.opening import open_reader
from services.router.journal.store import Head, JournalError, JournalReader
from services.router.journal.verification import Verification, Verified

INTACT: Final = 0
DAMAGED: Final = 1
USAGE: Final = 2
_WHERE: Final = "the journal's file, or the connection string of its PostgreSQL"


def main(arguments: Sequence[str] | None = None, out: TextIO | None = None) -> int:
    """Run the command line; gives the exit code. `arguments` are the process's unless given."""
    given, out = _parser().parse_args(arguments), out or sys.stdout
    try:
        anchor = _read_anchor(given.anchor) if given.verb == "verify" else None
        with closing(open_reader(given.journal)) as reader:
            if given.verb == "export":
                return _export(reader, out)
            return _verify(reader, anchor, out, tells_anchor=given.verb == "anchor")
    except (JournalError, NotAnAnchor, OSError) as error:
        sys.stderr.write(f"{given.verb}: {error}\n")
        return USAGE


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m services.router.journal")
    verbs = parser.add_subparsers(dest="verb", required=True)
    for verb, what in (
        ("verify", "check every record, and the end against an anchor"),
        ("anchor", "check every record, and write the last one's anchor"),
        ("export", "write every record as a line of JSON"),
    ):
        made = verbs.add_parser(verb, help=what)
        made.add_argument("--journal", required=True, help=_WHERE)
        if verb == "verify":
            made.add_argument("--anchor", type=Path, help="file with an anchor of before")
    return parser


def _read_anchor(path: Path | None) -> Anchor | None:
    return None if path is None else Anchor.from_json(path.read_text(encoding="utf-8"))


def _verify(
    reader: JournalReader, anchor: Anchor | None, out: TextIO, *, tells_anchor: bool
) -> int:
    check = Verification(reader, anchors=() if anchor is None else (anchor.head,))
    while check.advance():
        pass
    found = check.result
    if anchor is not None and found.journal_id not in ("", anchor.journal_id):
        out.write(f"the anchor is of another journal, {anchor.journal_id}\n")
        return DAMAGED
    if not found.intact:
        out.write(f"record {found.first_bad_seq}: {found.problem}\n")
        return DAMAGED
    if tells_anchor:
        out.write(_anchor_of(found).to_json() + "\n")
    else:
        out.write(f"intact: {found.checked} records, the last with hash {found.head.hash.hex()}\n")
    return INTACT


def _anchor_of(found: Verified) -> Anchor:
    if found.head == Head():
        raise JournalError("it has no record to anchor")
    return Anchor(found.journal_id, found.head, datetime.now(UTC))


def _export(reader: JournalReader, out: TextIO) -> int:
    for entry in reader.entries():
        line = {"record": json.loads(entry.data), "hash": entry.hash.hex()}
        out.write(json.dumps(line, sort_keys=True, separators=(",", ":")) + "\n")
    return INTACT


if __name__ == "__main__":
    sys.exit(main())
