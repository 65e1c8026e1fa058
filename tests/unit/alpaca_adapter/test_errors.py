"""Unit tests of the table from Alpaca's refusals to reasons, and of what is no refusal at all."""

from __future__ import annotations

from typing import Any

import pytest

from services.alpaca_adapter.errors import Kind, classify
from services.common.domain.errors import Reason
from tests.unit.alpaca_adapter.wire import Reply, answer, problem

R, K = Reason, Kind

REFUSALS: list[tuple[int, int | None, str, dict[str, Any], Kind, Reason]] = [
    (403, 40310000, "insufficient buying power", {}, K.REFUSED, R.INSUFFICIENT_BUYING_POWER),
    (
        403,
        40310000,
        "insufficient options buying power (required: 40000, available: 10)",
        {},
        K.REFUSED,
        R.INSUFFICIENT_BUYING_POWER,
    ),
    (403, 40310000, "not enough", {"cost_basis": "1"}, K.REFUSED, R.INSUFFICIENT_BUYING_POWER),
    (
        403,
        40310000,
        "insufficient qty available for order (requested: 1000, available: 0)",
        {"existing_qty": "0", "held_for_orders": "0"},
        K.REFUSED,
        R.INSUFFICIENT_QTY,
    ),
    (
        403,
        40310000,
        "account not eligible to trade uncovered option contracts",
        {},
        K.REFUSED,
        R.NOT_PERMITTED,
    ),
    (
        403,
        40310000,
        "potential wash trade detected. use complex orders",
        {"existing_order_id": "x", "reject_reason": "opposite side limit order exists"},
        K.REFUSED,
        R.WASH_TRADE,
    ),
    (403, 40310000, "account is blocked", {}, K.REFUSED, R.ACCOUNT_BLOCKED),
    (
        403,
        40310000,
        "account is not allowed to trade: trading_blocked",
        {},
        K.REFUSED,
        R.ACCOUNT_BLOCKED,
    ),
    (403, 40310000, "words that nobody knows", {}, K.REFUSED, R.VENUE_REJECTED),
    (
        403,
        40310000,
        "cost basis must be >= minimal amount of order 1",
        {"cost_basis": "0.5"},
        K.REFUSED,
        R.INVALID_QTY,
    ),
    (403, 40310100, "trade denied due to PDT", {}, K.REFUSED, R.MARGIN_PROTECTION),
    (403, 49999999, "a code that nobody knows", {}, K.REFUSED, R.VENUE_REJECTED),
    (403, None, "forbidden.", {}, K.CREDENTIALS, R.CREDENTIALS_REFUSED),
    (401, 40110000, "request is not authorized", {}, K.CREDENTIALS, R.CREDENTIALS_REFUSED),
    (401, None, "unauthorized.", {}, K.CREDENTIALS, R.CREDENTIALS_REFUSED),
    (422, 42210000, 'asset "X" not found', {}, K.REFUSED, R.INSTRUMENT_NOT_FOUND),
    (422, 42210000, 'contract "X" not found', {}, K.REFUSED, R.INSTRUMENT_NOT_FOUND),
    (422, 42210000, 'contract "X" is expired', {}, K.REFUSED, R.NOT_TRADABLE),
    (422, 42210000, 'contract "X" is not tradable', {}, K.REFUSED, R.NOT_TRADABLE),
    (
        422,
        42210000,
        "options market orders are only allowed during market hours",
        {},
        K.REFUSED,
        R.MARKET_CLOSED,
    ),
    (422, 42210000, "qty must be integer for options trading", {}, K.REFUSED, R.INVALID_QTY),
    (
        422,
        42210000,
        "position intent mismatch, inferred: sell_to_open, specified: sell_to_close",
        {},
        K.REFUSED,
        R.INTENT_MISMATCH,
    ),
    (
        422,
        42210000,
        "invalid limit_price 290.123. sub-penny increment does not fulfill minimum pricing "
        "criteria",
        {},
        K.REFUSED,
        R.INVALID_PRICE,
    ),
    (422, 42210000, 'order is already in "filled" state', {}, K.ENDED, R.ORDER_ENDED),
    (422, 40010001, "qty or notional is required", {}, K.REFUSED, R.INVALID_QTY),
    (422, 40010001, "invalid side", {}, K.REFUSED, R.VENUE_REJECTED),
    (422, 40010001, "qty must be > 0", {}, K.REFUSED, R.INVALID_QTY),
    (
        422,
        40010001,
        "client_order_id must be unique",
        {},
        K.ID_TAKEN,
        R.CLIENT_ORDER_ID_REUSED,
    ),
    (400, 40010000, "request body format is invalid", {}, K.REFUSED, R.VENUE_REJECTED),
    (404, 40410000, "order not found for 1", {}, K.ABSENT, R.ORDER_NOT_FOUND),
    (429, 42910000, "rate limit exceeded", {}, K.RATE_LIMITED, R.RATE_LIMITED),
    (429, None, "too many requests.", {}, K.RATE_LIMITED, R.RATE_LIMITED),
]


