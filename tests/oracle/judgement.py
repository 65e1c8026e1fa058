"""The judgement: what was asked and told, what the venues did, and what the router has booked.

    judge(ledgers, wanted, books) -> Verdict

All three are plain JSON values, as programs answer them; numbers are decimals in strings.

ledgers   {venue: ledger}, a ledger as a simulator's control gives it (`GET /ledger`, or
          `SimulatorControl.ledger()`): "orders" and "executions" as they stand, and "entries" if it
          was asked for them (`?entries=1`): with these exposure is judged at every moment, else
          at the end only.
wanted    [{"client_order_id", "qtys": ["10", "12"], "told": "taken" | "refused" | "nothing"}]: each
          quantity that a client has asked for under an id (a replace's total among them), and the
          last that it was told. "taken": an order was shown to it. "refused": it was told that
          there is no effect. "nothing": it has no answer.
books     {"orders": [...], "executions": [...]}, as the router's API shows them.
          An order: {"client_order_id", "status", "cum_qty", "cancel_requested", "placements":
          [{"placement_id", "venue", "status"}]}, statuses by their names in the contract
          without a prefix ("IN_DOUBT").
          An execution in force: {"venue", "placement_id", "symbol", "side" ("BUY" | "SELL"),
          "last_qty", "last_px"}; a bust is left out, a correction stands in the place of its own.
clocks    {venue: {"ahead_s", "unsure_s"}}, how far a venue's clock is ahead of the others', and how
          sure that is; 0 without it, as where all venues live on one clock.
excused   client order ids with which a venue broke its own word (an acceptance after the
          settling time, an overfill): their breaches are counted apart, as late.
within    what the ids of the judged orders begin with: ledgers and books may hold more.

It finds only what is proven by the ledgers; whether a doubt has lasted too long, or was alarmed, is
for the caller, who has the times.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from decimal import Decimal
from typing import Final

from tests.oracle.booking import check_doubles, check_fills, check_orders
from tests.oracle.exposure import check_exposure, may_be_worked
from tests.oracle.finding import Finding, Kind, Verdict
from tests.oracle.sides import Json, venue_orders

_BREACHES: Final = frozenset({Kind.EXPOSURE, Kind.DUPLICATE})


def judge(
    ledgers: Mapping[str, Json],
    wanted: Sequence[Json],
    books: Json,
    *,
    clocks: Mapping[str, Json] | None = None,
    excused: Collection[str] = (),
    within: str = "",
) -> Verdict:
    """Compare the three; the module says what they are. The same values give the same verdict."""
    asked = {want["client_order_id"]: max(Decimal(qty) for qty in want["qtys"]) for want in wanted}
    found = [
        *check_doubles(ledgers, asked, within),
        *check_exposure(ledgers, asked, clocks or {}, within),
        *check_fills(ledgers, books, within),
        *check_orders(ledgers, books, within),
        *_check_told(ledgers, wanted, books, within),
    ]
    doubts = [o["client_order_id"] for o in books["orders"] if o["status"] == "IN_DOUBT"]
    return Verdict(
        orders=sum(client_order_id.startswith(within) for client_order_id in asked),
        findings=[_excused(finding, excused) for finding in found],
        in_doubt=[
            client_order_id for client_order_id in doubts if client_order_id.startswith(within)
        ],
    )


def _excused(finding: Finding, excused: Collection[str]) -> Finding:
    if finding.client_order_id in excused and finding.kind in _BREACHES:
        return replace(finding, kind=Kind.LATE)
    return finding


def _check_told(
    ledgers: Mapping[str, Json], wanted: Sequence[Json], books: Json, within: str
) -> Iterator[Finding]:
    """Nobody was told that his order is taken which nobody knows, or none which is worked."""
    known = {booked["client_order_id"] for booked in books["orders"]}
    for want in wanted:
        client_order_id = want["client_order_id"]
        if not client_order_id.startswith(within):
            continue
        if want["told"] == "taken" and client_order_id not in known:
            text = "its client was told that it is taken, and the books do not know it"
            yield Finding(Kind.LOSS, client_order_id, text)
        elif want["told"] == "refused":
            there = may_be_worked(venue_orders(ledgers, f"{client_order_id}~"))
            if there:
                text = f"its client was told that there is no effect, {there} are filled or live"
                yield Finding(Kind.WRONG, client_order_id, text)
