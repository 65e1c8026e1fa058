"""Lists that come in pages: iterate them, or take them whole with where to watch from."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Generic, TypeVar

from tandem_client.errors import MalformedReply

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Page(Generic[T]):
    """One page: its items, the token of the next page (empty at the end), and its moment."""

    items: tuple[T, ...]
    next_page_token: str
    as_of: datetime | None
    watch_token: str


@dataclass(frozen=True, slots=True)
class Listing(Generic[T]):
    """A whole list, complete up to `as_of`. Watch from `watch_token` to miss nothing after it."""

    items: tuple[T, ...]
    as_of: datetime | None
    watch_token: str


class Pages(Generic[T]):
    """A list that is fetched page by page as it is iterated; each page is one call.

    A page that fails raises: the items before it are not the list.
    """

    def __init__(self, fetch: Callable[[str], Awaitable[Page[T]]]) -> None:
        self._fetch = fetch

    async def __aiter__(self) -> AsyncIterator[T]:
        async for page in self._pages():
            for item in page.items:
                yield item

    async def all(self) -> Listing[T]:
        """Fetch every page. Figures and token are of the first: what came later is in events."""
        pages = [page async for page in self._pages()]
        items = tuple(item for page in pages for item in page.items)
        return Listing(items, pages[0].as_of, pages[0].watch_token)

    async def _pages(self) -> AsyncIterator[Page[T]]:
        asked: set[str] = set()
        token = ""
        while token not in asked:
            asked.add(token)
            page = await self._fetch(token)
            yield page
            token = page.next_page_token
            if not token:
                return
        raise MalformedReply("the pages of a list run in a circle")
