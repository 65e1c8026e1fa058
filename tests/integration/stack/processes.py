"""Looking at processes, and waiting for them, with a deadline."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from pathlib import Path


def alive(pid: int) -> bool:
    """Whether a process of that id runs; a zombie does not."""
    try:
        os.kill(pid, 0)
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except ProcessLookupError:
        return False
    except FileNotFoundError:  # just gone, or a system without /proc
        return Path("/proc").exists() is False


async def until(condition: Callable[[], object], timeout_s: float = 30.0) -> None:
    """Poll until `condition()` holds; TimeoutError if it never does."""
    async with asyncio.timeout(timeout_s):
        while not condition():
            await asyncio.sleep(0.02)
