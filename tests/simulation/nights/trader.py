"""The trader of a night: each id is sent once, and what is not proven is asked for until it is.

It knows what IB does not enforce: an id that may have been sent is never sent again. One that is
fenced off is sent anew under the next placement's id, as a router would.
"""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any, Final

from services.common.contract.pb import adapter_service_pb2 as adapter_pb
from services.common.contract.pb import broker_service_pb2 as pb
from services.common.domain.errors import TandemError
from services.common.domain.order_spec import OrderSpec, PlacementId
from services.common.domain.order_terms import OrderChange
from tests.simulation.nights.orders import Wanted
from tests.simulation.nights.stand import SETTLING_S
from tests.simulation.soak.client import Answer, Client, Proof
from tests.simulation.soak.lone_adapter import TAG
from tests.simulation.soak.view import ToldOrder, View

_PLACEMENTS_MAX: Final = 2
_PAUSE_S: Final = (0.5, 6.0)
_CANCELS_MAX: Final = 12


@dataclass(slots=True)
class Placement:
    """One placement or revision id, and what is known of it.

    `is_in_doubt` until it is found or proven away; `why` is what was said of it last.
    """

    placement_id: str
    limit_price: Decimal
    attempted_at: datetime
    replaces: str = ""
    answers: list[str] = field(default_factory=list)
    is_in_doubt: bool = False
    is_taken: bool = False
    is_fenced: bool = False
    is_rejected: bool = False
    why: str = ""


class NightClient(Client):
    """A client that goes on sending in a session of which it has not heard that it ended."""

    _latest = ""

    @property
    def expected_session_id(self) -> str:
        """See `Client`."""
        self._latest = self.session_id or self._latest
        return self._latest


