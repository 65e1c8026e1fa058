"""`python -m simulators.ib_gateway`: the simulated Gateway as a program, set by its flags."""

import asyncio
import logging
import os
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import click

from simulators.control.server import ControlServer
from simulators.flags import dollars, start_time, time_of_day
from simulators.ib_gateway.entitlements import MARKET_DATA
from simulators.ib_gateway.history_pacing import PACING
from simulators.ib_gateway.server import GatewayServer
from simulators.ib_gateway.settings import IB_VENUE, SIMULATED_ACCOUNT, IbGatewaySettings
from simulators.ib_gateway.simulated import SimulatedIbGateway, build
from simulators.listening import CannotListen, Listener, check_host, ready_line, set_by_signals
from simulators.venue.default_market import BadQuotesFile
from simulators.venue.fees import FeeSchedule
from simulators.venue.price_path import BadPricePath, read_price_path

_DEFAULT = click.core.ParameterSource.DEFAULT
_PORT = click.IntRange(0, 65535)


@click.command(context_settings={"auto_envvar_prefix": "TANDEM_SIM_IB", "show_default": True})
@click.option("--host", default="127.0.0.1", help="Loopback address to listen on.")
@click.option("--port", type=_PORT, default=4002, help="TWS socket protocol; 0 for any.")
@click.option("--control-port", type=_PORT, default=4092, help="Fault control; 0 for any.")
@click.option("--seed", type=int, default=1, help="The seed of all that is random.")
@click.option("--start", callback=start_time, default="2024-11-04T10:00:00", help="New York time.")
@click.option("--account", default=SIMULATED_ACCOUNT, help="D... is a paper account, U... live.")
@click.option("--cash", callback=dollars, default="100000", help="The account's cash at the start.")
@click.option("--options-level", type=click.IntRange(0, 3), default=3, help="What it may trade.")
@click.option("--fee-per-contract", callback=dollars, default="0.65", help="Commission, dollars.")
@click.option("--fee-per-share", callback=dollars, default="0.005", help="Commission, dollars.")
@click.option("--fee-min", callback=dollars, default="1.00", help="Least commission of an order.")
@click.option("--partial-fills/--no-partial-fills", default=False, help="One in ten, seeded.")
@click.option("--price-walk/--no-price-walk", default=False, help="Quotes move, seeded.")
@click.option("--skip-closed", is_flag=True, help="At each close jump to the next opening.")
@click.option("--messages-per-s", type=click.IntRange(0), default=50, help="0 for no limit.")
@click.option("--master-client-id", type=int, default=None, help="Is told of every order.")
@click.option("--market-data", type=click.Choice(MARKET_DATA), default="realtime")
@click.option("--market-data-lines", type=click.IntRange(0), default=100, help="Streams of quotes.")
@click.option("--history-pacing", type=click.Choice(PACING), default="small_bars")
@click.option("--chains/--no-chains", default=True, help="Option chains of every share.")
@click.option(
    "--fill-events", type=click.Choice(["exec_first", "status_first"]), default="exec_first"
)
@click.option("--restart-at", callback=time_of_day, default="", help="Each day, New York: 23:45.")
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
    """Serves a simulated IB Gateway until SIGTERM or SIGINT.

    Every flag can be set in the environment as TANDEM_SIM_IB_<FLAG>. When it is ready, one line
    of JSON on the standard output tells the ports.
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


def _settings(given: dict[str, Any]) -> IbGatewaySettings:
    fees = FeeSchedule(given["fee_per_contract"], given["fee_per_share"], given["fee_min"])
    return IbGatewaySettings(
        account=given["account"],
        cash=given["cash"],
        options_level=given["options_level"],
        start=given["start"],
        seed=given["seed"],
        messages_per_s=given["messages_per_s"],
        master_client_id=given["master_client_id"],
        market_data=given["market_data"],
        market_data_lines=given["market_data_lines"],
        history_pacing=given["history_pacing"],
        chains=given["chains"],
        fill_events=given["fill_events"],
        restart_at=given["restart_at"],
        venue=replace(
            IB_VENUE,
            fees=fees,
            partial_fills=given["partial_fills"],
            price_walk=given["price_walk"],
            skip_closed=given["skip_closed"],
        ),
    )


async def _serve(simulated: SimulatedIbGateway, host: str, port: int, control_port: int) -> None:
    listener, frontend = Listener(host), simulated.frontend
    server = GatewayServer(frontend, host)
    with set_by_signals(frontend.stopping):
        try:
            async with frontend.running(), server.listening(port) as bound:
                control_app = ControlServer(simulated.control).app()
                control = await listener.listen(control_app, control_port)
                account = simulated.settings.account
                line = ready_line(host=host, port=bound, control_port=control, account=account)
                print(line, flush=True)
                await frontend.stopping.wait()
        finally:
            await listener.close()


if __name__ == "__main__":
    main()
