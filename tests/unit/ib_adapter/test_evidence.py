"""What the Gateway said of an order, put together: no word is believed that it did not say."""

from __future__ import annotations

from decimal import Decimal

import pytest

from services.common.domain.errors import Cause, Reason
from services.common.domain.executions import Side
from services.common.domain.order_status import OrderStatus as S
from services.common.domain.order_status import Signal as G
from services.ib_adapter.evidence import Evidence
from services.ib_adapter.library import Order, OrderState
from services.ib_adapter.statuses import read_status
from services.ib_adapter.words import OrderWord, completed_order
from tests.integration.ib_adapter.rig import resting
from tests.unit.ib_adapter.scene import (
    OURS,
    A,
    Ticking,
    execution_word,
    order_word,
    put_contract,
    status_word,
)

NO = Cause(Reason.VENUE_REJECTED, "no", "201")


@pytest.fixture
def evidence() -> Evidence:
    return Evidence(OURS, Ticking())


@pytest.mark.parametrize(
    ("raw", "filled", "completed", "expected"),
    [
        ("PreSubmitted", "0", False, (S.ACCEPTED, G.ACKNOWLEDGED)),
        ("Submitted", "1", False, (S.PARTIALLY_FILLED, G.ACKNOWLEDGED)),
        ("Submitted", "3", False, (S.FILLED, G.FILLED)),
        ("", "3", False, (S.FILLED, G.FILLED)),
        ("Filled", "3", False, (S.FILLED, G.FILLED)),
        ("PendingCancel", "1", False, (S.PENDING_CANCEL, G.PENDING_CANCEL)),
        ("Cancelled", "1", False, (S.CANCELED, G.CANCELED)),
        ("ApiCancelled", "0", False, (S.CANCELED, G.CANCELED)),
        ("Inactive", "0", False, (S.SUSPENDED, G.SUSPENDED)),
        ("Inactive", "0", True, (S.REJECTED, G.REJECTED)),
        ("Inactive", "1", True, (S.REJECTED, G.REJECTED)),
        ("Submitted", "1", True, (S.CANCELED, G.CANCELED)),
        ("SomethingNew", "0", False, (S.ACCEPTED, G.ACKNOWLEDGED)),
    ],
)
def test_a_status_means_what_ib_says(
    raw: str, filled: str, completed: bool, expected: tuple[S, G]
) -> None:
    read = read_status(raw, filled=Decimal(filled), order_qty=Decimal(3), is_completed=completed)
    assert read == expected


def test_an_order_without_a_perm_id_is_no_evidence(evidence: Evidence) -> None:
    assert evidence.take_order(order_word("PendingSubmit", perm_id=0)) is None
    assert evidence.take_status(status_word("PendingSubmit", perm_id=0)) is None
    assert evidence.of_ref(A) is None


@pytest.mark.parametrize("raw", ["PendingSubmit", "ApiPending", ""])
def test_what_only_the_gateway_has_is_not_proven(evidence: Evidence, raw: str) -> None:
    facts = evidence.take_order(order_word(raw))
    assert facts is not None
    assert not facts.is_proven


def test_the_parts_of_an_order_are_joined_by_its_perm_id(evidence: Evidence) -> None:
    evidence.take_status(status_word("Submitted", "1", order_id=0, client_id=3))
    facts = evidence.take_order(order_word(order_id=0))
    assert facts is not None
    assert (facts.filled, facts.order_ref, facts.side) == (Decimal(1), A, Side.SELL)
    assert evidence.of_ref(A) is evidence.of_perm(900) is facts


def test_an_execution_alone_proves_the_order(evidence: Evidence) -> None:
    facts = evidence.take_execution(execution_word(cum="2"))
    assert facts is not None
    assert facts.is_proven
    assert (facts.filled, facts.side) == (Decimal(2), Side.SELL)


def test_news_does_not_run_backwards(evidence: Evidence) -> None:
    evidence.take_order(order_word("Submitted"))
    evidence.take_status(status_word("Cancelled", "1"))
    evidence.take_order(order_word("Submitted"))
    facts = evidence.take_status(status_word("PendingSubmit", "0"))
    assert facts is not None
    assert (facts.standing[0], facts.filled) == (S.CANCELED, Decimal(1))
    evidence.take_status(status_word("Filled", "3"))
    evidence.take_status(status_word("Cancelled", "3"))
    assert facts.standing[0] is S.FILLED


def test_a_refused_order_that_is_shown_inactive_is_rejected(evidence: Evidence) -> None:
    facts = evidence.take_order(order_word("Inactive"))
    assert facts is not None
    facts.refuse(NO)
    assert facts.standing == (S.REJECTED, G.REJECTED)


def test_an_accepted_order_that_is_refused_something_stays_accepted(evidence: Evidence) -> None:
    facts = evidence.take_order(order_word("Submitted"))
    assert facts is not None
    facts.refuse(NO)
    evidence.take_status(status_word("Inactive"))
    assert facts.standing[0] is S.SUSPENDED


def test_a_live_order_is_found_before_an_ended_one_of_the_same_id(evidence: Evidence) -> None:
    evidence.take_order(order_word("Submitted", perm_id=1))
    evidence.take_order(order_word("Cancelled", perm_id=2))
    facts = evidence.of_ref(A)
    assert facts is not None
    assert facts.perm_id == 1


