"""`python -m tests.conformance.paper_check`: opt-in, on a real paper account, never in CI."""

from __future__ import annotations

import asyncio
import os
import secrets
import sys
from dataclasses import replace

import click

from stack.children import StackFailed
from tests.conformance.paper_check.accounts import ACCOUNT_ID, PAPER_VENUES, PaperVenue
from tests.conformance.paper_check.check import (
    Checked,
    check,
    paper_cards,
    paper_stand,
    require_open,
)
from tests.conformance.paper_check.guard import NotHere
from tests.conformance.paper_check.recording import differences
from tests.conformance.report import Outcome, Result, has_failed
from tests.conformance.server import Stand
from tests.conformance.venues.programs import running_stand


@click.command(context_settings={"show_default": True})
@click.option(
    "--venue", type=click.Choice(sorted(PAPER_VENUES)), default="alpaca", help="Which broker."
)
@click.option("--simulator", default="", help="Where a simulated one is, in its place.")
@click.option("--card", "chosen", multiple=True, help="Only cards whose ids begin so.")
def main(venue: str, simulator: str, chosen: tuple[str, ...]) -> None:
    """Trade one put for a moment on a paper account and act the cards marked `paper`.

    Prints what the account did otherwise than the simulator. Exit code 1 if a card failed, 2 if
    it must not run here.
    """
    at = PAPER_VENUES[venue]
    try:
        settings = at.require(os.environ, simulator)
        paper, simulated = asyncio.run(_both(at, settings, chosen))
    except NotHere as refusal:
        print(f"paper-check: {refusal}", file=sys.stderr)
        sys.exit(2)
    except StackFailed as failure:
        print(f"paper-check: {failure}", *failure.tail, sep="\n", file=sys.stderr)
        sys.exit(1)
    _tell(paper, simulated)
    sys.exit(1 if has_failed(paper.results) else 0)


async def _both(
    venue: PaperVenue, settings: dict[str, str], chosen: tuple[str, ...]
) -> tuple[Checked, Checked]:
    cards = [card for card in paper_cards() if not chosen or card.card_id.startswith(chosen)]
    run = f"p{secrets.token_hex(4)}"
    async with paper_stand(venue, settings) as stand:
        await require_open(stand)
        print(f"{len(cards)} cards on the paper account", flush=True)
        paper = await check(stand, venue.matrix, cards, run, _show)
    async with running_stand(venue.name, alone=True) as made:
        print("the same at a simulator", flush=True)
        simulated = await check(_uncontrolled(made), venue.matrix, cards, run, _show)
    return paper, simulated


def _uncontrolled(made: Stand) -> Stand:
    assert made.server.account_id != ACCOUNT_ID
    return replace(made, control=None, process=None)


def _show(result: Result) -> None:
    print(f"  {result.outcome.value:<7} {result.card.card_id} {result.card.title}", flush=True)
    for line in result.reason.splitlines():
        print(f"          {line}")


def _tell(paper: Checked, simulated: Checked) -> None:
    for card_id, told in paper.recorded.items():
        for remark in told.remarks:
            print(f"{card_id}: {remark}")
    found = differences(simulated.recorded, paper.recorded)
    print(f"{len(found)} differences from the simulator")
    for line in found:
        print(f"  {line}")
    passed = sum(result.outcome is Outcome.PASSED for result in paper.results)
    print(f"{passed} of {len(paper.results)} cards passed on the paper account")


if __name__ == "__main__":
    main()
