"""A simulator as a program: the flags that all of them have, and how they are run and ended."""

import asyncio
import logging
import os
import sys
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any, Protocol, TypeVar

import click

from simulators.control.control import SimulatorControl
from simulators.control.server import ControlServer
from simulators.flags import dollars, start_time
from simulators.listening import CannotListen, Listener, check_host, ready_line, set_by_signals
from simulators.venue.default_market import BadQuotesFile
from simulators.venue.price_path import BadPricePath, read_price_path

_DEFAULT = click.core.ParameterSource.DEFAULT
_PORT = click.IntRange(0, 65535)

F = TypeVar("F", bound=Callable[..., Any])


class Simulated(Protocol):
    """A simulator that was built."""

    @property
    def control(self) -> SimulatorControl: ...

    @property
    def frontend(self) -> Any: ...


# Takes a simulator's connections on that port, until the stack is left; which port that is.
Listen = Callable[[Any, AsyncExitStack, Listener, int], Awaitable[int]]


def flags(*, port: int, serves: str, control_port: int, options_level: int) -> Callable[[F], F]:
    """The flags of every simulator; `serves` says what is spoken on the port."""
    path = click.Path(path_type=Path)
    level = click.IntRange(0, 3)
    at_first = "the clock starts at its first unless --start is given."
    options = (
        click.option("--host", default="127.0.0.1", help="Loopback address to listen on."),
        click.option("--port", type=_PORT, default=port, help=f"{serves}; 0 for any."),
        click.option(
            "--control-port", type=_PORT, default=control_port, help="Fault control; 0 for any."
        ),
        click.option("--seed", type=int, default=1, help="The seed of all that is random."),
        click.option(
            "--start", callback=start_time, default="2024-11-04T10:00:00", help="New York time."
        ),
        click.option(
            "--cash", callback=dollars, default="100000", help="The account's cash at the start."
        ),
        click.option("--options-level", type=level, default=options_level, help="What it trades."),
        click.option(
            "--partial-fills/--no-partial-fills", default=False, help="One in ten, seeded."
        ),
        click.option("--price-walk/--no-price-walk", default=False, help="Quotes move, seeded."),
        click.option("--skip-closed", is_flag=True, help="At each close jump to the next opening."),
        click.option("--chains/--no-chains", default=True, help="Option chains of every share."),
        click.option("--quotes-file", type=path, default=None, help="CSV: symbol,bid,ask."),
        click.option(
            "--price-path",
            type=path,
            default=None,
            help=f"CSV of quotes or bars with times; {at_first}",
        ),
    )

    def decorated(command: F) -> F:
        for option in reversed(options):
            command = option(command)
        return command

    return decorated


def market_of(given: dict[str, Any]) -> dict[str, Any]:
    """What of the flags is about the market: settings of the venue."""
    return {name: given[name] for name in ("partial_fills", "price_walk", "skip_closed")}


def run(
    context: click.Context,
    given: dict[str, Any],
    make: Callable[..., Simulated],
    listen: Listen,
    **told: str,
) -> None:
    """Serves until SIGTERM or SIGINT. One line of JSON on the standard output tells the ports, and
    what else is `told`.

    Args:
        make: Builds the simulator of the flags, the quotes' file, and the quotes of a path.
        listen: How it takes connections.

    Raises:
        click.ClickException: An address can't be had, or a file can't be read.
    """
    logging.basicConfig(level=logging.WARNING, stream=sys.stderr, format="%(message)s")
    try:
        check_host(given["host"], os.environ)
        price_path = given["price_path"]
        path = read_price_path(price_path) if price_path is not None else []
        if path and context.get_parameter_source("start") is _DEFAULT:
            given["start"] = path[0].at
        simulated = make(given, given["quotes_file"], path)
        asyncio.run(_serve(simulated, listen, given, told))
    except (CannotListen, BadQuotesFile, BadPricePath) as error:
        raise click.ClickException(str(error)) from error


async def _serve(
    simulated: Simulated, listen: Listen, given: dict[str, Any], told: dict[str, str]
) -> None:
    host, frontend = given["host"], simulated.frontend
    listener = Listener(host)
    with set_by_signals(frontend.stopping):
        try:
            async with AsyncExitStack() as owned:
                await owned.enter_async_context(frontend.running())
                bound = await listen(simulated, owned, listener, given["port"])
                control_app = ControlServer(simulated.control).app()
                control = await listener.listen(control_app, given["control_port"])
                line = ready_line(host=host, port=bound, control_port=control, **told)
                click.echo(line)
                await frontend.stopping.wait()
        finally:
            await listener.close()