def test_an_order_id_of_another_client_names_no_order_of_ours(evidence: Evidence) -> None:
    evidence.sent(5, resting(A))
    facts = evidence.take_status(status_word("Submitted", client_id=OURS + 1))
    assert facts is not None
    assert facts.order_ref == ""
    ours = evidence.take_status(status_word("Submitted", perm_id=901))
    assert ours is not None
    assert ours.order_ref == A


@pytest.mark.parametrize("raw", ["PreSubmitted", "Submitted", "SomethingNew"])
def test_a_refused_order_that_works_after_all_is_live(evidence: Evidence, raw: str) -> None:
    facts = evidence.take_order(order_word("Inactive"))
    assert facts is not None
    facts.refuse(NO)
    assert not facts.is_ended
    evidence.take_status(status_word(raw))
    assert (facts.standing, facts.refusal) == ((S.ACCEPTED, G.ACKNOWLEDGED), None)


def test_a_refused_order_that_ib_looks_at_again_is_no_longer_rejected(evidence: Evidence) -> None:
    facts = evidence.take_order(order_word("Inactive"))
    assert facts is not None
    facts.refuse(NO)
    evidence.take_status(status_word("PendingSubmit"))
    assert facts.standing == (S.SUSPENDED, G.SUSPENDED)


def test_a_refused_order_that_is_executed_is_live(evidence: Evidence) -> None:
    facts = evidence.take_order(order_word("Inactive"))
    assert facts is not None
    facts.refuse(NO)
    evidence.take_execution(execution_word(cum="1"))
    assert (facts.standing[0], facts.refusal) == (S.SUSPENDED, None)
    evidence.take_status(status_word("Submitted", "1"))
    assert facts.standing[0] is S.PARTIALLY_FILLED


def test_a_refused_order_can_be_canceled(evidence: Evidence) -> None:
    facts = evidence.take_order(order_word("Inactive"))
    assert facts is not None
    facts.refuse(NO)
    evidence.take_status(status_word("Cancelled"))
    assert (facts.standing[0], facts.is_ended) == (S.CANCELED, True)


@pytest.mark.parametrize("note", ["Rejected", ""])
def test_what_was_rejected_is_no_cancel_in_the_list_of_what_has_ended(
    evidence: Evidence, note: str
) -> None:
    facts = evidence.take_order(order_word("Inactive"))
    assert facts is not None
    if not note:
        facts.refuse(NO)
    ended = order_word("Cancelled", is_completed=True, filled=Decimal(0), note=note)
    assert evidence.take_order(ended) is facts
    assert (facts.standing, facts.is_ended) == ((S.REJECTED, G.REJECTED), True)


def test_a_refused_order_that_was_canceled_stays_so_in_the_list_of_what_has_ended(
    evidence: Evidence,
) -> None:
    facts = evidence.take_order(order_word("Inactive"))
    assert facts is not None
    facts.refuse(NO)
    evidence.take_status(status_word("Cancelled"))
    note = "Cancelled by Trader"
    evidence.take_order(order_word("Cancelled", is_completed=True, filled=Decimal(0), note=note))
    assert facts.standing[0] is S.CANCELED


def test_a_refusal_before_the_order_is_shown_counts_as_one_after_it(evidence: Evidence) -> None:
    evidence.sent(5, resting(A))
    assert evidence.refuse(5, NO) is None
    facts = evidence.take_order(order_word("Inactive"))
    assert facts is not None
    assert facts.standing == (S.REJECTED, G.REJECTED)
    assert not facts.is_ended


@pytest.mark.parametrize("refused_first", [True, False])
def test_an_accepted_order_that_turns_inactive_is_suspended_in_any_sequence(
    evidence: Evidence, refused_first: bool
) -> None:
    facts = evidence.take_order(order_word("Submitted"))
    assert facts is not None
    if refused_first:
        facts.refuse(NO)
    evidence.take_status(status_word("Inactive"))
    if not refused_first:
        facts.refuse(NO)
    assert (facts.standing, facts.refusal) == ((S.SUSPENDED, G.SUSPENDED), None)


def completed_word(status: str, total: float, filled: float) -> OrderWord:
    order = Order(permId=900, orderRef=A, action="SELL", totalQuantity=total, orderType="MKT")
    order.filledQuantity = filled
    return completed_order(put_contract(), order, OrderState(status=status))


def test_a_total_that_is_known_is_kept_when_the_completed_order_tells_none(
    evidence: Evidence,
) -> None:
    evidence.take_order(order_word("Submitted", order_qty=Decimal(10)))
    facts = evidence.take_order(completed_word("Cancelled", 0.0, 3.0))
    assert facts is not None
    assert (facts.standing[0], facts.order_qty, facts.filled) == (S.CANCELED, 10, 3)


@pytest.mark.parametrize(("status", "qty"), [("Filled", Decimal(3)), ("Cancelled", None)])
def test_what_filled_is_the_total_of_an_order_that_filled_only(
    evidence: Evidence, status: str, qty: Decimal | None
) -> None:
    facts = evidence.take_order(completed_word(status, 0.0, 3.0))
    assert facts is not None
    assert facts.order_qty == qty
