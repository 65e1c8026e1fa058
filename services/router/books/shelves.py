"""How each shelf of the books is written into rows, and which of its things stay at hand."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Final, TypeVar, overload

from services.router.books.entries import (
    BookedActivity,
    BookedExecution,
    InstructionEntry,
    OrderEntry,
    OrderKey,
)
from services.router.books.positions import Position
from services.router.books.shelf import Form, Shelf
from services.router.journal import codec

K = TypeVar("K")
V = TypeVar("V")

PositionKey = tuple[str, str, str]
"""(account_id, venue, instrument key)."""


class ShelfList(Sequence[V]):
    """A list on a shelf: it grows, and what is in a place may be put right."""

    def __init__(self, section: str, kind: type[V]) -> None:
        self.shelf: Shelf[int, V] = Shelf(Form(section, str, int, *_value(kind)))

    def append(self, value: V) -> None:
        """Add at the end."""
        self.shelf[len(self.shelf)] = value

    def __len__(self) -> int:
        return len(self.shelf)

    @overload
    def __getitem__(self, place: int) -> V: ...

    @overload
    def __getitem__(self, place: slice) -> list[V]: ...

    def __getitem__(self, place: int | slice) -> V | list[V]:
        if isinstance(place, slice):
            return [self.shelf.at(one) for one in range(*place.indices(len(self)))]
        return self.shelf.at(place if place >= 0 else len(self) + place)

    def __setitem__(self, place: int, value: V) -> None:
        self.shelf[place] = value

    def __iter__(self) -> Iterator[V]:
        return iter(self.shelf.values())

    def __reversed__(self) -> Iterator[V]:
        return reversed(self.shelf.values())

    def __eq__(self, other: object) -> bool:
        return isinstance(other, ShelfList) and list(self) == list(other)

    __hash__ = None  # type: ignore[assignment]


def _write_order_key(key: OrderKey) -> bytes:
    return json.dumps(key).encode()


def _read_order_key(data: bytes) -> OrderKey:
    account_id, client_order_id = json.loads(data)
    return account_id, client_order_id


_ORDER_KEY: Final = (_write_order_key, _read_order_key)


def orders() -> Shelf[OrderKey, OrderEntry]:
    """Orders; open ones stay at hand."""
    return Shelf(
        Form("order", _written, _tuple_of, *_value(OrderEntry), lambda entry: entry.order.is_open)
    )


def keys_by_placement() -> Shelf[str, OrderKey]:
    """Where an order is found by a placement id."""
    return Shelf(Form("placement", _written, json.loads, *_ORDER_KEY))


def keys_by_venue_order() -> Shelf[tuple[str, str, str], OrderKey]:
    """Where an order is found by its account, its venue and the venue's own id."""
    return Shelf(Form("venue_order", _written, _tuple_of, *_ORDER_KEY))


def numbers(section: str) -> Shelf[tuple[str, str], int]:
    """Numbers by placement and execution id."""
    return Shelf(Form(section, _written, _tuple_of, lambda n: str(n).encode(), int))


def marks(section: str) -> Shelf[Any, bool]:
    """Keys alone, which are tuples of strings."""
    return Shelf(Form(section, _written, _tuple_of, lambda mark: b"", lambda data: True))


def positions() -> Shelf[PositionKey, Position]:
    """Positions; those that are not flat stay at hand."""
    return Shelf(
        Form("position", _written, _tuple_of, *_value(Position), lambda held: bool(held.lots))
    )


def instructions() -> Shelf[OrderKey, InstructionEntry]:
    """Instructions to venues; all stay at hand, there are few."""
    return Shelf(
        Form("instruction", _written, _tuple_of, *_value(InstructionEntry), lambda entry: True)
    )


def executions() -> ShelfList[BookedExecution]:
    """Executions, as they were booked."""
    return ShelfList("execution", BookedExecution)


def activities() -> ShelfList[BookedActivity]:
    """Activities, as they were booked."""
    return ShelfList("activity", BookedActivity)


def moved_prefix(position: PositionKey) -> str:
    """How the keys of all orders that moved a position begin."""
    return _written(position)[:-1] + ","


def _value(kind: type[Any]) -> tuple[Callable[[Any], bytes], Callable[[bytes], Any]]:
    def write(value: Any) -> bytes:
        return json.dumps(codec.unstructure(value), separators=(",", ":")).encode()

    return write, lambda data: codec.structure(json.loads(data), kind)


def _written(key: object) -> str:
    return json.dumps(key)


def _tuple_of(text: str) -> Any:
    return tuple(json.loads(text))
