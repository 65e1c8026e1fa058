"""What a venue says of an execution later: that it was another one (CORRECT), or none (BUST).

A correction takes the place of the execution that it names, which no longer counts; a bust only
takes it away. Both are kept, since they come twice, late, and before what they are about: what was
called wrong before it came never counts. A correction of an execution that nobody has heard of
counts as the execution itself, or a fill would be lost.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from decimal import Decimal

from services.common.domain.amounts import sub
from services.common.domain.executions import ExecType, Execution
from services.common.domain.fills import filled_qty
from services.common.domain.order_events import IllegalEvent
from services.common.domain.order_terms import Tradable

Heard = tuple[tuple[Execution, ...], tuple[Execution, ...]]
"""The executions that count, and those that don't: corrected, busted, and the busts themselves."""

_ZERO = Decimal(0)
REVISIONS = frozenset({ExecType.CORRECT, ExecType.BUST})


def is_superseded(told: Execution, heard: Iterable[Execution]) -> bool:
    """Whether something that was heard before takes the place of this execution."""
    return any(_is_about(e, told) for e in heard)


def corrected_by(
    told: Execution, counting: Sequence[Execution], set_aside: Sequence[Execution]
) -> Execution | None:
    """The execution that a correction or bust is about, None if nobody has heard of it.

    By its id; one that was told by another id (a correction in between was missed) by its place in
    the order. Raises IllegalEvent if it was corrected otherwise already, or may be one of those
    that are booked, without a sign which.
    """
    heard = (*counting, *set_aside)
    named = next((e for e in heard if _is_about(told, e)), None)
    rival = next((e for e in heard if _same_order(e, told) and e.exec_ref_id == _of(told)), None)
    if rival is not None:
        raise IllegalEvent(f"{told.exec_id} is about {_of(told)}, as {rival.exec_id} is already")
    if named is not None or is_superseded(told, heard):
        return named
    beside = [e for e in counting if _same_order(e, told) and _same_leg(e, told)]
    if told.cum_qty is not None:
        return next((e for e in beside if e.cum_qty == told.cum_qty), None)
    if any(e.source is not told.source for e in beside):
        raise IllegalEvent(f"{told.exec_id} is about {_of(told)}, booked maybe by another id")
    return None


def revised(heard: Heard, told: Execution, about: Execution | None) -> Heard:
    """What counts and what does not, once a correction or bust has been told.

    The correction stands where that stood which it is about, with its fees until its own are told.
    """
    counting, set_aside = heard
    if told.exec_type is ExecType.BUST or is_superseded(told, (*counting, *set_aside)):
        left = tuple(e for e in counting if e is not about)
        gone = () if about is None or about not in counting else (about,)
        return left, (*set_aside, *gone, told)
    if about is None or about not in counting:
        return (*counting, told), set_aside
    fees = tuple(replace(fee, estimated=True) for fee in about.fees)
    told = replace(told, fees=told.fees or fees, late=about.late)
    return tuple(told if e is about else e for e in counting), (*set_aside, about)


def taken_back(
    tradable: Tradable, counting: Sequence[Execution], set_aside: Sequence[Execution]
) -> Decimal:
    """How much less is filled than was told at first; the venue's own count may still have it."""
    if not set_aside:
        return _ZERO
    heard = (*counting, *set_aside)
    first = [e for e in heard if e.exec_type is not ExecType.BUST and not _has_root(e, heard)]
    return max(sub(filled_qty(tradable, first), filled_qty(tradable, counting)), _ZERO)


def twin(told: Execution, set_aside: Sequence[Execution]) -> Execution | None:
    """What was taken back already of what is told now under another id: stream and query may name
    one fill differently. One that comes from the same source under another id is another fill."""
    return next(
        (
            e
            for e in set_aside
            if e.source is not told.source
            and _is_first_in_place(e, told)
            and (e.last_qty, e.last_px) == (told.last_qty, told.last_px)
        ),
        None,
    )


def _of(told: Execution) -> str:
    return told.exec_ref_id or told.exec_id


def _is_about(told: Execution, other: Execution) -> bool:
    if told.exec_type not in REVISIONS or not _same_order(told, other) or told is other:
        return False
    return _of(told) == other.exec_id and (told.exec_id, told.exec_type) != (
        other.exec_id,
        other.exec_type,
    )


def _has_root(e: Execution, heard: Iterable[Execution]) -> bool:
    """Whether what a correction is about was told too, by its id or in its place."""
    if e.exec_type is not ExecType.CORRECT:
        return False
    return any(_is_about(e, other) or _is_first_in_place(other, e) for other in heard)


def _is_first_in_place(other: Execution, e: Execution) -> bool:
    same = _same_order(other, e) and _same_leg(other, e) and other.cum_qty == e.cum_qty
    return same and e.cum_qty is not None and other.exec_type is ExecType.TRADE


def _same_order(one: Execution, other: Execution) -> bool:
    return one.client_id == other.client_id


def _same_leg(one: Execution, other: Execution) -> bool:
    return (one.instrument.key, one.side) == (other.instrument.key, other.side)
