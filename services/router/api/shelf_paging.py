"""Pages of what lies on a shelf of the books, newest first: only what is looked at is read.

A list that few things fit may look at many; between some of them other tasks have their turn.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, Final, TypeVar

from services.common.contract.pb import types_pb2
from services.router.api.paging import PageLimits
from services.router.books.shelf import Shelf

Item = TypeVar("Item")

_SLICE_LEN: Final = 50


async def shelf_page(
    shelf: Shelf[Any, Item],
    page: types_pb2.PageRequest,
    key: Callable[[Item], int],
    fits: Callable[[Item], bool],
) -> tuple[list[Item], str]:
    """One page of what fits, in falling order of `key`, which rises along the shelf, and the next
    page's token. Raises InvalidRequest as `page_of`."""
    limits = PageLimits.of(page)
    below = len(shelf) if limits.after is None else _place_of(shelf, key, limits.after)
    found: list[Item] = []
    for number, (_, _, item) in enumerate(shelf.placed_back(below), start=1):
        if number % _SLICE_LEN == 0:
            await asyncio.sleep(0)
        if not fits(item):
            continue
        if len(found) == limits.size:
            return found, str(key(found[-1]))
        found.append(item)
    return found, ""


def _place_of(shelf: Shelf[Any, Item], key: Callable[[Item], int], after: int) -> int:
    """The first place of which the key is not below `after`."""
    low, high = 0, len(shelf)
    while low < high:
        middle = (low + high) // 2
        if key(shelf.at(middle)) < after:
            low = middle + 1
        else:
            high = middle
    return low
