"""The trade_updates websocket: sessions that are told of order events, without any replay."""

import asyncio
import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from simulators.alpaca.http import to_json
from simulators.alpaca.order_json import with_legs
from simulators.alpaca.wire_values import plain, wire_time
from simulators.control.faults import Fault, FaultBook, Incident, Kind, Place
from simulators.venue.misreports import ToldFill, Wrong, misreported
from simulators.venue.orders import ComboFill, EventKind, OrderEvent
from simulators.venue.venue import Venue

_QUEUE_MAX = 4096
_TRADE_UPDATES = "trade_updates"
_UNTOLD = (EventKind.HELD, EventKind.ACCEPTED_FOR_BIDDING, EventKind.PENDING_REVIEW)


Follower = Callable[[OrderEvent, dict[str, Any]], None]


class StreamSession:
    """One client of the stream: give it what the client sends, send the client what is `outgoing`.

    None in `outgoing` means: close the connection. The queue is bounded; a client that lets it
    run full is disconnected, since a gap in the middle would be worse than one at the end.
    """

    def __init__(self, is_key: Callable[[str, str], bool]) -> None:
        self.outgoing: asyncio.Queue[bytes | None] = asyncio.Queue(_QUEUE_MAX)
        self._is_key = is_key
        self._authorized = False
        self._streams: list[str] = []
        self._closed = False

    @property
    def listens(self) -> bool:
        """Whether order events go to this client."""
        return self._authorized and _TRADE_UPDATES in self._streams and not self._closed

    def receive(self, frame: str | bytes) -> None:
        """Takes one frame from the client."""
        try:
            message = json.loads(frame)
        except (ValueError, RecursionError):
            self._tell("error", {"error": "invalid message"})
            return
        if not isinstance(message, dict):
            self._tell("error", {"error": "invalid message"})
        elif message.get("action") in ("authenticate", "auth"):
            self._authenticate(message)
        elif message.get("action") == "listen":
            self._listen(message)
        else:
            self._tell("error", {"error": "unknown action"})

    def send(self, frame: bytes) -> None:
        """Queues a frame; a full queue ends the session."""
        if self._closed:
            return
        try:
            self.outgoing.put_nowait(frame)
        except asyncio.QueueFull:
            self.close()

    def close(self) -> None:
        """Ends the session; what is still queued is not sent."""
        if self._closed:
            return
        self._closed = True
        while not self.outgoing.empty():
            self.outgoing.get_nowait()
        self.outgoing.put_nowait(None)

    def _authenticate(self, message: dict[str, Any]) -> None:
        data = message.get("data")
        given = data if isinstance(data, dict) else message
        token = given.get("oauth_token")
        key = given.get("key_id", given.get("key", "oauth" if token else None))
        secret = given.get("secret_key", given.get("secret", token))
        self._authorized = self._is_key(str(key), str(secret))
        status = "authorized" if self._authorized else "unauthorized"
        self._tell("authorization", {"status": status, "action": "authenticate"})

    def _listen(self, message: dict[str, Any]) -> None:
        if not self._authorized:
            self._tell("authorization", {"status": "unauthorized", "action": "listen"})
            return
        data = message.get("data")
        wanted = data.get("streams") if isinstance(data, dict) else None
        names = wanted if isinstance(wanted, list) else []
        self._streams = [name for name in names if name == _TRADE_UPDATES]
        self._tell("listening", {"streams": self._streams})

    def _tell(self, stream: str, data: dict[str, Any]) -> None:
        self.send(to_json({"stream": stream, "data": data}))


