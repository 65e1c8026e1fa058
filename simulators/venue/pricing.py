"""Option prices, greeks and implied volatility by Black and Scholes: floats, no dividends. Pure.

The interest rate is 0, so that a price is never below what the option is worth if exercised: the
contracts are American, and nobody sells them for less.
"""

import math
from dataclasses import dataclass

from simulators.venue.instruments import Right

_ROOT_2_PI = math.sqrt(2 * math.pi)
_LOWEST_VOL, _HIGHEST_VOL = 0.01, 5.0
_BISECTIONS = 40
_DAYS_A_YEAR = 365.0


@dataclass(frozen=True, slots=True)
class Greeks:
    """Per share: theta for a calendar day, vega and rho for one percentage point."""

    delta: float
    gamma: float
    theta: float
    vega: float
    rho: float


def option_price(right: Right, spot: float, strike: float, years: float, vol: float) -> float:
    """What the option is worth; at or after its end what exercising gives."""
    if years <= 0:
        return max(0.0, spot - strike if right is Right.CALL else strike - spot)
    d1, d2 = _d(spot, strike, years, vol)
    call = spot * _normal(d1) - strike * _normal(d2)
    return call if right is Right.CALL else max(0.0, call - spot + strike)


def greeks(right: Right, spot: float, strike: float, years: float, vol: float) -> Greeks:
    """The sensitivities; `years` must be above 0."""
    d1, d2 = _d(spot, strike, years, vol)
    density = math.exp(-d1 * d1 / 2) / _ROOT_2_PI
    root = math.sqrt(years)
    is_call = right is Right.CALL
    sign = 1.0 if is_call else -1.0
    return Greeks(
        delta=_normal(d1) if is_call else _normal(d1) - 1,
        gamma=density / (spot * vol * root),
        theta=-spot * density * vol / (2 * root) / _DAYS_A_YEAR,
        vega=spot * density * root / 100,
        rho=sign * strike * years * _normal(sign * d2) / 100,
    )


def implied_vol(
    right: Right, price: float, spot: float, strike: float, years: float
) -> float | None:
    """The volatility that gives this price, None if none does (no time value, no price)."""
    if years <= 0 or not option_price(right, spot, strike, years, _LOWEST_VOL) < price:
        return None
    if option_price(right, spot, strike, years, _HIGHEST_VOL) < price:
        return None
    low, high = _LOWEST_VOL, _HIGHEST_VOL
    for _ in range(_BISECTIONS):
        middle = (low + high) / 2
        if option_price(right, spot, strike, years, middle) < price:
            low = middle
        else:
            high = middle
    return (low + high) / 2


def _d(spot: float, strike: float, years: float, vol: float) -> tuple[float, float]:
    spread = vol * math.sqrt(years)
    d1 = math.log(spot / strike) / spread + spread / 2
    return d1, d1 - spread


def _normal(x: float) -> float:
    return math.erfc(-x / math.sqrt(2)) / 2
