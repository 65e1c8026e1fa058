"""Pages of lists that were read once, in full.

The venue's lists can't be cut anew for each page: orders come and end meanwhile, and a list whose
second page was read later is complete at no time. So the first page reads everything; the rest is
kept for a bounded time under the token, and every page shows the same `as_of`.
"""

from __future__ import annotations

import re
import secrets
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, Generic, TypeVar

from services.common.contract.pb import types_pb2
from services.common.domain.errors import InvalidRequest, Reason, Refused
from services.common.runtime.clock import Clock

T = TypeVar("T")

PAGE_SIZE_DEFAULT: Final = 100
PAGE_SIZE_MAX: Final = 1000
_TOKEN: Final = re.compile(r"([0-9a-f]{16})\.([1-9][0-9]{0,8})", re.ASCII)


@dataclass(frozen=True, slots=True)
class Page(Generic[T]):
    """One page; complete together with its followers as of `as_of` (our clock, aware UTC)."""

    items: Sequence[T]
    next_page_token: str
    as_of: datetime
    watch_token: str


@dataclass(frozen=True, slots=True)
class _Kept:
    scope: object
    items: Sequence[Any]
    as_of: datetime
    watch_token: str
    until: float


class PagedLists:
    """Keeps what is left of lists: each at most `kept_s`, at most `kept_max` of them.

    When there are more, the oldest is dropped; its reader is told to list again.
    """

    def __init__(self, clock: Clock, *, kept_s: float, kept_max: int) -> None:
        self._clock = clock
        self._kept_s = kept_s
        self._kept_max = kept_max
        self._kept: OrderedDict[str, _Kept] = OrderedDict()

    async def page(
        self,
        request: types_pb2.PageRequest,
        scope: object,
        read: Callable[[], Awaitable[Sequence[T]]],
        watch_token: str,
    ) -> Page[T]:
        """The page that `request` asks for; without a token `read` is awaited for the whole list.

        `scope` is what is listed, with all filters: a token of another scope is refused.
        `watch_token` must be of a moment before this call. Raises InvalidRequest for a page size
        or token that is wrong, Refused TOKEN_EXPIRED for a list that is no longer kept, and what
        `read` raises.
        """
        size = _size(request.page_size)
        if request.page_token:
            list_id, start = _parse(request.page_token)
            kept = self._find(list_id, scope, start)
            return _cut(list_id, kept, start, size)
        as_of = self._clock.now()
        items = tuple(await read())
        until = self._clock.monotonic() + self._kept_s
        kept = _Kept(scope, items, as_of, watch_token, until)
        list_id = self._keep(kept) if len(items) > size else ""
        return _cut(list_id, kept, 0, size)

    def _keep(self, kept: _Kept) -> str:
        self._forget()
        while len(self._kept) >= self._kept_max:
            self._kept.popitem(last=False)
        list_id = secrets.token_hex(8)  # not to be guessed: it opens an account's list
        self._kept[list_id] = kept
        return list_id

    def _find(self, list_id: str, scope: object, start: int) -> _Kept:
        self._forget()
        kept = self._kept.get(list_id)
        if kept is None:
            raise Refused(Reason.TOKEN_EXPIRED, "this list is no longer kept: list again")
        if kept.scope != scope or start >= len(kept.items):
            raise _not_a_token()
        return kept

    def _forget(self) -> None:
        now = self._clock.monotonic()
        while self._kept and next(iter(self._kept.values())).until <= now:
            self._kept.popitem(last=False)


def _cut(list_id: str, kept: _Kept, start: int, size: int) -> Page[Any]:
    end = start + size
    token = f"{list_id}.{end}" if end < len(kept.items) else ""
    return Page(kept.items[start:end], token, kept.as_of, kept.watch_token)


def _size(asked: int) -> int:
    if not 0 <= asked <= PAGE_SIZE_MAX:
        raise InvalidRequest("page.page_size", f"must be 0 to {PAGE_SIZE_MAX}")
    return asked or PAGE_SIZE_DEFAULT


def _parse(token: str) -> tuple[str, int]:
    match = _TOKEN.fullmatch(token)
    if match is None:
        raise _not_a_token()
    return match[1], int(match[2])


def _not_a_token() -> InvalidRequest:
    return InvalidRequest(
        "page.page_token", "not a token of this list", reason=Reason.INVALID_TOKEN
    )
