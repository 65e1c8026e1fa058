"""What an option would be worth, or what volatility a price implies: calculated, not quoted."""

from simulators.ib_gateway.call import Call, Handler
from simulators.ib_gateway.contracts import Wanted
from simulators.ib_gateway.gateway import Gateway
from simulators.ib_gateway.option_ticks import CUSTOM_GREEKS, computation
from simulators.ib_gateway.problems import Problem, invalid
from simulators.ib_gateway.wire import Fields
from simulators.venue.instruments import OptionContract
from simulators.venue.model_quotes import years_left
from simulators.venue.pricing import implied_vol, option_price

_VOLATILITY_MAX = 100.0


class OptionCalculator:
    """Answers with one computation, by the market's own model."""

    def __init__(self, gateway: Gateway) -> None:
        self._gateway = gateway

    def handlers(self) -> dict[int, Handler]:
        """Handlers by the number of their request."""
        return {54: self._volatility, 55: self._price, 56: _nothing, 57: _nothing}

    def _volatility(self, call: Call) -> None:
        args = call.args(3)
        contract = self._contract(args)
        price, spot = _positive(args), _positive(args)
        years = years_left(contract, self._gateway.venue.now)
        vol = implied_vol(contract.right, price, spot, float(contract.strike), years)
        if vol is None:
            raise Problem(10184, "Unable to calculate the implied volatility of this price")
        values = computation(contract, price, vol, spot, years)
        call.session.send(21, call.id, CUSTOM_GREEKS, *values)

    def _price(self, call: Call) -> None:
        args = call.args(3)
        contract = self._contract(args)
        vol, spot = _positive(args), _positive(args)
        if vol > _VOLATILITY_MAX:
            raise invalid("Invalid volatility")
        years = years_left(contract, self._gateway.venue.now)
        price = option_price(contract.right, spot, float(contract.strike), years, vol)
        values = computation(contract, price, vol, spot, years)
        call.session.send(21, call.id, CUSTOM_GREEKS, *values)

    def _contract(self, args: Fields) -> OptionContract:
        contract = self._gateway.contract(Wanted.read(args))
        if not isinstance(contract, OptionContract):
            raise invalid("Only options can be calculated")
        return contract


def _positive(args: Fields) -> float:
    value = args.decimal()
    if value is None or value <= 0:
        raise invalid("A price and a volatility must be above 0")
    return float(value)


def _nothing(call: Call) -> None:
    """What it cancels was answered at once."""
