"""Option spreads: what contracts can lose together, and which shorts have their cover. Pure.

A long contract covers a short one of the same underlying and right if it lives at least as long.
Then only the distance between their strikes is at risk, and nothing if the long one is the better.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal

from simulators.venue.instruments import OptionContract, Right

ZERO = Decimal(0)
Holding = tuple[OptionContract, Decimal]
"""A contract and how many of it, negative if short."""


@dataclass(frozen=True, slots=True)
class Cover:
    """at_risk: dollars that covered shorts can lose. uncovered: shorts without a long contract."""

    at_risk: Decimal
    uncovered: tuple[Holding, ...]


def cover_of(holdings: Iterable[Holding], *, pairs: bool = True) -> Cover:
    """Pairs short contracts with long ones, the most exposed first, each with its best cover.

    Args:
        pairs: False counts every short as uncovered, as below options level 3.
    """
    held = list(holdings)
    longs = {contract: qty for contract, qty in held if qty > 0 and pairs}
    shorts = sorted((h for h in held if h[1] < 0), key=lambda h: _exposure(h[0]), reverse=True)
    at_risk, uncovered = ZERO, []
    for short, qty in shorts:
        left = -qty
        fitting = [long for long in longs if _covers(long, short)]
        for long in sorted(fitting, key=lambda long: _risk(short, long)):
            paired = min(left, longs[long])
            longs[long] -= paired
            left -= paired
            at_risk += paired * _risk(short, long) * short.multiplier
        if left:
            uncovered.append((short, -left))
    return Cover(at_risk, tuple(uncovered))


def _exposure(contract: OptionContract) -> Decimal:
    return contract.strike if contract.right is Right.PUT else -contract.strike


def _covers(long: OptionContract, short: OptionContract) -> bool:
    return (long.underlying, long.right, long.multiplier) == (
        short.underlying,
        short.right,
        short.multiplier,
    ) and long.expiry >= short.expiry


def _risk(short: OptionContract, long: OptionContract) -> Decimal:
    """What a pair can lose for each share."""
    return max(ZERO, _exposure(short) - _exposure(long))


def largest_loss(legs: Sequence[Holding]) -> Decimal:
    """What the legs can be worth at worst, as a positive number of dollars, at any price.

    Every leg counts with what it is worth if exercised, whenever it expires. The legs must cover
    each other: what grows without end is not looked for.
    """
    prices = {ZERO, *(contract.strike for contract, _ in legs)}
    return max(ZERO, *(-_worth(legs, price) for price in prices))


def _worth(legs: Sequence[Holding], price: Decimal) -> Decimal:
    return sum(
        (
            qty * contract.multiplier * max(ZERO, _in_the_money(contract, price))
            for contract, qty in legs
        ),
        ZERO,
    )


def _in_the_money(contract: OptionContract, price: Decimal) -> Decimal:
    gain = price - contract.strike
    return gain if contract.right is Right.CALL else -gain
