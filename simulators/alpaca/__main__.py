"""`python -m simulators.alpaca`: the simulated Alpaca as a program, set by flags or environment."""

import time
from collections.abc import Sequence
from contextlib import AsyncExitStack
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
from simulators.listening import Listener
from simulators.program import flags, market_of, run
from simulators.venue.quotes import Quote
from simulators.venue.settings import VenueSettings


@click.command(context_settings={"auto_envvar_prefix": "TANDEM_SIM_ALPACA", "show_default": True})
@flags(port=8081, serves="REST and websocket", control_port=8091, options_level=2)
@click.option("--key", default=SIMULATED_KEY, help="API key; this default is no secret.")
@click.option("--secret", default=SIMULATED_SECRET, help="Its secret; this default is no secret.")
@click.option("--account-number", default=SIMULATED_ACCOUNT_NUMBER, help="Never changes.")
@click.option("--rate-limit", type=click.IntRange(0), default=200, help="A minute; 0 for none.")
@click.option("--stream-exec-ids", type=click.Choice(["different", "same"]), default="different")
@click.option("--option-activities", type=click.Choice(["next_day", "at_once"]), default="next_day")
@click.option("--stock-feed", type=click.Choice(["iex", "sip"]), default="iex", help="The best.")
@click.option(
    "--option-feed",
    type=click.Choice(["indicative", "opra"]),
    default="indicative",
    help="The best.",
)
@click.pass_context
def main(context: click.Context, /, **given: Any) -> None:
    """Serves a simulated Alpaca until SIGTERM or SIGINT.

    Every flag can be set in the environment as TANDEM_SIM_ALPACA_<FLAG>. When it is ready, one
    line of JSON on the standard output tells the ports.
    """
    run(context, given, _build, _listen, account_number=given["account_number"])


def _build(
    given: dict[str, Any], quotes_file: Path | None, path: Sequence[Quote]
) -> SimulatedAlpaca:
    settings = AlpacaSettings(
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
        venue=VenueSettings(**market_of(given)),
    )
    return build(settings, time.monotonic, quotes_file, path)


async def _listen(
    simulated: SimulatedAlpaca, _: AsyncExitStack, listener: Listener, port: int
) -> int:
    return await listener.listen(alpaca_app(simulated.frontend), port)


if __name__ == "__main__":
    main()
