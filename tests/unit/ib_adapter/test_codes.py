"""The table of the Gateway's codes: which end an order, and which only sound like it."""

from __future__ import annotations

import pytest

from services.common.domain.errors import Reason
from services.ib_adapter.codes import TABLE, Kind, OrderEffect, Said


def effect(code: int) -> OrderEffect:
    return Said(7, code, "text").effect


@pytest.mark.parametrize("code", [110, 200, 201, 203, 321, 387, 388, 434, 460, 463, 10052, 10243])
def test_only_codes_that_say_so_reject_an_order(code: int) -> None:
    assert effect(code) is OrderEffect.REJECTED


@pytest.mark.parametrize("code", [103, 104, 105, 162, 165, 329, 462, 2102, 10328, 102, 0, 100])
def test_a_code_that_may_mean_anything_leaves_the_order_in_doubt(code: int) -> None:
    assert effect(code) is OrderEffect.DOUBT


@pytest.mark.parametrize("code", [1, 108, 999, 10311, 12345, 2199])
def test_a_code_that_is_not_listed_leaves_the_order_in_doubt(code: int) -> None:
    said = Said(7, code, "news to us")
    assert (said.kind, said.effect) == (Kind.UNLISTED, OrderEffect.DOUBT)


@pytest.mark.parametrize("code", [399, 404, 2109, 2161, 10349, 2104, 2107, 10167])
def test_a_notice_says_nothing_of_an_order(code: int) -> None:
    assert effect(code) is OrderEffect.NONE


@pytest.mark.parametrize("code", [161, 10147, 10148])
def test_a_refused_cancel_is_no_end(code: int) -> None:
    assert effect(code) is OrderEffect.CANCEL_REFUSED


def test_2137_was_not_sent_although_it_looks_like_a_notice() -> None:
    assert effect(2137) is OrderEffect.REJECTED


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("YOUR AVAILABLE FUNDS [1 USD] MUST EXCEED", Reason.INSUFFICIENT_BUYING_POWER),
        ("No trading permissions", Reason.NOT_PERMITTED),
        ("The price does not conform to the minimum price variation", Reason.INVALID_PRICE),
        ("something else", Reason.VENUE_REJECTED),
    ],
)
def test_the_text_of_a_rejection_chooses_between_reasons(text: str, reason: Reason) -> None:
    cause = Said(7, 201, text).cause
    assert (cause.reason, cause.venue_code, cause.message) == (reason, "201", text)


def test_a_request_ends_by_errors_and_not_by_notices() -> None:
    assert Said(7, 200, "").ends_request
    assert Said(7, 354, "").ends_request
    assert Said(7, 99_999, "").ends_request
    assert not Said(7, 10167, "delayed").ends_request
    assert not Said(7, 0, "slow down").ends_request


def test_every_reason_of_the_table_is_given_to_what_can_be_refused() -> None:
    for code, meaning in TABLE.items():
        if meaning.kind is Kind.REJECTED:
            assert Said(7, code, "").cause.reason is meaning.reason
