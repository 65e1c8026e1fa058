"""`tandem resolve`: an operator's word on a doubt, through the command line."""

from __future__ import annotations

import pytest

from services.common.contract.pb import operations_service_pb2 as pb
from tests.unit.client.running import Tandem
from tests.unit.client.small_server import ACCOUNT, SmallServer

PLACED = "my-1~al~1.0"
SIGNED = ["--reason", "not on the page", "--actor", "ann"]


@pytest.mark.parametrize(
    ("word", "verdict"),
    [
        ("--never-placed", pb.DOUBT_VERDICT_NEVER_PLACED),
        ("--ended", pb.DOUBT_VERDICT_ENDED),
    ],
)
async def test_a_doubt_is_ended_by_a_signed_word(
    tandem: Tandem, server: SmallServer, word: str, verdict: int
) -> None:
    ran = await tandem("resolve", PLACED, word, *SIGNED)
    assert (ran.code, ran.err) == (0, "")
    assert "CANCELED" in ran.out
    (asked,) = server.operations.resolved
    assert (asked.account_id, asked.client_order_id) == (ACCOUNT, "my-1")
    assert (asked.placement_id, asked.verdict) == (PLACED, verdict)
    assert (asked.reason, asked.actor) == ("not on the page", "ann")


async def test_what_is_not_in_doubt_is_refused_by_name(tandem: Tandem, server: SmallServer) -> None:
    ran = await tandem("resolve", "other~al~1.0", "--ended", *SIGNED)
    assert (ran.code, ran.err) == (1, "refused: other~al~1.0 is not in doubt\n")
    assert not server.operations.resolved


@pytest.mark.parametrize(
    "arguments",
    [
        [PLACED, *SIGNED],
        [PLACED, "--ended", "--reason", "x"],
        [PLACED, "--ended", "--actor", "ann"],
    ],
)
async def test_a_word_that_is_not_whole_is_wrong_usage(
    tandem: Tandem, server: SmallServer, arguments: list[str]
) -> None:
    assert (await tandem("resolve", *arguments)).code == 2
    assert not server.operations.resolved
