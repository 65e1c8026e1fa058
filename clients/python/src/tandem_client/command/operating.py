"""The operator's commands: halt, reduce, resume, quarantine."""

from __future__ import annotations

import getpass

import click

from tandem_client.command import outcomes, tables, words
from tandem_client.command.documents import listing_document
from tandem_client.command.session import Session, command
from tandem_client.enums import TradingState
from tandem_client.errors import TandemError


def _changes_state(name: str, state: TradingState, summary: str) -> click.Command:
    @click.command(name, help=summary)
    @click.option("--reason", required=True, help="Why; it goes into the journal.")
    @click.option("--actor", help="Who asks [the user's name].")
    @command
    async def change(session: Session, *, reason: str, actor: str | None) -> int:
        return await _set(session, state, reason, actor or _user())

    return change


async def _set(session: Session, state: TradingState, reason: str, actor: str) -> int:
    try:
        async with session.operations() as operations:
            change = await operations.set_trading_state(
                state, reason=reason, actor=actor, account_id=session.account_id
            )
    except TandemError as error:
        return session.failed(error, mutation=True)
    session.show(change, lambda: f"trading is {words.trading_words(change)}")
    return outcomes.DONE


def _user() -> str:
    try:
        return getpass.getuser()
    except (OSError, KeyError):  # an account without a name, as in some containers
        return "unnamed"


_SCOPE = "For the account given by --account or TANDEM_ACCOUNT, else for all."
halt = _changes_state(
    "halt", TradingState.HALTED, f"Take only cancels from now on, restarts included. {_SCOPE}"
)
reduce = _changes_state(
    "reduce", TradingState.REDUCING, f"Take only exits and cancels from now on. {_SCOPE}"
)
resume = _changes_state("resume", TradingState.ACTIVE, f"Take every order again. {_SCOPE}")


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
