"""The adapter's view against the simulator's ledger: what differs, each with its whole history.

Knows the ledger as plain values and the view, and nothing of `services`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final

from tests.simulation.checkers.finding import Finding, Kind
from tests.simulation.soak.trader import Placement
from tests.simulation.soak.view import View

_ZERO: Final = Decimal(0)
_STATUSES: Final = {
    "pending_new": "ACCEPTED",
    "accepted": "ACCEPTED",
    "accepted_for_bidding": "ACCEPTED",
    "pending_review": "ACCEPTED",
    "new": "ACCEPTED",
    "stopped": "ACCEPTED",
    "partially_filled": "PARTIALLY_FILLED",
    "held": "SUSPENDED",
    "suspended": "SUSPENDED",
    "done_for_day": "SUSPENDED",
    "calculated": "SUSPENDED",
    "pending_cancel": "PENDING_CANCEL",
    "pending_replace": "PENDING_REPLACE",
    "filled": "FILLED",
    "canceled": "CANCELED",
    "expired": "EXPIRED",
    "rejected": "REJECTED",
    "replaced": "REPLACED",
}


@dataclass(frozen=True, slots=True)
class Figures:
    """What the adapter says when it is asked: positions by symbol, and cash."""

    positions: Mapping[str, Decimal]
    cash: Decimal


@dataclass(frozen=True, slots=True)
class Truth:
    """The ledger, and for an order's history its entries by the order's venue id."""

    ledger: Mapping[str, Any]
    histories: Mapping[str, list[str]]

    @property
    def account(self) -> Mapping[str, Any]:
        (account,) = self.ledger["accounts"].values()
        return account  # type: ignore[no-any-return]


def compare(
    truth: Truth,
    view: View,
    placements: Mapping[str, Placement],
    figures: Figures,
    at_s: float,
    *,
    books_are_told: bool = True,
) -> list[Finding]:
    """All differences. Nothing may be under way.

    `books_are_told`: positions and cash follow from what was told, as all activities are in it.
    """
    found = [
        *_orders(truth, view),
        *_executions(truth, view),
        *_answers(truth, placements),
        *_asked(truth, figures),
        *(_told(truth, view) if books_are_told else ()),
        *((Kind.DUPLICATE, text, "") for text in view.wrong),
    ]
    return [
        Finding(kind, f"{text}{_history(truth, view, placements, order_id)}", at_s)
        for kind, text, order_id in found
    ]


_Difference = tuple[Kind, str, str]
"""What kind, in words, and the venue's id of the order that it is about."""


def _orders(truth: Truth, view: View) -> Iterator[_Difference]:
    for order in truth.ledger["orders"]:
        order_id = order["venue_order_id"]
        told = view.orders.get(order_id)
        name = order["client_order_id"] or order_id
        if told is None:
            yield Kind.LOSS, f"order {name} ({order['status']}) was never told", order_id
            continue
        status = _STATUSES[order["status"]]
        if status == "ACCEPTED" and Decimal(order["cum_qty"]):
            status = "PARTIALLY_FILLED"
        if told.status != status:
            yield Kind.WRONG, f"order {name} is {status}, and was told {told.status}", order_id
        if told.cum_qty != Decimal(order["cum_qty"]):
            text = f"order {name} has filled {order['cum_qty']}, and was told {told.cum_qty}"
            yield Kind.WRONG, text, order_id
    known = {order["venue_order_id"] for order in truth.ledger["orders"]}
    for order_id in view.orders.keys() - known:
        yield Kind.WRONG, f"order {order_id} was told, and is not there", order_id


def _executions(truth: Truth, view: View) -> Iterator[_Difference]:
    left = dict(view.executions)
    for execution in truth.ledger["executions"]:
        order_id, cum_qty = execution["venue_order_id"], Decimal(execution["cum_qty"])
        told = left.pop((order_id, cum_qty), None)
        sign = 1 if execution["side"] == "buy" else -1
        signed_qty, px = sign * Decimal(execution["last_qty"]), Decimal(execution["last_px"])
        text = f"execution {execution['exec_id']} of {signed_qty} {execution['symbol']} at {px}"
        if told is None:
            yield Kind.LOSS, f"{text} was never told", order_id
        elif (told.signed_qty, told.last_px, told.symbol) != (signed_qty, px, execution["symbol"]):
            yield Kind.WRONG, f"{text} was told as {told}", order_id
    for told in left.values():
        yield Kind.DUPLICATE, f"{told} was told, and is not there", told.venue_order_id
    ids = Counter(told.exec_id for told in view.executions.values())
    for exec_id, count in ids.items():
        if count > 1:
            yield Kind.WRONG, f"{count} executions were told under the id {exec_id}", ""


