"""Faults as data: what they match, what they do, how often. Which wire they hit is not said here.

A fault has a place. "request" faults hit one request and its reply; "event" faults hit one event
on its way to stream clients; "connect" faults hit a stream client that connects.
"""

import random
from collections.abc import Mapping
from enum import Enum
from fnmatch import fnmatchcase
from typing import Any

import msgspec

from simulators.venue.misreports import Wrong

_DELAY_MAX_S = 86_400.0


class Place(Enum):
    """Where a fault strikes."""

    REQUEST = "request"
    EVENT = "event"
    CONNECT = "connect"


class Kind(Enum):
    """What a fault does. Those marked *none* keep the request from having any effect."""

    # Requests
    DELAY = "delay"
    DROP_REQUEST = "drop_request"  # none
    REFUSE = "refuse"  # none
    DROP_REPLY = "drop_reply"
    STATUS = "status"
    BODY = "body"
    ORDER_STATUS = "order_status"
    VANISH_ORDER = "vanish_order"  # none, and yet answered with the order
    STALL_ORDER = "stall_order"
    INACTIVE_ORDER = "inactive_order"
    HOLD_ORDER = "hold_order"
    REJECT_ORDER = "reject_order"
    REJECT_REPLACE = "reject_replace"
    ECHO_REPLACE = "echo_replace"
    OVERFILL_REPLACE = "overfill_replace"
    IGNORE_CANCEL = "ignore_cancel"  # none
    REJECT_CANCEL = "reject_cancel"
    ERROR = "error"
    NOTICE = "notice"
    # Events
    DROP = "drop"
    DUPLICATE = "duplicate"
    REORDER = "reorder"
    HOLD = "hold"
    GARBLE = "garble"
    MISREPORT = "misreport"
    DISCONNECT = "disconnect"
    # Connects: REFUSE, DELAY
    HANG = "hang"


Places = Mapping[Place, frozenset[Kind]]
EVENTS = frozenset(
    {
        *(Kind.DROP, Kind.DUPLICATE, Kind.REORDER, Kind.HOLD),
        *(Kind.GARBLE, Kind.MISREPORT, Kind.DISCONNECT),
    }
)
PLACES: Places = {
    Place.REQUEST: frozenset(Kind) - EVENTS - {Kind.HANG},
    Place.EVENT: EVENTS,
    Place.CONNECT: frozenset({Kind.REFUSE, Kind.DELAY, Kind.HANG}),
}


def places_without(
    *kinds: Kind, connects: frozenset[Kind], events: frozenset[Kind] = EVENTS
) -> Places:
    """All kinds at their places but those; at connects and events these."""
    requests = PLACES[Place.REQUEST] - frozenset(kinds)
    return {Place.REQUEST: requests, Place.EVENT: events, Place.CONNECT: connects}


class Ends(Enum):
    """How a connection without a reply ends."""

    CLOSE = "close"
    RESET = "reset"
    HANG = "hang"


class When(Enum):
    """Whether a fault strikes before the request had its effect, or after."""

    BEFORE = "before"
    AFTER = "after"


class Body(Enum):
    """What a spoiled reply has as its body."""

    JSON = "json"
    HTML = "html"
    EMPTY = "empty"
    HALF = "half"


