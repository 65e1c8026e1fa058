"""The ids that a venue gives its orders and executions: random UUIDs, unless it has its own."""

from typing import Protocol

from simulators.venue.randomness import Randomness


class Ids(Protocol):
    """Makes ids; each is given once."""

    def venue_order_id(self) -> str:
        """The id of the next order."""

    def client_order_id(self) -> str:
        """The client's id of an order that came without one."""

    def exec_id(self) -> str:
        """The id of the next execution."""


class RandomIds:
    """Seeded UUIDs, a stream for each kind."""

    def __init__(self, randomness: Randomness) -> None:
        self._randomness = randomness

    def venue_order_id(self) -> str:
        return self._randomness.uuid("venue_order_id")

    def client_order_id(self) -> str:
        return self._randomness.uuid("client_order_id")

    def exec_id(self) -> str:
        return self._randomness.uuid("exec_id")
