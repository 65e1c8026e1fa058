"""`python -m simulators.alpaca`: the simulated Alpaca as a program, set by flags or environment."""

import asyncio
import logging
import os
import sys
import time
from pathlib import Path
from typing import Any

import click

from simulators.alpaca.server import alpaca_app
from simulators.alpaca.settings import (
    SIMULATED_ACCOUNT_NUMBER,
    SIMULATED_KEY,
    SIMULATED_SECRET,
    AlpacaSettings,
)
from simulators.alpaca.simulated import SimulatedAlpaca, build
from simulators.control.server import ControlServer
from simulators.flags import dollars, start_time
from simulators.listening import CannotListen, Listener, check_host, ready_line, set_by_signals
from simulators.venue.default_market import BadQuotesFile
from simulators.venue.price_path import BadPricePath, read_price_path
from simulators.venue.settings import VenueSettings

_DEFAULT = click.core.ParameterSource.DEFAULT
_PORT = click.IntRange(0, 65535)


@click.command(context_settings={"auto_envvar_prefix": "TANDEM_SIM_ALPACA", "show_default": True})
@click.option("--host", default="127.0.0.1", help="Loopback address to listen on.")
@click.option("--port", type=_PORT, default=8081, help="REST and websocket; 0 for any.")
@click.option("--control-port", type=_PORT, default=8091, help="Fault control; 0 for any.")
@click.option("--seed", type=int, default=1, help="The seed of all that is random.")
@click.option("--start", callback=start_time, default="2024-11-04T10:00:00", help="New York time.")
@click.option("--cash", callback=dollars, default="100000", help="The account's cash at the start.")
@click.option("--options-level", type=click.IntRange(0, 3), default=2, help="As at Alpaca.")
@click.option("--key", default=SIMULATED_KEY, help="API key; this default is no secret.")
@click.option("--secret", default=SIMULATED_SECRET, help="Its secret; this default is no secret.")
@click.option("--account-number", default=SIMULATED_ACCOUNT_NUMBER, help="Never changes.")
@click.option("--partial-fills/--no-partial-fills", default=False, help="One in ten, seeded.")
@click.option("--price-walk/--no-price-walk", default=False, help="Quotes move, seeded.")
@click.option("--skip-closed", is_flag=True, help="At each close jump to the next opening.")
@click.option("--rate-limit", type=click.IntRange(0), default=200, help="A minute; 0 for none.")
@click.option("--stream-exec-ids", type=click.Choice(["different", "same"]), default="different")
@click.option("--option-activities", type=click.Choice(["next_day", "at_once"]), default="next_day")
@click.option("--chains/--no-chains", default=True, help="Option chains on all that is quoted.")
@click.option("--stock-feed", type=click.Choice(["iex", "sip"]), default="iex", help="The best.")
@click.option(
    "--option-feed",
    type=click.Choice(["indicative", "opra"]),
    default="indicative",
    help="The best.",
)
@click.option(
    "--quotes-file", type=click.Path(path_type=Path), default=None, help="CSV: symbol,bid,ask."
)
@click.option(
    "--price-path",
    type=click.Path(path_type=Path),
    default=None,
    help="CSV of quotes or bars with times; the clock starts at its first unless --start is given.",
)
@click.pass_context
def main(
    context: click.Context,
    /,
    host: str,
    port: int,
    control_port: int,
    quotes_file: Path | None,
    price_path: Path | None,
    **given: Any,
) -> None:
    """Serves a simulated Alpaca until SIGTERM or SIGINT.

    Every flag can be set in the environment as TANDEM_SIM_ALPACA_<FLAG>. When it is ready, one
    line of JSON on the standard output tells the ports.
    """
    logging.basicConfig(level=logging.WARNING, stream=sys.stderr, format="%(message)s")
    try:
        check_host(host, os.environ)
        path = read_price_path(price_path) if price_path is not None else []
        if path and context.get_parameter_source("start") is _DEFAULT:
            given["start"] = path[0].at
        simulated = build(_settings(given), time.monotonic, quotes_file, path)
        asyncio.run(_serve(simulated, host, port, control_port))
    except (CannotListen, BadQuotesFile, BadPricePath) as error:
        raise click.ClickException(str(error)) from error


def _settings(given: dict[str, Any]) -> AlpacaSettings:
    return AlpacaSettings(
        key=given["key"],
        secret=given["secret"],
        account_number=given["account_number"],
        cash=given["cash"],
        options_level=given["options_level"],
        start=given["start"],
        seed=given["seed"],
        rate_limit_per_min=given["rate_limit"],
        stream_exec_ids=given["stream_exec_ids"],
        option_activities=given["option_activities"],
        chains=given["chains"],
        stock_feed=given["stock_feed"],
        option_feed=given["option_feed"],
        venue=VenueSettings(
            partial_fills=given["partial_fills"],
            price_walk=given["price_walk"],
            skip_closed=given["skip_closed"],
        ),
    )


async def _serve(simulated: SimulatedAlpaca, host: str, port: int, control_port: int) -> None:
    listener, frontend = Listener(host), simulated.frontend
    with set_by_signals(frontend.stopping):
        try:
            async with frontend.running():
                bound = await listener.listen(alpaca_app(frontend), port)
                control_app = ControlServer(simulated.control).app()
                control = await listener.listen(control_app, control_port)
                number = simulated.settings.account_number
                line = ready_line(
                    host=host, port=bound, control_port=control, account_number=number
                )
                print(line, flush=True)
                await frontend.stopping.wait()
        finally:
            await listener.close()


if __name__ == "__main__":
    main()
