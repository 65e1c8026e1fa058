"""Paper is paper: the kind of account, by the account numbers that the Gateway gives.

A port is only a setting, and the Gateway can be logged in anew as somebody else. What counts is the
list of accounts, which it gives at each connect: paper ones begin with D, live ones don't.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from services.common.domain.reports import AccountMode

PAPER_PREFIX: Final = "D"
LIVE_PREFIX: Final = "U"


class WrongAccount(ValueError):
    """The accounts do not fit the settings; the message says how."""


@dataclass(frozen=True, slots=True)
class Identity:
    """What the settings say of the account: its kind, and its number ("" if not set)."""

    mode: AccountMode
    account_number: str


def check_settings(identity: Identity) -> None:
    """Raise WrongAccount if mode and number contradict each other."""
    number = identity.account_number
    if identity.mode is AccountMode.LIVE and not number:
        raise WrongAccount("account_number is required for live trading")
    if number:
        _check_kind(identity.mode, number)


def check_accounts(identity: Identity, accounts: Sequence[str]) -> str:
    """The account to trade, of those that the Gateway gives.

    Raises WrongAccount if one of them is of the other kind, if the one that is set is not among
    them, or if none is set and there are several.
    """
    for account in accounts:
        _check_kind(identity.mode, account)
    if identity.account_number:
        if identity.account_number not in accounts:
            raise WrongAccount(
                f"the Gateway has {', '.join(accounts)}, and account_number is "
                f"{identity.account_number}"
            )
        return identity.account_number
    if len(accounts) != 1:
        raise WrongAccount(
            f"the Gateway has {len(accounts)} accounts ({', '.join(accounts)}): set account_number"
        )
    return accounts[0]


def check_log(account: str, bound: str) -> None:
    """Raise WrongAccount if the send log is of another account."""
    if account != bound:
        raise WrongAccount(
            f"the Gateway has account {account}, and the send log is of {bound}: an account needs "
            "a send log of its own"
        )


def _check_kind(mode: AccountMode, account: str) -> None:
    prefix = PAPER_PREFIX if mode is AccountMode.PAPER else LIVE_PREFIX
    if not account.startswith(prefix):
        raise WrongAccount(
            f"account {account} does not begin with {prefix}, as {mode.value.lower()} accounts do"
        )
