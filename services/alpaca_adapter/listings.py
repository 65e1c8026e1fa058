"""Orders and fills, looked up one by one or listed to the very end.

A list is complete or it is ReadFailed. Orders page backwards by time: the next page begins a
little before the last order of this one, so that orders of one instant are not lost at the edge,
and what comes twice is taken once. Fills page by the id of the last one.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, Final
from urllib.parse import quote

from services.alpaca_adapter import wire_fields
from services.alpaca_adapter.order_reading import lacks_legs
from services.alpaca_adapter.reads import Reader
from services.alpaca_adapter.wire_fields import Record, Unreadable
from services.common.domain.errors import ReadFailed

ORDERS_PAGE: Final = 500
FILLS_PAGE: Final = 100
# Alpaca's lists compare times to the microsecond at best, and its answers show nanoseconds.
_EDGE_NS: Final = 2_000
_TICK: Final = timedelta(microseconds=2)


class Listings:
    """Reads orders and FILL activities as Alpaca's own JSON objects."""

    def __init__(self, reader: Reader) -> None:
        self._reader = reader

    async def order_by_client_id(self, client_id: str) -> Record | None:
        """The order under a client id, None if Alpaca says that there is none."""
        params = {"client_order_id": client_id}
        order = await self._reader.find("/orders:by_client_order_id", params)
        found = self._checked(order, "client_order_id", client_id)
        if found is None or not lacks_legs(found):
            return found
        # By client id Alpaca does not promise legs; by its own id it does.
        return await self.order_by_id(_id(found)) or found

    async def order_by_id(self, venue_order_id: str, until: float | None = None) -> Record | None:
        """The order of an id of Alpaca's, with its legs; None if Alpaca says there is none."""
        path = f"/orders/{quote(venue_order_id, safe='')}"
        order = await self._reader.find(path, {"nested": "true"}, until=until)
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

        Orders with nested legs hold them in `legs`.
        """
        params = {
            "status": "open" if open_only else "all",
            "limit": str(ORDERS_PAGE),
            "direction": "desc",
            "nested": "true",
        } | _window(after, before)
        return await self._order_pages(params, until or self._reader.list_until())

    async def fills(
        self,
        *,
        after: datetime | None = None,
        before: datetime | None = None,
        until: float | None = None,
    ) -> list[Record]:
        """All FILL activities from `after` on and before `before` (both roughly), newest first."""
        params = {"direction": "desc", "page_size": str(FILLS_PAGE)} | _window(after, before)
        return await self._fill_pages(params, until or self._reader.list_until())

    async def _order_pages(self, params: dict[str, str], until: float) -> list[Record]:
        found: dict[str, Record] = {}
        while True:
            page = await self._page("/orders", params, until)
            known = len(found)
            found |= {_id(order): order for order in page if _id(order) not in found}
            if len(page) < ORDERS_PAGE:
                return list(found.values())
            if len(found) == known:
                raise ReadFailed("Alpaca lists more orders of one instant than fit a page")
            params = params | {"until": _edge(page[-1])}

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


def _window(after: datetime | None, before: datetime | None) -> dict[str, str]:
    """Bounds a little wider than asked for: Alpaca leaves out what lies on them."""
    window = {}
    if after is not None:
        window["after"] = wire_fields.wire_time(after - _TICK)
    if before is not None:
        window["until"] = wire_fields.wire_time(before + _TICK)
    return window


def _id(item: Record) -> str:
    found = wire_fields.text(item, "id")
    if not found:
        raise ReadFailed("an item of a list has no id")
    return found


def _edge(order: Record) -> str:
    """The time just after an order, from which the next page goes on backwards."""
    times = [wire_fields.nanoseconds(order.get(name)) for name in ("submitted_at", "created_at")]
    known = [at for at in times if at is not None]
    if not known:
        raise ReadFailed("an order without a time ends a page; the next one can't be asked for")
    return wire_fields.wire_time(wire_fields.from_nanoseconds(max(known) + _EDGE_NS))
