"""What can go wrong between an adapter and Alpaca: REST and its own ways of telling."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from tests.simulation.faults.strike import LATE_S, Strike

_POST: Final = {"method": "POST", "path": "/v2/orders"}
_DELETE: Final = {"method": "DELETE", "path": "/v2/orders/*"}
_PATCH: Final = {"method": "PATCH", "path": "/v2/orders/*"}
_GET: Final = {"method": "GET", "path": "/v2/*"}
_BY_CLIENT_ID: Final = {"method": "GET", "path": "/v2/orders:by_client_order_id"}


def _error_after(s: Strike) -> None:
    status, body = s.rng.choice((500, 502, 503, 504)), s.rng.choice(("json", "html", "empty"))
    s.order(_POST, kind="status", status=status, when="after", body=body)


def _replace_error(s: Strike) -> None:
    """An error, which says nothing: the order is replaced all the same, or it is not."""
    status, body = s.rng.choice((422, 500, 503, 504)), s.rng.choice(("json", "html", "empty"))
    when = s.rng.choice(("before", "after", "after"))
    s.order(_PATCH, kind="status", status=status, when=when, body=body)


def _late_replace(s: Strike) -> None:
    s.order(_PATCH, kind="delay", delay_before_s=s.rng.choice((0.5, 3.0, 9.0, 20.0)))


def _refusal_after(s: Strike) -> None:
    """A refusal that is none: the order is there. Mostly it can't be looked up at once either."""
    status, reads = s.rng.choice((403, 422)), s.rng.choice((0, 5, 15))
    s.order(_POST, kind="status", status=status, when="after")
    if reads:
        s.request(_BY_CLIENT_ID, reads, kind="status", status=503)


def _error_before(s: Strike) -> None:
    status, body = s.rng.choice((500, 502, 503, 504)), s.rng.choice(("json", "html", "empty"))
    s.order(_POST, kind="status", status=status, when="before", body=body)


def _late_effect(s: Strike) -> None:
    s.order(_POST, kind="delay", delay_before_s=s.rng.choice((0.5, 3.0, 9.0, 20.0)))


def _spoiled_answer(s: Strike) -> None:
    s.order(_POST, kind="body", body=s.rng.choice(("half", "html", "empty")))


def _spoiled_reads(s: Strike) -> None:
    body = s.rng.choice(("half", "html", "empty"))
    s.request(_GET, s.rng.randint(1, 3), kind="body", body=body)


def _failing_reads(s: Strike) -> None:
    status = s.rng.choice((429, 500, 503, 504))
    s.request(_GET, s.rng.randint(2, 20), kind="status", status=status)


def _stale_reads(s: Strike) -> None:
    """Read at once and answered later: by then it may be otherwise."""
    late_s = s.rng.choice((0.5, 2.0, 4.0))
    s.request(_GET, s.rng.randint(1, 4), kind="delay", delay_after_s=late_s)


def _late_for_long(s: Strike) -> None:
    """Lost to everybody for minutes, hours or a day, and then taken."""
    s.lands_after(s.rng.choice(LATE_S))
    s.order(_POST, kind="delay", delay_before_s=s.late_s)


def _other_exec_ids(s: Strike) -> None:
    s.control.set_option("stream_exec_ids", s.rng.choice(("same", "different")))


def _odd_status(s: Strike) -> None:
    status = s.rng.choice(("pending_review", "held", "calculated", "something_new"))
    s.order(_POST, kind="order_status", order_status=status)
    if s.rng.random() < 0.5:
        s.request(_GET, s.rng.randint(1, 3), kind="order_status", order_status=status)


def _credentials(s: Strike) -> None:
    s.order(_POST, s.rng.randint(1, 3), kind="status", status=401)


def _too_many_requests(s: Strike) -> None:
    """At this moment or a little later: the account's budget is spent by somebody else."""
    s.order({"method": "*", "path": "/v2/*"}, s.rng.randint(1, 5), kind="status", status=429)


KINDS: Final[Mapping[str, Callable[[Strike], None]]] = {
    "alpaca.lose_reply": lambda s: s.order(_POST, kind="drop_reply", ends=s.ends()),
    "alpaca.error_after_effect": _error_after,
    "alpaca.refusal_after_effect": _refusal_after,
    "alpaca.error_before_effect": _error_before,
    "alpaca.too_many_requests": _too_many_requests,
    "alpaca.late_effect": _late_effect,
    "alpaca.lose_request": lambda s: s.order(_POST, kind="drop_request", ends=s.ends()),
    "alpaca.refuse": lambda s: s.order(_POST, s.rng.randint(1, 3), kind="refuse"),
    "alpaca.spoiled_answer": _spoiled_answer,
    "alpaca.spoiled_reads": _spoiled_reads,
    "alpaca.failing_reads": _failing_reads,
    "alpaca.stale_reads": _stale_reads,
    "alpaca.late_for_long": _late_for_long,
    "alpaca.lose_cancel_reply": lambda s: s.order(_DELETE, kind="drop_reply", ends=s.ends()),
    "alpaca.lose_replace_reply": lambda s: s.order(_PATCH, kind="drop_reply", ends=s.ends()),
    "alpaca.lose_replace_request": lambda s: s.order(_PATCH, kind="drop_request", ends=s.ends()),
    "alpaca.replace_error": _replace_error,
    "alpaca.late_replace": _late_replace,
    "alpaca.other_exec_ids": _other_exec_ids,
    "alpaca.odd_status": _odd_status,
    "alpaca.credentials_refused": _credentials,
}
