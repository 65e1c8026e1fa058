"""Whose exit or leg an order is, if nobody has told: looked for where its order must be listed.

Alpaca shows parents by nesting only. Legs and exits are made with their order, so that is listed
at the same moment; what has replaced an exit leads back to the exit.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta
from typing import Final

import structlog

from services.alpaca_adapter import wire_fields
from services.alpaca_adapter.family import NOBODY, Family
from services.alpaca_adapter.listings import Listings
from services.alpaca_adapter.wire_fields import Record

_log = structlog.stdlib.get_logger(__name__)

_AROUND: Final = timedelta(seconds=2)
_REVISIONS_MAX: Final = 50


class Ancestry:
    """Looks for the parents that a family does not know."""

    def __init__(self, listings: Listings, family: Family) -> None:
        self._listings = listings
        self._family = family

    async def learn(self, orders: Iterable[Record]) -> None:
        """Find the parents of those that must have one. Raises ReadFailed, and Unreadable.

        One whose parent can't be found is taken for an order of its own from then on.
        """
        for order in orders:
            self._family.learn(order)
        for order in orders:
            if self._family.is_orphan(order):
                await self._find(order)

    async def _find(self, order: Record) -> None:
        chain = [order]
        while len(chain) < _REVISIONS_MAX and self._family.parent_of(chain[-1]) is None:
            before = wire_fields.text(chain[-1], "replaces")
            found = await self._listings.order_by_id(before) if before else None
            if found is None:
                await self._list_around(chain[-1])
                break
            chain.append(found)
        parent = self._family.parent_of(chain[-1])
        if parent is None:
            _log.error("parent_not_found", venue_order_id=wire_fields.text(order, "id"))
        for part in chain:
            self._family.adopt(wire_fields.text(part, "id"), parent or NOBODY)

    async def _list_around(self, order: Record) -> None:
        made = wire_fields.time(order, "created_at")
        if made is None:
            return
        for other in await self._listings.orders(
            open_only=False, after=made - _AROUND, before=made + _AROUND
        ):
            self._family.learn(other)
