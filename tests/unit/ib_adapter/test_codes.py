"""The table of the Gateway's codes: which end an order, and which only sound like it."""

from __future__ import annotations

import pytest

from services.common.domain.errors import Reason
from services.ib_adapter.codes import TABLE, Kind, OrderEffect, Said


def effect(code: int) -> OrderEffect:
    return Said(7, code, "text").effect


KINDS = {
    Kind.LINK_LOST: [502, 504, 1100, 1300, 2110],
    Kind.LINK_RESET: [1101],
    Kind.LINK_KEPT: [1102],
    Kind.FARM_BROKEN: [2103, 2105, 2157, 10197],
    Kind.FARM_OK: [2104, 2106, 2158],
    Kind.NOTICE: [
        *(2107, 2108, 2119, 2120, 2159, 2160),
        *(399, 404, 2109, 2161, 10349),
        *(300, 366, 10090, 10167),
    ],
    Kind.CLIENT_ID_IN_USE: [326],
    Kind.REJECTED: [
        *(107, 109, 110, 111, 113, 154, 200, 201, 203, 320, 321, 322, 387, 388, 392, 412),
        *(434, 435, 460, 461, 463, 478),
        *(2137, 10006, 10052, 10119, 10122, 10149, 10243, 10244),
    ],
    Kind.MODIFY_REFUSED: [104, 105, 134, 329, 462, 10326],
    Kind.CANCELED: [202],
    Kind.CANCEL_REFUSED: [135, 136, 161, 10147, 10148],
    Kind.AMBIGUOUS: [103, 2102, 10328],
    Kind.PACING: [0, 100],
    Kind.REQUEST_REFUSED: [101, 102, 162, 165, 309, 385, 386, 456, 10190],
    Kind.DATA_REFUSED: [354, 10089, 10168],
    Kind.OPERATOR: [10141],
}
EFFECTS = {
    Kind.REJECTED: OrderEffect.REJECTED,
    Kind.CANCELED: OrderEffect.CANCELED,
    Kind.CANCEL_REFUSED: OrderEffect.CANCEL_REFUSED,
    Kind.NOTICE: OrderEffect.NONE,
    Kind.FARM_OK: OrderEffect.NONE,
    Kind.FARM_BROKEN: OrderEffect.NONE,
    Kind.LINK_KEPT: OrderEffect.NONE,
}


def test_every_code_of_the_table_is_one_that_is_written_down_here() -> None:
    assert set(TABLE) == {code for codes in KINDS.values() for code in codes}


@pytest.mark.parametrize(
    ("kind", "code"), [(kind, code) for kind, codes in KINDS.items() for code in codes]
)
def test_each_code_is_of_its_kind_and_only_some_say_what_an_order_is(kind: Kind, code: int) -> None:
    assert Said(7, code, "text").kind is kind
    assert effect(code) is EFFECTS.get(kind, OrderEffect.DOUBT)


@pytest.mark.parametrize("code", [1, 108, 999, 10311, 12345, 2199])
def test_a_code_that_is_not_listed_leaves_the_order_in_doubt(code: int) -> None:
    said = Said(7, code, "news to us")
    assert (said.kind, said.effect) == (Kind.UNLISTED, OrderEffect.DOUBT)


def test_2137_was_not_sent_although_it_looks_like_a_notice() -> None:
    assert effect(2137) is OrderEffect.REJECTED


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("YOUR AVAILABLE FUNDS [1 USD] MUST EXCEED", Reason.INSUFFICIENT_BUYING_POWER),
        ("No trading permissions", Reason.NOT_PERMITTED),
        ("The price does not conform to the minimum price variation", Reason.INVALID_PRICE),
        ("Exchange is closed, price not checked", Reason.MARKET_CLOSED),
        ("Order size exceeds what is allowed", Reason.INVALID_QTY),
        ("The contract is not available for short sale: SPY", Reason.NOT_TRADABLE),
        ("The account is restricted: trading_blocked", Reason.ACCOUNT_BLOCKED),
        (
            "CANNOT HAVE OPEN ORDERS ON BOTH SIDES OF THE SAME US OPTION CONTRACT",
            Reason.WASH_TRADE,
        ),
        ("The API interface is currently in Read-Only mode.", Reason.NOT_PERMITTED),
        ("something else", Reason.VENUE_REJECTED),
    ],
)
def test_the_text_of_a_rejection_chooses_between_reasons(text: str, reason: Reason) -> None:
    cause = Said(7, 201, text).cause
    assert (cause.reason, cause.venue_code, cause.message) == (reason, "201", text)


def test_a_code_that_names_its_reason_is_not_read_for_another() -> None:
    said = Said(7, 10243, "Fractional-sized order: no permission, wrong price")
    assert said.cause.reason is Reason.INVALID_QTY


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
