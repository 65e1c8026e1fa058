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
from tests.conformance.paper_check.guard import NotHere, require_ib_paper, require_paper
from tests.conformance.paper_check.recording import Seen, differences
from tests.integration.system.parts import scrubbed
from tests.simulators.gateways import RunningGateway, running_gateway
from tests.simulators.process import ROOT, alpaca_in_thread

GIVEN = {
    "APCA_API_KEY_ID": SIMULATED_KEY,
    "APCA_API_SECRET_KEY": SIMULATED_SECRET,
    "TANDEM_ALPACA_ACCOUNT_NUMBER": SIMULATED_ACCOUNT_NUMBER,
}
GIVEN_IB = {"TANDEM_IB_ACCOUNT_NUMBER": "DU1000001", "TANDEM_IB_PORT": "4002"}
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


@pytest.mark.parametrize(
    ("changed", "why"),
    [
        ({"CI": "true"}, "CI is set"),
        ({"TANDEM_IB_ACCOUNT_NUMBER": ""}, "compared with it"),
        ({"TANDEM_IB_ACCOUNT_NUMBER": "U1234567"}, "doesn't begin with D"),
        ({"TANDEM_IB_MODE": "live"}, "paper only"),
        ({"TANDEM_IB_PORT": "4001"}, "a live Gateway listens"),
        ({"TANDEM_IB_PORT": "7496"}, "a live TWS listens"),
    ],
)
def test_what_is_not_paper_at_ib_is_refused_before_anything_is_sent(
    changed: Mapping[str, str], why: str
) -> None:
    with pytest.raises(NotHere, match=why):
        require_ib_paper({**GIVEN_IB, **changed}, "")


def test_a_gateway_is_where_the_environment_says_and_a_simulated_one_on_loopback() -> None:
    settings = require_ib_paper({**GIVEN_IB, "TANDEM_IB_HOST": "gateway"}, "")
    assert settings["TANDEM_IB_HOST"] == "gateway"
    assert settings["TANDEM_IB_MODE"] == "paper"
    simulated = require_ib_paper(GIVEN_IB, "127.0.0.1:4711")
    assert (simulated["TANDEM_IB_HOST"], simulated["TANDEM_IB_PORT"]) == ("127.0.0.1", "4711")
    with pytest.raises(NotHere, match="loopback only"):
        require_ib_paper(GIVEN_IB, "example.com:4002")


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


async def _checked(gateway: RunningGateway, *cards: str) -> tuple[int, str]:
    chosen = [part for card in cards for part in ("--card", card)]
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tests.conformance.paper_check", "--venue", "ib"),
        *("--simulator", f"127.0.0.1:{gateway.ready['port']}", *chosen),
        cwd=ROOT,
        env={**_without_ci(), **GIVEN_IB},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    told = (await process.communicate())[0].decode()
    assert process.returncode is not None
    return process.returncode, told


async def test_a_whole_check_with_a_simulated_gateway_in_the_accounts_place() -> None:
    with running_gateway() as gateway:
        code, told = await _checked(gateway, "PAP", "IDN", "LMT-006")
        ledger = await asyncio.to_thread(gateway.control, "GET", "/ledger")
    assert code == 0, told
    assert "PAP-001: SPY" in told, told
    assert "differences from the simulator" in told, told
    (books,) = ledger["accounts"].values()
    assert books["positions"] == [], "a position was left behind"
    ended = {"canceled", "filled", "rejected", "expired", "replaced"}
    assert {order["status"] for order in ledger["orders"]} <= ended


async def test_a_gateway_that_is_logged_in_to_a_live_account_gets_no_order() -> None:
    with running_gateway("--account", "U1000001") as gateway:
        code, told = await _checked(gateway, "PAP")
        requests = await asyncio.to_thread(gateway.control, "GET", "/requests")
    assert code != 0, told
    assert "live" in told or "U1000001" in told, told
    assert not [entry for entry in requests if entry["method"] == "placeOrder"]


def _without_ci() -> dict[str, str]:
    return {name: value for name, value in scrubbed().items() if name != "CI"} | {
        "PATH": os.environ.get("PATH", "")
    }
