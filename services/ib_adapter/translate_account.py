"""The account: positions and figures of IB's in our words."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any, Final

import structlog

from services.common.domain.amounts import Money, add
from services.common.domain.instruments import Instrument, multiplier_of
from services.common.domain.reports import AccountMode, Balance, VenuePosition
from services.ib_adapter import contracts, figures
from services.ib_adapter.account_words import AccountWord, Holding, PortfolioWord, Value
from services.ib_adapter.figures import Unreadable

_log = structlog.stdlib.get_logger(__name__)

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


def read_positions(
    rows: Sequence[Holding], worth: Sequence[PortfolioWord], venue: str, account_id: str
) -> list[VenuePosition]:
    """Shares and options among the rows of a position list. Raises Unreadable.

    What has no name here is left out; what is told in part only may be anything. `worth` is what
    the account's download says of its holdings; of one that it has in another quantity it says
    nothing, since the two were not told at the same moment.
    """
    by_id = {word.contract.conId: word for word in worth}
    found = [
        _position(row, by_id.get(row[1].conId), venue, account_id)
        for row in rows
        if contracts.is_ours(row[1]) and row[2]
    ]
    return [position for position in found if position is not None]


def _position(
    row: Holding, worth: PortfolioWord | None, venue: str, account_id: str
) -> VenuePosition | None:
    _, contract, qty, cost = row
    try:
        instrument = contracts.instrument_of(contract)
    except contracts.Unnameable as error:
        _log.warning("position_left_out", error=str(error))
        return None
    told: dict[str, Any] = {}
    if worth is not None and worth.qty == qty:
        told = {
            "current_price": figures.decimal(worth.price),
            "market_value": _amount(worth.value, contract.currency),
            "unrealized_pnl": _amount(worth.unrealized_pnl, contract.currency),
        }
    return VenuePosition(
        venue=venue,
        account_id=account_id,
        instrument=instrument,
        qty=figures.required_decimal(qty, "a position's quantity"),
        avg_entry_price=_per_unit(figures.decimal(cost), instrument),
        **told,
    )


def read_balance(
    account: str, told: AccountWord, venue: str, mode: AccountMode, as_of: datetime
) -> Balance:
    """The account's figures. Raises Unreadable if they are not ready, or not there."""
    rows = told.values
    values = {tag: (text, currency) for name, tag, currency, text in rows if name == account}
    if values.get("AccountReady", ("true", ""))[0] != "true":
        raise Unreadable("IB says that the account's figures are not ready")
    money: dict[str, Any] = {
        field: _money(*values[tag]) for tag, field in _FIGURES.items() if tag in values
    }
    money["cash"] = _cash(values.get("TotalCashValue"), _cash_by_currency(account, rows))
    if money["cash"] is None:
        raise Unreadable(f"IB gave no cash of account {account}")
    money |= _market_values(told.holdings, money.get("equity"))
    return Balance(
        venue=venue,
        venue_account_id=account,
        mode=mode,
        as_of=as_of,
        raw_status="",
        trading_blocked=False,
        account_blocked=False,
        suspended_by_user=False,
        **money,
    )


def _market_values(
    holdings: Sequence[PortfolioWord], equity: Money | None
) -> dict[str, Money | None]:
    """What is held long and short, summed over the download; IB states the nets only. Nothing if
    one of them is not told, or in another currency than the account's."""
    held = [word for word in holdings if word.qty]
    values = [_amount(word.value, word.contract.currency) for word in held]
    amounts = [value.amount for value in values if value is not None and equity is not None]
    if equity is None or len(amounts) != len(held):
        return {}
    if any(value is not None and value.currency != equity.currency for value in values):
        return {}
    return {
        "long_market_value": Money(_total(a for a in amounts if a > 0), equity.currency),
        "short_market_value": Money(_total(a for a in amounts if a < 0), equity.currency),
    }


def _total(amounts: Iterable[Decimal]) -> Decimal:
    total = Decimal(0)
    for amount in amounts:
        total = add(total, amount)
    return total


def _amount(number: float, currency: str) -> Money | None:
    amount = figures.decimal(number)
    return None if amount is None or len(currency) != 3 else Money(amount, currency)


def _per_unit(cost: Decimal | None, instrument: Instrument) -> Decimal | None:
    """IB's average cost counts the multiplier in; the price of one unit does not."""
    if cost is None:
        return None
    price = (cost / multiplier_of(instrument)).quantize(_AVERAGE_STEP)
    return figures.decimal(float(price)) if price else Decimal(0)


def _cash_by_currency(account: str, rows: Sequence[Value]) -> dict[str, Decimal]:
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
