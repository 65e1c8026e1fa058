"""Schedules as data: the matrix is walked by seed, a few pairs in each schedule."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from tests.crash.matrix import ADAPTERS, PAIRS, Pair

PAIRS_EACH: Final = 3
"""How many pairs a schedule hits."""

_STRIDE: Final = 67
"""Has no divisor in common with the number of pairs: neighbours in a schedule are of all kinds."""

SHORT_NAP_S: Final = 0.3
LONG_NAP_S: Final = 1.8
"""Longer than a send may take, and than a stream may be silent."""

VENUES: Final = {"alpaca": "alpaca", "ib": "interactive_brokers"}
"""The venue's name in the settings, by its adapter's here."""


@dataclass(frozen=True, slots=True)
class Strike:
    """One pair to hit, with the order `client_order_id` at the venue of `adapter`.

    A stopped program sleeps for `nap_s`. `is_exit`: what is submitted closes what the schedule
    holds.
    """

    pair: Pair
    client_order_id: str
    adapter: str
    nap_s: float
    is_exit: bool

    @property
    def venue(self) -> str:
        return VENUES[self.adapter]


@dataclass(frozen=True, slots=True)
class Schedule:
    """What is acted: entries that fill, the strikes one after the other, each with an order of its
    own and others beside it, then everything is canceled. `symbol` is its own."""

    seed: int
    symbol: str
    strikes: tuple[Strike, ...]

    @property
    def prefix(self) -> str:
        """What the ids of its orders begin with."""
        return f"s{self.seed}-"


def make_schedule(seed: int) -> Schedule:
    """The schedule of a seed, always the same."""
    if seed < 0:
        raise ValueError("seeds count from 0")
    strikes = (_strike(seed, place) for place in range(PAIRS_EACH))
    return Schedule(seed, _symbol(seed), tuple(strikes))


def _strike(seed: int, place: int) -> Strike:
    turn, number = divmod(seed * PAIRS_EACH + place, len(PAIRS))
    pair = PAIRS[number * _STRIDE % len(PAIRS)]
    return Strike(
        pair=pair,
        client_order_id=f"s{seed}-{place + 1}",
        adapter=pair.adapter or ADAPTERS[turn % 2],
        nap_s=LONG_NAP_S if (turn // 2 + number) % 2 else SHORT_NAP_S,
        is_exit=(turn + place) % 3 == 1,
    )


def _symbol(seed: int) -> str:
    """A ticker of its own: Q and the seed in letters."""
    letters = ""
    for _ in range(4):
        seed, digit = divmod(seed, 26)
        letters = chr(ord("A") + digit) + letters
    return f"Q{letters}"
