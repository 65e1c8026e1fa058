"""Generic ticks: which may be asked for, and what the market model knows of them."""

import math
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from simulators.ib_gateway.day_figures import DayBook
from simulators.ib_gateway.problems import Problem
from simulators.ib_gateway.subscriptions import Told
from simulators.ib_gateway.ticks import GENERIC, PRICE, SIZE, STRING, View, trade_px
from simulators.venue.instruments import Equity, Instrument, OptionContract, Right
from simulators.venue.model_quotes import volatility
from simulators.venue.quotes import Quote

_NAMES = {
    100: "Option Volume",
    101: "Option Open Interest",
    104: "Historical Volatility",
    105: "Average Opt Volume",
    106: "impvolat",
    162: "Index Future Premium",
    165: "Misc. Stats",
    221: "Mark Price",
    225: "Auction",
    232: "Pl Price",
    233: "RTVolume",
    236: "inventory",
    256: "Inventory",
    258: "Fundamentals",
    292: "Wide_news",
    293: "TradeCount",
    294: "TradeRate",
    295: "VolumeRate",
    318: "LastRTHTrade",
    375: "RTTrdVolume",
    411: "rthistvol",
    456: "IBDividends",
    460: "Bond Factor Multiplier",
    586: "IPO Prices",
    588: "Futures Open Interest",
    595: "Short-Term Volume",
    619: "Slow Mark Price",
}
_OF_SHARES_ONLY = {104, 105, 162, 165, 225, 236, 256, 258, 292, 411, 456, 586, 595}
_MDOFF = "mdoff"
_WEEKS = {13: (15, 16), 26: (17, 18), 52: (19, 20)}
_YEARS_AT_THE_MONEY = 30 / 365
_EASY_TO_BORROW = 3.0
_ROUND = 6


@dataclass(frozen=True, slots=True)
class Seen:
    """One instrument as a line sees it, with what generic ticks are made from."""

    instrument: Instrument
    quote: Quote
    view: View
    days: DayBook
    volume: int


def read_generics(text: str, instrument: Instrument | None) -> frozenset[int]:
    """The list that a client asks for; what stands behind a colon is left out.

    Raises:
        Problem: One of them is unknown, or not for this kind of instrument.
    """
    is_share = isinstance(instrument, Equity)
    legal = [n for n in _NAMES if is_share or n not in _OF_SHARES_ONLY]
    asked: set[int] = set()
    for item in text.split(","):
        name = item.split(":")[0].strip()
        if not name or name == _MDOFF:
            continue
        if not name.isascii() or not name.isdigit() or int(name) not in legal:
            kind = "STK" if is_share else "OPT" if instrument is not None else "BAG"
            known = ",".join(f"{n}({_NAMES[n]})" for n in legal)
            cause = f"Incorrect generic tick list of {text[:200]}.  Legal ones for ({kind}) are"
            raise Problem(321, f"Error validating request.-'bW' : cause - {cause}: {known}")
        asked.add(int(name))
    return frozenset(asked)


def generic_ticks(seen: Seen, generics: frozenset[int]) -> Told:
    """What is known of those that were asked for; of many IB has nothing to tell either."""
    ticks: Told = {}
    for number in sorted(generics):
        make = _MAKERS.get(number)
        if make is not None:
            ticks.update(make(seen))
    return ticks


def _option_volume(seen: Seen) -> Told:
    contract = seen.instrument
    if isinstance(contract, OptionContract):
        calls = seen.volume if contract.right is Right.CALL else 0
        return {(SIZE, 29): (calls,), (SIZE, 30): (seen.volume - calls,)}
    calls = _drawn(contract.symbol, "call volume", 90_000)
    return {(SIZE, 29): (calls,), (SIZE, 30): (_drawn(contract.symbol, "put volume", 90_000),)}


def _open_interest(seen: Seen) -> Told:
    contract = seen.instrument
    if isinstance(contract, OptionContract):
        held = _drawn(contract.symbol, "open interest", 9_000)
        calls = held if contract.right is Right.CALL else 0
        return {(SIZE, 27): (calls,), (SIZE, 28): (held - calls,)}
    calls = _drawn(contract.symbol, "call interest", 900_000)
    return {(SIZE, 27): (calls,), (SIZE, 28): (_drawn(contract.symbol, "put interest", 900_000),)}


def _historical_volatility(seen: Seen) -> Told:
    return _volatility_tick(seen, 23)


def _real_time_volatility(seen: Seen) -> Told:
    return _volatility_tick(seen, 58)


