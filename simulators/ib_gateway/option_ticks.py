"""tickOptionComputation: volatility and greeks of a contract at bid, ask, last and by the model."""

from simulators.ib_gateway.subscriptions import Told
from simulators.ib_gateway.ticks import (
    ASK_GREEKS,
    BID_GREEKS,
    LAST_GREEKS,
    MODEL_GREEKS,
    OPTION,
    View,
    trade_px,
)
from simulators.ib_gateway.wire import Field
from simulators.venue.instruments import OptionContract
from simulators.venue.model_quotes import years_left
from simulators.venue.pricing import greeks, implied_vol

_BY_PRICE = 1
_PLACES = 8
_UNKNOWN_VOL, _UNKNOWN_GREEK = -1, -2
CUSTOM_GREEKS = 53


def computation(
    contract: OptionContract, price: float, vol: float | None, spot: float, years: float
) -> tuple[Field, ...]:
    """The values of one computation; -1 and -2 say that a volatility or a greek isn't known."""
    if vol is None:
        unknown = (_UNKNOWN_GREEK,) * 3
        return (_BY_PRICE, _UNKNOWN_VOL, _UNKNOWN_GREEK, _told(price), 0, *unknown, _told(spot))
    known = greeks(contract.right, spot, float(contract.strike), years, vol)
    return (
        *(_BY_PRICE, _told(vol), _told(known.delta), _told(price), 0),
        *(_told(known.gamma), _told(known.vega), _told(known.theta), _told(spot)),
    )


def greek_ticks(contract: OptionContract, view: View) -> Told:
    """The four computations; none where the underlying or the contract has no quote."""
    book = view.quotes
    quote, underlying = book.find(contract.symbol), book.find(contract.underlying)
    if quote is None or underlying is None:
        return {}
    spot, years = float(underlying.mid), years_left(contract, view.now)
    prices = {BID_GREEKS: quote.bid, ASK_GREEKS: quote.ask, LAST_GREEKS: trade_px(quote)}
    ticks: Told = {}
    for tick, price in prices.items():
        if price > 0:
            vol = implied_vol(contract.right, float(price), spot, float(contract.strike), years)
            ticks[OPTION, tick] = computation(contract, float(price), vol, spot, years)
    valuation = view.model.valuation(contract.symbol)
    if valuation is not None:
        model_vol = valuation.implied_volatility
        ticks[OPTION, MODEL_GREEKS] = computation(
            contract, float(quote.mid), model_vol, spot, years
        )
    return ticks


def _told(value: float) -> str:
    """A float without an exponent and without needless digits."""
    text = f"{value:.{_PLACES}f}".rstrip("0").rstrip(".")
    return "0" if text in ("-0", "") else text
