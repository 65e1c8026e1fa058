"""A night's end: the adapter's view against the simulator's ledger, and what was written.

What the Gateway has forgotten over the day's change can't be told in full; then it has to show: an
order that says more filled than its executions, or one that is no longer found, never a wrong word.
Knows the ledger as plain values and the view, and nothing of `services`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, Final

from tests.simulation.checkers.finding import Finding, Kind
from tests.simulation.nights.trader import Placement
from tests.simulation.soak.view import ToldExecution, ToldOrder, View

_ZERO: Final = Decimal(0)
# By then the adapter has heard that it is another day.
_HEARD_S: Final = 6.0
_LIVE: Final = frozenset({"ACCEPTED", "PARTIALLY_FILLED", "SUSPENDED", "PENDING_CANCEL"})
_ENDS: Final = {
    "filled": "FILLED",
    "canceled": "CANCELED",
    "expired": "CANCELED",  # IB has no other word
    "rejected": "REJECTED",
}


@dataclass(frozen=True, slots=True)
class Truth:
    """The ledger, since when (market time) and from when on (seconds) the Gateway remembers, and
    an order's history by the venue's id.

    `may_double`: the venue itself may have made two orders of one; `may_take_back`: it may have
    shown a change as taken that it refused afterwards.
    """

    ledger: Mapping[str, Any]
    remembers_since: str
    forgot_at_s: float
    histories: Mapping[str, list[str]]
    may_double: bool
    may_take_back: bool


@dataclass(slots=True)
class Verdict:
    """What is wrong, and what could not be told any more: gaps, by order."""

    findings: list[Finding] = field(default_factory=list)
    gaps: list[str] = field(default_factory=list)


def compare(
    truth: Truth, view: View, placements: Mapping[str, Placement], unknown: set[str], at_s: float
) -> Verdict:
    """All differences. `unknown`: ids for which the adapter says that it can't tell."""
    night = _Night(truth, view, placements, unknown, Verdict(), at_s)
    night.executions()
    night.orders()
    night.answers()
    for text in view.wrong:
        night.found(Kind.DUPLICATE, text)
    return night.verdict


