"""The commands that only look: status, capabilities, account, positions, activities, watch."""

from __future__ import annotations

from contextlib import aclosing
from datetime import datetime
from typing import Final

import click

from tandem_client.command import documents, outcomes, tables, words
from tandem_client.command.arguments import MOMENT
from tandem_client.command.documents import listing_document
from tandem_client.command.session import Session, command
from tandem_client.enums import ActivityType
from tandem_client.events import Event
from tandem_client.watching import WatchOptions

_KINDS: Final = [name.lower() for name in ActivityType.__members__ if name != "UNSPECIFIED"]


@click.command("status")
@command
async def status(session: Session) -> int:
    """Show whether orders can be sent: venues and trading state."""
    async with session.client() as client:
        report = await client.status()
    session.show(report, lambda: tables.status(report))
    return outcomes.DONE


@click.command("capabilities")
@command
async def capabilities(session: Session) -> int:
    """Show what can be done at each venue: orders, RPCs, entitlements."""
    async with session.client() as client:
        venues = await client.capabilities()
    session.show({"venues": venues}, lambda: tables.capabilities(venues))
    return outcomes.DONE


@click.command("account")
@command
async def account(session: Session) -> int:
    """Show balances as each venue states them."""
    async with session.client() as client:
        figures = await client.account()
    session.show(figures, lambda: tables.account(figures))
    return outcomes.DONE


@click.command("positions")
@click.option("--venue", default="", help="Only this venue.")
@command
async def positions(session: Session, *, venue: str) -> int:
    """List open positions."""
    async with session.client() as client:
        listing = await client.positions(venue=venue).all()
    session.show(listing_document("positions", listing), lambda: tables.positions(listing.items))
    return outcomes.DONE


@click.command("activities")
@click.option("--kind", "kinds", type=click.Choice(_KINDS), multiple=True, help="Only these.")
@click.option("--after", type=MOMENT, metavar="TIME", help="At or after this.")
@click.option("--before", type=MOMENT, metavar="TIME", help="Before this.")
@click.option("--venue", default="", help="Only this venue.")
@command
async def activities(
    session: Session,
    *,
    kinds: tuple[str, ...],
    after: datetime | None,
    before: datetime | None,
    venue: str,
) -> int:
    """List assignments, exercises, fees, dividends and the like, newest first."""
    wanted = [ActivityType[kind.upper()] for kind in kinds]
    async with session.client() as client:
        listing = await client.activities(wanted, after=after, before=before, venue=venue).all()
    session.show(listing_document("activities", listing), lambda: tables.activities(listing.items))
    return outcomes.DONE


@click.command("watch")
@click.option("--from", "token", help="Resume after this token (see --json).")
@click.option("--heartbeats", is_flag=True, help="Show heartbeats too.")
@command
async def watch(session: Session, *, token: str | None, heartbeats: bool) -> int:
    """Show every change as it happens, through reconnects, until Ctrl-C."""
    options = WatchOptions(heartbeats=heartbeats)
    async with session.client() as client:
        await client.account_id()
        async with aclosing(client.watch(token, options)) as stream:
            async for event in stream:
                _tell(session, event)
    return outcomes.DONE


def _tell(session: Session, event: Event) -> None:
    if session.as_json:
        session.line(documents.write(event))
        return
    kind, content = words.event_words(event)
    session.line(f"{event.sequence:>6}  {kind:<10}  {content}")
