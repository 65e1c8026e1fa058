"""PreviewOrder: estimated from the account, its positions, a quote and the market's clock."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Final, Protocol

from services.alpaca_adapter import preview_rules as rules
from services.common.domain.amounts import Money, sub
from services.common.domain.instruments import Equity, Instrument
from services.common.domain.market import MarketClock, Quote
from services.common.domain.order_spec import OrderSpec
from services.common.domain.reports import Balance, Preview, VenuePosition

_NO_FEES: Final = "fees are not estimated: there is no schedule of them here"


class AccountReads(Protocol):
    """What a preview needs to know of the account and the market; each raises ReadFailed."""

    async def balance(self) -> Balance:
        """The account's figures."""

    async def positions(self) -> Sequence[VenuePosition]:
        """All open positions."""

    async def market_clock(self) -> MarketClock:
        """The venue's clock."""


class QuoteReads(Protocol):
    """Where prices come from."""

    async def quotes(self, instruments: Sequence[Instrument]) -> Sequence[Quote]:
        """Latest quotes; an instrument without one is left out."""


class Previews:
    """Estimates what orders would cost; sends nothing that has an effect."""

    def __init__(self, venue: str, reads: AccountReads, market_data: QuoteReads) -> None:
        self._venue = venue
        self._reads = reads
        self._market_data = market_data

    async def preview(self, spec: OrderSpec) -> Preview:
        """See `VenueGateway.preview`. Raises ReadFailed."""
        balance = await self._reads.balance()
        clock = await self._reads.market_clock()
        held = {p.instrument.key: p.qty for p in await self._reads.positions()}
        found = await self._market_data.quotes(rules.instruments_of(spec))
        price = rules.unit_price(spec, {quote.instrument.key: quote for quote in found})
        cash = rules.cash_effect(spec, price)
        takes = rules.bound(spec, cash)
        warnings = [_NO_FEES]
        if cash is None:
            warnings.append("no quote to price the order by")
        if rules.collateral(spec) is None:
            warnings.append("the loss has no bound: Alpaca takes no uncovered calls")
        warnings += rules.objections(spec, balance, held, is_open=clock.is_open)
        power = balance.buying_power
        is_option = not isinstance(spec.instrument, Equity)
        if is_option and balance.options_buying_power is not None:
            power = balance.options_buying_power
        after = _less(power, takes)
        if after is not None and after.amount < 0:
            warnings.append(f"insufficient buying power: {power} is there, {takes} is needed")
        currency = power.currency if power is not None else "USD"
        margin = _money(rules.collateral(spec), currency) if is_option else None
        return Preview(
            venue=self._venue,
            estimated=True,
            cash_effect=_money(cash, currency),
            initial_margin_change=margin,
            maintenance_margin_change=margin,
            buying_power_after=after,
            warnings=tuple(warnings),
        )


def _money(amount: Decimal | None, currency: str) -> Money | None:
    return None if amount is None else Money(amount, currency)


def _less(power: Money | None, takes: Decimal | None) -> Money | None:
    if power is None or takes is None:
        return None
    return Money(sub(power.amount, takes), power.currency)
