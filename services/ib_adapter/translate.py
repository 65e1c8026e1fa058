"""Orders, executions, positions and figures of IB's in our words."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any, Final

import structlog

from services.common.domain.amounts import Money
from services.common.domain.errors import Cause, Reason
from services.common.domain.executions import (
    ExecSource,
    ExecType,
    Execution,
    Fee,
    RecordTimes,
    Side,
)
from services.common.domain.instruments import Instrument, multiplier_of
from services.common.domain.order_spec import OrderSpec
from services.common.domain.order_status import OrderStatus, Signal
from services.common.domain.reports import AccountMode, Balance, OrderReport, VenuePosition
from services.ib_adapter import contracts, figures
from services.ib_adapter.evidence import OrderFacts
from services.ib_adapter.figures import Unreadable
from services.ib_adapter.order_words import ORDER_TYPES, TIMES_IN_FORCE
from services.ib_adapter.words import ExecutionWord

_log = structlog.stdlib.get_logger(__name__)

_SIDES: Final = {"BOT": Side.BUY, "SLD": Side.SELL}
_AVERAGE_STEP: Final = Decimal("0.000000001")

# What the contracts that are traded here are paid in.
_CURRENCY: Final = "USD"

# Key of an account value, and the field of `Balance` that it becomes.
_FIGURES: Final = {
    "NetLiquidation": "equity",
    "BuyingPower": "buying_power",
    "AvailableFunds": "options_buying_power",
    "InitMarginReq": "initial_margin",
    "MaintMarginReq": "maintenance_margin",
}


class Translator:
    """Writes records for one account. `now` is our clock, `venue_now` IB's as far as known."""

    def __init__(
        self,
        venue: str,
        account_id: str,
        now: Callable[[], datetime],
        venue_now: Callable[[], datetime | None],
    ) -> None:
        self._venue = venue
        self._account_id = account_id
        self._now = now
        self._venue_now = venue_now

    def report(self, facts: OrderFacts) -> OrderReport:
        """The order as it was told so far."""
        status, signal = facts.standing
        contract = facts.contract
        return OrderReport(
            venue=self._venue,
            account_id=self._account_id,
            client_id=facts.order_ref,
            venue_order_id=str(facts.perm_id),
            status=status,
            signal=signal,
            raw_status=facts.raw_status,
            cum_qty=facts.filled,
            times=self._times(None),
            instrument=None if contract is None else contracts.instrument_or_none(contract),
            side=facts.side,
            order_qty=facts.order_qty,
            order_type=ORDER_TYPES.get(facts.order_type),
            time_in_force=TIMES_IN_FORCE.get(facts.time_in_force),
            limit_price=facts.limit_price,
            avg_px=facts.avg_px,
            cause=facts.refusal or _noted(facts, signal),
        )

    def refused(self, spec: OrderSpec, cause: Cause, *, canceled: bool = False) -> OrderReport:
        """The report of an order that the Gateway did not take, in its own words."""
        return OrderReport(
            venue=self._venue,
            account_id=self._account_id,
            client_id=spec.client_order_id,
            venue_order_id="",
            status=OrderStatus.CANCELED if canceled else OrderStatus.REJECTED,
            signal=Signal.CANCELED if canceled else Signal.REJECTED,
            raw_status=f"code {cause.venue_code}",
            cum_qty=Decimal(0),
            times=self._times(None),
            instrument=spec.instrument,
            side=spec.side,
            order_qty=spec.order_qty,
            order_type=spec.order_type,
            time_in_force=spec.time_in_force,
            limit_price=spec.limit_price,
            position_intent=spec.position_intent,
            cause=cause,
        )

    def execution(
        self, word: ExecutionWord, source: ExecSource, *, corrects: str = "", fee: Fee | None = None
    ) -> Execution:
        """An execution; `corrects` is the id of the earlier one that it takes the place of.

        Raises Unreadable for a side or an instrument that has no name here.
        """
        side = _SIDES.get(word.side)
        if side is None:
            raise Unreadable(f"execution {word.exec_id} has side {word.side!r}")
        return Execution(
            venue=self._venue,
            account_id=self._account_id,
            exec_id=word.exec_id,
            venue_order_id=str(word.perm_id),
            client_id=word.order_ref,
            instrument=contracts.instrument_of(word.contract),
            side=side,
            last_qty=word.last_qty,
            last_px=word.last_px,
            cum_qty=word.cum_qty,
            source=source,
            times=self._times(word.venue_time),
            exec_type=ExecType.CORRECT if corrects else ExecType.TRADE,
            exec_ref_id=corrects,
            fees=() if fee is None else (fee,),
        )

    def _times(self, venue_time: datetime | None) -> RecordTimes:
        return RecordTimes(
            venue_time=venue_time,
            received_time=self._now(),
            trading_date=figures.trading_date(venue_time or self._venue_now()),
        )

    # -- the account -------------------------------------------------------------------------

    def positions(self, rows: Sequence[tuple[str, Any, float, float]]) -> list[VenuePosition]:
        """Shares and options among the rows of a position list. Raises Unreadable.

        What has no name here is left out; what is told in part only may be anything.
        """
        found = [
            self._position(contract, qty, cost)
            for _, contract, qty, cost in rows
            if contracts.is_ours(contract) and qty
        ]
        return [position for position in found if position is not None]

    def _position(self, contract: Any, qty: float, cost: float) -> VenuePosition | None:
        try:
            instrument = contracts.instrument_of(contract)
        except contracts.Unnameable as error:
            _log.warning("position_left_out", error=str(error))
            return None
        return VenuePosition(
            venue=self._venue,
            account_id=self._account_id,
            instrument=instrument,
            qty=figures.required_decimal(qty, "a position's quantity"),
            avg_entry_price=_per_unit(figures.decimal(cost), instrument),
        )

    def balance(
        self, account: str, mode: AccountMode, rows: Sequence[tuple[str, str, str, str]]
    ) -> Balance:
        """The account's figures. Raises Unreadable if they are not ready, or not there."""
        values = {tag: (text, currency) for name, tag, currency, text in rows if name == account}
        if values.get("AccountReady", ("true", ""))[0] != "true":
            raise Unreadable("IB says that the account's figures are not ready")
        money: dict[str, Any] = {
            field: _money(*values[tag]) for tag, field in _FIGURES.items() if tag in values
        }
        money["cash"] = _cash(values.get("TotalCashValue"), _cash_by_currency(account, rows))
        if money["cash"] is None:
            raise Unreadable(f"IB gave no cash of account {account}")
        return Balance(
            venue=self._venue,
            venue_account_id=account,
            mode=mode,
            as_of=self._now(),
            raw_status="",
            trading_blocked=False,
            account_blocked=False,
            suspended_by_user=False,
            **money,
        )


