"""`python -m tests.conformance`: the cards against a server, by venue or by address."""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path

import click

from tests.conformance.catalog import chosen
from tests.conformance.report import Result, has_failed, table, write_report
from tests.conformance.runner import OpenStand, Runner
from tests.conformance.server import Role, Server, Stand
from tests.conformance.venues.alpaca_control import AlpacaControl
from tests.conformance.venues.ib_control import IbControl
from tests.conformance.venues.known import MATRICES
from tests.conformance.venues.programs import running_stand

_REPORTS = Path(__file__).resolve().parents[2] / "build" / "reports"


@click.command(context_settings={"show_default": True})
@click.option("--venue", type=click.Choice(sorted(MATRICES)), default="alpaca", help="Whose cards.")
@click.option("--address", default="", help="A server that runs already, host:port; else started.")
@click.option(
    "--control", default="", help="Its simulator's control API, host:port, if it has one."
)
@click.option("--account-id", default="main", help="The account there.")
@click.option("--account-tag", default="", help="Its tag, if changes there need a fence.")
@click.option("--card", "cards", multiple=True, help="Only cards whose ids begin so; may repeat.")
@click.option("--workers", type=click.IntRange(1, 16), default=4, help="Stands at once.")
@click.option("--report", type=click.Path(path_type=Path), default=None, help="Where to write it.")
def main(
    venue: str,
    address: str,
    control: str,
    account_id: str,
    account_tag: str,
    cards: tuple[str, ...],
    workers: int,
    report: Path | None,
) -> None:
    """Act the conformance cards; exit code 1 if one fails.

    Without an address a simulator and its server are started on free ports.
    """
    open_stand: OpenStand = partial(running_stand, venue)
    if address:
        role = Role.ROUTER if venue == "router" else Role.ADAPTER
        server = Server(address, account_id, role, bool(account_tag), account_tag)
        open_stand, workers = partial(_stand_at, server, venue, control), 1
    runner = Runner(open_stand, MATRICES[venue], show=_show)
    picked = chosen(cards)
    if not picked:
        raise click.ClickException("no card has such an id")
    began = time.monotonic()
    results = asyncio.run(runner.run(picked, workers))
    took_s = time.monotonic() - began
    print(table(results, took_s))
    path = report or _REPORTS / f"conformance-{venue}.json"
    write_report(path, venue, results, took_s)
    print(f"written to {path}")
    sys.exit(1 if has_failed(results) else 0)


@asynccontextmanager
async def _stand_at(server: Server, venue: str, control: str, alone: bool) -> AsyncIterator[Stand]:
    del alone  # it is as it is
    if not control:
        yield Stand(server, venue, server.account_tag)
        return
    own = (IbControl if venue == "ib" else AlpacaControl)(control)
    try:
        yield Stand(server, venue, server.account_tag, own)
    finally:
        await own.close()


def _show(result: Result) -> None:
    print(".sF"[["passed", "skipped", "failed"].index(result.outcome.value)], end="", flush=True)


if __name__ == "__main__":
    main()
