"""Orders and fills, looked up one by one or listed to the very end.

A list is complete or it is ReadFailed. Orders page backwards by time: the next page begins a
little before the last order of this one, so that orders of one instant are not lost at the edge,
and what comes twice is taken once. Where more orders share an instant than fit a page, they page
by the id of the last one, as fills always do.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from urllib.parse import quote

from services.alpaca_adapter import wire_fields
from services.alpaca_adapter.order_reading import lacks_legs
from services.alpaca_adapter.order_words import ORDER_CLASSES
from services.alpaca_adapter.reads import Reader
from services.alpaca_adapter.wire_fields import Record, Unreadable
from services.common.adapter.budget import Priority
from services.common.domain.errors import ReadFailed
from services.common.domain.order_terms import OrderClass

ORDERS_PAGE: Final = 500
FILLS_PAGE: Final = 100
# Alpaca's lists compare times to the microsecond at best, and its answers show nanoseconds.
_EDGE_NS: Final = 2_000
_TICK: Final = timedelta(microseconds=2)
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


class Listings:
    """Reads orders and FILL activities as Alpaca's own JSON objects."""

    def __init__(self, reader: Reader) -> None:
        self._reader = reader

    async def order_by_client_id(
        self, client_id: str, priority: Priority = Priority.READ
    ) -> Record | None:
        """The order under a client id, with its legs; None if Alpaca says that there is none."""
        params = {"client_order_id": client_id}
        path = "/orders:by_client_order_id"
        order = await self._reader.find(path, params, priority=priority)
        found = self._checked(order, "client_order_id", client_id)
        if found is None or not lacks_legs(found):
            return found
        # By client id Alpaca does not promise legs; by its own id it does.
        return await self.order_by_id(_id(found)) or found

    async def order_by_id(
        self,
        venue_order_id: str,
        until: float | None = None,
        priority: Priority = Priority.READ,
    ) -> Record | None:
        """The order of an id of Alpaca's, with its legs; None if Alpaca says there is none."""
        path = f"/orders/{quote(venue_order_id, safe='')}"
        params = {"nested": "true"}
        order = await self._reader.find(path, params, until=until, priority=priority)
        return self._checked(order, "id", venue_order_id)

    async def orders(
        self,
        *,
        open_only: bool,
        after: datetime | None = None,
        before: datetime | None = None,
        until: float | None = None,
    ) -> list[Record]:
        """All orders submitted from `after` on and before `before` (both roughly), newest first.

        Orders that have legs or exits hold them in `legs`; exits whose order is not in the list
        stand for themselves. Both takes two lists, since only the flat one is known to have the
        exits of a filled order, and only the nested one says whose they are.
        """
        until = until or self._reader.list_until()
        window = _Window(after, before)
        flat = await self._order_pages(_orders_query(open_only, nested=False), window, until)
        if all(_is_simple(order) for order in flat):
            return flat
        nested = await self._order_pages(_orders_query(open_only, nested=True), window, until)
        shown = {_id(order) for top in nested for order in _with_legs(top)}
        return nested + [order for order in flat if _id(order) not in shown]

    async def fills(
        self,
        *,
        after: datetime | None = None,
        before: datetime | None = None,
        until: float | None = None,
    ) -> list[Record]:
        """All FILL activities from `after` on and before `before` (both roughly), newest first."""
        params = {"direction": "desc", "page_size": str(FILLS_PAGE)} | _Window(after, before).bounds
        return await self._fill_pages(params, until or self._reader.list_until())

    async def _order_pages(
        self, query: dict[str, str], window: _Window, until: float
    ) -> list[Record]:
        found: dict[str, Record] = {}
        params = query | window.bounds
        while True:
            page = await self._page("/orders", params, until)
            known = len(found)
            found |= {_id(order): order for order in page if _id(order) not in found}
            if len(page) < ORDERS_PAGE:
                return list(found.values())
            if len(found) == known:
                await self._after_one_instant(page[-1], found, query, window, until)
                return list(found.values())
            params = params | {"until": _edge(page[-1])}

    async def _after_one_instant(
        self,
        last: Record,
        found: dict[str, Record],
        query: dict[str, str],
        window: _Window,
        until: float,
    ) -> None:
        """Read on by ids where more orders share an instant than time can page through.

        Ids can't be combined with times, so the end is found here. That no order of the instant
        was passed over is checked from its other side.
        """
        instant = last
        while True:
            page = await self._page("/orders", query | {"before_order_id": _id(last)}, until)
            if page and all(_id(order) in found for order in page):
                raise ReadFailed("Alpaca gives the same page of orders again")
            found |= {_id(order): order for order in page if window.holds(order)}
            if len(page) < ORDERS_PAGE or not window.holds(page[-1]):
                break
            last = page[-1]
        bounds = {"after": _edge(instant, -_EDGE_NS), "until": _edge(instant)}
        other_side = await self._page("/orders", query | bounds | {"direction": "asc"}, until)
        if any(_id(order) not in found for order in other_side):
            raise ReadFailed("Alpaca passed over orders of one instant")

    async def _fill_pages(self, params: dict[str, str], until: float) -> list[Record]:
        found: dict[str, Record] = {}
        while True:
            page = await self._page("/account/activities/FILL", params, until)
            known = len(found)
            found |= {_id(fill): fill for fill in page}
            if len(page) < FILLS_PAGE:
                return list(found.values())
            if len(found) == known:
                raise ReadFailed("Alpaca gives the same page of fills again")
            params = params | {"page_token": _id(page[-1])}

    async def _page(self, path: str, params: Mapping[str, str], until: float) -> list[Record]:
        content = await self._reader.read(path, params, until=until)
        if not isinstance(content, list):
            raise ReadFailed(f"{path}: not a list")
        try:
            return [wire_fields.record(item, "an item") for item in content]
        except Unreadable as error:
            raise ReadFailed(f"{path}: {error}") from error

    def _checked(self, order: Any, name: str, wanted: str) -> Record | None:
        """The order if it is the one that was asked for; an answer to another question isn't."""
        if order is None:
            return None
        if not isinstance(order, dict) or order.get(name) != wanted:
            raise ReadFailed(f"Alpaca answered with something else than the order {wanted[:64]}")
        return order


