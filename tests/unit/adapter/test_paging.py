"""Lists in pages: one reading, kept for a bounded time and in a bounded number."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest

from services.common.adapter.paging import Page, PagedLists
from services.common.contract.pb import types_pb2
from services.common.domain.errors import InvalidRequest, ReadFailed, Reason, Refused
from services.common.runtime.clock import SystemClock
from tests.unit.adapter.virtual_time import run_virtual, virtual_clock


async def read() -> Sequence[int]:
    return range(250)


async def page(lists: PagedLists, token: str = "", size: int = 0, scope: str = "all") -> Page[int]:
    request = types_pb2.PageRequest(page_size=size, page_token=token)
    return await lists.page(request, scope, read, "w")


async def test_a_list_is_read_once_and_cut_by_the_size_that_is_asked() -> None:
    lists = PagedLists(SystemClock(), kept_s=60.0, kept_max=3)
    first = await page(lists)
    second = await page(lists, first.next_page_token, 149)
    third = await page(lists, second.next_page_token, 1)
    assert [list(part.items) for part in (first, second, third)] == [
        list(range(100)),
        list(range(100, 249)),
        [249],
    ]
    assert third.next_page_token == ""
    again = await page(lists, first.next_page_token, 149)
    assert again == second


async def test_a_list_that_fits_a_page_is_not_kept() -> None:
    lists = PagedLists(SystemClock(), kept_s=60.0, kept_max=3)
    assert (await page(lists, size=250)).next_page_token == ""
    assert not lists._kept


def test_what_is_left_of_a_list_is_kept_for_a_bounded_time() -> None:
    async def main() -> None:
        lists = PagedLists(virtual_clock(), kept_s=60.0, kept_max=3)
        token = (await page(lists)).next_page_token
        await asyncio.sleep(59.0)
        await page(lists, token)
        await asyncio.sleep(1.0)
        with pytest.raises(Refused) as expired:
            await page(lists, token)
        assert expired.value.reason is Reason.TOKEN_EXPIRED

    run_virtual(main())


async def test_the_oldest_list_gives_way() -> None:
    lists = PagedLists(SystemClock(), kept_s=60.0, kept_max=2)
    tokens = [(await page(lists)).next_page_token for _ in range(3)]
    with pytest.raises(Refused):
        await page(lists, tokens[0])
    await page(lists, tokens[1])
    await page(lists, tokens[2])


async def test_a_token_must_be_of_this_list() -> None:
    lists = PagedLists(SystemClock(), kept_s=60.0, kept_max=2)
    token = (await page(lists)).next_page_token
    beyond = token.split(".")[0] + ".250"
    for wrong, scope in (
        (token, "open"),
        ("nonsense", "all"),
        (beyond, "all"),
        (token + "0", "all"),
    ):
        with pytest.raises(InvalidRequest) as invalid:
            await page(lists, wrong, scope=scope)
        assert invalid.value.reason is Reason.INVALID_TOKEN


async def test_a_failed_reading_is_no_page() -> None:
    async def fails() -> Sequence[int]:
        raise ReadFailed("down")

    lists = PagedLists(SystemClock(), kept_s=60.0, kept_max=2)
    with pytest.raises(ReadFailed):
        await lists.page(types_pb2.PageRequest(), "all", fails, "w")
