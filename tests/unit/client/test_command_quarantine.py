"""`tandem adopt`: what is asked of the router, and what a person is told."""

from __future__ import annotations

import pytest

from tests.unit.client.running import Tandem
from tests.unit.client.small_server import SmallServer


@pytest.mark.parametrize(
    ("words", "dismissed", "told"),
    [
        ([], False, "adopted as external-alpaca-7 by ann: mine\n"),
        (["--dismiss"], True, "dismissed by ann: mine\n"),
    ],
)
async def test_a_record_is_closed_by_a_signed_word(
    tandem: Tandem,
    server: SmallServer,
    words: list[str],
    dismissed: bool,
    told: str,
) -> None:
    ran = await tandem("adopt", "q1", *words, "--reason", "mine", "--actor", "ann")
    assert (ran.code, ran.out, ran.err) == (0, told, "")
    (asked,) = server.operations.decided
    assert (asked.quarantine_id, asked.dismiss) == ("q1", dismissed)
    assert (asked.reason, asked.actor) == ("mine", "ann")


async def test_an_unknown_record_is_refused_and_a_reason_is_required(
    tandem: Tandem, server: SmallServer
) -> None:
    ran = await tandem("adopt", "q2", "--reason", "mine")
    assert ran.code == 1
    assert "no record" in ran.err
    assert server.operations.decided[0].actor  # the user's name, if nothing else is said
    assert (await tandem("adopt", "q1")).code == 2