class TradeUpdates:
    """Sends each order event to every session that listens, through the event faults."""

    def __init__(
        self, venue: Venue, account_id: str, faults: FaultBook, is_key: Callable[[str, str], bool]
    ) -> None:
        self._venue = venue
        self._account_id = account_id
        self._faults = faults
        self._is_key = is_key
        self._sessions: dict[StreamSession, None] = {}
        self._held: list[bytes] = []
        self._reordered: list[bytes] = []
        self._followers: list[tuple[Follower, Callable[[], None]]] = []
        venue.subscribe(self._heard)

    def follow(self, follower: Follower, disconnected: Callable[[], None]) -> None:
        """Calls the first with each event and its content, the second when all are cut off."""
        self._followers.append((follower, disconnected))

    @property
    def session_count(self) -> int:
        """How many clients are connected."""
        return len(self._sessions)

    @property
    def listening_count(self) -> int:
        """How many of them are authorised and subscribed."""
        return sum(session.listens for session in self._sessions)

    def connect(self) -> StreamSession | None:
        """A session for a new client; None if it is to be refused."""
        if self._faults.strike(Incident(Place.CONNECT)) is not None:
            return None
        session = StreamSession(self._is_key)
        self._sessions[session] = None
        return session

    def disconnected(self, session: StreamSession) -> None:
        """The client is gone."""
        self._sessions.pop(session, None)
        session.close()

    def disconnect_all(self) -> int:
        """Ends all sessions; returns how many there were."""
        sessions = list(self._sessions)
        for session in sessions:
            self.disconnected(session)
        for _, disconnected in self._followers:
            disconnected()
        return len(sessions)

    def release(self) -> int:
        """Sends what a hold or an unfinished reorder keeps back; returns how many frames."""
        frames = self._held + self._reordered
        self._held, self._reordered = [], []
        for frame in frames:
            self._send(frame)
        return len(frames)

    def _heard(self, event: OrderEvent) -> None:
        if event.order.account_id != self._account_id or not _is_told(event):
            return
        update = self._update(event)
        for follower, _ in self._followers:
            follower(event, update)
        incident = Incident(
            Place.EVENT, client_order_id=event.order.client_order_id, event=event.kind.value
        )
        fault = self._faults.strike(incident)
        if fault is not None and fault.spec.action.kind is Kind.MISREPORT:
            update |= self._falsely(event, fault.spec.action.wrong)
        frame = to_json({"stream": _TRADE_UPDATES, "data": update})
        for faulty in self._through(fault, frame):
            self._send(faulty)

    def _through(self, fault: Fault | None, frame: bytes) -> list[bytes]:
        """What goes out now in place of that frame."""
        if fault is None:
            return [frame]
        kind = fault.spec.action.kind
        if kind is Kind.MISREPORT:
            return [frame]
        if kind is Kind.DUPLICATE:
            return [frame, frame]
        if kind is Kind.GARBLE:
            return [frame[: len(frame) // 2]]
        if kind is Kind.HOLD:
            self._held.append(frame)
        elif kind is Kind.REORDER:
            self._reordered.append(frame)
            if fault.left == 0:
                frames, self._reordered = self._reordered[::-1], []
                return frames
        elif kind is Kind.DISCONNECT:
            self.disconnect_all()
        return []

    def _falsely(self, event: OrderEvent, wrong: Wrong) -> dict[str, Any]:
        """What is false in the word of a fill; nothing of another event."""
        if event.booking is None:
            return {}
        execution = event.booking.execution
        order = execution.order
        fill = ToldFill(
            order.instrument, order.side, execution.last_qty, execution.last_px, execution.cum_qty
        )
        told = misreported(fill, wrong, self._venue.catalog)
        asked = replace(order.asked, symbol=told.instrument.symbol, side=told.side)
        shown = with_legs(replace(order, asked=asked, instrument=told.instrument), self._venue.desk)
        return {"price": plain(told.px), "qty": plain(told.qty), "order": shown}

    def _send(self, frame: bytes) -> None:
        for session in list(self._sessions):
            if session.listens:
                session.send(frame)

    def _update(self, event: OrderEvent) -> dict[str, Any]:
        booking = event.booking
        update: dict[str, Any] = {
            "event": event.kind.value,
            # Alpaca gives every event an id under this name, not only fills.
            "execution_id": self._venue.randomness.uuid("event_id"),
            "order": with_legs(event.order, self._venue.desk),
            "timestamp": wire_time(event.at),
        }
        if event.order.is_combo:
            del update["execution_id"]
            if event.combo is not None:
                update.update(_combo_fill(event.combo))
        if booking is not None:
            update["execution_id"] = booking.execution.exec_id
            update["price"] = plain(booking.execution.last_px)
            update["qty"] = plain(booking.execution.last_qty)
            update["position_qty"] = plain(booking.position_qty)
        return update


def _is_told(event: OrderEvent) -> bool:
    """Legs of a multi-leg order are told with their parent; some steps are no events at Alpaca."""
    return event.kind not in _UNTOLD and not event.order.is_combo_leg


def _combo_fill(fill: ComboFill) -> dict[str, Any]:
    executions = [booking.execution for booking in fill.legs]
    return {
        "price": plain(fill.last_px),
        "qty": plain(fill.last_qty),
        "legs": [
            {
                "execution_id": execution.exec_id,
                "order_id": execution.order.venue_order_id,
                "symbol": execution.order.symbol,
                "qty": plain(execution.last_qty),
                "price": plain(execution.last_px),
                "timestamp": wire_time(execution.at),
            }
            for execution in executions
        ],
    }