def _noted(facts: OrderFacts, signal: Signal) -> Cause | None:
    """IB's remark on an order that does not work."""
    if not facts.note or signal in (Signal.ACKNOWLEDGED, Signal.FILLED):
        return None
    return Cause(Reason.VENUE_REJECTED, facts.note[:500])


def _per_unit(cost: Decimal | None, instrument: Instrument) -> Decimal | None:
    """IB's average cost counts the multiplier in; the price of one unit does not."""
    if cost is None:
        return None
    price = (cost / multiplier_of(instrument)).quantize(_AVERAGE_STEP)
    return figures.decimal(float(price)) if price else Decimal(0)


def _cash_by_currency(
    account: str, rows: Sequence[tuple[str, str, str, str]]
) -> dict[str, Decimal]:
    """Cash as it is held; that of "BASE" is the sum of all, converted, and is left out."""
    held = [
        _money(text, currency)
        for name, tag, currency, text in rows
        if (name, tag) == (account, "CashBalance")
    ]
    return {money.currency: money.amount for money in held if money is not None}


def _cash(total: tuple[str, str] | None, held: dict[str, Decimal]) -> Money | None:
    """What there is to pay contracts with. A total counts all currencies in, converted."""
    in_total = None if total is None else _money(*total)
    if not held:
        return in_total
    cash = Money(held.get(_CURRENCY, Decimal(0)), _CURRENCY)
    if in_total is not None and in_total.currency == _CURRENCY and in_total.amount < cash.amount:
        return in_total
    return cash


def _money(text: str, currency: str) -> Money | None:
    amount = figures.text_decimal(text)
    return None if amount is None or len(currency) != 3 else Money(amount, currency)
