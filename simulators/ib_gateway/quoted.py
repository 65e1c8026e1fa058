"""Reads what a request for data is about: one instrument, or the legs of a combination."""

from decimal import Decimal

from simulators.ib_gateway.contracts import Wanted
from simulators.ib_gateway.gateway import Gateway
from simulators.ib_gateway.problems import Problem, invalid
from simulators.ib_gateway.subscriptions import Quoted
from simulators.ib_gateway.wire import Fields
from simulators.venue.instruments import Instrument

_SIGNS = {"BUY": 1, "SELL": -1, "SSHORT": -1}
_LEGS_MAX = 10


def read_quoted(gateway: Gateway, wanted: Wanted, args: Fields) -> Quoted:
    """What the contract names; reads the legs that follow it if it is a BAG.

    Raises:
        Problem: There is none, more than one, or its legs make no sense.
    """
    if wanted.sec_type != "BAG":
        return Quoted(((gateway.contract(wanted), Decimal(1)),))
    count = args.integer()
    if not 0 < count <= _LEGS_MAX:
        raise Problem(200, f"No security definition has been found for {count} combination legs")
    return Quoted(tuple(_leg(gateway, args) for _ in range(count)))


def _leg(gateway: Gateway, args: Fields) -> tuple[Instrument, Decimal]:
    con_id, ratio, action, _exchange = args.integer(), args.integer(), args.text(), args.text()
    if action not in _SIGNS or ratio <= 0:
        raise invalid("Invalid combination leg")
    return gateway.contract(Wanted(con_id=con_id)), Decimal(_SIGNS[action] * ratio)