@dataclass(frozen=True, slots=True)
class _Window:
    """From `after` on and before `before`, a little wider: Alpaca leaves out what lies on them."""

    after: datetime | None
    before: datetime | None

    @property
    def bounds(self) -> dict[str, str]:
        """The same as parameters."""
        bounds = {}
        if self.after is not None:
            bounds["after"] = wire_fields.wire_time(self.after - _TICK)
        if self.before is not None:
            bounds["until"] = wire_fields.wire_time(self.before + _TICK)
        return bounds

    def holds(self, order: Record) -> bool:
        """Whether an order was not submitted before it; the end is where a list begins."""
        return self.after is None or _submitted_ns(order) >= _since_1970_ns(self.after - _TICK)


def _orders_query(open_only: bool, *, nested: bool) -> dict[str, str]:
    return {
        "status": "open" if open_only else "all",
        "limit": str(ORDERS_PAGE),
        "direction": "desc",
        "nested": "true" if nested else "false",
    }


def _is_simple(order: Record) -> bool:
    return ORDER_CLASSES.get(wire_fields.text(order, "order_class")) is OrderClass.SIMPLE


def _with_legs(order: Record) -> Iterator[Record]:
    """An order and what is nested in it."""
    yield order
    try:
        legs = wire_fields.records(order, "legs")
    except Unreadable as error:
        raise ReadFailed(f"an order's legs can't be read: {error}") from error
    for leg in legs:
        yield from _with_legs(leg)


def _id(item: Record) -> str:
    found = wire_fields.text(item, "id")
    if not found:
        raise ReadFailed("an item of a list has no id")
    return found


def _edge(order: Record, by_ns: int = _EDGE_NS) -> str:
    """The time just after an order, from which the next page goes on backwards."""
    return wire_fields.wire_time(wire_fields.from_nanoseconds(_submitted_ns(order) + by_ns))


def _submitted_ns(order: Record) -> int:
    times = [wire_fields.nanoseconds(order.get(name)) for name in ("submitted_at", "created_at")]
    known = [at for at in times if at is not None]
    if not known:
        raise ReadFailed("an order without a time ends a page; the next one can't be asked for")
    return max(known)


def _since_1970_ns(at: datetime) -> int:
    return (at - _EPOCH) // timedelta(microseconds=1) * 1_000
