"""The oracle: what it must find, and what it must not take for a fault."""

from __future__ import annotations

import ast
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.oracle.finding import Kind, Verdict
from tests.oracle.judgement import judge

_HERE = Path(__file__).parent
_OPEN = frozenset({"new", "pending_new", "partially_filled", "pending_replace", "pending_cancel"})

Json = dict[str, Any]


def at_venue(placement_id: str, status: str, qty: str = "10", cum: str = "0", no: int = 1) -> Json:
    """An order as a ledger has it."""
    leaves = str(int(qty) - int(cum)) if status in _OPEN else "0"
    return {
        "client_order_id": placement_id,
        "venue_order_id": f"{placement_id}#{no}",
        "status": status,
        "cum_qty": cum,
        "leaves_qty": leaves,
        "by_hand": False,
        "parent_id": None,
    }


def fill(placement_id: str, qty: str, px: str = "5", exec_id: str = "x") -> Json:
    """An execution as a ledger has it."""
    return {
        "exec_id": exec_id,
        "client_order_id": placement_id,
        "venue_order_id": f"{placement_id}#1",
        "symbol": "SPY",
        "side": "buy",
        "last_qty": qty,
        "last_px": px,
    }


def entry(at_s: float, order: Json) -> Json:
    """An entry of the ledger's record."""
    return {"at": f"2024-11-11T15:00:{at_s:09.6f}+00:00", "kind": "order_event", **order}


def ledger(*orders: Json, fills: tuple[Json, ...] = (), entries: tuple[Json, ...] = ()) -> Json:
    made: Json = {"orders": list(orders), "executions": list(fills)}
    return {**made, "entries": list(entries)} if entries else made


def placed(placement_id: str, status: str, venue: str = "al") -> Json:
    return {"placement_id": placement_id, "venue": venue, "status": status}


def booked(client_order_id: str, status: str, *placements: Json, cum: str = "0") -> Json:
    """An order as the router's books have it."""
    return {
        "client_order_id": client_order_id,
        "status": status,
        "cum_qty": cum,
        "cancel_requested": False,
        "placements": list(placements),
    }


def execution(placement_id: str, qty: str, px: str = "5", venue: str = "al") -> Json:
    return {
        "venue": venue,
        "placement_id": placement_id,
        "symbol": "SPY",
        "side": "BUY",
        "last_qty": qty,
        "last_px": px,
    }


def want(client_order_id: str = "o", *qtys: str, told: str = "taken") -> Json:
    return {"client_order_id": client_order_id, "qtys": list(qtys or ("10",)), "told": told}


def verdict(
    orders: list[Json],
    executions: list[Json],
    *wanted: Json,
    more: Json | None = None,
    **ledgers: Json,
) -> Verdict:
    books = {"orders": orders, "executions": executions}
    return judge(ledgers, wanted or (want(),), books, **(more or {}))


def kinds(found: Verdict) -> list[Kind]:
    return [finding.kind for finding in found.findings]


_FILLED = at_venue("o~al~1.0", "filled", cum="10")
_WORKING = at_venue("o~al~1.0", "new")
_BOOKED = booked("o", "FILLED", placed("o~al~1.0", "FILLED"), cum="10")


def test_a_filled_order_that_is_booked_once_is_right() -> None:
    there = ledger(_FILLED, fills=(fill("o~al~1.0", "4"), fill("o~al~1.0", "6")))
    found = verdict([_BOOKED], [execution("o~al~1.0", "6"), execution("o~al~1.0", "4")], al=there)
    assert found.findings == []
    assert found.as_json()["orders"] == 1


# -- duplicates ------------------------------------------------------------------------------


def test_two_venue_orders_for_one_placement_are_a_duplicate() -> None:
    there = ledger(at_venue("o~ib~1.0", "canceled"), at_venue("o~ib~1.0", "canceled", no=2))
    order = booked("o", "CANCELED", placed("o~ib~1.0", "CANCELED", "ib"))
    assert kinds(verdict([order], [], ib=there)) == [Kind.DUPLICATE]


def test_an_order_that_works_at_two_venues_is_a_duplicate_and_a_breach() -> None:
    order = booked(
        "o", "ACCEPTED", placed("o~al~1.0", "ACCEPTED"), placed("o~ib~2.0", "ACCEPTED", "ib")
    )
    found = verdict([order], [], al=ledger(_WORKING), ib=ledger(at_venue("o~ib~2.0", "new")))
    assert kinds(found) == [Kind.DUPLICATE, Kind.EXPOSURE]
    assert found.count(Kind.DUPLICATE) == 1