@pytest.mark.parametrize(("status", "code", "message", "fields", "kind", "reason"), REFUSALS)
def test_a_refusal_in_alpacas_form_has_its_reason(
    status: int, code: int | None, message: str, fields: dict[str, Any], kind: Kind, reason: Reason
) -> None:
    found = classify(answer(problem(status, code, message, **fields)))
    assert (found.kind, found.reason, found.message) == (kind, reason, message)
    assert (found.status, found.code) == (status, code)


HTML = b"<html><head><title>502 Bad Gateway</title></head><body>nginx</body></html>"
NOT_REFUSALS: list[tuple[str, Reply]] = [
    ("html at a 4xx", Reply(403, raw=HTML)),
    ("html at a 422", Reply(422, raw=HTML)),
    ("html at a 404", Reply(404, raw=HTML)),
    ("html at a 429, of something in between", Reply(429, raw=HTML)),
    ("html at a 401", Reply(401, raw=HTML)),
    ("empty at a 4xx", Reply(422)),
    ("half a body", Reply(422, raw=b'{"code":42210000,"mess')),
    ("no object", Reply(403, ["insufficient buying power"])),
    ("no message", Reply(403, {"code": 40310000})),
    ("a message that is no text", Reply(422, {"code": 42210000, "message": {"a": 1}})),
    ("no code at a 422", Reply(422, {"message": "client_order_id must be unique"})),
    ("no code at a 404", Reply(404, {"message": "Not Found"})),
    ("a wrong path", problem(404, 40410000, "endpoint not found")),
    ("server error", problem(500, 50010000, "internal server error")),
    ("server error, as html", Reply(500, raw=HTML)),
    ("not implemented", problem(501, 50110000, "not implemented")),
    ("bad gateway", Reply(502, raw=HTML)),
    ("unavailable", problem(503, 50310000, "service unavailable")),
    ("gateway timeout", problem(504, 50410000, "gateway timeout")),
    ("redirect", Reply(302, headers={"Location": "https://elsewhere.test/v2/orders"})),
    ("redirect with a body", problem(307, 30710000, "moved")),
    ("request timeout", problem(408, 40810000, "timeout")),
    ("conflict", problem(409, 40910000, "conflict")),
    ("success that can't be read", Reply(200, raw=HTML)),
    ("success without a body", Reply(200)),
    ("not a number", Reply(422, raw=b'{"code": NaN, "message": "x"}')),
    ("deeply nested", Reply(422, raw=b"[" * 100_000)),
]


@pytest.mark.parametrize(("what", "reply"), NOT_REFUSALS, ids=[what for what, _ in NOT_REFUSALS])
def test_anything_else_proves_nothing(what: str, reply: Reply) -> None:
    assert classify(answer(reply)).kind is Kind.UNKNOWN


def test_retry_after_is_taken_in_seconds() -> None:
    reply = problem(429, 42910000, "rate limit exceeded")
    limited = Reply(429, reply.content, headers={"Retry-After": "7"})
    assert classify(answer(limited)).retry_after_s == 7.0


def test_the_reset_is_read_against_the_same_answers_date() -> None:
    # The venue's clock is in 2024: against our own clock the reset would be years ago.
    headers = {"X-RateLimit-Reset": "1730732435", "Date": "Mon, 04 Nov 2024 15:00:00 GMT"}
    limited = Reply(429, {"code": 42910000, "message": "rate limit exceeded"}, headers=headers)
    assert classify(answer(limited)).retry_after_s == 35.0


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Retry-After": "soon"},
        {"X-RateLimit-Reset": "1730732435"},
        {"X-RateLimit-Reset": "never", "Date": "Mon, 04 Nov 2024 15:00:00 GMT"},
        {"X-RateLimit-Reset": "1730732435", "Date": "yesterday"},
    ],
)
def test_headers_that_say_nothing_give_no_wait(headers: dict[str, str]) -> None:
    limited = Reply(429, {"code": 42910000, "message": "rate limit exceeded"}, headers=headers)
    assert classify(answer(limited)).retry_after_s is None


def test_a_wait_is_never_longer_than_two_minutes() -> None:
    limited = Reply(429, {"code": 42910000, "message": "x"}, headers={"Retry-After": "86400"})
    assert classify(answer(limited)).retry_after_s == 120.0
