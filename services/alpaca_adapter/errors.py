"""The one table from Alpaca's refusals to our reasons, and what each proves.

A refusal is believed only in Alpaca's own form: a JSON object with a message, at a status that
means "not done". Whatever else comes back for a mutation (HTML, nothing, half a body, a redirect,
a 5xx, a success that can't be read) tells nothing, and is `Kind.UNKNOWN`.

Alpaca promises status and code, and not the messages. So messages and extra fields only choose
between reasons; whether a refusal is one is never decided by words, except for the two that share
status and code with others and mean something else: the id that is taken, and the order that has
ended.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from email.utils import parsedate_to_datetime
from enum import Enum
from typing import Any, Final

from services.alpaca_adapter.exchange import Answer
from services.common.domain.errors import Cause, Reason

RETRY_AFTER_MAX_S: Final = 120.0
ORDER_NOT_FOUND: Final = 40410000


class Kind(Enum):
    """What an answer that is no success proves about the request that it answers."""

    REFUSED = "refused"  # not done, for a reason of the order or the account
    CREDENTIALS = "credentials"  # not done, as we are not known there
    RATE_LIMITED = "rate_limited"  # not done, too many requests
    ABSENT = "absent"  # there is no such thing
    ID_TAKEN = "id_taken"  # an order under this client_order_id exists
    ENDED = "ended"  # the order can't be canceled any more
    UNKNOWN = "unknown"  # nothing


@dataclass(frozen=True, slots=True)
class Problem:
    """An answer that is no success, classified. `code` is None if it had none."""

    kind: Kind
    reason: Reason
    status: int
    code: int | None
    message: str
    retry_after_s: float | None = None

    @property
    def cause(self) -> Cause:
        """The same as a cause, with Alpaca's status and code."""
        code = f"{self.status}/{self.code}" if self.code is not None else str(self.status)
        return Cause(self.reason, self.message, code)

    def __str__(self) -> str:
        return f"Alpaca answered {self.cause.venue_code}: {self.message}"


@dataclass(frozen=True, slots=True)
class _Row:
    """Matches if status and code are equal and the message, or a field, is as given.

    `code` None fits any code, and none. `words` is searched in the message, whatever its case;
    `fields` are the extra fields of which one is enough; with neither, the row fits always.
    """

    status: int
    code: int | None
    kind: Kind
    reason: Reason
    words: str = ""
    fields: frozenset[str] = frozenset()

    def fits(self, status: int, code: int | None, message: str, body: Mapping[str, Any]) -> bool:
        if status != self.status or (self.code is not None and code != self.code):
            return False
        if not self.words and not self.fields:
            return True
        by_words = self.words and re.search(self.words, message, re.IGNORECASE)
        return bool(by_words) or not self.fields.isdisjoint(body)


_R = Reason
_K = Kind

