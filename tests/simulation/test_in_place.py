"""Orders that a venue changes in place: what the checkers make of them, and see of them."""

from __future__ import annotations

from decimal import Decimal

import pytest

from tests.simulation.checkers.finding import Finding, Kind
from tests.simulation.checkers.in_place import as_there, check_chains, revised_in_place
from tests.simulation.checkers.intent import IntentChecker
from tests.simulation.checkers.settlement import Account, Booked, Fill, Placed, check_settlement
from tests.simulation.test_checkers import ledger

FIRST, SECOND = "a~v0~1.0", "a~v0~1.1"
NOTED = {FIRST.encode(), SECOND.encode()}


def kinds(findings: list[Finding]) -> list[Kind]:
    return [finding.kind for finding in findings]


def test_a_change_leaves_under_the_number_of_its_order() -> None:
    checker = IntentChecker(NOTED.__contains__, {"ib": NOTED.__contains__}, lambda: 0.0)
    checker.leaves_adapter("ib", FIRST, "7")
    checker.leaves_adapter("ib", FIRST, "7")
    assert kinds(checker.findings) == []
    checker.leaves_adapter("ib", FIRST, "7")
    assert kinds(checker.findings) == [Kind.DUPLICATE], "there is no second change"


@pytest.mark.parametrize("missing_in", ["journal", "send log"])
def test_a_change_that_is_not_noted_must_not_leave(missing_in: str) -> None:
    journal = {FIRST.encode()} if missing_in == "journal" else NOTED
    send_log = {FIRST.encode()} if missing_in == "send log" else NOTED
    checker = IntentChecker(journal.__contains__, {"ib": send_log.__contains__}, lambda: 0.0)
    checker.leaves_adapter("ib", FIRST, "7")
    checker.leaves_adapter("ib", FIRST, "7")
    assert kinds(checker.findings) == [Kind.DUPLICATE]


def account(*chain: tuple[str, str, str], fills: tuple[tuple[str, str], ...] = ()) -> Account:
    """Placements (id, status, the venue's id), and fills (placement, quantity after it)."""
    placements = tuple(Placed(i, "ib", status, venue_id) for i, status, venue_id in chain)
    booked = [Fill("ib", i, "SPY", "BUY", Decimal(1), Decimal(10), Decimal(c)) for i, c in fills]
    return Account(
        [Booked("a", "FILLED", cancel_requested=False, placements=placements)], booked, []
    )


def findings(books: Account) -> set[str]:
    there = ledger("filled", (("1", "10"), ("1", "10")))
    found = list(check_chains(books, ["ib"]))
    found += check_settlement(
        {"ib": there}, as_there(books, ["ib"]), {"SPY": 1}, (), revised_in_place(books, ["ib"])
    )
    return {f.text for f in found if "booked are" not in f.text and "profit" not in f.text}


def test_revisions_are_one_order_there_with_the_fills_of_both() -> None:
    chain = ((FIRST, "REPLACED", "7f"), (SECOND, "FILLED", "7f.1"))
    assert findings(account(*chain, fills=((FIRST, "1"), (SECOND, "1")))) == set()
    refused = ((FIRST, "FILLED", "7f"), (SECOND, "UNPLACED", ""))
    assert findings(account(*refused, fills=((FIRST, "1"), (FIRST, "2")))) == set()


def test_a_fill_that_is_booked_once_too_seldom_is_a_loss() -> None:
    chain = ((FIRST, "REPLACED", "7f"), (SECOND, "FILLED", "7f.1"))
    [text] = findings(account(*chain, fills=((SECOND, "1"),)))
    assert text.startswith("1 × not booked")


def test_two_revisions_that_both_work_are_wrong() -> None:
    chain = ((FIRST, "ACCEPTED", "7f"), (SECOND, "FILLED", "7f.1"))
    [text] = findings(account(*chain, fills=((FIRST, "1"), (SECOND, "1"))))
    assert text == f"{FIRST} is ACCEPTED, and there is a later one"
