"""`python -m simulators.ib_gateway`: the simulated Gateway as a program, set by its flags."""

import time
from collections.abc import Sequence
from contextlib import AsyncExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any

import click

from simulators.flags import dollars, time_of_day
from simulators.ib_gateway.entitlements import MARKET_DATA
from simulators.ib_gateway.history_pacing import PACING
from simulators.ib_gateway.server import GatewayServer
from simulators.ib_gateway.settings import IB_VENUE, SIMULATED_ACCOUNT, IbGatewaySettings
from simulators.ib_gateway.simulated import SimulatedIbGateway, build
from simulators.listening import Listener
from simulators.program import Listen, flags, market_of, run
from simulators.venue.fees import FeeSchedule
from simulators.venue.quotes import Quote


@click.command(context_settings={"auto_envvar_prefix": "TANDEM_SIM_IB", "show_default": True})
@flags(port=4002, serves="TWS socket protocol", control_port=4092, options_level=3)
@click.option("--account", default=SIMULATED_ACCOUNT, help="D... is a paper account, U... live.")
@click.option("--fee-per-contract", callback=dollars, default="0.65", help="Commission, dollars.")
@click.option("--fee-per-share", callback=dollars, default="0.005", help="Commission, dollars.")
@click.option("--fee-min", callback=dollars, default="1.00", help="Least commission of an order.")
@click.option("--messages-per-s", type=click.IntRange(0), default=50, help="0 for no limit.")
@click.option("--master-client-id", type=int, default=None, help="Is told of every order.")
@click.option("--market-data", type=click.Choice(MARKET_DATA), default="realtime")
@click.option("--market-data-lines", type=click.IntRange(0), default=100, help="Streams of quotes.")
@click.option("--history-pacing", type=click.Choice(PACING), default="small_bars")
@click.option(
    "--fill-events", type=click.Choice(["exec_first", "status_first"]), default="exec_first"
)
@click.option("--restart-at", callback=time_of_day, default="", help="Each day, New York: 23:45.")
@click.pass_context
def main(context: click.Context, /, **given: Any) -> None:
    """Serves a simulated IB Gateway until SIGTERM or SIGINT.

    Every flag can be set in the environment as TANDEM_SIM_IB_<FLAG>. When it is ready, one line
    of JSON on the standard output tells the ports.
    """
    run(context, given, _build, _listening(given["host"]), account=given["account"])


def _build(
    given: dict[str, Any], quotes_file: Path | None, path: Sequence[Quote]
) -> SimulatedIbGateway:
    fees = FeeSchedule(given["fee_per_contract"], given["fee_per_share"], given["fee_min"])
    settings = IbGatewaySettings(
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
        venue=replace(IB_VENUE, fees=fees, **market_of(given)),
    )
    return build(settings, time.monotonic, quotes_file, path)


def _listening(host: str) -> Listen:
    async def listen(
        simulated: SimulatedIbGateway, owned: AsyncExitStack, _: Listener, port: int
    ) -> int:
        server = GatewayServer(simulated.frontend, host)
        return await owned.enter_async_context(server.listening(port))

    return listen


if __name__ == "__main__":
    main()
