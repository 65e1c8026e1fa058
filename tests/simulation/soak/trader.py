"""The trader of a soak: sends, repeats, replaces and cancels as a router may, and keeps notes.

An order that nothing is proven of is looked up until it is found, or fenced off for good, or was
absent for longer than anything can be under way; then it is sent again under the same id, which
Alpaca can't take twice, or given up. What provably had no effect is sent again under the next
placement id, or given up.
"""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from dataclasses import dataclass, field
from decimal import Decimal
from enum import Enum
from typing import Any, Final

from services.common.contract.pb import adapter_service_pb2 as adapter_pb
from services.common.contract.pb import broker_service_pb2 as pb
from services.common.domain.errors import TandemError
from services.common.domain.occ import parse_occ
from services.common.domain.order_spec import OrderSpec, PlacementId
from services.common.domain.order_terms import OrderChange
from tests.simulation.soak.client import Answer, Client, Proof
from tests.simulation.soak.lone_adapter import TAG
from tests.simulation.soak.orders import OPTIONS, Desk, Terms, some_order
from tests.simulation.soak.view import ToldOrder, View

_TRIES_MAX: Final = 3
# Longer than a request can be under way, the longest delay of a fault included.
_ABSENT_S: Final = 60.0
_SESSION_WAIT_S: Final = 120.0
_OPEN_MAX: Final = 40
_EXERCISES: Final = 0.005


class Seen(Enum):
    """What asking for an order has shown."""

    FOUND = "found"
    FENCED = "fenced"
    ABSENT = "absent"
    UNKNOWN = "unknown"


_FENCED: Final = {
    adapter_pb.FENCE_OUTCOME_FOUND: Seen.FOUND,
    adapter_pb.FENCE_OUTCOME_FENCED: Seen.FENCED,
    adapter_pb.FENCE_OUTCOME_UNKNOWN: Seen.UNKNOWN,
}
_SHOWN: Final = {
    pb.ORDER_LOOKUP_FOUND: Seen.FOUND,
    pb.ORDER_LOOKUP_ABSENT: Seen.ABSENT,
    pb.ORDER_LOOKUP_UNKNOWN: Seen.UNKNOWN,
}


@dataclass(slots=True)
class Placement:
    """One placement id and what is known of it. `absent` : given up, as provably not there."""

    placement_id: str
    kind: str
    answers: list[str] = field(default_factory=list)
    taken_as: str = ""
    is_open_question: bool = False
    rejected: bool = False
    absent: bool = False


