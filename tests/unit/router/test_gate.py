"""The gate: all for one state, the stricter of two, and shut where nothing is known."""

from __future__ import annotations

import pytest

from services.common.domain.errors import Effect, Reason, Refused
from services.router.books.books import Books
from services.router.journal.records import TradingState, TradingStateSet
from services.router.risk.gate import Role, check_gate
from tests.unit.domain.orders import NOW

A, R, H = TradingState.ACTIVE, TradingState.REDUCING, TradingState.HALTED


def books(for_all: TradingState | None, for_main: TradingState | None) -> Books:
    made = Books()
    for seq, (account_id, state) in enumerate((("", for_all), ("main", for_main)), start=1):
        if state is not None:
            made.apply(seq, NOW, TradingStateSet(account_id, state, f"why {state.value}", "me"))
    return made


@pytest.mark.parametrize(
    ("for_all", "for_main", "in_force"),
    [
        (None, None, H),
        (None, A, H),  # an account alone opens nothing
        (A, None, A),
        (R, None, R),
        (H, None, H),
        (A, A, A),
        (A, R, R),
        (A, H, H),
        (R, A, R),
        (R, R, R),
        (R, H, H),
        (H, A, H),
        (H, R, H),
        (H, H, H),
    ],
)
def test_the_stricter_state_is_in_force(
    for_all: TradingState | None, for_main: TradingState | None, in_force: TradingState
) -> None:
    known = books(for_all, for_main)
    assert known.trading_state("main") is in_force
    for role in Role:
        passes = in_force is A or (in_force is R and role is Role.EXIT)
        if passes:
            check_gate(known, "main", role)
            continue
        with pytest.raises(Refused) as refused:
            check_gate(known, "main", role)
        wanted = Reason.TRADING_HALTED if in_force is H else Reason.TRADING_REDUCING
        assert refused.value.reason is wanted
        assert refused.value.effect is Effect.NONE


def test_one_accounts_state_is_not_anothers() -> None:
    known = books(A, H)
    check_gate(known, "other", Role.ENTRY)


def test_the_refusal_says_who_shut_it_and_why() -> None:
    with pytest.raises(Refused, match=r"HALTED \(why HALTED, by me\)"):
        check_gate(books(A, H), "main", Role.EXIT)


def test_a_later_state_replaces_the_earlier_and_names_it() -> None:
    known = books(A, H)
    known.apply(3, NOW, TradingStateSet("main", A, "over", "me"))
    check_gate(known, "main", Role.ENTRY)
    assert known.gates["main"].previous is H