def test_a_fill_that_is_booked_twice_is_a_duplicate() -> None:
    there = ledger(_FILLED, fills=(fill("o~al~1.0", "10"),))
    found = verdict([_BOOKED], [execution("o~al~1.0", "10")] * 2, al=there)
    assert kinds(found) == [Kind.DUPLICATE]


# -- losses ----------------------------------------------------------------------------------


def test_a_fill_that_is_not_booked_is_a_loss() -> None:
    there = ledger(_FILLED, fills=(fill("o~al~1.0", "4"), fill("o~al~1.0", "6")))
    assert kinds(verdict([_BOOKED], [execution("o~al~1.0", "4")], al=there)) == [Kind.LOSS]


def test_a_fill_that_is_booked_and_in_no_ledger_is_a_loss() -> None:
    found = verdict([_BOOKED], [execution("o~al~1.0", "10", px="6")], al=ledger(_FILLED))
    assert kinds(found) == [Kind.LOSS]


def test_an_order_of_a_venue_that_the_books_do_not_know_is_a_loss() -> None:
    found = verdict([booked("o", "UNPLACED")], [], al=ledger(_WORKING))
    assert kinds(found) == [Kind.LOSS]


def test_an_order_that_its_client_was_told_of_and_nobody_knows_is_a_loss() -> None:
    assert kinds(verdict([], [], al=ledger())) == [Kind.LOSS]
    assert kinds(verdict([], [], want(told="nothing"), al=ledger())) == []


def test_an_order_that_is_live_and_ended_in_the_books_is_a_loss() -> None:
    order = booked("o", "REJECTED", placed("o~al~1.0", "REJECTED"))
    assert kinds(verdict([order], [], al=ledger(_WORKING))) == [Kind.LOSS]


# -- exposure --------------------------------------------------------------------------------


def test_a_breach_that_was_over_in_the_end_is_found_in_the_entries() -> None:
    ended = at_venue("o~al~1.0", "canceled")
    there = ledger(ended, entries=(entry(1, _WORKING), entry(5, ended)))
    second = at_venue("o~ib~2.0", "canceled")
    behind = ledger(second, entries=(entry(3, at_venue("o~ib~2.0", "new")), entry(9, second)))
    order = booked(
        "o", "CANCELED", placed("o~al~1.0", "CANCELED"), placed("o~ib~2.0", "CANCELED", "ib")
    )
    assert kinds(verdict([order], [], al=there, ib=behind)) == [Kind.EXPOSURE]

    # By a clock that is three seconds ahead it was live after the first had ended.
    ahead = {"clocks": {"al": {"ahead_s": 3.0}}}
    assert verdict([order], [], al=there, ib=behind, more=ahead).findings == []
    unsure = {"clocks": {"al": {"ahead_s": 1.5, "unsure_s": 1.0}}}
    assert verdict([order], [], al=there, ib=behind, more=unsure).findings == []


def test_an_order_and_its_revision_count_once_as_long_as_one_can_fill() -> None:
    old = at_venue("o~al~1.0", "pending_replace")
    new = at_venue("o~al~1.1", "pending_new", qty="12")
    order = booked(
        "o",
        "PENDING_REPLACE",
        placed("o~al~1.0", "PENDING_REPLACE"),
        placed("o~al~1.1", "ACCEPTED"),
    )
    there = ledger(old, new)
    assert verdict([order], [], want("o", "10", "12"), al=there).findings == []
    assert kinds(verdict([order], [], want("o", "10"), al=there)) == [
        Kind.DUPLICATE,
        Kind.EXPOSURE,
    ]


def test_a_breach_by_the_venues_own_doing_counts_as_late() -> None:
    order = booked(
        "o", "ACCEPTED", placed("o~al~1.0", "ACCEPTED"), placed("o~ib~2.0", "ACCEPTED", "ib")
    )
    found = verdict(
        [order],
        [],
        al=ledger(_WORKING),
        ib=ledger(at_venue("o~ib~2.0", "new")),
        more={"excused": {"o"}},
    )
    assert kinds(found) == [Kind.LATE, Kind.LATE]
    assert found.as_json()["exposure_breaches"] == 0


