"""The server that a run is about: where it is, what it is, and how it can be ended."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Protocol

from tests.conformance.control import VenueControl


class Role(Enum):
    """Which of the two kinds of server of `BrokerService` it is."""

    ADAPTER = "adapter"
    ROUTER = "router"


@dataclass(frozen=True, slots=True)
class Server:
    """`fenced`: its changes need a fence and placement ids with `account_tag`."""

    address: str
    account_id: str
    role: Role
    fenced: bool
    account_tag: str = ""


class ServerProcess(Protocol):
    """The server's process, if it is ours to end."""

    async def kill(self) -> None:
        """End it without a word."""

    async def stop(self) -> None:
        """Ask it to end, and wait until it has."""

    async def start(self) -> None:
        """Start it again with the same state, and wait until it serves."""

    async def forget(self) -> None:
        """Take its state away; it must not run."""


@dataclass(frozen=True, slots=True)
class Stand:
    """What cards act on: a server, and what else there is to it. `venue_tag` is the account_tag in
    the ids that the venue is shown."""

    server: Server
    venue: str
    venue_tag: str = ""
    control: VenueControl | None = None
    process: ServerProcess | None = None
