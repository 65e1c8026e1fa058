"""The order desk: every mutation is a task of the adapter, checked last thing before the wire.

An RPC only waits for its mutation; its deadline or cancellation ends the waiting, not the order.
How each runs is in `mutation_tasks`; which ones exclude or join each other is here.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import datetime
from decimal import Decimal

from services.common.adapter.fence_store import FenceStore
from services.common.adapter.instruction_book import Instruction, InstructionBook, InstructionCall
from services.common.adapter.last_check import Rules, Terms
from services.common.adapter.mutation_tasks import Mutation, MutationTasks
from services.common.adapter.pacer import Pacer, Priority
from services.common.adapter.port import LastCheck, VenueGateway
from services.common.domain.errors import NotFound, Reason, Refused, Unavailable
from services.common.domain.instruments import Instrument, OptionContract
from services.common.domain.order_spec import OrderSpec
from services.common.domain.order_terms import OrderChange
from services.common.domain.reports import CancelAllOutcome, InstructionReport, OrderReport
from services.common.runtime.clock import Clock

__all__ = ["OrderDesk", "Terms"]


class OrderDesk:
    """Carries out mutations over a gateway. Used on the event loop's thread only.

    A mutation waits for the pacer at most `wait_max_s`, and never beyond its caller's deadline.
    Only what is under way is remembered: an id that comes again later goes to the gateway, which
    asks the venue; instructions, which no venue can be asked about, are kept for good.
    """

    def __init__(
        self,
        gateway: VenueGateway,
        store: FenceStore,
        pacer: Pacer,
        clock: Clock,
        *,
        wait_max_s: float,
    ) -> None:
        self._gateway = gateway
        self._tasks = MutationTasks(store, pacer, clock, wait_max_s)
        self._rules = Rules(gateway, store, clock)
        self._instructions = InstructionBook(store)

    @property
    def in_flight_count(self) -> int:
        """Mutations that have not come back yet."""
        return len(self._tasks)

    def is_in_flight(self, client_id: str) -> bool:
        """Whether an order under this id is on its way from here, by a submit or a replace."""
        return self._tasks.may_bring(client_id)

    async def submit(self, spec: OrderSpec, terms: Terms) -> OrderReport:
        """Send an order once and give the venue's word on it, a rejection included.

        The same id with the same content, while the first is under way, waits for the first.
        Raises Refused, Unavailable (effect NONE) or OutcomeUnknown. Canceled, the order goes on.
        """
        client_id = spec.client_order_id
        mutation = Mutation(
            "submit",
            client_id,
            terms,
            Priority.SUBMIT,
            check=lambda: self._rules.check_send(client_id, spec.not_after, terms),
            call=lambda last_check: self._gateway.submit(spec, last_check),
            content=spec.content_hash(),
            client_ids=(client_id,),
        )
        report: OrderReport = await self._tasks.start_or_join(("submit", client_id), mutation)
        return report

    async def submit_under_way(self, client_id: str) -> OrderReport | None:
        """The outcome of a submit that is under way now, None if there is none."""
        running = self._tasks.get(("submit", client_id))
        return None if running is None else await self._tasks.outcome(running)

    async def replace(
        self,
        client_id: str,
        new_client_id: str,
        change: OrderChange,
        not_after: datetime | None,
        terms: Terms,
    ) -> OrderReport:
        """Ask the venue for other terms of an order, once; the new revision, or the old one.

        One replace of an order at a time; the same one again waits for the first. Raises as
        `submit`, and NotFound, Refused ORDER_ENDED and CHANGE_IN_PROGRESS. Canceled, it goes on.
        """
        key = ("replace", client_id)
        running = self._tasks.get(key)
        if running is not None and new_client_id not in running.client_ids:
            raise Refused(Reason.CHANGE_IN_PROGRESS, f"{client_id} is being replaced otherwise")
        beside_submit = self.is_in_flight(client_id)
        mutation = Mutation(
            "replace",
            client_id,
            terms,
            Priority.SUBMIT,
            check=lambda: self._rules.check_send(new_client_id, not_after, terms),
            call=lambda last_check: self._gateway.replace(
                client_id, new_client_id, change, last_check
            ),
            content=repr(change),
            client_ids=(new_client_id,),
        )
        try:
            report: OrderReport = await self._tasks.start_or_join(key, mutation)
        except NotFound as error:
            raise self._not_yet(client_id, beside_submit, error) from error
        return report

    async def cancel(self, client_id: str, terms: Terms) -> OrderReport:
        """Ask the venue for the end of an order and give its word after the request.

        Raises as `submit`, and NotFound, Refused ORDER_ENDED. Canceled, the request goes on.
        """
        beside_submit = self.is_in_flight(client_id)
        try:
            return await self._cancel(
                client_id, terms, lambda check: self._gateway.cancel(client_id, check)
            )
        except NotFound as error:
            raise self._not_yet(client_id, beside_submit, error) from error

    async def cancel_found(self, venue_order_id: str, terms: Terms) -> OrderReport:
        """As `cancel`, by the venue's own id of an order that nobody has sent from here."""
        return await self._cancel(
            venue_order_id,
            terms,
            lambda check: self._gateway.cancel_found(venue_order_id, check),
        )

    async def _cancel(
        self, any_id: str, terms: Terms, call: Callable[[LastCheck], Awaitable[OrderReport]]
    ) -> OrderReport:
        mutation = Mutation(
            "cancel",
            any_id,
            terms,
            Priority.CANCEL,
            check=lambda: self._rules.check_cancel(terms),
            call=call,
        )
        key = ("cancel", any_id, terms.leader, terms.expected_session_id)
        running = self._tasks.get(key) or self._tasks.start(key, mutation)
        report: OrderReport = await self._tasks.outcome(running)
        return report

    async def cancel_all(self, instrument: Instrument | None, terms: Terms) -> CancelAllOutcome:
        """Ask the venue for the end of every open order, of one instrument if given.

        Raises as `submit`. What is on its way from here and not at the venue yet is not canceled.
        Canceled, the requests go on.
        """
        what = "all" if instrument is None else instrument.key
        mutation = Mutation(
            "cancel_all",
            what,
            terms,
            Priority.CANCEL,
            check=lambda: self._rules.check_cancel(terms),
            call=lambda last_check: self._gateway.cancel_all(instrument, last_check),
        )
        key = ("cancel_all", what, terms.leader)
        running = self._tasks.get(key) or self._tasks.start(key, mutation)
        outcome: CancelAllOutcome = await self._tasks.outcome(running)
        return outcome

    async def exercise(
        self, key: str, contract: OptionContract, qty: Decimal | None, terms: Terms
    ) -> InstructionReport:
        """Have long contracts exercised, once under this key for good; see `instruction_book`.

        Raises as `submit`, and NotFound POSITION_NOT_FOUND. Canceled, the instruction goes on.
        """
        instruction = Instruction.of("exercise", key, contract, qty)

        async def call(last_check: LastCheck) -> InstructionReport:
            return await self._gateway.exercise(contract, qty, last_check)

        return await self._instruct(instruction, call, terms)

    async def do_not_exercise(
        self, key: str, contract: OptionContract, terms: Terms
    ) -> InstructionReport:
        """Have long contracts expire; otherwise as `exercise`."""
        instruction = Instruction.of("do_not_exercise", key, contract, None)

        async def call(last_check: LastCheck) -> InstructionReport:
            return await self._gateway.do_not_exercise(contract, last_check)

        return await self._instruct(instruction, call, terms)

    async def close(self, *, finish_s: float, cancel_s: float = 1.0) -> list[str]:
        """Take no more, let what is under way finish for `finish_s`, then give it up.

        Gives what was given up after its write was let through ("submit a~t~1.0"): it is in
        doubt. What had not come that far is never written.
        """
        return await self._tasks.close(finish_s=finish_s, cancel_s=cancel_s)

    async def _instruct(
        self, instruction: Instruction, call: InstructionCall, terms: Terms
    ) -> InstructionReport:
        mutation = Mutation(
            instruction.kind,
            instruction.key,
            terms,
            Priority.SUBMIT,
            check=lambda: self._rules.check_send("", None, terms),
            call=lambda last_check: self._instructions.carry_out(instruction, call, last_check),
            content=instruction.content,
        )
        key = ("instruction", instruction.key)
        if self._tasks.get(key) is None:
            recorded = self._instructions.recorded(instruction, terms.claim)
            if recorded is not None:
                return recorded
        report: InstructionReport = await self._tasks.start_or_join(key, mutation)
        return report

    def _not_yet(
        self, client_id: str, beside_submit: bool, error: NotFound
    ) -> NotFound | Unavailable:
        """What the venue does not know may be on its way there."""
        if beside_submit or self.is_in_flight(client_id):
            text = "its submit is still under way; ask again"
            return Unavailable(Reason.CHANGE_IN_PROGRESS, text)
        return error
