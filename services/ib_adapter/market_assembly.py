"""Builds the market's rooms from their settings."""

from __future__ import annotations

from typing import Final

from services.common.runtime.clock import Clock
from services.ib_adapter.chains import Chains
from services.ib_adapter.contract_cache import ContractCache
from services.ib_adapter.history import History
from services.ib_adapter.history_pacing import HistoryPacing, HistoryTerms
from services.ib_adapter.market import Market
from services.ib_adapter.market_data import MarketData, SnapshotTerms
from services.ib_adapter.market_link import MarketLink
from services.ib_adapter.quote_line import LineTerms
from services.ib_adapter.quote_lines import QuoteLines
from services.ib_adapter.session import Session
from services.ib_adapter.settings import DataSettings
from services.ib_adapter.trading_days import TradingDays

# IB answers at once which kind of data comes, though no price may be there yet.
FIRST_WORD_S: Final = 10.0


def build_market(
    data: DataSettings, session: Session, cache: ContractCache, clock: Clock, venue: str
) -> Market:
    """Wire the rooms; nothing is asked before the session is connected. Needs a running loop."""
    link = MarketLink(session, clock, venue)
    pacing = HistoryPacing(clock, HistoryTerms(wait_max_s=data.history_wait_s))
    times = {"answer_s": data.history_timeout_s, "all_s": data.list_timeout_s}
    snapshots = SnapshotTerms(data.snapshots_max, data.quote_wait_s, data.list_timeout_s)
    lines = LineTerms(
        data.lines_max - data.snapshots_max, data.lost_s, first_s=min(FIRST_WORD_S, data.lost_s)
    )
    return Market(
        link,
        MarketData(link, cache, snapshots),
        TradingDays(link, cache, pacing, symbol=data.clock_symbol, **times),
        History(link, cache, pacing, clock, **times),
        Chains(link, cache, all_s=data.list_timeout_s, len_max=data.chain_contracts_max),
        QuoteLines(link, cache, clock, lines),
    )
