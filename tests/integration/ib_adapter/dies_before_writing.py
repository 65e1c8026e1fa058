"""A program that submits one order and is killed between the send log's sync and the bytes.

python -m tests.integration.ib_adapter.dies_before_writing PORT SEND_LOG
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from pathlib import Path

from tests.integration.ib_adapter.rig import resting, rig, settings_for


def die() -> None:
    """The last check: after it nothing waits, before it the log is durable."""
    os.kill(os.getpid(), signal.SIGKILL)


async def main() -> None:
    async with rig(settings_for(int(sys.argv[1])), Path(sys.argv[2])) as built:
        await built.gateway.submit(resting(), die)


if __name__ == "__main__":
    asyncio.run(main())