class Match(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a fault hits: everything that is given must fit, "" and "*" fit all.

    `path` and `event` are shell patterns (`/v2/orders*`, `partial_fill`).
    """

    method: str = "*"
    path: str = "*"
    client_order_id_prefix: str = ""
    event: str = "*"


class Action(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a fault does; fields that its kind doesn't use are left alone.

    delay_before_s and delay_after_s (before and after the effect) go with every request kind.
    code and text are those of an error answer; 0 and "" leave them to the simulator. wrong: what
    of a fill is told falsely.
    """

    kind: Kind
    delay_before_s: float = 0.0
    delay_after_s: float = 0.0
    ends: Ends = Ends.CLOSE
    status: int = 503
    when: When = When.BEFORE
    body: Body = Body.JSON
    order_status: str = "unknown_status"
    code: int = 0
    text: str = ""
    wrong: Wrong = Wrong.SYMBOL


class FaultSpec(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A fault to add. times: how often it strikes, 0 for without end.

    after: so many incidents that fit pass first, unharmed.
    """

    action: Action
    place: Place = Place.REQUEST
    match: Match = Match()
    times: int = 1
    after: int = 0
    probability: float = 1.0


class Fault(msgspec.Struct):
    """A fault that was added: how often it has struck, how often it still will (None: always).

    passed: how many incidents it has let pass.
    """

    fault_id: int
    spec: FaultSpec
    struck: int = 0
    passed: int = 0

    @property
    def left(self) -> int | None:
        return self.spec.times - self.struck if self.spec.times else None


class BadFault(ValueError):
    """A fault that makes no sense; the message says why."""


class Incident(msgspec.Struct, frozen=True):
    """What might be hit."""

    place: Place
    method: str = ""
    path: str = ""
    client_order_id: str = ""
    event: str = ""


def parse_fault(content: Any) -> FaultSpec:
    """A fault from plain JSON values.

    Raises:
        BadFault: A field is unknown, has the wrong type, or the fault could never strike.
    """
    try:
        spec = msgspec.convert(content, FaultSpec)
    except msgspec.ValidationError as error:
        raise BadFault(str(error)) from error
    action = spec.action
    if min(spec.times, spec.after) < 0 or not 0 < spec.probability <= 1:
        raise BadFault("times and after must be >= 0, probability above 0 and at most 1")
    for delay_s in (action.delay_before_s, action.delay_after_s):
        if not 0 <= delay_s <= _DELAY_MAX_S:
            raise BadFault(f"a delay must be between 0 and {_DELAY_MAX_S:g} seconds")
    if not 200 <= action.status <= 599:
        raise BadFault("status must be between 200 and 599")
    return spec


class FaultBook:
    """The faults that are in force. For each incident the first one that fits strikes.

    Args:
        places: Which kinds the simulator has at which place.
    """

    def __init__(self, stream: random.Random, places: Places = PLACES) -> None:
        self._random = stream
        self._places = places
        self._faults: dict[int, Fault] = {}
        self._added = 0

    def add(self, spec: FaultSpec) -> Fault:
        """Adds a fault behind those that are there.

        Raises:
            BadFault: This simulator has no such fault at that place.
        """
        kind, place = spec.action.kind, spec.place
        if kind not in self._places[place]:
            raise BadFault(f"{kind.value} is no fault of a {place.value} here")
        self._added += 1
        fault = Fault(self._added, spec)
        self._faults[fault.fault_id] = fault
        return fault

    def list(self) -> list[Fault]:
        """The faults in force, oldest first."""
        return list(self._faults.values())

    def clear(self, fault_id: int | None = None) -> int:
        """Takes out one fault, or all; returns how many there were."""
        if fault_id is None:
            count = len(self._faults)
            self._faults.clear()
            return count
        return 1 if self._faults.pop(fault_id, None) is not None else 0

    def strike(self, incident: Incident) -> Fault | None:
        """The fault that hits this incident, counted; None if it passes unharmed.

        The seed decides about probabilities; no random number is drawn where none is needed.
        """
        for fault in list(self._faults.values()):
            spec = fault.spec
            if not _fits(spec, incident):
                continue
            if fault.passed < spec.after:
                fault.passed += 1
                continue
            if spec.probability < 1 and self._random.random() >= spec.probability:
                continue
            fault.struck += 1
            if fault.left == 0:
                del self._faults[fault.fault_id]
            return fault
        return None


def _fits(spec: FaultSpec, incident: Incident) -> bool:
    match = spec.match
    return (
        spec.place is incident.place
        and fnmatchcase(incident.method.upper(), match.method.upper() or "*")
        and fnmatchcase(incident.path, match.path or "*")
        and incident.client_order_id.startswith(match.client_order_id_prefix)
        and fnmatchcase(incident.event, match.event or "*")
    )
