"""Market rules: the price steps of an instrument, by the number that its details name."""

from collections.abc import Mapping
from decimal import Decimal

from simulators.venue.instruments import Instrument, OptionContract

Steps = tuple[tuple[Decimal, Decimal], ...]
"""From which price on which step."""

_PROBES = tuple(Decimal(text) for text in ("0", "1", "3"))
_PENNIES = 26
RULES: Mapping[int, Steps] = {
    26: ((Decimal(0), Decimal("0.01")),),
    32: ((Decimal(0), Decimal("0.01")), (Decimal(3), Decimal("0.05"))),
    109: ((Decimal(0), Decimal("0.05")), (Decimal(3), Decimal("0.1"))),
    557: ((Decimal(0), Decimal("0.0001")), (Decimal(1), Decimal("0.01"))),
}


def rule_of(instrument: Instrument) -> int:
    """The number of the rule that its ticks follow; pennies if none does exactly."""
    steps: list[tuple[Decimal, Decimal]] = []
    for edge in _PROBES:
        tick = instrument.tick(edge)
        if not steps or steps[-1][1] != tick:
            steps.append((edge, tick))
    known = {rule: number for number, rule in RULES.items()}
    return known.get(tuple(steps), _PENNIES)


def min_tick(instrument: Instrument) -> Decimal:
    """The smallest step that it may ever have; for shares that above a dollar, as IB tells it."""
    edge = _PROBES[0] if isinstance(instrument, OptionContract) else _PROBES[1]
    return instrument.tick(edge)
