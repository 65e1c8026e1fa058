"""What a venue charges for fills. Pure."""

from dataclasses import dataclass
from decimal import Decimal

from simulators.venue.instruments import Instrument, OptionContract

_ZERO = Decimal(0)


@dataclass(frozen=True, slots=True)
class FeeSchedule:
    """A rate per unit, and for each order at least `min_per_order`; in dollars.

    What an order is charged depends on all that it has filled, so its first fill carries the
    minimum and later ones only what goes beyond it.
    """

    per_contract: Decimal = _ZERO
    per_share: Decimal = _ZERO
    min_per_order: Decimal = _ZERO

    def of_fill(self, instrument: Instrument, cum_before: Decimal, last_qty: Decimal) -> Decimal:
        """The fee of one fill of an order that had filled `cum_before` until then."""
        total = self._of_order(instrument, cum_before + last_qty)
        return total - self._of_order(instrument, cum_before)

    def _of_order(self, instrument: Instrument, cum_qty: Decimal) -> Decimal:
        if not cum_qty:
            return _ZERO
        is_option = isinstance(instrument, OptionContract)
        rate = self.per_contract if is_option else self.per_share
        return max(self.min_per_order, rate * cum_qty)


NO_FEES = FeeSchedule()
