"""Paper is paper: by the account numbers that the Gateway gives."""

from __future__ import annotations

import pytest

from services.common.domain.reports import AccountMode
from services.ib_adapter.account_mode import Identity, WrongAccount, check_accounts, check_settings

PAPER, LIVE = AccountMode.PAPER, AccountMode.LIVE


@pytest.mark.parametrize("account", ["DU1234567", "DF1234567"])
def test_a_single_paper_account_is_taken(account: str) -> None:
    assert check_accounts(Identity(PAPER, ""), [account]) == account


def test_of_several_the_one_that_is_set_is_taken() -> None:
    identity = Identity(PAPER, "DU2")
    assert check_accounts(identity, ["DU1", "DU2"]) == "DU2"


@pytest.mark.parametrize(
    ("mode", "number", "accounts"),
    [
        (PAPER, "", ["U1"]),
        (PAPER, "", ["F1"]),
        (PAPER, "DU1", ["DU1", "U2"]),
        (PAPER, "", ["DU1", "DU2"]),
        (PAPER, "", []),
        (PAPER, "DU3", ["DU1"]),
        (LIVE, "U1", ["DU1"]),
        (LIVE, "U1", ["U1", "DU2"]),
        (LIVE, "U1", ["U2"]),
    ],
)
def test_accounts_that_do_not_fit_are_wrong(
    mode: AccountMode, number: str, accounts: list[str]
) -> None:
    with pytest.raises(WrongAccount):
        check_accounts(Identity(mode, number), accounts)


@pytest.mark.parametrize(("mode", "number"), [(LIVE, ""), (LIVE, "DU1"), (PAPER, "U1")])
def test_settings_that_contradict_themselves_are_wrong(mode: AccountMode, number: str) -> None:
    with pytest.raises(WrongAccount):
        check_settings(Identity(mode, number))
