"""Ids of orders that were found at a venue: ours to make, since nobody asked us for the order.

A client of ours never has such an id: the first part is reserved. Both are made of nothing but
the venue's own id, so whoever adopts the order, and however often, comes to the same ones.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Final

from services.common.domain.order_spec import CLIENT_ORDER_ID

RESERVED_PREFIX: Final = "external-"
_HASH_LEN: Final = 40
_MARK: Final = "external"


@dataclass(frozen=True, slots=True)
class ExternalId:
    """`external~{account_id}~{venue}~{venue_order_id}`: an external order's placement id.

    No venue ever sees it; a port reads out of it by which of the venue's own ids to ask.
    """

    account_id: str
    venue: str
    venue_order_id: str

    def __str__(self) -> str:
        return "~".join((_MARK, self.account_id, self.venue, self.venue_order_id))

    @property
    def client_order_id(self) -> str:
        """`external-{venue}-{venue_order_id}`, or with a hash of both if that is no such id."""
        plain = f"{RESERVED_PREFIX}{self.venue}-{self.venue_order_id}"
        if CLIENT_ORDER_ID.fullmatch(plain):
            return plain
        named = f"{self.venue}~{self.venue_order_id}".encode()
        return f"{RESERVED_PREFIX}{hashlib.sha256(named).hexdigest()[:_HASH_LEN]}"

    @classmethod
    def parse(cls, text: str) -> ExternalId | None:
        """Read one; None if `text` is not of this form."""
        parts = text.split("~", 3)
        return cls(*parts[1:]) if len(parts) == 4 and parts[0] == _MARK else None
