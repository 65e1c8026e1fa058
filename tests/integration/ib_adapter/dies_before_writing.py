"""A program that submits one order and is killed between the send log's sync and the bytes.

With a third argument it submits the order, and is killed so when it changes it.

python -m tests.integration.ib_adapter.dies_before_writing PORT SEND_LOG [change]
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from decimal import Decimal
from pathlib import Path

from services.common.domain.order_terms import OrderChange
from tests.integration.ib_adapter.rig import A, resting, rig, settings_for


def die() -> None:
    """The last check: after it nothing waits, before it the log is durable."""
    os.kill(os.getpid(), signal.SIGKILL)


async def main() -> None:
    async with rig(settings_for(int(sys.argv[1])), Path(sys.argv[2])) as built:
        if len(sys.argv) == 3:
            await built.gateway.submit(resting(), die)
            return
        await built.gateway.submit(resting(), built.check)
        change = OrderChange(limit_price=Decimal("0.10"))
        await built.gateway.replace(A, "a~sim~1.1", change, die)


if __name__ == "__main__":
    asyncio.run(main())
