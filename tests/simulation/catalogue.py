"""Which faults there are, and at which boundaries of an order's path each is aimed and strikes.

Most strike where they are aimed, at any boundary. Those that lie in wait for a request or an event
are laid before it, and strike when it comes; those that count steps strike so many later.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from tests.simulation.progress import BOUNDARIES

(
    _BEFORE_JOURNAL,
    _AFTER_JOURNAL,
    _BEFORE_SEND,
    _AFTER_SEND,
    _BEFORE_ACK,
    _AFTER_ACK,
    _BEFORE_FILL,
    _AFTER_FILL,
) = BOUNDARIES


@dataclass(frozen=True, slots=True)
class Aim:
    """At which boundaries a fault is let loose, at which it is met, of which operations."""

    at: tuple[str, ...] = BOUNDARIES
    strikes: tuple[str, ...] = BOUNDARIES
    operations: tuple[str, ...] = ("entry", "exit", "replace", "cancel")


_ANY: Final = Aim()
_ORDERS: Final = ("entry", "exit")
_SUBMIT: Final = Aim((_BEFORE_JOURNAL,), (_AFTER_SEND,), _ORDERS)
_REPLACE: Final = Aim((_BEFORE_JOURNAL,), (_AFTER_SEND,), ("replace",))
_CANCEL: Final = Aim((_BEFORE_JOURNAL,), (_AFTER_SEND,), ("cancel",))
_EVENT: Final = Aim((_BEFORE_JOURNAL,), (_BEFORE_ACK, _BEFORE_FILL), _ORDERS)
_STATUS_EVENT: Final = Aim((_BEFORE_JOURNAL,), (_BEFORE_ACK,), _ORDERS)
_FILL_EVENT: Final = Aim((_BEFORE_JOURNAL,), (_BEFORE_FILL,), _ORDERS)
_LIVE: Final = Aim((_AFTER_ACK,), (_AFTER_ACK,))
_ENDED: Final = Aim((_AFTER_ACK,), (_AFTER_ACK,), ("cancel",))
_READ: Final = Aim((_AFTER_ACK,), (_AFTER_ACK,))
# A router writes its intent, an answer and a fill; an adapter before it sends. Between two writes,
# or two awaits, much may be passed at once.
_ROUTER_WRITES: Final = Aim(BOUNDARIES, (_BEFORE_JOURNAL, _AFTER_ACK, _AFTER_FILL))
_ADAPTER_WRITES: Final = Aim(BOUNDARIES, (_BEFORE_SEND,))
_ROUTER_AWAITS: Final = Aim(
    (_BEFORE_JOURNAL, _AFTER_JOURNAL, _BEFORE_SEND), (_BEFORE_JOURNAL, _AFTER_JOURNAL, _AFTER_ACK)
)
_ADAPTER_AWAITS: Final = Aim((_AFTER_JOURNAL, _BEFORE_SEND), (_BEFORE_SEND,))

ANYWHERE: Final[Mapping[str, Aim]] = {
    "stream.lose_events": _EVENT,
    "stream.duplicate_events": _EVENT,
    "stream.reorder_events": _EVENT,
    "stream.garble_event": _EVENT,
    "stream.hold_events": _EVENT,
    "stream.disconnect": _EVENT,
    "stream.wrong_symbol": _FILL_EVENT,
    "stream.wrong_side": _FILL_EVENT,
    "stream.wrong_qty": _FILL_EVENT,
    "stream.wrong_price": _FILL_EVENT,
    "stream.refuse_connect": _ANY,
    "net.cut_trader": _ANY,
    "net.cut_adapter": _ANY,
    "net.cut_venue": _ANY,
    "net.partition_trader": _ANY,
    "net.partition_adapter": _ANY,
    "net.partition_venue": _ANY,
    "net.outage": _ANY,
    "crash.router": _ANY,
    "crash.router_at_await": _ROUTER_AWAITS,
    "crash.router_between_steps": _ANY,
    "crash.router_in_io": _ROUTER_WRITES,
    "crash.adapter": _ANY,
    "crash.adapter_at_await": _ADAPTER_AWAITS,
    "crash.adapter_between_steps": _ANY,
    "crash.adapter_in_io": _ADAPTER_WRITES,
    "sleep.router": _ANY,
    "sleep.router_at_await": _ROUTER_AWAITS,
    "sleep.router_replaced": _ANY,
    "sleep.router_replaced_at_await": _ROUTER_AWAITS,
    "sleep.adapter": _ANY,
    "sleep.adapter_at_await": _ADAPTER_AWAITS,
    "clock.router_jumps": _ANY,
    "clock.adapter_jumps": _ANY,
    "market.move": _ANY,
    "market.close": _ANY,
    "hand.order": _ANY,
    "venue.reject_later": _LIVE,
    "venue.late_fill": _ENDED,
    "venue.account_blocked": _ANY,
    "operator.halt": _ANY,
    "operator.reduce": _ANY,
    "disk.slow": _ANY,
    "disk.router_full": _ANY,
    "disk.router_fails_to_sync": _ANY,
    "disk.adapter_full": _ANY,
    "disk.adapter_fails_to_sync": _ANY,
}
"""Kinds of faults that hit any venue, or none; `faults` says what they do."""

AT: Final[Mapping[str, Mapping[str, Aim]]] = {
    "alpaca": {
        "alpaca.lose_reply": _SUBMIT,
        "alpaca.error_after_effect": _SUBMIT,
        "alpaca.refusal_after_effect": _SUBMIT,
        "alpaca.error_before_effect": _SUBMIT,
        "alpaca.too_many_requests": _SUBMIT,
        "alpaca.late_effect": _SUBMIT,
        "alpaca.late_for_long": _SUBMIT,
        "alpaca.lose_request": _SUBMIT,
        "alpaca.refuse": _SUBMIT,
        "alpaca.spoiled_answer": _SUBMIT,
        "alpaca.spoiled_reads": _READ,
        "alpaca.failing_reads": _READ,
        "alpaca.stale_reads": _READ,
        "alpaca.lose_cancel_reply": _CANCEL,
        "alpaca.other_exec_ids": _ANY,
        "alpaca.odd_status": _SUBMIT,
        "alpaca.credentials_refused": _SUBMIT,
        "alpaca.lose_replace_reply": _REPLACE,
        "alpaca.lose_replace_request": _REPLACE,
        "alpaca.replace_error": _REPLACE,
        "alpaca.late_replace": _REPLACE,
    },
    "ib": {
        "ib.lose_ack": _SUBMIT,
        "ib.lose_order": _SUBMIT,
        "ib.lose_cancel": _CANCEL,
        "ib.half_frame": _SUBMIT,
        "ib.error_before_effect": _SUBMIT,
        "ib.error_after_effect": _SUBMIT,
        "ib.late_effect": _SUBMIT,
        "ib.late_for_long": _SUBMIT,
        "ib.slow_reads": _READ,
        "ib.stale_reads": _READ,
        "ib.failing_reads": _READ,
        "ib.failing_lists": _ANY,
        "ib.link_lost_kept": _ANY,
        "ib.link_lost_reset": _ANY,
        "ib.link_broken": _ANY,
        "ib.restart": _ANY,
        "ib.login_wait": _ANY,
        "ib.slow_connect": _ANY,
        "ib.client_id_in_use": _ANY,
        "ib.other_client": _ANY,
        "ib.half_dead": _ANY,
        "ib.disconnect": _ANY,
        "ib.inactive_order": _SUBMIT,
        "ib.suspend": _LIVE,
        "ib.lose_executions": _FILL_EVENT,
        "ib.lose_commissions": _FILL_EVENT,
        "ib.lose_statuses": _STATUS_EVENT,
        "ib.status_first": _ANY,
    },
}
"""Those of one kind of venue."""


def kind_name(venue: str) -> str:
    """The name of a venue's kind: its own, less the number that tells two of a kind apart."""
    return venue.rstrip("0123456789")


def aim_of(kind: str) -> Aim:
    """Where a fault is aimed at."""
    return next(kinds[kind] for kinds in (ANYWHERE, *AT.values()) if kind in kinds)


def pairs() -> list[tuple[str, str]]:
    """Every fault with every boundary at which it can strike."""
    return [
        (kind, boundary)
        for kinds in (ANYWHERE, *AT.values())
        for kind, aim in kinds.items()
        for boundary in aim.strikes
    ]
