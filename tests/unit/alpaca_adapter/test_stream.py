"""Unit tests of the tapped stream: its waits, and its end whatever the SDK does with a cancel."""

from __future__ import annotations

import asyncio
from random import Random

from services.alpaca_adapter.stream import StreamTerms, TappedStream


class Silent:
    """A listener that notes why connections ended."""

    def __init__(self) -> None:
        self.reasons: list[str] = []

    def heard(self, frame: str | bytes) -> None:
        raise AssertionError("nothing was said")

    def ended(self, reason: str) -> None:
        self.reasons.append(reason)


def stream(listener: Silent) -> TappedStream:
    terms = StreamTerms("ws://127.0.0.1:1/stream", open_s=1.0)
    return TappedStream("PKTEST", "secret", terms, listener, Random(1))


async def test_a_cancellation_that_the_sdk_drops_is_repeated_until_it_ends() -> None:
    tapped, dropped = stream(Silent()), 0

    async def stubborn() -> None:
        nonlocal dropped
        for _ in range(200):  # long enough to be found running, short enough not to hang
            try:
                await asyncio.sleep(0.01)
            except asyncio.CancelledError:
                dropped += 1
                if dropped == 3:
                    raise

    tapped._run_forever = stubborn
    running = asyncio.create_task(tapped.run())
    await asyncio.sleep(0.01)
    running.cancel()
    await asyncio.wait({running}, timeout=5.0)
    assert running.cancelled()
    assert dropped == 3
    assert asyncio.all_tasks() == {asyncio.current_task()}


async def test_a_connection_that_cant_be_made_is_told_and_tried_again() -> None:
    listener = Silent()
    tapped = stream(listener)
    tapped._reconnect_delay = lambda retries: 0.01  # type: ignore[method-assign]
    running = asyncio.create_task(tapped.run())
    async with asyncio.timeout(5.0):
        while sum(reason.startswith("no connection") for reason in listener.reasons) < 3:
            await asyncio.sleep(0.01)
    running.cancel()
    await asyncio.wait({running}, timeout=5.0)
    assert running.done()


def test_waits_between_connects_double_up_to_the_longest_and_vary_by_half() -> None:
    tapped = stream(Silent())
    for retries, whole in ((1, 1.0), (2, 2.0), (3, 4.0), (6, 30.0), (100, 30.0)):
        waits = [tapped._reconnect_delay(retries) for _ in range(50)]
        assert whole / 2 <= min(waits) < max(waits) <= whole
