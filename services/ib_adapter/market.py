"""The market's rooms of one gateway: asked through `MarketGateway`."""

from __future__ import annotations

from dataclasses import dataclass

from services.ib_adapter.chains import Chains
from services.ib_adapter.history import History
from services.ib_adapter.market_data import MarketData
from services.ib_adapter.market_link import MarketLink
from services.ib_adapter.quote_lines import QuoteLines
from services.ib_adapter.trading_days import TradingDays


@dataclass(frozen=True, slots=True)
class Market:
    """What reads the market. `link` must be told when the session changes."""

    link: MarketLink
    data: MarketData
    days: TradingDays
    history: History
    chains: Chains
    lines: QuoteLines

    @property
    def entitlements(self) -> tuple[str, ...]:
        """What the account gets, as far as it has shown."""
        return self.data.entitlements
