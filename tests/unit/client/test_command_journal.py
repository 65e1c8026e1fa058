"""`tandem verify` and `tandem journal …` against a real server."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from tandem_client import InvalidRequest, JournalAnchor

from tests.unit.client.running import Tandem
from tests.unit.client.small_server import JOURNAL_ID, SmallServer


async def test_an_anchor_is_one_line_that_verify_takes_back(
    tandem: Tandem, server: SmallServer, tmp_path: Path
) -> None:
    told = await tandem("journal", "anchor")
    assert (told.code, told.out.count("\n")) == (0, 1)
    anchor = JournalAnchor.from_json(told.out)
    assert (anchor.journal_id, anchor.sequence, anchor.hash) == (JOURNAL_ID, 9, b"9" * 32)
    (tmp_path / "anchor").write_text(told.out)

    ran = await tandem("verify", "--anchor", str(tmp_path / "anchor"))
    assert (ran.code, ran.out) == (0, f"intact: 9 records, the last with hash {'39' * 32}\n")
    (request,) = server.operations.checks
    assert (request.anchor_sequence, request.anchor_hash) == (9, b"9" * 32)


async def test_a_journal_that_is_not_intact_is_an_exit_code(
    tandem: Tandem, server: SmallServer
) -> None:
    server.operations.damaged_at = 8
    ran = await tandem("verify")
    assert (ran.code, ran.out) == (1, "record 8: its content does not fit its hash\n")
    document = (await tandem("verify", "--json")).document
    assert (document["intact"], document["first_bad_sequence"]) == (False, 8)


async def test_an_anchor_of_another_journal_proves_nothing(tandem: Tandem, tmp_path: Path) -> None:
    told = (await tandem("journal", "anchor")).out
    (tmp_path / "anchor").write_text(told.replace(JOURNAL_ID, "another"))
    ran = await tandem("verify", "--anchor", str(tmp_path / "anchor"))
    assert (ran.code, ran.out) == (2, "")
    assert "the anchor is of journal another" in ran.err


async def test_the_export_is_a_line_for_each_record(tandem: Tandem) -> None:
    ran = await tandem("journal", "export", "--from", "2")
    assert ran.code == 0
    lines = [json.loads(line) for line in ran.out.splitlines()]
    assert [line["record"]["seq"] for line in lines] == [2, 3]
    assert lines[0]["hash"] == "02" * 32


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        '"x"',
        '{"sequence": 1}',
        '{"hash":"00","journal_id":"x","sequence":1,"time":"2024-11-04T00:00:00+00:00"}',
        '{"hash":"%s","journal_id":"x","sequence":0,"time":"2024-11-04T00:00:00Z"}' % ("00" * 32),
    ],
)
def test_what_is_no_anchor_is_refused(text: str) -> None:
    with pytest.raises(InvalidRequest, match="not an anchor"):
        JournalAnchor.from_json(text)
