"""The transition table: what may follow what, and what may never."""

from __future__ import annotations

import itertools

import pytest

from services.common.domain.order_status import (
    CONTRADICTIONS,
    IN_FLIGHT,
    OPEN,
    TABLE,
    TERMINAL,
    WORKING,
    OrderStatus,
    Signal,
    advance,
)

LIVE_SIGNALS = (
    Signal.ACKNOWLEDGED,
    Signal.SUSPENDED,
    Signal.PENDING_CANCEL,
    Signal.PENDING_REPLACE,
    Signal.CANCEL_REJECTED,
    Signal.REPLACE_REJECTED,
)
STORED = set(OrderStatus) - {OrderStatus.PARTIALLY_FILLED}


def test_every_status_that_is_stored_has_a_row() -> None:
    assert set(TABLE) == STORED


def test_the_status_sets_divide_all_statuses() -> None:
    assert OPEN == IN_FLIGHT | WORKING
    assert not OPEN & TERMINAL
    assert OPEN | TERMINAL | {OrderStatus.UNPLACED} == set(OrderStatus)


def test_doubt_never_ends_an_order() -> None:
    for status in STORED - TERMINAL:
        assert advance(status, Signal.DOUBTED) not in TERMINAL | {OrderStatus.UNPLACED}


def test_not_sent_ends_nothing_that_was_in_doubt_or_seen() -> None:
    """A later attempt's "not sent" proves nothing of an earlier one."""
    for status in STORED - {OrderStatus.PENDING_NEW, OrderStatus.UNPLACED}:
        assert advance(status, Signal.NOT_SENT) is None


@pytest.mark.parametrize(
    ("status", "signal"),
    list(itertools.product(sorted(TERMINAL - {OrderStatus.REJECTED}, key=str), LIVE_SIGNALS)),
)
def test_old_news_never_reopens_an_ended_order(status: OrderStatus, signal: Signal) -> None:
    assert advance(status, signal) is status


@pytest.mark.parametrize("status", sorted(STORED - {OrderStatus.FILLED}, key=str))
def test_an_end_that_is_taken_back_is_none(status: OrderStatus) -> None:
    assert advance(status, Signal.REOPENED) in WORKING
    ended = status in TERMINAL | {OrderStatus.UNPLACED}
    assert ((status, Signal.REOPENED) in CONTRADICTIONS) is ended


def test_what_was_filled_is_not_reopened() -> None:
    assert advance(OrderStatus.FILLED, Signal.REOPENED) is None


def test_an_acknowledgement_does_not_undo_a_pending_cancel() -> None:
    assert advance(OrderStatus.PENDING_CANCEL, Signal.ACKNOWLEDGED) is OrderStatus.PENDING_CANCEL
    assert advance(OrderStatus.PENDING_CANCEL, Signal.CANCEL_REJECTED) is OrderStatus.ACCEPTED


def test_a_fill_that_races_a_cancel_wins() -> None:
    assert advance(OrderStatus.CANCELED, Signal.FILLED) is OrderStatus.FILLED
    assert advance(OrderStatus.FILLED, Signal.CANCELED) is None


def test_evidence_beats_the_word_not_sent() -> None:
    assert advance(OrderStatus.UNPLACED, Signal.ACKNOWLEDGED) is OrderStatus.ACCEPTED


@pytest.mark.parametrize("status", sorted(STORED, key=str))
def test_the_same_signal_twice_changes_nothing_more(status: OrderStatus) -> None:
    for signal in Signal:
        once = advance(status, signal)
        if once is not None and signal is not Signal.NOT_SENT:
            assert advance(once, signal) is once


def test_only_a_doubt_is_disproved() -> None:
    for status in STORED - {OrderStatus.IN_DOUBT, OrderStatus.UNPLACED}:
        assert advance(status, Signal.DISPROVED) is None
