"""The checkers stand alone, and see what they are there for."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from tests.simulation.checkers.finding import Kind
from tests.simulation.checkers.settlement import (
    Account,
    Booked,
    Charged,
    Fill,
    Held,
    Placed,
    check_settlement,
)
from tests.simulation.checkers.telling import Standing, Told, check_told

ROOT = Path(__file__).parents[2]
ID, VENUE_ID = "a~v0~1.0", "7f"


def ledger(
    status: str = "filled", fills: tuple[tuple[str, str], ...] = (("2", "10"),)
) -> dict[str, Any]:
    """One order at the venue, bought in fills of (quantity, price)."""
    cum = Decimal(0)
    executions: list[dict[str, Any]] = []
    for qty, px in fills:
        cum += Decimal(qty)
        executions.append(
            {
                "venue_order_id": VENUE_ID,
                "client_order_id": ID,
                "symbol": "SPY",
                "side": "buy",
                "last_qty": qty,
                "last_px": px,
                "cum_qty": str(cum),
                "exec_id": f"e{len(executions)}",
                "fee": "0.65",
            }
        )
    positions = [{"symbol": "SPY", "qty": str(cum)}] if cum else []
    order = {"venue_order_id": VENUE_ID, "client_order_id": ID, "status": status, "by_hand": False}
    accounts = {"one": {"positions": positions}}
    return {"orders": [order], "executions": executions, "accounts": accounts}


def fill(qty: str = "2", px: str = "10", cum: str = "2") -> Fill:
    return Fill("alpaca", ID, "SPY", "BUY", Decimal(qty), Decimal(px), Decimal(cum))


def account(
    status: str = "FILLED", *fills: Fill, held: str = "2", cancel_requested: bool = False
) -> Account:
    placed = Placed(ID, "alpaca", status, "")
    return Account(
        [Booked("a", status, cancel_requested, (placed,))],
        list(fills),
        [Held("alpaca", "SPY", Decimal(held), Decimal(0))],
    )


def kinds(there: dict[str, Any], booked: Account) -> set[Kind]:
    return {f.kind for f in check_settlement({"alpaca": there}, booked, {"SPY": 1})}


def test_books_that_agree_with_the_ledger_are_clean() -> None:
    assert kinds(ledger(), account("FILLED", fill())) == set()
    nothing = ledger("canceled", ())
    assert kinds(nothing, account("CANCELED", held="0", cancel_requested=True)) == set()


@pytest.mark.parametrize(
    ("there", "booked", "kind"),
    [
        (ledger(), account("FILLED", held="2"), Kind.LOSS),
        (ledger(), account("FILLED", fill(), fill()), Kind.DUPLICATE),
        (ledger(), account("FILLED", fill(px="11")), Kind.WRONG),
        (ledger(), account("FILLED", fill(), held="3"), Kind.WRONG),
        (ledger(), account("CANCELED", fill()), Kind.WRONG),
        (ledger(), account("IN_DOUBT", fill()), Kind.UNFINISHED),
        (ledger("new", ()), account("IN_DOUBT", held="0"), Kind.UNFINISHED),
        (ledger("new", ()), account("UNPLACED", held="0"), Kind.LOSS),
        (
            ledger("new", ()),
            account("ACCEPTED", held="0", cancel_requested=True),
            Kind.UNFINISHED,
        ),
    ],
)
def test_what_does_not_agree_is_found(there: dict[str, Any], booked: Account, kind: Kind) -> None:
    assert kind in kinds(there, booked)


def test_an_order_at_a_venue_that_the_router_does_not_know_is_a_loss() -> None:
    assert kinds(ledger("new", ()), Account([], [], [])) == {Kind.LOSS}


@pytest.mark.parametrize(
    ("fees", "found"),
    [("0.65", set()), ("0.66", {Kind.WRONG}), (None, {Kind.UNFINISHED})],
)
def test_what_an_execution_cost_must_be_booked_as_it_was(
    fees: str | None, found: set[Kind]
) -> None:
    charged = Charged("alpaca", "e0", None if fees is None else Decimal(fees))
    assert kinds(ledger(), replace(account("FILLED", fill()), charges=[charged])) == found


def test_a_venue_that_knows_no_expiry_calls_it_canceled() -> None:
    expired, canceled = {"alpaca": ledger("expired", ())}, account("CANCELED", held="0")
    assert [f.kind for f in check_settlement(expired, canceled, {"SPY": 1})] == [Kind.WRONG]
    assert check_settlement(expired, canceled, {"SPY": 1}, without_expiry=["alpaca"]) == []


def test_profit_is_computed_anew_from_the_fills() -> None:
    sold = Fill("alpaca", ID, "SPY", "SELL", Decimal(1), Decimal(13), Decimal(1))
    there = ledger(fills=(("2", "10"),))
    there["executions"].append(
        {
            "venue_order_id": VENUE_ID,
            "client_order_id": ID,
            "symbol": "SPY",
            "side": "sell",
            "last_qty": "1",
            "last_px": "13",
            "cum_qty": "1",
            "exec_id": "e1",
            "fee": "0",
        }
    )
    there["accounts"]["one"]["positions"][0]["qty"] = "1"
    booked = account("FILLED", fill(), sold)
    for realized, found in (("300", set()), ("299", {Kind.WRONG})):
        held = [Held("alpaca", "SPY", Decimal(1), Decimal(realized))]
        books = Account(booked.orders, booked.fills, held)
        findings = check_settlement({"alpaca": there}, books, {"SPY": 100})
        assert {finding.kind for finding in findings} == found


def test_a_watcher_must_be_told_of_everything_once_and_last_as_it_is() -> None:
    key = ("alpaca", "e1")
    standing = Standing([key], {"a": ("FILLED", Decimal(2))}, {("alpaca", "SPY"): Decimal(2)})
    told = Told([key], dict(standing.orders), dict(standing.positions), [1, 1, 2])
    assert list(check_told(told, standing)) == []
    told.executions.append(key)
    told.orders["a"] = ("ACCEPTED", Decimal(0))
    told.sequences.append(1)
    assert [f.kind for f in check_told(told, standing)] == [Kind.DUPLICATE, Kind.WRONG, Kind.WRONG]
    told.executions.clear()
    assert next(check_told(told, standing)).kind is Kind.LOSS


def test_the_checkers_import_nothing_of_the_services() -> None:
    names = sorted(path.stem for path in (ROOT / "tests/simulation/checkers").glob("*.py"))
    program = (
        f"import importlib, sys\n"
        f"for name in {names}: importlib.import_module('tests.simulation.checkers.' + name)\n"
        "sys.exit(any(m.split('.')[0] in ('services', 'tandem_client') for m in sys.modules))"
    )
    assert names
    subprocess.run([sys.executable, "-c", program], cwd=ROOT, check=True, timeout=30)