@dataclass(slots=True)
class _Night:
    truth: Truth
    view: View
    placements: Mapping[str, Placement]
    unknown: set[str]
    verdict: Verdict
    at_s: float

    def found(self, kind: Kind, text: str, order_id: str = "") -> None:
        self.verdict.findings.append(Finding(kind, text + self._history(order_id), self.at_s))

    # -- executions --------------------------------------------------------------------------

    def executions(self) -> None:
        """Each of the ledger's was told once, of its own order; no other was told."""
        told = {e.exec_id: e for e in self.view.executions.values()}
        if len(told) != len(self.view.executions):
            self.found(Kind.DUPLICATE, "executions were told under the same id")
        for execution in self.truth.ledger["executions"]:
            self._execution(execution, told.pop(execution["exec_id"], None))
        for left in told.values():
            order_id = _perm_id(left.venue_order_id)
            self.found(Kind.DUPLICATE, f"{left} was told, and is not there", order_id)

    def _execution(self, execution: Mapping[str, Any], told: ToldExecution | None) -> None:
        order_id = execution["venue_order_id"]
        sign = 1 if execution["side"] == "buy" else -1
        signed_qty, px = sign * Decimal(execution["last_qty"]), Decimal(execution["last_px"])
        text = f"execution {execution['exec_id']} of {signed_qty} {execution['symbol']} at {px}"
        if told is None:
            if execution["at"] < self.truth.remembers_since:
                self._gap(order_id, f"{text} was forgotten")
            else:
                self.found(Kind.LOSS, f"{text} was never told", order_id)
        elif _perm_id(told.venue_order_id) != order_id:
            self.found(Kind.WRONG, f"{text} of {order_id} was told as {told}", order_id)
        elif (told.signed_qty, told.last_px, told.symbol) != (signed_qty, px, execution["symbol"]):
            self.found(Kind.WRONG, f"{text} was told as {told}", order_id)
        elif not self._is_allowed(told):
            self.found(Kind.WRONG, f"{text} is beyond the limit of {told.client_id}", order_id)

    def _is_allowed(self, told: ToldExecution) -> bool:
        """Whether it is within the limit of the revision that it was told of."""
        placement = self.placements.get(told.client_id)
        if placement is None:
            return True
        if told.signed_qty > 0:
            return told.last_px <= placement.limit_price
        return told.last_px >= placement.limit_price

    def _gap(self, order_id: str, text: str) -> None:
        """Nobody can tell it any more: the order says so, by what it shows or by not being known.

        One that the client was never told of must be in doubt with it.
        """
        told = self._told(order_id)
        shown = sum((order.cum_qty for order in told), _ZERO)
        booked = [
            e for e in self.view.executions.values() if _perm_id(e.venue_order_id) == order_id
        ]
        told_qty = sum((abs(e.signed_qty) for e in booked), _ZERO)
        missing = Decimal(self._order(order_id)["cum_qty"]) - told_qty
        if shown - told_qty == missing or self._is_unknown(order_id):
            self.verdict.gaps.append(f"order {order_id}: {missing} filled and not told: {text}")
        else:
            shows = f"and the order shows {shown} filled, {told_qty} told"
            self.found(Kind.LOSS, f"{text}, {shows}", order_id)

    # -- orders ------------------------------------------------------------------------------

    def orders(self) -> None:
        """Each of the ledger's ends as it was told."""
        for order in self.truth.ledger["orders"]:
            self._one(order)
        known = {order["venue_order_id"] for order in self.truth.ledger["orders"]}
        for order_id in sorted({_perm_id(name) for name in self.view.orders} - known):
            self.found(Kind.WRONG, f"order {order_id} was told, and is not there", order_id)

    def _one(self, order: Mapping[str, Any]) -> None:
        order_id = order["venue_order_id"]
        told = self._told(order_id)
        name = f"order {order['client_order_id']} ({order['status']} {order['cum_qty']})"
        if self._is_unknown(order_id) and self._is_forgotten(order):
            self.verdict.gaps.append(f"{name} ended on an earlier day, and is not known any more")
            return
        if not told:
            if order["status"] != "rejected":
                self.found(Kind.LOSS, f"{name} was never told", order_id)
            return
        last = _in_force(told)
        end = _ENDS.get(order["status"])
        shown = sum((one.cum_qty for one in told), _ZERO)
        # A revision that was taken back keeps what filled of it: the rest is all that is left.
        is_shared = end == "FILLED" and last.status == "CANCELED" and last.cum_qty < shown
        is_end = end in (None, last.status) or (is_shared and self.truth.may_take_back)
        if (end is None) != (last.status in _LIVE) or not is_end:
            self.found(Kind.WRONG, f"{name} was told {last.status}", order_id)
        if shown != Decimal(order["cum_qty"]):
            self.found(Kind.WRONG, f"{name} was told with {shown} filled", order_id)
        asked = self.placements.get(last.client_id)
        if end is None and asked and asked.limit_price != Decimal(order["limit_price"]):
            text = f"{name} works at {order['limit_price']}, and {last.client_id} was told live"
            self.found(Kind.WRONG, text, order_id)
        live = [one for one in told if one.is_open and one is not last]
        if live:
            self.found(Kind.WRONG, f"{name}: other revisions are told live: {live}", order_id)

    def _is_forgotten(self, order: Mapping[str, Any]) -> bool:
        ended = order["ended_at"]
        return ended is not None and ended < self.truth.remembers_since

    def _is_unknown(self, order_id: str) -> bool:
        names = {order_id, self._order(order_id)["client_order_id"]}
        return bool(self.unknown & (names | {told.client_id for told in self._told(order_id)}))

    # -- answers -----------------------------------------------------------------------------

    def answers(self) -> None:
        """What was said of each id is so, and no id has two orders."""
        by_ref: dict[str, list[Any]] = {}
        for order in self.truth.ledger["orders"]:
            by_ref.setdefault(order["client_order_id"], []).append(order)
        for placement_id, orders in by_ref.items():
            if len(orders) > 1 and "~" in placement_id and not self.truth.may_double:
                ids = [order["venue_order_id"] for order in orders]
                self.found(Kind.DUPLICATE, f"{ids} under the id {placement_id}", ids[1])
        for placement in self.placements.values():
            if not placement.replaces:
                self._answer(placement, by_ref.get(placement.placement_id, []))

    def _answer(self, placement: Placement, there: list[Any]) -> None:
        name, order_id = placement.placement_id, there[0]["venue_order_id"] if there else ""
        if placement.is_taken and not there:
            self.found(Kind.LOSS, f"{name} was taken, and is not there", order_id)
        elif placement.is_fenced and there:
            self.found(Kind.WRONG, f"{name} was fenced off, and is there", order_id)
        elif placement.is_rejected and there and there[0]["status"] != "rejected":
            self.found(Kind.WRONG, f"{name} was said to be rejected, and is there", order_id)
        elif placement.is_in_doubt and not self._may_stay(placement, there):
            self.found(Kind.UNFINISHED, f"{name} is still in doubt: {placement.why}", order_id)

    def _may_stay(self, placement: Placement, there: list[Any]) -> bool:
        """Over the change of the day nobody can say any more what has become of what was sent."""
        sent_s = float(placement.answers[0].split()[0])
        changed_s = self.truth.forgot_at_s + _HEARD_S
        return sent_s < changed_s and (not there or self._is_forgotten(there[0]))

    # -- by the venue's id -------------------------------------------------------------------

    def _told(self, order_id: str) -> list[ToldOrder]:
        """What was told of an order, its revisions in their order."""
        found = [o for o in self.view.orders.values() if _perm_id(o.venue_order_id) == order_id]
        return sorted(found, key=lambda told: _revision(told.venue_order_id))

    def _order(self, order_id: str) -> Mapping[str, Any]:
        found: Iterator[Mapping[str, Any]] = iter(self.truth.ledger["orders"])
        return next(order for order in found if order["venue_order_id"] == order_id)

    def _history(self, order_id: str) -> str:
        """An order's whole story from both sides, in order of time."""
        if not order_id:
            return ""
        lines = list(self.truth.histories.get(order_id, []))
        ids = {self._order(order_id)["client_order_id"]}
        for told in self._told(order_id):
            lines += self.view.histories.get(told.venue_order_id, [])
            ids.add(told.client_id)
        for placement_id in sorted(ids & self.placements.keys()):
            lines += self.placements[placement_id].answers
        ordered = sorted(lines, key=lambda line: float(line.split()[0]))
        return "".join(f"\n      {line}" for line in ordered)


def _in_force(told: list[ToldOrder]) -> ToldOrder:
    """The revision that works, or worked last; what IB took back after it did neither."""
    working = [one for one in told if one.is_open]
    worked = [one for one in told if one.status != "REJECTED"]
    return (working or worked or told)[-1]


def _perm_id(venue_order_id: str) -> str:
    """IB's own id: what is behind it counts the revisions."""
    return venue_order_id.partition(".")[0]


def _revision(venue_order_id: str) -> int:
    return int(venue_order_id.partition(".")[2] or 0)
