"""The operator's commands on the trading state: halt, reduce, resume."""

from __future__ import annotations

import getpass

import click

from tandem_client.command import outcomes, words
from tandem_client.command.session import Session, command
from tandem_client.enums import TradingState
from tandem_client.errors import TandemError


def _changes_state(name: str, state: TradingState, summary: str) -> click.Command:
    @click.command(name, help=summary)
    @click.option("--reason", required=True, help="Why; it goes into the journal.")
    @click.option("--actor", help="Who asks [the user's name].")
    @command
    async def change(session: Session, *, reason: str, actor: str | None) -> int:
        return await _set(session, state, reason, actor or user())

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


def user() -> str:
    """Who asks, if nothing else is said."""
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
