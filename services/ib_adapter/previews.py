"""PreviewOrder: the order as a what-if, which IB answers with margins and commission.

On the wire a what-if is an order with one flag. So the flag is looked at right before it is
written, it has a number and a reference by which it is known for good, and if the Gateway ever
shows it as an order it is canceled, and alarmed.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Any, Final

import structlog

from services.common.domain.amounts import Money, mul
from services.common.domain.errors import ReadFailed, Unavailable
from services.common.domain.executions import Fee
from services.common.domain.instruments import Equity, OptionContract
from services.common.domain.order_spec import OrderSpec
from services.common.domain.order_terms import OptionCombo
from services.common.domain.reports import Preview
from services.ib_adapter import figures
from services.ib_adapter.account_reads import AccountReads
from services.ib_adapter.library import OrderState
from services.ib_adapter.parcels import Packing
from services.ib_adapter.preview_ids import PREVIEW_REF, PreviewIds
from services.ib_adapter.send_log import SendLog
from services.ib_adapter.session import Session
from services.ib_adapter.wire import Wire

_log = structlog.stdlib.get_logger(__name__)

_EXITS: Final = "the exits are not counted in: IB is asked about the entry alone"


class Previews:
    """Asks what orders would cost. Nothing of it is transmitted as an order."""

    def __init__(
        self,
        session: Session,
        packing: Packing,
        account: AccountReads,
        send_log: SendLog,
        ids: PreviewIds,
        venue: str,
    ) -> None:
        self._session = session
        self._packing = packing
        self._account = account
        self._base_currency = ""
        self._send_log = send_log
        self._ids = ids
        self._venue = venue
        self._canceled: dict[int, Wire] = {}

    async def preview(self, spec: OrderSpec) -> Preview:
        """See `VenueGateway.preview`. Raises InvalidRequest and Refused for what could not be sent
        as an order either, ReadFailed if IB gave no answer."""
        parcel = self._packing.orders(spec, self._session.account)
        order = parcel.orders[0]
        order.whatIf, order.orderRef = True, PREVIEW_REF
        try:
            self._session.ready_wire()
            contract = await self._packing.contract(spec)
            base_currency = await self._currency()
            state = await self._session.requests().what_if(contract, order, self._number)
        except Unavailable as error:
            raise ReadFailed(error.message, reason=error.reason) from error
        return _read(spec, state, self._venue, base_currency)

    async def _currency(self) -> str:
        """The account's own currency, in which margins are; IB does not name it with them. It stays
        what it is, so it is asked for once. "" if IB does not name it at all."""
        if not self._base_currency:
            equity = (await self._account.balance()).equity
            self._base_currency = "" if equity is None else equity.currency
        return self._base_currency

    async def _number(self) -> int:
        """A number that no order has or will have, of this process or a later one."""
        order_id = self._session.ready_wire().next_id()
        self._ids.add(order_id)
        await self._send_log.use(order_id)
        return order_id

    def became_order(self, order_id: int) -> None:
        """The Gateway shows a preview as an order: cancel it, once on each connection; 0 is one
        that can't be canceled from here."""
        try:
            wire = self._session.wire()
        except Unavailable as error:
            _log.critical("preview_became_an_order", order_id=order_id, error=error.message)
            return
        if self._canceled.get(order_id) is wire:
            return
        self._canceled[order_id] = wire
        _log.critical("preview_became_an_order", order_id=order_id)
        if order_id > 0:
            wire.cancel(order_id)


def _read(spec: OrderSpec, state: OrderState, venue: str, base_currency: str) -> Preview:
    """IB's answer in our words; figures that it did not give are None."""
    currency = state.commissionCurrency or "USD"
    warnings = [text for text in (state.warningText,) if text]
    if spec.take_profit is not None or spec.stop_loss is not None:
        warnings.append(_EXITS)
    fees, range_text = _commission(state, currency)
    return Preview(
        venue=venue,
        estimated=False,  # IB's own; the change of cash is only the order's price times quantity
        cash_effect=_cash_effect(spec),
        fees=fees,
        initial_margin_change=_money(state.initMarginChange, base_currency),
        maintenance_margin_change=_money(state.maintMarginChange, base_currency),
        buying_power_after=None,
        warnings=(*warnings, *range_text),
    )


def _commission(state: OrderState, currency: str) -> tuple[tuple[Fee, ...], tuple[str, ...]]:
    """The commission as an estimate; of a range the upper end, and the range in words."""
    exact, low, high = map(
        figures.decimal, (state.commission, state.minCommission, state.maxCommission)
    )
    amount = exact if exact is not None else high
    if amount is None:
        return (), ()
    text: tuple[str, ...] = ()
    if exact is None and low is not None and low != high:
        text = (f"the commission is between {low} and {high} {currency}",)
    return (Fee("commission", Money(amount, currency), estimated=True),), text


def _cash_effect(spec: OrderSpec) -> Money | None:
    """Change of cash at the order's own price; None if it names none, as IB tells none either."""
    price = spec.limit_price if spec.limit_price is not None else spec.stop_price
    if price is None:
        return None
    first = spec.instrument
    if isinstance(first, OptionCombo):
        first = first.legs[0].contract
    units = mul(spec.order_qty, _multiplier(first))
    return Money(mul(Decimal(-spec.side.sign), mul(units, price)), first.currency)


def _multiplier(instrument: Equity | OptionContract) -> Decimal:
    return instrument.multiplier if isinstance(instrument, OptionContract) else Decimal(1)


def _money(text: Any, currency: str) -> Money | None:
    amount = figures.text_decimal(str(text))
    return None if amount is None or not currency else Money(amount, currency)