def test_an_order_that_nobody_asked_for_is_a_breach() -> None:
    order = booked("o", "ACCEPTED", placed("o~al~1.0", "ACCEPTED"))
    found = verdict([order], [], want("other", told="nothing"), al=ledger(_WORKING))
    assert kinds(found) == [Kind.DUPLICATE, Kind.EXPOSURE]


# -- what is told ----------------------------------------------------------------------------


def test_a_doubt_about_an_order_that_its_venue_has_is_unfinished() -> None:
    order = booked("o", "IN_DOUBT", placed("o~al~1.0", "IN_DOUBT"))
    found = verdict([order], [], al=ledger(_WORKING))
    assert (kinds(found), found.in_doubt) == ([Kind.UNFINISHED], ["o"])
    assert verdict([order], [], al=ledger()).findings == []


def test_an_order_that_its_client_was_refused_and_that_works_is_wrong() -> None:
    order = booked("o", "ACCEPTED", placed("o~al~1.0", "ACCEPTED"))
    found = verdict([order], [], want(told="refused"), al=ledger(_WORKING))
    assert kinds(found) == [Kind.WRONG]


@pytest.mark.parametrize(
    ("there", "status", "is_right"),
    [
        ("canceled", "CANCELED", True),
        ("canceled", "REJECTED", False),
        ("canceled", "ACCEPTED", False),
        ("expired", "CANCELED", True),
        ("rejected", "UNPLACED", True),
        ("rejected", "FILLED", False),
        ("new", "PENDING_CANCEL", True),
        ("", "ACCEPTED", False),
        ("", "UNPLACED", True),
        ("", "IN_DOUBT", True),
    ],
)
def test_the_books_say_of_an_order_what_its_venue_says(
    there: str, status: str, *, is_right: bool
) -> None:
    orders = [at_venue("o~al~1.0", there)] if there else []
    found = verdict([booked("o", status, placed("o~al~1.0", status))], [], al=ledger(*orders))
    assert (found.findings == []) is is_right


# -- both ways of replacing ------------------------------------------------------------------


def test_revisions_are_judged_alike_where_they_are_orders_and_where_they_are_not() -> None:
    statuses = (placed("o~x~1.0", "REPLACED", "x"), placed("o~x~1.1", "FILLED", "x"))
    order = booked("o", "FILLED", *statuses, cum="10")
    executions = [execution("o~x~1.0", "4", venue="x"), execution("o~x~1.1", "6", venue="x")]
    as_two = ledger(
        at_venue("o~x~1.0", "replaced", cum="4"),
        at_venue("o~x~1.1", "filled", qty="6", cum="6"),
        fills=(fill("o~x~1.0", "4"), fill("o~x~1.1", "6")),
    )
    in_place = ledger(
        at_venue("o~x~1.0", "filled", cum="10"), fills=(fill("o~x~1.0", "4"), fill("o~x~1.0", "6"))
    )
    for there in (as_two, in_place):
        assert verdict([order], executions, x=there).findings == []


# -- what is not judged ----------------------------------------------------------------------


def test_orders_of_others_and_legs_are_left_alone() -> None:
    by_hand = {**at_venue("m~x~1.0", "new"), "by_hand": True}
    leg = {**at_venue("leg~x~1.0", "new"), "parent_id": "p"}
    there = ledger(by_hand, leg, at_venue("another-program", "new"))
    assert verdict([], [], want(told="refused"), al=there).findings == []


def test_only_what_is_asked_about_is_judged() -> None:
    there = ledger(_WORKING, at_venue("p~al~1.0", "new"), fills=(fill("o~al~1.0", "4"),))
    order = booked("p", "ACCEPTED", placed("p~al~1.0", "ACCEPTED"))
    found = verdict([order], [], want("o"), want("p"), al=there, more={"within": "p"})
    assert (found.findings, found.orders) == ([], 1)


def test_the_oracle_imports_nothing_but_the_standard_library() -> None:
    allowed = {*sys.stdlib_module_names, "tests"}
    for path in sorted(_HERE.glob("[!t]*.py")):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            if isinstance(node, ast.ImportFrom):
                names = [node.module or ""]
            for name in names:
                assert name.split(".")[0] in allowed, f"{path.name}: {name}"
                assert not name.startswith("tests") or name.startswith("tests.oracle."), name
