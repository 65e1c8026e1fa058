"""Run the stack: `python -m stack demo`, `python -m stack run`.

Exit codes: 0 done, 1 something failed (one line and the end of a log say what), 2 wrong usage,
130 Ctrl-C.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any

import click
from tandem_client import TandemError
from tandem_client.command import outcomes, tables

from stack import interrupts
from stack.children import ROOT, StackFailed
from stack.demo import demo as act
from stack.foreground import RunOptions
from stack.foreground import run as keep_up
from stack.programs import ALPACA, DEFAULT_PORTS, IB, Broker, Ports, VenuePorts
from stack.running import RESTART_AFTER_S, Stack

_FAILED = 1


_PARTS = {"adapter": "-adapter", "simulator": "", "control": "-control"}
"""Programs of a broker that have a port, and what its option is called after the broker."""


def _ports_of(broker: Broker) -> Callable[[Any], Any]:
    """Options for the ports of one broker's programs: --ib-adapter-port, --ib-port, …"""

    def with_options(command: Any) -> Any:
        section = broker.section.lower()
        for part, suffix in reversed(_PARTS.items()):
            default = getattr(DEFAULT_PORTS.of(broker), part)
            option = f"--{section}{suffix}-port", f"{section}_{part}_port"
            command = click.option(*option, default=default)(command)
        return command

    return with_options


def _ports(given: Mapping[str, int]) -> Ports:
    """The ports from the command line."""

    def of(broker: Broker) -> VenuePorts:
        section = broker.section.lower()
        return VenuePorts(**{part: given[f"{section}_{part}_port"] for part in _PARTS})

    return Ports(given["router_port"], given["operations_port"], of(ALPACA), of(IB))


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
@click.option("--metrics", is_flag=True, help="Pages for Prometheus, on ports 9464 to 9466.")
@click.option("--otlp", default="", metavar="URL", help="Collector of spans, http://host:4318.")
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
@_ports_of(ALPACA)
@_ports_of(IB)
def run(
    paper: bool,
    fresh: bool,
    metrics: bool,
    otlp: str,
    state: Path | None,
    restart_after_s: float,
    **ports: int,
) -> None:
    """Keep the stack up in the foreground until Ctrl-C. A port of 0 is any free one."""
    console = tables.console()
    options = RunOptions(
        paper=paper,
        fresh=fresh,
        metrics=metrics,
        otlp=otlp,
        state=(state or ROOT / "var" / ("paper" if paper else "run")).resolve(),
        restart_after_s=restart_after_s,
        ports=_ports(ports),
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
