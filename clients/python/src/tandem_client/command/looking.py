"""The commands that only look: status, account, positions, quotes, watch."""

from __future__ import annotations

from contextlib import aclosing

import click

from tandem_client.command import documents, outcomes, tables, words
from tandem_client.command.arguments import SYMBOL
from tandem_client.command.documents import listing_document
from tandem_client.command.session import Session, command
from tandem_client.events import Event
from tandem_client.instruments import Instrument
from tandem_client.watching import WatchOptions


@click.command("status")
@command
async def status(session: Session) -> int:
    """Show whether orders can be sent: venues and trading state."""
    async with session.client() as client:
        report = await client.status()
    session.show(report, lambda: tables.status(report))
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


@click.command("quotes")
@click.argument("symbols", type=SYMBOL, nargs=-1, required=True)
@click.option("--venue", default="", help="Ask this venue.")
@command
async def quotes(session: Session, *, symbols: tuple[Instrument, ...], venue: str) -> int:
    """Show the latest quotes."""
    async with session.client() as client:
        answer = await client.quotes(symbols, venue=venue)
    session.show(answer, lambda: tables.quotes(answer.quotes))
    for instrument in answer.missing:
        session.complain(f"no quote: {words.symbol(instrument)}")
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