def _answers(truth: Truth, placements: Mapping[str, Placement]) -> Iterator[_Difference]:
    """What was answered to sends is so, and no id has two orders."""
    by_id: dict[str, list[Any]] = {}
    for order in truth.ledger["orders"]:
        by_id.setdefault(order["client_order_id"], []).append(order)
    for client_id, orders in by_id.items():
        if len(orders) > 1:
            text = f"{len(orders)} orders under the id {client_id}"
            yield Kind.DUPLICATE, text, orders[1]["venue_order_id"]
        if "~" in client_id and client_id not in placements:
            yield Kind.WRONG, f"nobody sent {client_id}", orders[0]["venue_order_id"]
    for placement in placements.values():
        there = by_id.get(placement.placement_id, [])
        order_id = there[0]["venue_order_id"] if there else ""
        yield from _answer(placement, there, order_id)


def _answer(placement: Placement, there: list[Any], order_id: str) -> Iterator[_Difference]:
    name = placement.placement_id
    if placement.is_open_question:
        yield Kind.UNFINISHED, f"{name} is still in doubt", order_id
    elif placement.taken_as:
        if order_id != placement.taken_as:
            text = f"{name} was taken as {placement.taken_as}, and is {order_id or 'not there'}"
            yield Kind.LOSS, text, placement.taken_as
    elif there and not (placement.rejected and there[0]["status"] == "rejected"):
        why = "rejected" if placement.rejected else "absent" if placement.absent else "not sent"
        yield Kind.WRONG, f"{name} was said to be {why}, and is there", order_id


def _asked(truth: Truth, figures: Figures) -> Iterator[_Difference]:
    yield from _differ("position", _held(truth), figures.positions, "as asked for")
    cash = {"cash": Decimal(truth.account["cash"])}
    yield from _differ("", cash, {"cash": figures.cash}, "as asked for")


def _told(truth: Truth, view: View) -> Iterator[_Difference]:
    account = truth.account
    yield from _differ("position", _held(truth), view.positions, "by what was told")
    cash = Decimal(account["starting_cash"]) + view.cash_moved
    yield from _differ("", {"cash": Decimal(account["cash"])}, {"cash": cash}, "by what was told")
    fees = {"fees": Decimal(account["fees"])}
    yield from _differ("", fees, {"fees": view.fees}, "by what was told")


def _held(truth: Truth) -> dict[str, Decimal]:
    return {p["symbol"]: Decimal(p["qty"]) for p in truth.account["positions"]}


def _differ(
    what: str, true: Mapping[str, Decimal], said: Mapping[str, Decimal], how: str
) -> Iterator[_Difference]:
    for name in sorted(true.keys() | said.keys()):
        is_, was = true.get(name, _ZERO), said.get(name, _ZERO)
        if is_ != was:
            yield Kind.WRONG, f"{what} {name} is {is_}, and {was} {how}".strip(), ""


def _history(truth: Truth, view: View, placements: Mapping[str, Placement], order_id: str) -> str:
    """An order's whole story from both sides, in order of time, and what was asked and answered."""
    told = view.orders.get(order_id)
    lines = [*truth.histories.get(order_id, []), *view.histories.get(order_id, [])]
    for placement_id in _ids(truth, order_id, told):
        if placement_id in placements:
            lines += placements[placement_id].answers
    return "".join(
        f"\n      {line}" for line in sorted(lines, key=lambda line: float(line.split()[0]))
    )


def _ids(truth: Truth, order_id: str, told: Any) -> Iterable[str]:
    found = {told.client_id} if told is not None else set()
    for order in truth.ledger["orders"]:
        if order["venue_order_id"] == order_id:
            found.add(order["client_order_id"])
    return sorted(found)