class Trader:
    """Trades until canceled; `pause` and `resume` stop new orders. To be run as an incarnation."""

    def __init__(self, client: Client, view: View, desk: Desk, mean_s: float) -> None:
        self._client = client
        self._view = view
        self._desk = desk
        self._rng: random.Random = desk.rng
        self._mean_s = mean_s
        self._numbers = 0
        self._paused = False
        self._tasks: set[asyncio.Task[None]] = set()
        self.placements: dict[str, Placement] = {}
        self._revisions: Counter[str] = Counter()
        self.kinds: Counter[str] = Counter()
        self.proofs: Counter[str] = Counter()
        self.texts: Counter[str] = Counter()
        self.noise: list[str] = []

    async def run(self) -> None:
        """Until canceled."""
        while True:
            await asyncio.sleep(self._rng.expovariate(1 / self._mean_s))
            if self._paused or not self._client.session_id:
                continue
            if self._rng.random() < _EXERCISES:
                self._begin(self._exercise())
            if len(self._view.open_orders()) > _OPEN_MAX:
                self._begin(self._thin_out())
            made = some_order(self._desk)
            if made is not None:
                self._begin(self._see_to(*made))

    def pause(self) -> None:
        """No new orders, changes or cancels from now on; questions are still pursued."""
        self._paused = True

    def resume(self) -> None:
        """Trade on."""
        self._paused = False

    @property
    def is_idle(self) -> bool:
        """Whether nothing is under way or unanswered."""
        return not self._tasks

    def _begin(self, work: Any) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and task.exception() is not None:
            self.noise.append(f"the trader failed: {task.exception()!r}")

    # -- one order ---------------------------------------------------------------------------

    async def _see_to(self, kind: str, terms: Terms) -> None:
        self._numbers += 1
        self.kinds[kind] += 1
        client_order_id = f"s{self._numbers}"
        placement_id = await self._place(client_order_id, kind, terms)
        while placement_id and not self._paused:
            await asyncio.sleep(self._rng.expovariate(1 / 25))
            told = self._told(placement_id)
            if told is None or not told.is_open or self._paused:
                return
            roll = self._rng.random()
            if roll < 0.3:
                await self._cancel(placement_id)
                return
            if roll < 0.5 and "ReplaceOrder" in self._client.methods:
                placement_id = await self._replace(placement_id, terms)
            if roll > 0.8:
                return

    async def _place(self, client_order_id: str, kind: str, terms: Terms) -> str:
        """The placement id under which it was taken, or ""."""
        for number in range(1, _TRIES_MAX + 1):
            placement_id = str(PlacementId(client_order_id, TAG, number))
            placement = self._note(placement_id, kind)
            spec = OrderSpec(client_order_id=placement_id, **terms)
            answer = await self._settle(placement, spec)
            if answer is not Proof.NO_EFFECT:
                return placement_id if answer is Proof.TAKEN else ""
            if self._paused or self._rng.random() < 0.3:
                return ""
            await asyncio.sleep(self._rng.uniform(1.0, 10.0))
            await self._wait_for_session()
        return ""

    def _note(self, placement_id: str, kind: str) -> Placement:
        placement = self.placements[placement_id] = Placement(placement_id, kind)
        return placement

    async def _settle(self, placement: Placement, spec: OrderSpec) -> Proof:
        """Send it until something is proven."""
        while True:
            answer = await self._client.submit(spec)
            proof = self._take(placement, "submit", answer)
            if placement.is_open_question and proof is not Proof.TAKEN:
                # An earlier send is unproven: "no effect" is true of this one only.
                proof = Proof.NOTHING if proof is Proof.NO_EFFECT else proof
            if proof is not Proof.NOTHING:
                placement.is_open_question = False
                placement.rejected = proof is Proof.REJECTED
                return proof
            proof = await self._pursue(placement)
            if proof is not Proof.NOTHING:
                return proof
            if self._paused or self._rng.random() < 0.4:
                placement.is_open_question, placement.absent = False, True
                return Proof.NOTHING
            await self._wait_for_session()

    async def _pursue(self, placement: Placement) -> Proof:
        """Look it up until it is found (TAKEN), proven away, or absent for long (NOTHING)."""
        placement.is_open_question = True
        loop = asyncio.get_running_loop()
        absent_at = loop.time() + _ABSENT_S
        while True:
            await asyncio.sleep(self._rng.uniform(0.5, 10.0))
            asked_at = loop.time()
            try:
                seen = await self._look(placement)
            except TandemError:
                continue
            if seen in (Seen.FOUND, Seen.FENCED):
                placement.is_open_question = False
                return Proof.TAKEN if seen is Seen.FOUND else Proof.NO_EFFECT
            if seen is Seen.ABSENT and asked_at > absent_at:
                return Proof.NOTHING

    async def _look(self, placement: Placement) -> Seen:
        """Ask once, by a look-up or for the proof."""
        if self._rng.random() < 0.4:
            fenced = await self._client.fence_order(placement.placement_id)
            seen, order, text = _FENCED[fenced.outcome], fenced.order, fenced.evidence
        else:
            shown = await self._client.order(placement.placement_id)
            seen, order, text = _SHOWN[shown.lookup], shown.order, shown.reason
        at_s = asyncio.get_running_loop().time()
        placement.answers.append(f"{at_s:10.3f} asked: {seen.value} {text}")
        self.proofs[f"asked: {seen.value}"] += 1
        if seen is Seen.FOUND:
            placement.taken_as = order.venue_order_id
        return seen

    def _take(self, placement: Placement, verb: str, answer: Answer) -> Proof:
        at_s = asyncio.get_running_loop().time()
        placement.answers.append(f"{at_s:10.3f} {verb}: {answer.text}")
        self.proofs[f"{verb}: {answer.proof.value}"] += 1
        if answer.proof is not Proof.TAKEN:
            self.texts[f"{verb}: {placement.kind}: {answer.text[:90]}"] += 1
        if answer.reason.value == "INTERNAL":
            self.noise.append(f"{placement.placement_id}: {verb}: {answer.text}")
        if answer.order is not None and answer.proof is Proof.TAKEN and verb != "cancel":
            placement.taken_as = answer.order.venue_order_id
        return answer.proof

    async def _wait_for_session(self) -> None:
        until = asyncio.get_running_loop().time() + _SESSION_WAIT_S
        while not self._client.session_id and asyncio.get_running_loop().time() < until:
            await asyncio.sleep(0.5)

    def _told(self, placement_id: str) -> ToldOrder | None:
        venue_order_id = self._view.by_client_id.get(placement_id)
        return None if venue_order_id is None else self._view.orders[venue_order_id]

    # -- changes -----------------------------------------------------------------------------

    async def _cancel(self, placement_id: str) -> None:
        """Ask once or twice; whether it was canceled is for the events to say."""
        placement = self.placements[placement_id]
        answer = await self._client.cancel(placement_id)
        self._take(placement, "cancel", answer)
        if answer.proof is not Proof.TAKEN and not self._paused:
            await asyncio.sleep(self._rng.uniform(0.5, 5.0))
            self._take(placement, "cancel", await self._client.cancel(placement_id))

    async def _replace(self, placement_id: str, terms: Terms) -> str:
        """The id under which the order stands after it; "" if that is not known."""
        change = self._change(terms)
        read = PlacementId.parse(placement_id)
        if change is None or read is None:
            return placement_id
        self._revisions[read.client_order_id] += 1
        revision = self._revisions[read.client_order_id]
        revision_id = str(PlacementId(read.client_order_id, TAG, read.number, revision))
        placement = self._note(revision_id, "replace")
        answer = await self._client.replace(placement_id, revision_id, change)
        proof = self._take(placement, "replace", answer)
        if proof is Proof.TAKEN and answer.order.replace_rejected:
            placement.taken_as, placement.rejected = "", True
            return placement_id
        if proof is Proof.TAKEN:
            return revision_id
        if proof is Proof.NOTHING:
            if await self._pursue(placement) is Proof.TAKEN:
                return revision_id
            placement.is_open_question, placement.absent = False, True
        return placement_id

    def _change(self, terms: Terms) -> OrderChange | None:
        price = terms.get("limit_price")
        if price is None or "notional" in terms or "order_class" in terms:
            return None
        cents = Decimal(self._rng.randint(-30, 30)) / 100
        if terms.get("position_intent") is not None:
            cents = (cents / Decimal("0.05")).quantize(Decimal(1)) * Decimal("0.05")
        qty = terms["order_qty"] + self._rng.randint(0, 3)
        keeps_qty = self._rng.random() < 0.6
        return OrderChange(
            order_qty=None if keeps_qty else qty,
            limit_price=max(price + cents, Decimal("0.05")),
        )

    async def _exercise(self) -> None:
        """Exercise a contract that is held; asked once, as nobody may ask twice in doubt."""
        held = [symbol for symbol in OPTIONS if self._view.held(symbol) > 0]
        if held and "ExerciseOption" in self._client.methods:
            self._numbers += 1
            contract = parse_occ(self._rng.choice(held))
            answer = await self._client.exercise(f"x{self._numbers}", contract)
            self.proofs[f"exercise: {answer.proof.value}"] += 1

    async def _thin_out(self) -> None:
        """Too many are open: end all, or some of the oldest."""
        if "CancelAllOrders" in self._client.methods and self._rng.random() < 0.3:
            answer = await self._client.cancel_all()
            self.proofs[f"cancel all: {answer.proof.value}"] += 1
            return
        for told in self._view.open_orders()[:10]:
            if told.client_id in self.placements and not self._paused:
                await self._cancel(told.client_id)