def _volatility_tick(seen: Seen, tick: int) -> Told:
    value = seen.days.volatility(seen.instrument.symbol)
    return {} if value is None else {(GENERIC, tick): (round(value, _ROUND),)}


def _average_option_volume(seen: Seen) -> Told:
    return {(SIZE, 87): (_drawn(seen.instrument.symbol, "option volume", 190_000),)}


def _implied_volatility(seen: Seen) -> Told:
    """Of 30 days at the money."""
    return {(GENERIC, 24): (round(at_the_money(seen.instrument, seen.quote), _ROUND),)}


def at_the_money(instrument: Instrument, quote: Quote) -> float:
    """The model's volatility of 30 days at the money, of an underlying or of an option's."""
    underlying, strike = instrument.symbol, quote.mid
    if isinstance(instrument, OptionContract):
        underlying, strike = instrument.underlying, instrument.strike
    probe = OptionContract(
        symbol="",
        root="",
        underlying=underlying,
        expiry=date.max,
        right=Right.CALL,
        strike=strike,
    )
    return volatility(probe, float(strike), _YEARS_AT_THE_MONEY)


def _misc_stats(seen: Seen) -> Told:
    bars = seen.days.year(seen.instrument.symbol)
    if not bars:
        return {}
    ticks: Told = {}
    for weeks, (low_tick, high_tick) in _WEEKS.items():
        recent = bars[-weeks * 5 :]
        ticks[PRICE, low_tick] = (Decimal(min(bar.low for bar in recent)) / 100, 0, 0)
        ticks[PRICE, high_tick] = (Decimal(max(bar.high for bar in recent)) / 100, 0, 0)
    quarter = bars[-63:]
    ticks[SIZE, 21] = (sum(bar.volume for bar in quarter) // len(quarter),)
    return ticks


def _mark_price(seen: Seen) -> Told:
    return {(PRICE, 37): (seen.quote.mid, 0, 0)}


def _last_of_session(seen: Seen) -> Told:
    return {(PRICE, 57): (trade_px(seen.quote), 0, 0)}


def _rt_volume(seen: Seen) -> Told:
    return {(STRING, 48): (_trade_text(seen),)}


def _rt_trade_volume(seen: Seen) -> Told:
    return {(STRING, 77): (_trade_text(seen),)}


def _trade_text(seen: Seen) -> str:
    """`price;size;milliseconds;volume;vwap;one market maker`."""
    px, is_share = trade_px(seen.quote), isinstance(seen.instrument, Equity)
    vwap = seen.days.vwap(seen.instrument.symbol, seen.view) if is_share else None
    average = f"{float(px) if vwap is None else vwap:.8f}"
    at_ms = int(seen.view.now.timestamp() * 1000)
    return f"{px:.2f};{100 if is_share else 1};{at_ms};{seen.volume};{average};true"


def _shortable(seen: Seen) -> Told:
    shares = _drawn(seen.instrument.symbol, "shortable", 9_000_000)
    is_shortable = isinstance(seen.instrument, Equity) and seen.instrument.shortable
    level = _EASY_TO_BORROW if is_shortable else 1.0
    return {(GENERIC, 46): (level,), (SIZE, 89): (shares if is_shortable else 0,)}


def _trade_count(seen: Seen) -> Told:
    return {(GENERIC, 54): (float(1 + seen.volume // 60),)}


def _rates(tick: int, share: int) -> Callable[[Seen], Told]:
    def make(seen: Seen) -> Told:
        return {(GENERIC, tick): (float(math.ceil(seen.volume / share)),)}

    return make


def _no_dividends(seen: Seen) -> Told:
    return {(STRING, 59): (",,,",)}


def _drawn(symbol: str, what: str, below: int) -> int:
    """A number that belongs to the symbol, so that it is the same in every run."""
    return 100 + zlib.crc32(f"{symbol}/{what}".encode()) % below


_MAKERS: Mapping[int, Callable[[Seen], Told]] = {
    100: _option_volume,
    101: _open_interest,
    104: _historical_volatility,
    105: _average_option_volume,
    106: _implied_volatility,
    165: _misc_stats,
    221: _mark_price,
    233: _rt_volume,
    236: _shortable,
    293: _trade_count,
    294: _rates(55, 60 * 390),
    295: _rates(56, 390),
    318: _last_of_session,
    375: _rt_trade_volume,
    411: _real_time_volatility,
    456: _no_dividends,
    619: _mark_price,
}
