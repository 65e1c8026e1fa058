"""The paper check refuses what is not paper before anything is sent, and works at a simulator."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Mapping

import pytest

from simulators.alpaca.settings import (
    SIMULATED_ACCOUNT_NUMBER,
    SIMULATED_KEY,
    SIMULATED_SECRET,
)
from simulators.alpaca.settings import AlpacaSettings as SimulatorSettings
from tests.conformance.card import Mark
from tests.conformance.paper_check.check import paper_cards
from tests.conformance.paper_check.guard import NotHere, require_paper
from tests.conformance.paper_check.recording import Seen, differences
from tests.integration.system.parts import scrubbed
from tests.simulators.process import ROOT, alpaca_in_thread

GIVEN = {
    "APCA_API_KEY_ID": SIMULATED_KEY,
    "APCA_API_SECRET_KEY": SIMULATED_SECRET,
    "TANDEM_ALPACA_ACCOUNT_NUMBER": SIMULATED_ACCOUNT_NUMBER,
}
BUDGET = {
    "TANDEM_ALPACA_PACING__LIMIT": "100000",
    "TANDEM_ALPACA_DATA_PACING__LIMIT": "100000",
}


@pytest.mark.parametrize(
    ("changed", "why"),
    [
        ({"CI": "true"}, "CI is set"),
        ({"APCA_API_KEY_ID": ""}, "no credentials"),
        ({"APCA_API_KEY_ID": "AKLIVE"}, "live account"),
        ({"APCA_API_KEY_ID": "XKODD"}, "doesn't begin with PK"),
        ({"TANDEM_ALPACA_ACCOUNT_NUMBER": ""}, "compared with it"),
        ({"TANDEM_ALPACA_MODE": "live"}, "paper only"),
        ({"TANDEM_ALPACA_BASE_URL": "https://api.alpaca.markets"}, "own paper host"),
    ],
)
def test_what_is_not_paper_is_refused_before_anything_is_sent(
    changed: Mapping[str, str], why: str
) -> None:
    with pytest.raises(NotHere, match=why):
        require_paper({**GIVEN, **changed}, "")


def test_another_host_is_for_loopback_only() -> None:
    with pytest.raises(NotHere, match="loopback only"):
        require_paper(GIVEN, "https://example.com")
    settings = require_paper(GIVEN, "http://127.0.0.1:8081")
    assert settings["TANDEM_ALPACA_MODE"] == "paper"
    assert settings["TANDEM_ALPACA_BASE_URL"] == "http://127.0.0.1:8081"
    assert "TANDEM_ALPACA_BASE_URL" not in require_paper(GIVEN, "")


def test_paper_cards_need_no_control_and_resend_under_one_id() -> None:
    cards = paper_cards()
    assert all(card.is_marked(Mark.PAPER) and not card.control for card in cards)
    assert {"PAP-001", "IDN-001", "LMT-005"} <= {card.card_id for card in cards}


def test_each_difference_is_a_line() -> None:
    made = Seen("passed", "", ("a",), ["new > filled"], {"order": {"avg_px", "status"}})
    real = Seen("passed", "", ("a",), ["accepted > filled"], {"order": {"status", "cause"}})
    assert differences({"X": made}, {"X": real}) == [
        "X: statuses ['accepted > filled'], simulated ['new > filled']",
        "X: order.cause is told only on paper",
        "X: order.avg_px is told only by the simulator",
    ]
    assert differences({"X": made}, {"X": made}) == []


async def test_a_whole_check_with_a_simulator_in_the_accounts_place() -> None:
    settings = SimulatorSettings(rate_limit_per_min=100_000)
    with alpaca_in_thread(settings) as account:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "tests.conformance.paper_check", "--simulator", account.url),
            *("--card", "PAP", "--card", "IDN", "--card", "LMT-006", "--card", "VEN-009"),
            cwd=ROOT,
            env={**_without_ci(), **GIVEN, **BUDGET},
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        told = (await process.communicate())[0].decode()
        ledger = await asyncio.to_thread(account.control, "GET", "/ledger")
    assert process.returncode == 0, told
    assert "PAP-001: SPY" in told, told
    assert "differences from the simulator" in told, told
    (books,) = ledger["accounts"].values()
    assert books["positions"] == [], "a position was left behind"
    ended = {"canceled", "filled", "rejected", "expired", "replaced"}
    assert {order["status"] for order in ledger["orders"]} <= ended


def _without_ci() -> dict[str, str]:
    return {name: value for name, value in scrubbed().items() if name != "CI"} | {
        "PATH": os.environ.get("PATH", "")
    }
