"""Pages of a list in falling order of a key that never changes: a token is the last key told.

Items that come later have keys of their own, so paging on neither repeats nor misses an item.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TypeVar

from services.common.contract.pb import types_pb2
from services.common.domain.errors import InvalidRequest, Reason

Item = TypeVar("Item")

PAGE_SIZE_DEFAULT = 100
PAGE_SIZE_MAX = 1000
_TOKEN = re.compile(r"-?[0-9]{1,18}", re.ASCII)


@dataclass(frozen=True, slots=True)
class PageLimits:
    """How many a page has, and below which key it begins; None for the beginning."""

    size: int
    after: int | None

    @classmethod
    def of(cls, page: types_pb2.PageRequest) -> PageLimits:
        """Read a request; raises InvalidRequest naming page.page_size or page.page_token."""
        if not 0 <= page.page_size <= PAGE_SIZE_MAX:
            raise InvalidRequest("page.page_size", f"must be 0 to {PAGE_SIZE_MAX}")
        after = _parse(page.page_token) if page.page_token else None
        return cls(page.page_size or PAGE_SIZE_DEFAULT, after)


def page_of(
    items: Iterable[Item], page: types_pb2.PageRequest, key: Callable[[Item], int]
) -> tuple[list[Item], str]:
    """One page of `items`, which are in falling order of `key`, and the next page's token.

    Raises InvalidRequest naming page.page_size or page.page_token.
    """
    limits = PageLimits.of(page)
    found: list[Item] = []
    for item in items:
        if limits.after is not None and key(item) >= limits.after:
            continue
        if len(found) == limits.size:
            return found, str(key(found[-1]))
        found.append(item)
    return found, ""


def _parse(token: str) -> int:
    if _TOKEN.fullmatch(token) is None:
        raise InvalidRequest(
            "page.page_token", "not a token of this list", reason=Reason.INVALID_TOKEN
        )
    return int(token)
