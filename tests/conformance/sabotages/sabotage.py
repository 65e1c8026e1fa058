"""A sabotage: one deliberate bug in an adapter, and the cards that should notice it."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from typing import Any

from services.common.adapter.port import EventSink, VenueEvent

WrapGateway = Callable[[Any], Any]
WrapSink = Callable[[EventSink], EventSink]


@dataclass(frozen=True, slots=True)
class Sabotage:
    """`gateway` and `sink` wrap those of the adapter, `patch` is in force while it runs.

    `forgets`: its store is blank after each restart.
    """

    name: str
    cards: tuple[str, ...]
    gateway: WrapGateway = field(default=lambda whole: whole)
    sink: WrapSink = field(default=lambda whole: whole)
    patch: Callable[[], AbstractContextManager[Any]] = nullcontext
    forgets: bool = False


class Gateway:
    """A gateway that passes everything on to the real one; sabotages override one call."""

    def __init__(self, real: Any) -> None:
        self.real = real

    def __getattr__(self, name: str) -> Any:
        return getattr(self.real, name)


class Sink:
    """A sink that passes on what `told` makes of each event."""

    def __init__(self, real: EventSink) -> None:
        self._real = real

    def publish(self, *events: VenueEvent) -> None:
        """Take events; see `EventSink`."""
        kept = [event for given in events for event in self.told(given)]
        if kept:
            self._real.publish(*kept)

    def told(self, event: VenueEvent) -> list[VenueEvent]:
        """What is told of an event."""
        return [event]
