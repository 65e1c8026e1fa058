"""Run the stack: `python -m stack demo`, `python -m stack run`.

Exit codes: 0 done, 1 something failed (one line and the end of a log say what), 2 wrong usage,
130 Ctrl-C.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path

import click
from tandem_client import TandemError
from tandem_client.command import outcomes, tables

from stack import interrupts
from stack.children import ROOT, StackFailed
from stack.demo import demo as act
from stack.foreground import RunOptions
from stack.foreground import run as keep_up
from stack.programs import DEFAULT_PORTS, Ports
from stack.running import RESTART_AFTER_S, Stack

_FAILED = 1


@click.group(context_settings={"help_option_names": ["-h", "--help"], "show_default": True})
def main() -> None:
    """The whole of Tandem on one machine."""


@main.command()
def demo() -> None:
    """Act the story of one order on a simulated market, then stop."""
    console = tables.console()
    sys.exit(_guarded(lambda own: act(console, os.environ, own)))


@main.command()
@click.option("--paper", is_flag=True, help="A real paper account instead of the simulator.")
@click.option("--fresh", is_flag=True, help="Put the state of earlier runs aside.")
@click.option("--state", type=click.Path(path_type=Path, file_okay=False), help="[var/run]")
@click.option(
    "--restart-after",
    "restart_after_s",
    type=click.FloatRange(min=0),
    default=RESTART_AFTER_S,
    metavar="SECONDS",
    help="When a service that was killed starts again.",
)
@click.option("--router-port", default=DEFAULT_PORTS.router)
@click.option("--operations-port", default=DEFAULT_PORTS.operations)
@click.option("--adapter-port", default=DEFAULT_PORTS.adapter)
@click.option("--simulator-port", default=DEFAULT_PORTS.simulator)
@click.option("--control-port", default=DEFAULT_PORTS.control, help="The simulator's control.")
def run(paper: bool, fresh: bool, state: Path | None, restart_after_s: float, **ports: int) -> None:
    """Keep the stack up in the foreground until Ctrl-C. A port of 0 is any free one."""
    console = tables.console()
    options = RunOptions(
        paper=paper,
        fresh=fresh,
        state=(state or ROOT / "var" / ("paper" if paper else "run")).resolve(),
        restart_after_s=restart_after_s,
        ports=Ports(**{name.removesuffix("_port"): port for name, port in ports.items()}),
    )
    sys.exit(_guarded(lambda own: keep_up(console, os.environ, options, own)))


def _guarded(work: Callable[[list[Stack]], Awaitable[int]]) -> int:
    own: list[Stack] = []

    async def working() -> int:
        try:
            return await work(own)
        except StackFailed as error:
            return _told(str(error), error.tail)
        except TandemError as error:
            return _told(outcomes.line(error))

    def kill() -> None:
        for stack in own:
            stack.kill()

    return interrupts.run(working, kill)


def _told(line: str, tail: tuple[str, ...] = ()) -> int:
    print(f"stack: {line}", file=sys.stderr)
    if tail:
        print("the end of its log:", file=sys.stderr)
    for said in tail:
        print(f"  {said}", file=sys.stderr)
    return _FAILED


if __name__ == "__main__":
    main()