TABLE: Final = (
    _Row(401, None, _K.CREDENTIALS, _R.CREDENTIALS_REFUSED),
    _Row(403, 40310100, _K.REFUSED, _R.MARGIN_PROTECTION),
    # It shows a cost_basis like a lack of money does, and is about too small an amount.
    _Row(403, 40310000, _K.REFUSED, _R.INVALID_QTY, r"minimal amount"),
    _Row(
        403,
        40310000,
        _K.REFUSED,
        _R.INSUFFICIENT_BUYING_POWER,
        r"insufficient (options |day.?trading )?buying power",
        frozenset({"buying_power", "cost_basis"}),
    ),
    _Row(
        403,
        40310000,
        _K.REFUSED,
        _R.INSUFFICIENT_QTY,
        r"insufficient (qty|quantity)",
        frozenset({"existing_qty", "held_for_orders"}),
    ),
    _Row(
        403,
        40310000,
        _K.REFUSED,
        _R.WASH_TRADE,
        r"wash trade",
        frozenset({"existing_order_id", "reject_reason"}),
    ),
    _Row(
        403,
        40310000,
        _K.REFUSED,
        _R.ACCOUNT_BLOCKED,
        r"(account|trading|trade).*(block|suspend|restrict|closed|inactive)"
        r"|account is not allowed to trade",
    ),
    _Row(
        403,
        40310000,
        _K.REFUSED,
        _R.NOT_PERMITTED,
        r"not (eligible|permitted|allowed|authorized|approved|enabled)|uncovered",
    ),
    _Row(403, 40310000, _K.REFUSED, _R.VENUE_REJECTED),
    # Without a code: the gate before the trading system, which knows no accounts but only keys.
    _Row(403, None, _K.CREDENTIALS, _R.CREDENTIALS_REFUSED, r"^(forbidden|unauthorized)\.?$"),
    _Row(404, ORDER_NOT_FOUND, _K.UNKNOWN, _R.VENUE_UNAVAILABLE, r"endpoint"),
    _Row(404, ORDER_NOT_FOUND, _K.ABSENT, _R.ORDER_NOT_FOUND),
    _Row(422, 40010001, _K.ID_TAKEN, _R.CLIENT_ORDER_ID_REUSED, r"client_order_id must be unique"),
    _Row(422, 40010001, _K.REFUSED, _R.INVALID_QTY, r"\b(qty|quantity|notional)\b"),
    _Row(422, 40010001, _K.REFUSED, _R.INVALID_PRICE, r"price"),
    _Row(422, 42210000, _K.ENDED, _R.ORDER_ENDED, r"already in .* state|not cancell?able"),
    _Row(422, 42210000, _K.REFUSED, _R.INSTRUMENT_NOT_FOUND, r"(asset|contract|symbol).*not found"),
    _Row(
        422,
        42210000,
        _K.REFUSED,
        _R.NOT_TRADABLE,
        r"is expired|not tradable|not active|not shortable|halted",
    ),
    _Row(422, 42210000, _K.REFUSED, _R.MARKET_CLOSED, r"market hours|market is closed"),
    _Row(422, 42210000, _K.REFUSED, _R.INTENT_MISMATCH, r"position intent"),
    _Row(422, 42210000, _K.REFUSED, _R.INVALID_PRICE, r"price|sub-penny|pricing"),
    _Row(422, 42210000, _K.REFUSED, _R.INVALID_QTY, r"\b(qty|quantity|notional|fractional)\b"),
)

# Statuses at which Alpaca's own form means "not done", whatever the code: new codes come.
_DEFINITE: Final = frozenset({400, 403, 404, 422})


def classify(answer: Answer) -> Problem:
    """Say what an answer proves that is no readable success; never raises."""
    problem = _classified(answer.status, answer.content, answer.excerpt)
    if problem.kind not in (_K.UNKNOWN, _K.RATE_LIMITED):
        return problem
    return replace(problem, retry_after_s=_retry_after_s(answer))


def classify_part(status: int, body: Any) -> Problem:
    """The same for one part of an answer that has a status for each."""
    return _classified(status, body, str(body)[:200])


def _classified(status: int, content: Any, excerpt: str) -> Problem:
    body, message, code = _alpaca_form(content)
    if body is None:
        text = f"an answer that can't be read: {excerpt!r}"
        return Problem(_K.UNKNOWN, _R.VENUE_UNAVAILABLE, status, None, text)
    if status == 429:
        return Problem(_K.RATE_LIMITED, _R.RATE_LIMITED, 429, code, message)
    for row in TABLE:
        if row.fits(status, code, message, body):
            return Problem(row.kind, row.reason, status, code, message)
    if status in _DEFINITE and code is not None:
        return Problem(_K.REFUSED, _R.VENUE_REJECTED, status, code, message)
    return Problem(_K.UNKNOWN, _R.VENUE_UNAVAILABLE, status, code, message)


def _alpaca_form(body: Any) -> tuple[Mapping[str, Any] | None, str, int | None]:
    """The body, its message and code if it has Alpaca's form; else None."""
    if not isinstance(body, dict):
        return None, "", None
    message, code = body.get("message"), body.get("code")
    if not isinstance(message, str):
        return None, "", None
    if isinstance(code, str) and code.isascii() and code.isdigit() and len(code) < 12:
        code = int(code)
    if isinstance(code, bool) or not isinstance(code, int):
        code = None
    return body, message[:500], code


def _retry_after_s(answer: Answer) -> float | None:
    """How long to wait by the answer's own headers, within bounds; None if they don't say.

    The reset is epoch seconds of the venue's clock, so it is read against the same answer's Date.
    """
    given = answer.headers.get("retry-after", "")
    if given.isascii() and given.isdigit():
        return min(float(given[:9]), RETRY_AFTER_MAX_S)
    reset, date = answer.headers.get("x-ratelimit-reset", ""), answer.headers.get("date", "")
    if not (reset.isascii() and reset.isdigit()) or answer.status != 429:
        return None
    try:
        wait_s = int(reset[:12]) - parsedate_to_datetime(date).timestamp()
    except (TypeError, ValueError, OverflowError):
        return None
    return min(max(wait_s, 0.0), RETRY_AFTER_MAX_S)
