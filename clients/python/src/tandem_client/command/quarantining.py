"""The commands of quarantine: what is in it, and what becomes of it."""

from __future__ import annotations

import click

from tandem_client.command import outcomes, tables, words
from tandem_client.command.documents import listing_document
from tandem_client.command.operating import user
from tandem_client.command.session import Session, command
from tandem_client.errors import TandemError


@click.command("quarantine")
@click.option("--all", "include_closed", is_flag=True, help="Closed records too.")
@command
async def quarantine(session: Session, *, include_closed: bool) -> int:
    """List what was found at venues and is not in the books."""
    async with session.operations() as operations:
        listing = await operations.quarantined(
            account_id=session.account_id, include_closed=include_closed
        ).all()
    session.show(listing_document("records", listing), lambda: tables.quarantine(listing.items))
    return outcomes.DONE


@click.command("adopt")
@click.argument("quarantine_id", metavar="RECORD")
@click.option("--dismiss", is_flag=True, help="Keep it out of the books instead.")
@click.option("--reason", required=True, help="Why; it goes into the journal.")
@click.option("--actor", help="Who says so [the user's name].")
@command
async def adopt(
    session: Session, *, quarantine_id: str, dismiss: bool, reason: str, actor: str | None
) -> int:
    """Take an order that was found at a venue into the books, with its executions.

    RECORD is what `tandem quarantine` shows. Dismissed, it is not reserved for any more; what it
    does after that is told anew.
    """
    try:
        async with session.operations() as operations:
            decide = operations.dismiss if dismiss else operations.adopt
            record = await decide(quarantine_id, reason=reason, actor=actor or user())
    except TandemError as error:
        return session.failed(error, mutation=True)
    session.show(record, lambda: words.closing_line(record))
    return outcomes.DONE
