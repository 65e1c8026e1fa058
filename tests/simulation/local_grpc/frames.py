"""What the two sides of a call tell each other: gRPC's own frames, less what nobody here needs."""

from __future__ import annotations

from dataclasses import dataclass

import grpc

Metadata = tuple[tuple[str, str | bytes], ...]


@dataclass(frozen=True, slots=True)
class Begin:
    """A call with its one request; the server counts `timeout_s` from its arrival."""

    stream_id: int
    method: str
    metadata: Metadata
    timeout_s: float | None
    message: bytes


@dataclass(frozen=True, slots=True)
class Cancel:
    """The client does not want the call any more."""

    stream_id: int


@dataclass(frozen=True, slots=True)
class Headers:
    """The server's initial metadata."""

    stream_id: int
    metadata: Metadata


@dataclass(frozen=True, slots=True)
class Message:
    """One response."""

    stream_id: int
    data: bytes


@dataclass(frozen=True, slots=True)
class Trailers:
    """The end of the call, with its status."""

    stream_id: int
    code: grpc.StatusCode
    details: str
    metadata: Metadata


@dataclass(frozen=True, slots=True)
class Ping:
    """Are you there; an answer is asked for."""


@dataclass(frozen=True, slots=True)
class Pong:
    """I am."""


ClientFrame = Begin | Cancel | Ping | Pong
ServerFrame = Headers | Message | Trailers | Ping | Pong
