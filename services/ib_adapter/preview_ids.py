"""The numbers of previews: a what-if is an order on the wire, and must never become one."""

from __future__ import annotations

from collections import OrderedDict
from typing import Final

PREVIEW_REF: Final = "~preview"
"""The reference of every preview. No order has it: `~` is in no id of a client's."""

KEPT_MAX: Final = 10_000


class PreviewIds:
    """Numbers under which previews were asked for; beyond `KEPT_MAX` the oldest is forgotten."""

    def __init__(self, client_id: int) -> None:
        self._client_id = client_id
        self._numbers: OrderedDict[int, None] = OrderedDict()

    def add(self, order_id: int) -> None:
        """A preview goes out under this number."""
        self._numbers[order_id] = None
        while len(self._numbers) > KEPT_MAX:
            self._numbers.popitem(last=False)

    def has(self, client_id: int, order_id: int, order_ref: str = "") -> bool:
        """Whether what is told of an order is of one that was to be a preview only."""
        is_own = client_id == self._client_id and order_id in self._numbers
        return is_own or order_ref == PREVIEW_REF
