"""The part of `BrokerService` that changes something: orders, positions by orders, instructions.

Fenced calls come from a router and name placements, each revision by an id of its own. Calls
without a fence, which only a stand-alone adapter takes, name orders by the client's own id, which
stands for the latest revision.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from services.common.adapter.capabilities import Capabilities
from services.common.adapter.closing import Closing
from services.common.adapter.feed import EventFeed
from services.common.adapter.fence_store import FenceStore
from services.common.adapter.last_check import Terms
from services.common.adapter.order_desk import OrderDesk
from services.common.adapter.port import VenueGateway
from services.common.adapter.requests import (
    MutationRequest,
    require_client_id,
    require_found_id,
    require_key,
    require_own_tag,
    require_venue,
    terms_of,
)
from services.common.adapter.revisions import (
    find_latest,
    find_revisions,
    has_taken,
    require_next_revision,
    revision_id,
)
from services.common.adapter.served_account import ServedAccount
from services.common.adapter.settings import AdapterSettings
from services.common.adapter.wire import cancel_all_to_wire, preview_to_wire
from services.common.contract.convert import (
    change_from_wire,
    check_known_fields,
    instruction_to_wire,
    instrument_from_wire,
    optional_decimal_from_wire,
    optional_timestamp_from_wire,
    report_to_wire,
    spec_from_wire,
)
from services.common.contract.pb import broker_service_pb2 as pb
from services.common.domain.errors import (
    InvalidRequest,
    ReadFailed,
    Reason,
    Refused,
    Unavailable,
)
from services.common.domain.instruments import OptionContract
from services.common.domain.order_spec import OrderSpec, PlacementId
from services.common.domain.order_terms import OrderChange
from services.common.domain.reports import Lookup, OrderReport
from services.common.runtime.clock import Clock


class MutationsServicer(ServedAccount):
    """Serves the mutations, and what an order would cost, of one account of one venue."""

    def __init__(
        self,
        gateway: VenueGateway,
        desk: OrderDesk,
        feed: EventFeed,
        store: FenceStore,
        clock: Clock,
        settings: AdapterSettings,
        capabilities: Callable[[], Capabilities],
    ) -> None:
        super().__init__(gateway, feed, clock, settings)
        self._desk = desk
        self._store = store
        self._capabilities = capabilities

    # -- orders ------------------------------------------------------------------------------

    async def SubmitOrder(
        self, request: pb.SubmitOrderRequest, context: Any
    ) -> pb.SubmitOrderResponse:
        terms = self._terms(request, context)
        if not request.HasField("order"):
            raise InvalidRequest("order", "required")
        spec = spec_from_wire(request.order, placement=terms.claim is not None)
        require_own_tag(spec.client_order_id, self._settings.account_tag)
        _require_for_venue(spec, self._settings.venue)
        self._capabilities().require(spec)
        return pb.SubmitOrderResponse(order=report_to_wire(await self._desk.submit(spec, terms)))

    async def ReplaceOrder(
        self, request: pb.ReplaceOrderRequest, context: Any
    ) -> pb.ReplaceOrderResponse:
        terms = self._terms(request, context)
        fenced = terms.claim is not None
        require_client_id(request.client_order_id, fenced=fenced)
        require_key(request.replace_id, "replace_id", placement=fenced)
        change = change_from_wire(request)
        not_after = optional_timestamp_from_wire(request, "not_after", "not_after")
        if not fenced:
            report = await self._replace_own(request, change, terms)
            return pb.ReplaceOrderResponse(order=report_to_wire(report))
        require_next_revision(request.client_order_id, request.replace_id)
        require_own_tag(request.replace_id, self._settings.account_tag)
        report = await self._desk.replace(
            request.client_order_id, request.replace_id, change, not_after, terms
        )
        return pb.ReplaceOrderResponse(order=report_to_wire(report))

    async def CancelOrder(
        self, request: pb.CancelOrderRequest, context: Any
    ) -> pb.CancelOrderResponse:
        terms = self._terms(request, context)
        fenced = terms.claim is not None
        client_id, venue_order_id = request.client_order_id, request.venue_order_id
        if venue_order_id:
            require_found_id(venue_order_id, client_id, fenced=fenced)
            report = await self._desk.cancel_found(venue_order_id, terms)
            return pb.CancelOrderResponse(order=report_to_wire(report))
        require_client_id(client_id, fenced=fenced)
        try:
            report = await self._desk.cancel(client_id, terms)
        except Refused as error:
            if fenced or error.reason is not Reason.ORDER_ENDED:
                raise
            report = await self._cancel_latest(client_id, terms, error)
        return pb.CancelOrderResponse(order=report_to_wire(report))

    async def CancelAllOrders(
        self, request: pb.CancelAllOrdersRequest, context: Any
    ) -> pb.CancelAllOrdersResponse:
        terms = self._terms(request, context)
        require_venue(request.venue, self._settings.venue)
        instrument = None
        if request.HasField("instrument"):
            instrument = instrument_from_wire(request.instrument, "instrument")
        return cancel_all_to_wire(await self._desk.cancel_all(instrument, terms))

    async def PreviewOrder(
        self, request: pb.PreviewOrderRequest, context: Any
    ) -> pb.PreviewOrderResponse:
        self._require_here(request.account_id, request.venue)
        if not request.HasField("order"):
            raise InvalidRequest("order", "required")
        placed = PlacementId.parse(request.order.client_order_id) is not None
        spec = spec_from_wire(request.order, placement=placed)
        _require_for_venue(spec, self._settings.venue)
        self._capabilities().require(spec)
        return preview_to_wire(await self._gateway.preview(spec))

    # -- positions ---------------------------------------------------------------------------

    async def ClosePosition(
        self, request: pb.ClosePositionRequest, context: Any
    ) -> pb.ClosePositionResponse:
        terms = self._terms(request, context)
        if terms.claim is not None:
            raise InvalidRequest("fence", "a router closes a position by SubmitOrder")
        self._store.check(None)
        closing = Closing.from_wire(request)
        report = await self._closed_before(closing)
        if report is None:
            report = await self._desk.submit(await self._closing_order(closing), terms)
        return pb.ClosePositionResponse(order=report_to_wire(report))

    async def ExerciseOption(
        self, request: pb.ExerciseOptionRequest, context: Any
    ) -> pb.ExerciseOptionResponse:
        terms, contract = self._instruction(request, context)
        qty = optional_decimal_from_wire(request, "qty", "qty")
        if qty is not None and (qty <= 0 or qty != qty.to_integral_value()):
            raise InvalidRequest("qty", "must be a whole number above 0")
        report = await self._desk.exercise(request.client_order_id, contract, qty, terms)
        answer = pb.ExerciseOptionResponse()
        instruction_to_wire(report, answer)
        return answer

    async def DoNotExercise(
        self, request: pb.DoNotExerciseRequest, context: Any
    ) -> pb.DoNotExerciseResponse:
        terms, contract = self._instruction(request, context)
        report = await self._desk.do_not_exercise(request.client_order_id, contract, terms)
        answer = pb.DoNotExerciseResponse()
        instruction_to_wire(report, answer)
        return answer

    # -- inside ------------------------------------------------------------------------------

    def _terms(self, request: MutationRequest, context: Any) -> Terms:
        """What every mutation is checked for first, and its terms."""
        check_known_fields(request)
        self._require_account(request.account_id)
        return terms_of(request, self._clock, context, self._settings.default_deadline_s)

    def _instruction(
        self, request: pb.ExerciseOptionRequest | pb.DoNotExerciseRequest, context: Any
    ) -> tuple[Terms, OptionContract]:
        terms = self._terms(request, context)
        require_venue(request.venue, self._settings.venue)
        require_key(request.client_order_id, "client_order_id", placement=False)
        if not request.HasField("instrument"):
            raise InvalidRequest("instrument", "required")
        contract = instrument_from_wire(request.instrument, "instrument")
        if not isinstance(contract, OptionContract):
            raise InvalidRequest("instrument", "not an option")
        return terms, contract

    async def _replace_own(
        self, request: pb.ReplaceOrderRequest, change: OrderChange, terms: Terms
    ) -> OrderReport:
        """A replace by a client's own ids: of the latest revision, unless it is one already."""
        self._store.check(None)
        new_id = revision_id(request.client_order_id, request.replace_id)
        try:
            revisions = await find_revisions(self._gateway, request.client_order_id)
        except ReadFailed as error:
            raise _not_sent(error) from error
        latest = revisions[-1].client_id if revisions else request.client_order_id
        for revision in revisions:
            if revision.client_id == new_id:
                if has_taken(change, revision):
                    return revision
                text = f"{request.replace_id} was another change"
                raise Refused(Reason.CLIENT_ORDER_ID_REUSED, text)
        not_after = optional_timestamp_from_wire(request, "not_after", "not_after")
        return await self._desk.replace(latest, new_id, change, not_after, terms)

    async def _cancel_latest(self, client_id: str, terms: Terms, ended: Refused) -> OrderReport:
        """The cancel of what has replaced an order, for a client that knows its own id only."""
        try:
            latest = (await find_latest(self._gateway, client_id)).report
        except ReadFailed as error:
            raise _not_sent(error) from error
        if latest is None or latest.client_id == client_id:
            raise ended
        return await self._desk.cancel(latest.client_id, terms)

    async def _closing_order(self, closing: Closing) -> OrderSpec:
        try:
            positions = await self._gateway.positions()
        except ReadFailed as error:
            raise _not_sent(error) from error
        spec = closing.order(positions)
        self._capabilities().require(spec)
        return spec

    async def _closed_before(self, closing: Closing) -> OrderReport | None:
        """The closing order if it was sent already, also after the position is gone.

        A venue that can't tell whether an id was used is no obstacle where the gateway itself keeps
        what it has sent: it never sends an id twice.
        """
        client_id = closing.client_order_id
        report = await self._desk.submit_under_way(client_id)
        if report is None:
            try:
                found = await self._gateway.find_order(client_id=client_id)
            except ReadFailed as error:
                raise _not_sent(error) from error
            if found.lookup is Lookup.UNKNOWN and self._capabilities().enforces_unique_ids:
                text = f"{client_id} can't be looked up: {found.reason}"
                raise Unavailable(Reason.READ_FAILED, text)
            report = found.report
        if report is not None and not closing.is_same(report):
            raise Refused(Reason.CLIENT_ORDER_ID_REUSED, f"{client_id} is another order")
        return report


def _require_for_venue(spec: OrderSpec, venue: str) -> None:
    """NotFound unless the order may go to this venue; Refused if only a router can judge it."""
    require_venue(spec.venue_pin, venue)
    if spec.hedge:
        text = "order.hedge: an adapter knows one venue; a router says what may be hedged"
        raise Refused(Reason.UNSUPPORTED_FIELD, text)


def _not_sent(error: ReadFailed) -> Unavailable:
    """What had to be read before could not be: nothing was sent."""
    return Unavailable(
        error.reason, f"not sent: {error.message}", retry_after_s=error.retry_after_s
    )
