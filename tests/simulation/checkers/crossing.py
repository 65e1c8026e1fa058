"""Exits sell what is held, where it is held: nowhere do they fill more than entries did there."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Iterator, Mapping
from decimal import Decimal
from typing import Any

from tests.simulation.checkers.finding import Finding, Kind

Where = tuple[str, str]
"""Venue and symbol."""


def check_crossing(
    ledgers: Mapping[str, Mapping[str, Any]],
    is_exit: Callable[[str], bool],
    excused: Collection[str],
) -> Iterator[Finding]:
    """Of every fill in turn, by the venues' ledgers; what others have placed moves nothing here.

    `excused` are orders with which a venue has broken its own word: where they have traded, more
    may have filled than anybody could know.
    """
    held: defaultdict[Where, Decimal] = defaultdict(Decimal)
    spoiled: set[Where] = set()
    found: dict[Where, Finding] = {}
    for venue, ledger in ledgers.items():
        for fill in ledger["executions"]:
            client_order_id, is_ours, _ = fill["client_order_id"].partition("~")
            where, qty = (venue, fill["symbol"]), Decimal(fill["last_qty"])
            if not is_ours:
                continue
            if client_order_id in excused:
                spoiled.add(where)
            held[where] += -qty if is_exit(client_order_id) else qty
            if held[where] < 0:
                text = f"{client_order_id} turned {fill['symbol']} at {venue} over: {held[where]}"
                found.setdefault(where, Finding(Kind.WRONG, text))
    yield from (finding for where, finding in found.items() if where not in spoiled)
