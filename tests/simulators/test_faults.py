"""Faults of requests over a real socket: what the client meets, and what the venue then holds."""

import socket
from typing import Any

import pytest
import requests

from simulators.alpaca.settings import SIMULATED_KEY, SIMULATED_SECRET
from tests.simulators.process import RunningAlpaca, eventually

KEYS = {"APCA-API-KEY-ID": SIMULATED_KEY, "APCA-API-SECRET-KEY": SIMULATED_SECRET}


def post(alpaca: RunningAlpaca, client_order_id: str, timeout_s: float = 30) -> requests.Response:
    order = {
        "symbol": "AAPL",
        "qty": "1",
        "side": "buy",
        "type": "limit",
        "limit_price": "20.00",
        "time_in_force": "day",
        "client_order_id": client_order_id,
    }
    url = f"{alpaca.url}/v2/orders"
    return requests.post(url, json=order, headers=KEYS, timeout=timeout_s)


def add(alpaca: RunningAlpaca, kind: str, **more: Any) -> Any:
    match = more.pop("match", {"method": "POST", "path": "/v2/orders"})
    times = more.pop("times", 1)
    fault = {"match": match, "times": times, "action": {"kind": kind, **more}}
    return alpaca.control("POST", "/faults", fault, status=201)


def placed(alpaca: RunningAlpaca) -> list[str]:
    orders = alpaca.control("GET", "/ledger")["orders"]
    return [str(order["client_order_id"]) for order in orders]


def outcomes(alpaca: RunningAlpaca) -> list[tuple[str, bool]]:
    entries = alpaca.control("GET", "/requests")
    return [(str(entry["outcome"]), bool(entry["reached_venue"])) for entry in entries]


def test_a_dropped_request_has_no_effect_and_a_dropped_reply_has(alpaca: RunningAlpaca) -> None:
    for kind in ("drop_request", "refuse"):
        add(alpaca, kind)
        with pytest.raises(requests.exceptions.ConnectionError):
            post(alpaca, kind)
    for ends in ("close", "reset"):
        add(alpaca, "drop_reply", ends=ends)
        with pytest.raises(requests.exceptions.ConnectionError):
            post(alpaca, ends)
    assert placed(alpaca) == ["close", "reset"]
    assert outcomes(alpaca) == [
        ("closed", False),
        ("refused", False),
        ("closed", True),
        ("reset", True),
    ]


def test_a_hanging_reply_is_silence_until_the_client_gives_up(alpaca: RunningAlpaca) -> None:
    add(alpaca, "drop_reply", ends="hang")
    with pytest.raises(requests.exceptions.ReadTimeout):
        post(alpaca, "silent", timeout_s=0.3)
    eventually(lambda: placed(alpaca) == ["silent"])


@pytest.mark.parametrize("status", [429, 500, 502, 503, 504])
def test_a_status_can_come_before_the_effect_or_after_it(
    alpaca: RunningAlpaca, status: int
) -> None:
    add(alpaca, "status", status=status, when="before")
    add(alpaca, "status", status=status, when="after", body="html")
    before, after = post(alpaca, "before"), post(alpaca, "after")
    assert (before.status_code, after.status_code) == (status, status)
    assert before.json()["code"] == status * 100_000 + 10_000
    assert after.headers["Content-Type"] == "text/html"
    assert after.text.startswith("<html>")
    assert "Date" in before.headers
    assert placed(alpaca) == ["after"]
    if status == 429:
        assert before.headers["X-RateLimit-Remaining"] == "0"


def test_bodies_can_be_empty_half_or_html(alpaca: RunningAlpaca) -> None:
    add(alpaca, "body", body="empty")
    add(alpaca, "body", body="half")
    add(alpaca, "body", body="html")
    assert post(alpaca, "empty").content == b""
    with pytest.raises(requests.exceptions.ChunkedEncodingError):
        post(alpaca, "half")
    assert post(alpaca, "html").text.startswith("<html>")
    assert placed(alpaca) == ["empty", "half", "html"]


def test_an_order_can_come_back_with_a_status_that_nobody_knows(alpaca: RunningAlpaca) -> None:
    add(alpaca, "order_status", order_status="teleported", match={"path": "/v2/orders*"}, times=2)
    assert post(alpaca, "odd").json()["status"] == "teleported"
    listed = requests.get(f"{alpaca.url}/v2/orders", headers=KEYS, timeout=30).json()
    assert [order["status"] for order in listed] == ["teleported"]


def test_orders_can_vanish_or_stall_behind_a_good_answer(alpaca: RunningAlpaca) -> None:
    add(alpaca, "vanish_order")
    add(alpaca, "stall_order")
    vanished, stalled = post(alpaca, "vanished").json(), post(alpaca, "stalled").json()
    assert (vanished["status"], stalled["status"]) == ("pending_new", "pending_new")
    assert placed(alpaca) == ["stalled"]
    url = f"{alpaca.url}/v2/orders/{vanished['id']}"
    assert requests.get(url, headers=KEYS, timeout=30).status_code == 404


def test_a_delay_comes_before_or_after_the_effect(alpaca: RunningAlpaca) -> None:
    add(alpaca, "delay", delay_before_s=2.0)
    with pytest.raises(requests.exceptions.ReadTimeout):
        post(alpaca, "late", timeout_s=0.2)
    assert placed(alpaca) == []
    eventually(lambda: placed(alpaca))
    add(alpaca, "delay", delay_after_s=2.0)
    with pytest.raises(requests.exceptions.ReadTimeout):
        post(alpaca, "early", timeout_s=0.2)
    eventually(lambda: placed(alpaca) == ["late", "early"])


def test_a_fault_hits_only_what_it_matches(alpaca: RunningAlpaca) -> None:
    fault = add(
        alpaca,
        "status",
        status=500,
        match={"method": "POST", "path": "/v2/*", "client_order_id_prefix": "bad-"},
        times=0,
    )
    assert post(alpaca, "good-1").status_code == 200
    assert post(alpaca, "bad-1").status_code == 500
    assert post(alpaca, "bad-2").status_code == 500
    (listed,) = alpaca.control("GET", "/faults")
    assert (listed["fault_id"], listed["struck"]) == (fault["fault_id"], 2)
    assert alpaca.control("DELETE", f"/faults/{fault['fault_id']}") == {"cleared": 1}
    assert post(alpaca, "bad-3").status_code == 200


def test_alpaca_py_sends_a_504_four_times_and_the_order_lands_once(alpaca: RunningAlpaca) -> None:
    """What makes alpaca-py's own retries dangerous: only the unique id keeps it to one order."""
    add(alpaca, "status", status=504, when="after", times=4)
    client = alpaca.trading(raw_data=True)
    client._retry_wait = 0
    order = {
        "symbol": "AAPL",
        "qty": "1",
        "side": "buy",
        "type": "limit",
        "limit_price": "20.00",
        "time_in_force": "day",
        "client_order_id": "four-times",
    }
    with pytest.raises(Exception, match="gateway timeout"):
        client.post("/orders", order)
    assert placed(alpaca) == ["four-times"]
    assert outcomes(alpaca) == [("504", True)] * 4


def test_a_client_that_sends_half_a_request_does_no_harm(alpaca: RunningAlpaca) -> None:
    with socket.create_connection(("127.0.0.1", alpaca.ready["port"]), timeout=30) as half:
        half.sendall(b"POST /v2/orders HTTP/1.1\r\nHost: x\r\nContent-Length: 500\r\n\r\n{")
    assert post(alpaca, "whole").status_code == 200
    assert placed(alpaca) == ["whole"]
