"""The simulated venue's own books, read over its control API: what the demo is measured against."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final

import aiohttp

from stack.children import StackFailed

_DEADLINE_S: Final = 10.0


@dataclass(frozen=True, slots=True)
class VenueLedger:
    """Fills as (side, quantity, price, multiplier is the venue's business), profit and fees.

    `realised_pnl` is before fees.
    """

    fills: tuple[tuple[str, Decimal, Decimal], ...]
    realised_pnl: Decimal
    fees: Decimal
    open_positions: int


async def read_ledger(control: str) -> VenueLedger:
    """Read the ledger of the only account at `control` (host:port)."""
    try:
        timeout = aiohttp.ClientTimeout(total=_DEADLINE_S)
        async with (
            aiohttp.ClientSession(timeout=timeout) as session,
            session.get(f"http://{control}/ledger", raise_for_status=True) as reply,
        ):
            told: dict[str, Any] = await reply.json()
    except (aiohttp.ClientError, TimeoutError) as error:
        raise StackFailed(f"the simulator's ledger at {control} can't be read: {error}") from error
    (account,) = told["accounts"].values()
    return VenueLedger(
        fills=tuple(
            (str(fill["side"]), Decimal(fill["last_qty"]), Decimal(fill["last_px"]))
            for fill in told["executions"]
        ),
        realised_pnl=Decimal(account["realised_pnl"]),
        fees=Decimal(account["fees"]),
        open_positions=len(account["positions"]),
    )
