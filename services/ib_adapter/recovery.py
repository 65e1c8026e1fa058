"""Reads what happened while nobody listened: executions, then orders, each list to its end."""

from __future__ import annotations

from typing import Final

import structlog

from services.common.runtime.clock import Clock
from services.ib_adapter.requests import Requests
from services.ib_adapter.telling import Telling

_log = structlog.stdlib.get_logger(__name__)

# Executions can be listed a little after the order shows them: read them again before going on.
_LAG_WAITS_S: Final = (0.25, 0.5, 1.0)


async def read_all(requests: Requests) -> None:
    """Read executions, open and completed orders; what they say is heard as any other news.

    Raises ReadFailed if one of them could not be read whole.
    """
    await requests.executions()
    await requests.open_orders()
    await requests.completed_orders()


async def read_missed(requests: Requests, telling: Telling, clock: Clock) -> None:
    """Read all of it, with the executions that an order shows and the commissions of all.

    Raises ReadFailed. Executions that IB does not list after a while are not waited for.
    """
    await read_all(requests)
    for wait_s in _LAG_WAITS_S:
        if not telling.missing():
            break
        await clock.sleep(wait_s)
        await requests.executions()
    for report in telling.missing():
        # Filled on an earlier day: the Gateway lists no executions from before midnight.
        _log.warning("fills_not_listed", venue_order_id=report.venue_order_id)
        telling.settle(report.venue_order_id, report.cum_qty)
    await clock.sleep(telling.executions_due_in_s())
