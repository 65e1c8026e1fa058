"""The named boundaries: a program's own ports, wrapped from outside, so that traps can wait there.

Nothing of the product knows of this. What is wrapped are the classes at its edges: the journal's
store, the router's port to an adapter and its intake, the adapter's desk and stores, its gateway,
and the writes to the broker.

For which order something is done is told along: an adapter's desk names it, and all that its task
does, in threads of a pool too, has it by a context variable.
"""

from __future__ import annotations

import functools
import json
from collections.abc import Awaitable, Callable, Iterable
from contextvars import ContextVar
from typing import Any, Final

from tests.crash.traps import Snare

Point = Callable[[str, str], None]

INTENTS: Final = frozenset(
    {"OrderIntended", "PlacementIntended", "CancelIntended", "ReplaceIntended", "PlacementFreed"}
)
_ACKS: Final = frozenset({"PlacementReported"})
_FILLS: Final = frozenset({"ExecutionBooked"})
_JOURNALED: Final = (("intent", INTENTS), ("ack", _ACKS), ("fill", _FILLS))
_OPS: Final = ("submit", "cancel", "replace")

# For which order this task works, by a client_order_id; empty for what is no mutation.
_acting_for: ContextVar[str] = ContextVar("tests_crash_acting_for", default="")


def install_router(snare: Snare) -> None:
    """Wrap the ports of a router."""
    from services.router.journal.postgres import PostgresJournal
    from services.router.journal.sqlite import SqliteJournal
    from services.router.routing.intake import Intake
    from services.router.routing.venue_client import VenueClient

    for store in (SqliteJournal, PostgresJournal):
        _around_append(store, snare.passing)
        _told_of_epoch(store, snare)
    for op in _OPS:
        _around(VenueClient, op, "router.send", snare.passing)
    _around(VenueClient, "find_order", "router.lookup", snare.passing)
    _around(VenueClient, "fence_order", "router.bury", snare.passing)
    _before_call(Intake, "take_execution", "router.fill.heard", snare.passing)


def install_adapter(snare: Snare) -> None:
    """Wrap what both adapters have in common."""
    from services.common.adapter.feed import EventFeed
    from services.common.adapter.fence_store import FenceStore
    from services.common.adapter.order_desk import OrderDesk

    for op in _OPS:
        _acting(OrderDesk, op, "adapter.received", snare.passing)
    _around_acting(FenceStore, "note", "adapter.note", snare.passing)
    _around(FenceStore, "bury", "adapter.bury", snare.passing)
    _around_publish(EventFeed, snare.passing)


def install_alpaca(snare: Snare) -> None:
    """Wrap the Alpaca adapter."""
    from urllib3.connection import HTTPConnection

    from services.alpaca_adapter.gateway import AlpacaGateway

    install_adapter(snare)
    _of_gateway(AlpacaGateway, snare.passing)
    request = HTTPConnection.request

    @functools.wraps(request)
    def writing(self: Any, method: str, *args: Any, **kwargs: Any) -> None:
        acting_for = _acting_for.get() if method != "GET" else ""
        _pass(snare.passing, "adapter.write.before", acting_for)
        request(self, method, *args, **kwargs)
        _pass(snare.passing, "adapter.write.after", acting_for)

    HTTPConnection.request = writing  # type: ignore[method-assign]


def install_ib(snare: Snare) -> None:
    """Wrap the IB adapter."""
    from services.ib_adapter.gateway import IbGateway
    from services.ib_adapter.revision_log import RevisionLog
    from services.ib_adapter.send_log import SendLog
    from services.ib_adapter.wire import Wire

    install_adapter(snare)
    _of_gateway(IbGateway, snare.passing)
    _around_acting(SendLog, "begin", "adapter.log", snare.passing)
    _around_acting(RevisionLog, "begin", "adapter.log", snare.passing)
    for name in ("place", "place_together", "cancel"):
        _around_write(Wire, name, snare.passing)


# -- how a port is wrapped -------------------------------------------------------------------


def _pass(point: Point, name: str, client_id: str) -> None:
    if client_id:
        point(name, client_id.partition("~")[0])


def _client_id(args: tuple[Any, ...], kwargs: dict[str, Any]) -> str:
    """The id that a call is about: its first argument, or that of an order's terms."""
    first = args[0] if args else kwargs.get("client_id", "")
    return str(getattr(first, "client_order_id", first))


def _around(owner: type[Any], name: str, boundary: str, point: Point) -> None:
    """An async method about the order that its first argument names."""
    inner: Callable[..., Awaitable[Any]] = getattr(owner, name)

    @functools.wraps(inner)
    async def outer(self: Any, *args: Any, **kwargs: Any) -> Any:
        client_id = _client_id(args, kwargs)
        _pass(point, f"{boundary}.before", client_id)
        try:
            return await inner(self, *args, **kwargs)
        finally:
            _pass(point, f"{boundary}.after", client_id)

    setattr(owner, name, outer)


