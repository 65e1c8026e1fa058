"""WatchEvents at the router: durable events from now or from a token, with heartbeats."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping

from services.common.contract.convert import duration_from_wire
from services.common.contract.pb import broker_service_pb2 as pb
from services.common.contract.pb import events_pb2
from services.common.domain.errors import InvalidRequest
from services.common.runtime.clock import Clock
from services.router.api.wire import event_to_wire, heartbeat
from services.router.books.entries import BookEvent, VenueEntry
from services.router.books.watching import WatchEnded, Watching

HEARTBEAT_DEFAULT_S = 5.0
_HEARTBEAT_RANGE_S = (1.0, 60.0)


async def watch_events(
    request: pb.WatchEventsRequest,
    watching: Watching,
    clock: Clock,
    tags: Mapping[tuple[str, str], str],
) -> AsyncIterator[events_pb2.Event]:
    """The stream of one watcher; a heartbeat comes first, so that it knows where it begins."""
    interval_s = _interval(request)
    subscription = watching.subscribe(request.resume_token)
    try:
        yield heartbeat(clock.now(), request.resume_token or watching.token())
        last_token = request.resume_token or watching.token()
        while True:
            try:
                event = await subscription.next(interval_s)
            except WatchEnded:
                return
            if event is None:
                yield heartbeat(clock.now(), last_token)
                continue
            last_token = watching.token(event)
            if request.account_id in ("", event.account_id) or event.account_id == "":
                yield event_to_wire(event, last_token, _tag(event, tags))
    finally:
        watching.unsubscribe(subscription)


def _interval(request: pb.WatchEventsRequest) -> float:
    if not request.HasField("heartbeat_interval"):
        return HEARTBEAT_DEFAULT_S
    interval_s = duration_from_wire(request.heartbeat_interval, "heartbeat_interval")
    low, high = _HEARTBEAT_RANGE_S
    if not low <= interval_s <= high:
        raise InvalidRequest("heartbeat_interval", f"must be {low:g} to {high:g} s")
    return interval_s


def _tag(event: BookEvent, tags: Mapping[tuple[str, str], str]) -> str:
    if isinstance(event.told, VenueEntry):
        return tags.get((event.told.account_id, event.told.venue), "")
    return ""
