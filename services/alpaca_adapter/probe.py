"""How the venue is, by what it says of the account: one probe and what it found."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from services.alpaca_adapter import translate_account
from services.alpaca_adapter.errors import Kind, classify
from services.alpaca_adapter.exchange import Answer
from services.alpaca_adapter.wire_fields import Unreadable
from services.common.domain.reports import AccountMode, VenueState


@dataclass(frozen=True, slots=True)
class Probe:
    """What the last probe found: a state as far as the venue goes, and why."""

    state: VenueState
    reason: str
    took_s: float | None = None


def judged(answer: Answer, venue: str, mode: AccountMode, now: datetime, took_s: float) -> Probe:
    """What an answer to GET /v2/account says; without a success the venue is down, or limits."""
    if not answer.ok or not answer.is_json:
        problem = classify(answer)
        limited = problem.kind is Kind.RATE_LIMITED
        state = VenueState.DEGRADED if limited else VenueState.DOWN
        return Probe(state, str(problem), took_s)
    return judged_account(answer.content, venue, mode, now, took_s)


def judged_account(
    account: Any, venue: str, mode: AccountMode, now: datetime, took_s: float | None = None
) -> Probe:
    """What the account itself says: a blocked one takes no entries."""
    try:
        balance = translate_account.read_balance(account, venue, mode, now)
    except Unreadable as error:
        return Probe(VenueState.DOWN, f"the account can't be read: {error}", took_s)
    blocked = translate_account.blocked_because(balance)
    if blocked:
        return Probe(VenueState.DRAINED, blocked, took_s)
    level = "unknown" if balance.options_level is None else balance.options_level
    return Probe(VenueState.UP, f"account {balance.raw_status}, options level {level}", took_s)
