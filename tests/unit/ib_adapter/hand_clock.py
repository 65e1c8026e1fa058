"""A clock whose time passes only while somebody sleeps on it."""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta

from tests.unit.ib_adapter.scene import NOW


class HandClock:
    """Sleeping moves it, at once; so does `pass_s`."""

    def __init__(self) -> None:
        self._elapsed_s = 100.0

    def monotonic(self) -> float:
        return self._elapsed_s

    def now(self) -> datetime:
        return NOW + timedelta(seconds=self._elapsed_s)

    async def sleep(self, seconds: float) -> None:
        self._elapsed_s += max(seconds, 0.0)
        await asyncio.sleep(0)

    def pass_s(self, seconds: float) -> None:
        self._elapsed_s += seconds