class Trader:
    """Does what it is told to, each thing in a task of its own. To be run as an incarnation."""

    def __init__(
        self, client: Client, view: View, rng: random.Random, wall: Callable[[], datetime]
    ) -> None:
        """Args: wall: the clock of the trader's machine."""
        self._wall = wall
        self._client = client
        self._view = view
        self._rng = rng
        self._numbers = 0
        self._tasks: set[asyncio.Task[None]] = set()
        self._stopped_at: float | None = None
        self.placements: dict[str, Placement] = {}
        self.counts: Counter[str] = Counter()
        self.noise: list[str] = []

    @property
    def is_idle(self) -> bool:
        """Whether nothing is under way; what stays in doubt is asked for to the end."""
        return not self._tasks

    def stop(self) -> None:
        """Send nothing new; what is open is asked for as long as it may take to be settled."""
        self._stopped_at = asyncio.get_running_loop().time()

    @property
    def _stopped(self) -> bool:
        return self._stopped_at is not None

    @property
    def _has_given_up(self) -> bool:
        """Whether what can be proven would have been by now."""
        now = asyncio.get_running_loop().time()
        return self._stopped_at is not None and now > self._stopped_at + 2 * SETTLING_S

    def place(self, wanted: Wanted) -> None:
        """Send an order, and see it through."""
        self._begin(self._place(wanted))

    def replace_one(self) -> None:
        """Change the terms of a working order."""
        self._begin(self._replace())

    def cancel_one(self) -> None:
        """Ask for the end of a working order, until it has ended."""
        self._begin(self._cancel())

    def _begin(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and task.exception() is not None:
            self.noise.append(f"the trader failed: {task.exception()!r}")

    # -- orders ------------------------------------------------------------------------------

    async def _place(self, wanted: Wanted) -> None:
        self._numbers += 1
        client_order_id = f"n{self._numbers}"
        for number in range(1, _PLACEMENTS_MAX + 1):
            price = wanted.terms["limit_price"]
            placement = self._note(str(PlacementId(client_order_id, TAG, number)), price)
            spec = OrderSpec(client_order_id=placement.placement_id, **wanted.terms)
            proof = await self._send(placement, self._client.submit(spec), "submit")
            if proof is not Proof.NO_EFFECT or self._stopped:
                return
            await asyncio.sleep(self._rng.uniform(*_PAUSE_S))

    async def _send(
        self, placement: Placement, call: Coroutine[Any, Any, Answer], verb: str
    ) -> Proof:
        """What was proven in the end: NOTHING if it is still in doubt."""
        answer = await call
        proof = self._take(placement, verb, answer)
        if proof is Proof.NOTHING:
            placement.is_in_doubt = True
            proof = await self._pursue(placement)
        placement.is_taken = proof is Proof.TAKEN
        placement.is_rejected = proof is Proof.REJECTED
        return proof

    async def _pursue(self, placement: Placement) -> Proof:
        """Ask until it is found (TAKEN) or fenced off (NO_EFFECT), or the night is over."""
        while True:
            await asyncio.sleep(self._rng.uniform(*_PAUSE_S))
            is_last = self._has_given_up
            try:
                proof = await self._ask(placement)
            except TandemError as error:
                placement.why = str(error)
                proof = Proof.NOTHING
            if proof is not Proof.NOTHING:
                placement.is_in_doubt = False
            if proof is not Proof.NOTHING or is_last:
                return proof

    async def _ask(self, placement: Placement) -> Proof:
        if self._stopped or self._rng.random() < 0.6:
            fenced = await self._client.fence_order(placement.placement_id, placement.attempted_at)
            self._answered(placement, f"fence: {fenced.outcome} {fenced.evidence}")
            placement.why = fenced.evidence
            if fenced.outcome == adapter_pb.FENCE_OUTCOME_FENCED:
                placement.is_fenced = True
                return Proof.NO_EFFECT
            found = fenced.outcome == adapter_pb.FENCE_OUTCOME_FOUND
        else:
            shown = await self._client.order(placement.placement_id)
            self._answered(placement, f"look up: {shown.lookup} {shown.reason}")
            placement.why = shown.reason
            found = shown.lookup == pb.ORDER_LOOKUP_FOUND
        return Proof.TAKEN if found else Proof.NOTHING

    # -- changes -----------------------------------------------------------------------------

    async def _replace(self) -> None:
        """At most one change of an order is in doubt at a time."""
        working = [
            told
            for told in self._working()
            if told.client_id in self.placements
            and not told.cum_qty
            and not self._is_changing(told.client_id)
        ]
        if not working or "ReplaceOrder" not in self._client.methods:
            self.counts["replace: nothing to replace"] += 1
            return
        told = self._rng.choice(working)
        old = PlacementId.parse(told.client_id)
        if old is None:
            return
        new_id = str(PlacementId(old.client_order_id, TAG, old.number, self._next_revision(old)))
        cents = Decimal(self._rng.choice((-10, -5, 5, 10))) / 100
        price = max(self.placements[told.client_id].limit_price + cents, Decimal("0.05"))
        placement = self._note(new_id, price, replaces=told.client_id)
        change = OrderChange(limit_price=price)
        await self._send(placement, self._client.replace(told.client_id, new_id, change), "replace")

    def _next_revision(self, old: PlacementId) -> int:
        read = (PlacementId.parse(placement_id) for placement_id in self.placements)
        return 1 + max(
            p.revision
            for p in read
            if p is not None and (p.client_order_id, p.number) == (old.client_order_id, old.number)
        )

    def _is_changing(self, placement_id: str) -> bool:
        return any(
            p.replaces == placement_id and (p.is_in_doubt or p.is_taken)
            for p in self.placements.values()
        )

    async def _cancel(self) -> None:
        working = [told for told in self._working() if told.client_id in self.placements]
        if not working:
            self.counts["cancel: nothing to cancel"] += 1
            return
        placement_id = self._rng.choice(working).client_id
        placement = self.placements[placement_id]
        for _ in range(_CANCELS_MAX):
            self._take(placement, "cancel", await self._client.cancel(placement_id))
            await asyncio.sleep(self._rng.uniform(*_PAUSE_S))
            told = self._told(placement_id)
            if told is None or not told.is_open or self._stopped:
                return

    # -- notes -------------------------------------------------------------------------------

    def _working(self) -> list[ToldOrder]:
        return sorted(
            (told for told in self._view.open_orders() if told.status == "ACCEPTED"),
            key=lambda told: told.client_id,
        )

    def _told(self, placement_id: str) -> ToldOrder | None:
        venue_order_id = self._view.by_client_id.get(placement_id)
        return None if venue_order_id is None else self._view.orders[venue_order_id]

    def _note(self, placement_id: str, limit_price: Decimal, replaces: str = "") -> Placement:
        placement = Placement(placement_id, limit_price, self._wall(), replaces)
        self.placements[placement_id] = placement
        return placement

    def _take(self, placement: Placement, verb: str, answer: Answer) -> Proof:
        self._answered(placement, f"{verb}: {answer.text}")
        proof = answer.proof
        if proof is Proof.TAKEN and verb == "replace" and answer.order.replace_rejected:
            proof = Proof.REJECTED
        self.counts[f"{verb}: {proof.value}"] += 1
        if answer.reason.value == "INTERNAL":
            self.noise.append(f"{placement.placement_id}: {verb}: {answer.text}")
        return proof

    def _answered(self, placement: Placement, text: str) -> None:
        placement.answers.append(f"{asyncio.get_running_loop().time():10.3f} {text}")