def _acting(owner: type[Any], name: str, boundary: str, point: Point) -> None:
    """An async method whose tasks all work for the order that its first argument names."""
    inner: Callable[..., Awaitable[Any]] = getattr(owner, name)

    @functools.wraps(inner)
    async def outer(self: Any, *args: Any, **kwargs: Any) -> Any:
        client_id = _client_id(args, kwargs)
        _pass(point, boundary, client_id)
        token = _acting_for.set(client_id)
        try:
            return await inner(self, *args, **kwargs)
        finally:
            _acting_for.reset(token)

    setattr(owner, name, outer)


def _around_acting(owner: type[Any], name: str, boundary: str, point: Point) -> None:
    """An async method about the order that this task works for."""
    inner: Callable[..., Awaitable[Any]] = getattr(owner, name)

    @functools.wraps(inner)
    async def outer(self: Any, *args: Any, **kwargs: Any) -> Any:
        _pass(point, f"{boundary}.before", _acting_for.get())
        try:
            return await inner(self, *args, **kwargs)
        finally:
            _pass(point, f"{boundary}.after", _acting_for.get())

    setattr(owner, name, outer)


def _before_call(owner: type[Any], name: str, boundary: str, point: Point) -> None:
    """A plain method about the order that its first argument is of."""
    inner: Callable[..., Any] = getattr(owner, name)

    @functools.wraps(inner)
    def outer(self: Any, subject: Any, *args: Any, **kwargs: Any) -> Any:
        _pass(point, boundary, subject.client_id)
        return inner(self, subject, *args, **kwargs)

    setattr(owner, name, outer)


def _around_write(owner: type[Any], name: str, point: Point) -> None:
    """A plain method that writes to the broker for the order that this task works for."""
    inner: Callable[..., Any] = getattr(owner, name)

    @functools.wraps(inner)
    def outer(self: Any, *args: Any, **kwargs: Any) -> Any:
        _pass(point, "adapter.write.before", _acting_for.get())
        inner(self, *args, **kwargs)
        _pass(point, "adapter.write.after", _acting_for.get())

    setattr(owner, name, outer)


def _of_gateway(owner: type[Any], point: Point) -> None:
    """A gateway's answers: what the broker said is known here, and nobody else has it yet."""
    for op in _OPS:
        inner: Callable[..., Awaitable[Any]] = getattr(owner, op)
        setattr(owner, op, _answering(inner, point))
    _around_lookup(owner, point)


def _answering(inner: Callable[..., Awaitable[Any]], point: Point) -> Callable[..., Any]:
    @functools.wraps(inner)
    async def outer(self: Any, *args: Any, **kwargs: Any) -> Any:
        try:
            return await inner(self, *args, **kwargs)
        finally:
            _pass(point, "adapter.answered", _acting_for.get())

    return outer


def _around_lookup(owner: type[Any], point: Point) -> None:
    inner: Callable[..., Awaitable[Any]] = owner.find_order

    @functools.wraps(inner)
    async def outer(self: Any, **kwargs: Any) -> Any:
        client_id = kwargs.get("client_id", "")
        _pass(point, "adapter.lookup.before", client_id)
        try:
            return await inner(self, **kwargs)
        finally:
            _pass(point, "adapter.lookup.after", client_id)

    owner.find_order = outer


def _around_publish(owner: type[Any], point: Point) -> None:
    """What the adapter hears of fills, before and after it can be told to the router."""
    inner: Callable[..., None] = owner.publish

    @functools.wraps(inner)
    def outer(self: Any, *events: Any) -> None:
        filled = [event.client_id for event in events if hasattr(event, "exec_id")]
        for client_id in filled:
            _pass(point, "adapter.fill.before", client_id)
        inner(self, *events)
        for client_id in filled:
            _pass(point, "adapter.fill.after", client_id)

    owner.publish = outer


def _told_of_epoch(owner: type[Any], snare: Snare) -> None:
    """Who has taken the journal is the router from then on."""
    inner: Callable[..., int] = owner.take_epoch

    @functools.wraps(inner)
    def outer(self: Any) -> int:
        epoch = inner(self)
        snare.leads()
        return epoch

    owner.take_epoch = outer


def _around_append(owner: type[Any], point: Point) -> None:
    """The journal's commits, by what is in them."""
    inner: Callable[..., None] = owner.append

    @functools.wraps(inner)
    def outer(self: Any, entries: Any, epoch: int) -> None:
        passed = list(_journaled(entries))
        for boundary, client_order_id in passed:
            _pass(point, f"router.{boundary}.before", client_order_id)
        inner(self, entries, epoch)
        for boundary, client_order_id in passed:
            _pass(point, f"router.{boundary}.after", client_order_id)

    owner.append = outer


def _journaled(entries: Iterable[Any]) -> Iterable[tuple[str, str]]:
    """Which boundaries a commit is, each once for an order."""
    found: dict[tuple[str, str], None] = {}
    for entry in entries:
        record = json.loads(entry.data)
        for boundary, kinds in _JOURNALED:
            if record["kind"] in kinds:
                body = record["body"]
                told = body.get("client_order_id") or body["spec"]["client_order_id"]
                found[boundary, told] = None
    return found
