"""The command by which an operator ends a doubt."""

from __future__ import annotations

import click

from tandem_client.command import outcomes, words
from tandem_client.command.session import Session, command
from tandem_client.doubts import DoubtCalls
from tandem_client.enums import DoubtVerdict
from tandem_client.errors import TandemError
from tandem_client.orders import Order


@click.command("resolve")
@click.argument("placement_id", metavar="PLACEMENT_ID")
@click.option(
    "--never-placed",
    "verdict",
    flag_value=DoubtVerdict.NEVER_PLACED.name,
    help="The venue never took it.",
)
@click.option(
    "--ended", "verdict", flag_value=DoubtVerdict.ENDED.name, help="It has ended at the venue."
)
@click.option("--reason", required=True, help="What you saw there; it goes into the journal.")
@click.option("--actor", required=True, help="Who says so; it goes into the journal.")
@command
async def resolve(
    session: Session, *, placement_id: str, verdict: str | None, reason: str, actor: str
) -> int:
    """End the doubt of a placement by your word, after you have looked at the venue.

    PLACEMENT_ID is what `tandem order ID` shows. Nothing more is sent for its order, and if the
    venue shows it after all, that is alarmed.
    """
    if verdict is None:
        raise click.UsageError("say --never-placed or --ended")
    try:
        async with session.operations() as operations:
            doubted = await _find(operations, session.account_id, placement_id)
            if doubted is None:
                session.complain(f"refused: {placement_id} is not in doubt")
                return outcomes.REFUSED
            order = await operations.resolve_in_doubt(
                doubted.account_id,
                doubted.client_order_id,
                placement_id,
                DoubtVerdict[verdict],
                reason=reason,
                actor=actor,
            )
    except TandemError as error:
        return session.failed(error, mutation=True)
    session.show(order, lambda: words.order_line(order))
    return outcomes.DONE


async def _find(operations: DoubtCalls, account_id: str, placement_id: str) -> Order | None:
    listed = (await operations.in_doubt(account_id=account_id).all()).items
    for order in listed:
        if any(placement.placement_id == placement_id for placement in order.placements):
            return order
    return None
