"""What answers to mutations have in common: when one counts as taken, and two ways of saying no."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from services.alpaca_adapter.errors import Kind, Problem
from services.alpaca_adapter.exchange import Answer
from services.common.domain.errors import Cause, ReadFailed, Reason, Unavailable

# A 429 without a word on when: the window of Alpaca's limit is a minute.
RETRY_AFTER_UNSAID_S: Final = 60.0


def is_taken(answer: Answer) -> bool:
    """Whether a success that needs no content is one: JSON, or nothing, and no page of HTML."""
    return answer.ok and (answer.is_json or not answer.excerpt)


def rate_limited(problem: Problem) -> Unavailable:
    """Too many requests: nothing was done, by Alpaca's word."""
    told_s = problem.retry_after_s
    retry_after_s = RETRY_AFTER_UNSAID_S if told_s is None else told_s
    return Unavailable(Reason.RATE_LIMITED, f"not taken: {problem}", retry_after_s=retry_after_s)


def not_looked_up(error: ReadFailed) -> Unavailable:
    """Nothing was sent, since what has to be read before could not be."""
    text = f"not sent: the order could not be looked up: {error.message}"
    return Unavailable(error.reason, text, retry_after_s=error.retry_after_s)


def rejection_cause(problem: Problem) -> Cause:
    """Why Alpaca refused; what only a look-up could tell has no reason of its own."""
    if problem.kind in (Kind.REFUSED, Kind.CREDENTIALS):
        return problem.cause
    return replace(problem.cause, reason=Reason.VENUE_REJECTED)
