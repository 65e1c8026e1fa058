"""The three sides that are compared, read from plain JSON values.

A placement id is `{client_order_id}~{tag}~{placement}.{revision}`. All revisions of a placement are
one *chain* here: some venues change an order in place and count on under its first id, others make
a new order of each revision, and neither may change what is found.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final

Json = Mapping[str, Any]

MARK: Final = "~"
"""Is in every placement id, and in no id of anybody else."""

OPEN_AT_VENUE: Final = frozenset(
    {
        *("pending_new", "accepted", "accepted_for_bidding", "pending_review", "held", "new"),
        *("partially_filled", "pending_cancel", "pending_replace", "done_for_day", "stopped"),
        *("suspended", "calculated"),
    }
)


def client_order_id_of(placement_id: str) -> str:
    """Whose order a placement works."""
    return placement_id.partition(MARK)[0]


def chain_of(placement_id: str) -> str:
    """What all revisions of a placement have in common."""
    return placement_id.rpartition(".")[0]


@dataclass(frozen=True, slots=True)
class VenueOrder:
    """An order as a venue's ledger has it at one moment."""

    venue: str
    placement_id: str
    venue_order_id: str
    status: str
    cum_qty: Decimal
    leaves_qty: Decimal

    @property
    def client_order_id(self) -> str:
        return client_order_id_of(self.placement_id)

    @property
    def chain(self) -> tuple[str, str]:
        """Its chain, at its venue."""
        return self.venue, chain_of(self.placement_id)

    @property
    def is_open(self) -> bool:
        return self.status in OPEN_AT_VENUE

    @property
    def is_revision(self) -> bool:
        """Whether it came of a replace."""
        return not self.placement_id.endswith(".0")


@dataclass(frozen=True, slots=True)
class Fill:
    """A fill, as far as both sides have to agree on it: exec ids need not."""

    venue: str
    chain: str
    symbol: str
    side: str
    last_qty: Decimal
    last_px: Decimal

    @property
    def client_order_id(self) -> str:
        return client_order_id_of(self.chain)

    def __str__(self) -> str:
        what = f"{self.side} {self.last_qty} {self.symbol} at {self.last_px}"
        return f"{what} ({self.chain} at {self.venue})"


def is_ours(record: Json) -> bool:
    """Whether a record of a ledger is of an order that came by a router, and no leg of another."""
    is_leg = bool(record.get("parent_id"))
    return not record.get("by_hand") and not is_leg and MARK in record["client_order_id"]


def venue_order(venue: str, record: Json) -> VenueOrder:
    """A ledger's record of an order."""
    return VenueOrder(
        venue,
        record["client_order_id"],
        record["venue_order_id"],
        record["status"],
        Decimal(record["cum_qty"]),
        Decimal(record["leaves_qty"]),
    )


def venue_orders(ledgers: Mapping[str, Json], within: str) -> Iterator[VenueOrder]:
    """All orders of ours that the ledgers have, as they stand."""
    for venue, ledger in ledgers.items():
        for record in ledger["orders"]:
            if is_ours(record) and record["client_order_id"].startswith(within):
                yield venue_order(venue, record)


def ledger_fills(ledgers: Mapping[str, Json], within: str) -> Iterator[Fill]:
    """All fills of ours that the ledgers have and that were not busted."""
    for venue, ledger in ledgers.items():
        by_hand = {o["venue_order_id"] for o in ledger["orders"] if o.get("by_hand")}
        for record in ledger["executions"]:
            placement_id = record["client_order_id"]
            is_other = MARK not in placement_id or record["venue_order_id"] in by_hand
            if not is_other and placement_id.startswith(within):
                yield from _fill(venue, record)


def booked_fills(executions: Sequence[Json], within: str) -> Iterator[Fill]:
    """All fills that the books have."""
    for record in executions:
        if record["placement_id"].startswith(within):
            yield from _fill(record["venue"], record)


def _fill(venue: str, record: Json) -> Iterator[Fill]:
    if qty := Decimal(record["last_qty"]):
        yield Fill(
            venue,
            chain_of(record.get("placement_id") or record["client_order_id"]),
            record["symbol"],
            record["side"].upper(),
            qty,
            Decimal(record["last_px"]),
        )
