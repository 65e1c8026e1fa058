"""The matrix: which fault strikes whom at which boundary, while what is done to an order.

A boundary is where something becomes true for somebody: durable, on the wire, answered, told. On
each side of each of them a program can die, or fall asleep and wake up when the world has moved on.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product
from typing import Final

FAULTS: Final = ("kill", "stop")
OPS: Final = ("submit", "replace", "cancel")
ADAPTERS: Final = ("alpaca", "ib")


@dataclass(frozen=True, slots=True)
class Pair:
    """A fault and a boundary. `act` is what goes on: submit, replace, cancel, fill or recovery;
    `adapter` is where it goes on, empty if any will do."""

    act: str
    fault: str
    victim: str
    point: str
    adapter: str = ""

    @property
    def kind(self) -> str:
        """The fault, as reports count it."""
        return f"{self.fault} {self.victim}"

    @property
    def name(self) -> str:
        """The pair, as reports count it."""
        where = f" ({self.adapter})" if self.victim == "router" and self.adapter else ""
        return f"{self.kind} × {self.act}: {self.point}{where}"


_ROUTER: Final = (
    *("router.intent.before", "router.intent.after"),
    *("router.send.before", "router.send.after"),
    *("router.ack.before", "router.ack.after"),
)
_ADAPTER: Final = (
    *("adapter.received", "adapter.note.before", "adapter.note.after"),
    *("adapter.write.before", "adapter.write.after", "adapter.answered"),
)
_SEND_LOG: Final = ("adapter.log.before", "adapter.log.after")
_ON_THE_WIRE: Final = ("adapter.write.after", "adapter.answered")
_ROUTER_FILLS: Final = ("router.fill.heard", "router.fill.before", "router.fill.after")
_ADAPTER_FILLS: Final = ("adapter.fill.before", "adapter.fill.after")
_LOOKUPS: Final = ("lookup.before", "lookup.after")
_BURIALS: Final = ("bury.before", "bury.after")


def _of(act: str, victim: str, points: tuple[str, ...], adapter: str = "") -> Iterator[Pair]:
    for fault, point in product(FAULTS, points):
        yield Pair(act, fault, victim, point, adapter)


def _of_mutation(act: str) -> Iterator[Pair]:
    yield from _of(act, "router", _ROUTER)
    for adapter in ADAPTERS:
        logged = _SEND_LOG if adapter == "ib" and act != "cancel" else ()
        yield from _of(act, adapter, (*_ADAPTER, *logged), adapter)
        # The router goes while its adapter works for it, and the other way round.
        yield from _of(act, "router", _ON_THE_WIRE, adapter)
        yield from _of(act, adapter, ("router.send.before",), adapter)


def _of_fills() -> Iterator[Pair]:
    yield from _of("fill", "router", _ROUTER_FILLS)
    for adapter in ADAPTERS:
        yield from _of("fill", adapter, _ADAPTER_FILLS, adapter)


def _of_recovery() -> Iterator[Pair]:
    """A router has died in a send: while the order is looked up or fenced off, it strikes again."""
    resolving = (*_LOOKUPS, *_BURIALS)
    yield from _of("recovery", "router", tuple(f"router.{point}" for point in resolving))
    for adapter in ADAPTERS:
        points = tuple(f"adapter.{point}" for point in resolving)
        yield from _of("recovery", adapter, points, adapter)


PAIRS: Final = (
    *(pair for act in OPS for pair in _of_mutation(act)),
    *_of_fills(),
    *_of_recovery(),
)
