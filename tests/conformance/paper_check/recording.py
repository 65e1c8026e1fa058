"""What a run has shown of its venue, card by card, in a form in which two runs can be compared."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from google.protobuf.message import Message

from services.common.contract.pb import events_pb2, orders_pb2
from tests.conformance.report import Result


@dataclass(slots=True)
class Seen:
    """One card: how it ended, its steps, the venue's own statuses of its orders in their order, and
    which fields were told of orders and executions."""

    outcome: str
    reason: str
    steps: tuple[str, ...] = ()
    statuses: list[str] = field(default_factory=list)
    fields: dict[str, set[str]] = field(default_factory=dict)
    remarks: list[str] = field(default_factory=list)


def seen(result: Result, heard: Iterable[events_pb2.Event], remarks: Sequence[str]) -> Seen:
    """What a card has shown."""
    events = list(heard)
    orders = [event.order for event in events if event.HasField("order")]
    executions = [event.execution for event in events if event.HasField("execution")]
    return Seen(
        result.outcome.value,
        result.reason,
        result.steps,
        _statuses(orders),
        {"order": _paths(orders), "execution": _paths(executions)},
        list(remarks),
    )


def differences(simulated: dict[str, Seen], paper: dict[str, Seen]) -> list[str]:
    """What the paper account did otherwise than the simulator, one line each."""
    lines: list[str] = []
    for card_id, real in paper.items():
        made = simulated.get(card_id)
        if made is None:
            lines.append(f"{card_id}: not acted at the simulator")
            continue
        if real.outcome != made.outcome:
            why = real.reason or made.reason
            lines.append(f"{card_id}: {real.outcome}, at the simulator {made.outcome}: {why}")
        if real.steps != made.steps:
            lines.append(f"{card_id}: steps {list(real.steps)}, simulated {list(made.steps)}")
        if real.statuses != made.statuses:
            lines.append(f"{card_id}: statuses {real.statuses}, simulated {made.statuses}")
        for kind in sorted(set(real.fields) | set(made.fields)):
            lines += _fields_differ(card_id, kind, real, made)
    return lines


def _fields_differ(card_id: str, kind: str, real: Seen, made: Seen) -> list[str]:
    own, other = real.fields.get(kind, set()), made.fields.get(kind, set())
    if not own or not other:
        return [f"{card_id}: {kind}s told only by one of both"] if own != other else []
    only_real = [f"{card_id}: {kind}.{path} is told only on paper" for path in sorted(own - other)]
    return only_real + [
        f"{card_id}: {kind}.{path} is told only by the simulator" for path in sorted(other - own)
    ]


def _statuses(orders: Iterable[orders_pb2.Order]) -> list[str]:
    """The venue's own words for each order, repetitions left out; orders in their order."""
    by_order: dict[str, list[str]] = {}
    for order in orders:
        words = by_order.setdefault(order.placement_id or order.venue_order_id, [])
        if not words or words[-1] != order.raw_status:
            words.append(order.raw_status)
    return [" > ".join(words) for words in by_order.values()]


def _paths(messages: Iterable[Message]) -> set[str]:
    """The paths of all fields that are set in any of these."""
    found: set[str] = set()
    for message in messages:
        found |= _set_in(message, "")
    return found


def _set_in(message: Message, prefix: str) -> set[str]:
    found: set[str] = set()
    for descriptor, value in message.ListFields():
        path = f"{prefix}{descriptor.name}"
        found.add(path)
        if isinstance(value, Message):
            found |= _set_in(value, f"{path}.")
    return found
