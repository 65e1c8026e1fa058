"""The suite itself: cards are whole, skips say why, a quick part runs on real processes."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path

import pytest

from services.common.contract.pb import types_pb2
from tests.conformance.card import FAULT_GROUPS, Card, Mark
from tests.conformance.catalog import all_cards, chosen
from tests.conformance.control import Can
from tests.conformance.hearing import PATIENCE_S
from tests.conformance.matrix.claims import BrokersRule, Claimed, Later, why_not
from tests.conformance.report import Outcome, Result, table, write_report
from tests.conformance.runner import Runner, skip_reason
from tests.conformance.server import Role, Server, Stand
from tests.conformance.story import Story, UnexpectedStory, fits
from tests.conformance.venues.alpaca_control import AlpacaControl
from tests.conformance.venues.ib_control import IbControl
from tests.conformance.venues.known import MATRICES
from tests.conformance.venues.programs import running_stand
from tests.conformance.venues.rarities import Rarities

CARDS = all_cards()

# One of each kind that costs little; `make conformance` runs all of them.
QUICK = [
    "VEN-001",
    "VEN-003",
    "VEN-006",
    "MKT-001",
    "MKT-008",
    "LMT-001",
    "LMT-005",
    "STP-001",
    "TRM-011",
    "REF-001",
    "REF-007",
    "IDN-001",
    "IDN-003",
    "CNL-001",
    "LIS-001",
    "LIS-008",
    "DUP-001",
    "RPY-005",
    "ASB-001",
    "ACN-001",
    "FNC-004",
    "FNC-007",
]


def test_there_are_enough_cards_and_enough_in_each_fault_group() -> None:
    assert len(CARDS) >= 120
    counts = Counter(card.group for card in CARDS)
    assert {group: counts[group] for group in FAULT_GROUPS if counts[group] < 8} == {}


def test_every_card_has_an_id_an_action_and_a_story_of_its_own() -> None:
    for name in ("card_id", "title", "act"):
        values = Counter(getattr(card, name) for card in CARDS)
        assert [value for value, count in values.items() if count > 1] == []
    stories = Counter((card.prerequisite, card.expects, card.action) for card in CARDS)
    assert [story for story, count in stories.items() if count > 1] == []


@pytest.mark.parametrize("card", CARDS, ids=lambda card: card.card_id)
def test_a_card_is_complete(card: Card) -> None:
    assert re.fullmatch(r"[A-Z]{3}-[0-9]{3}", card.card_id)
    assert card.title
    assert card.prerequisite
    assert card.action.endswith("."), "its docstring says what is done"
    assert card.expects
    assert card.needs or card.control, "what it needs is written down"


def test_every_need_of_a_card_stands_in_every_matrix() -> None:
    needs = {need for card in CARDS for need in card.needs}
    for venue, matrix in MATRICES.items():
        assert needs - set(matrix) == set(), venue


def test_what_is_not_claimed_cites_a_rule_or_says_what_it_waits_for() -> None:
    for matrix in MATRICES.values():
        for need, claim in matrix.items():
            if isinstance(claim, BrokersRule):
                assert len(claim.rule) > 10, need
                assert len(claim.source) > 5, need
            elif isinstance(claim, Later):
                assert len(claim.reason) > 10, need
            else:
                assert isinstance(claim, Claimed)


def test_the_alpaca_matrix_claims_at_least_what_the_adapter_is_for() -> None:
    matrix = MATRICES["alpaca"]
    wanted = {f"type.{_short(name, 'ORDER_TYPE_')}" for name, _ in types_pb2.OrderType.items()}
    wanted |= {f"tif.{_short(name, 'TIME_IN_FORCE_')}" for name, _ in types_pb2.TimeInForce.items()}
    wanted |= {f"class.{_short(name, 'ORDER_CLASS_')}" for name, _ in types_pb2.OrderClass.items()}
    wanted |= {"fractional", "notional", "extended_hours", "greeks", "rpc.FenceOrder"}
    wanted |= {f"rpc.{name}" for name in ("ReplaceOrder", "CancelAllOrders", "ListActivities")}
    missing = {need for need in wanted if not need.endswith("unspecified")}
    assert {need for need in missing if not isinstance(matrix[need], Claimed)} == set()


def test_a_skip_on_a_real_account_says_what_it_can_not_be_made_to_do() -> None:
    server = Server("nowhere", "main", Role.ADAPTER, fenced=True, account_tag="t")
    stand = Stand(server, "alpaca")
    for card in CARDS:
        reason = skip_reason(card, stand, MATRICES["alpaca"])
        assert reason or not card.control, card.card_id
        assert not (card.is_marked(Mark.PAPER) and reason), f"{card.card_id}: {reason}"


_RARE = {
    Can.CUT_AFTER: "cut_after",
    Can.SUSPEND: "suspend",
    Can.NOTICE: "remark",
    Can.CORRECT: "correct",
    Can.DOUBLE_REPLACE: "double_replace",
    Can.OWN_LINK: "lose_link",
    Can.RESTART: "restart",
    Can.RELOGIN: "become",
    Can.DELAYED_DATA: "delay_data",
}


@pytest.mark.parametrize("control", [AlpacaControl("nowhere"), IbControl("nowhere")])
def test_a_control_that_can_not_do_something_says_why(control: AlpacaControl | IbControl) -> None:
    left = {
        can
        for can, name in _RARE.items()
        if getattr(type(control), name) is getattr(Rarities, name)
    }
    assert set(control.limits) & set(_RARE) == left
    assert all(len(reason) > 10 for reason in control.limits.values())


def test_an_unknown_need_is_no_skip_but_an_error() -> None:
    with pytest.raises(KeyError):
        why_not(MATRICES["alpaca"], "type.stopp")


def test_another_step_than_the_expected_one_ends_a_card_at_once() -> None:
    story = Story(("submit limit: ACCEPTED|FILLED", "told: *"))
    story.tell("submit limit: FILLED")
    with pytest.raises(UnexpectedStory, match="seen 'cancel: CANCELED'"):
        story.tell("cancel: CANCELED")
    story = Story(("one", "two"))
    story.tell("one")
    with pytest.raises(UnexpectedStory, match="expected 'two', seen None"):
        story.require_whole()
    assert not fits("told: REJECTED", "told: ACCEPTED|FILLED")


def test_the_report_has_the_form_that_programs_read(tmp_path: Path) -> None:
    results = [
        Result(CARDS[0], Outcome.PASSED, 0.5),
        Result(CARDS[1], Outcome.SKIPPED, 0.0, "why"),
    ]
    write_report(tmp_path / "reports" / "one.json", "alpaca", results, 1.0)
    cards = json.loads((tmp_path / "reports" / "one.json").read_text("utf-8"))["cards"]
    assert [set(card) for card in cards] == [{"id", "title", "result", "seconds", "reason"}] * 2
    assert [card["result"] for card in cards] == ["passed", "skipped"]
    assert "1 passed, 0 failed, 1 skipped" in table(results, 1.0)


async def test_a_server_that_can_not_be_had_fails_its_cards_and_not_the_run() -> None:
    @asynccontextmanager
    async def nothing(alone: bool) -> AsyncIterator[Stand]:
        server = Server("127.0.0.1:1", "main", Role.ADAPTER, fenced=False)
        yield Stand(server, "alpaca")

    PATIENCE_S.set(0.2)
    (result,) = await Runner(nothing, MATRICES["alpaca"]).run(chosen(["VEN-001"]))
    assert result.outcome is Outcome.FAILED


async def test_the_quick_cards_pass_on_real_processes() -> None:
    runner = Runner(partial(running_stand, "alpaca"), MATRICES["alpaca"])
    results = await runner.run([card for card in CARDS if card.card_id in QUICK])
    assert len(results) == len(QUICK)
    bad = [(r.card.card_id, r.reason) for r in results if r.outcome is not Outcome.PASSED]
    assert bad == []


def _short(name: str, prefix: str) -> str:
    return name.removeprefix(prefix).lower()
