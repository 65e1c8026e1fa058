"""What a test can make the fake gateway do with a submit or a cancel."""

from __future__ import annotations

from datetime import datetime
from enum import Enum


class OnSubmit(Enum):
    """What becomes of a submit."""

    ACCEPT = "the venue takes it and says so"
    REJECT = "the venue refuses it and says so"
    NOT_SENT = "it never leaves"
    DOUBT_TAKEN = "the venue takes it, the answer is lost"
    DOUBT_LOST = "the bytes are lost, and no answer comes"
    HANG_BEFORE_WRITE = "it waits for `release`, then is checked and taken"
    HANG_AFTER_WRITE = "it is written, and the answer waits for `release`"
    FAULT = "the gateway itself breaks after the write"


class OnCancel(Enum):
    """What becomes of a cancel."""

    ACCEPT = "the venue takes the request; the order is pending cancel"
    NOT_SENT = "it never leaves"
    DOUBT = "no answer comes; the venue took the request"


def within(moment: datetime | None, after: datetime | None, before: datetime | None) -> bool:
    """Whether after ≤ moment < before."""
    assert moment is not None
    return (after is None or moment >= after) and (before is None or moment < before)
