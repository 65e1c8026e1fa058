"""exerciseOptions: a long option is exercised, or left to lapse."""

from collections.abc import Callable
from decimal import Decimal

from simulators.ib_gateway.call import Call, Handler
from simulators.ib_gateway.contracts import Wanted
from simulators.ib_gateway.gateway import Gateway
from simulators.ib_gateway.problems import duplicate_order_id, invalid, rejected
from simulators.ib_gateway.wire import Fields
from simulators.venue.instruments import OptionContract
from simulators.venue.lifecycle import NotExercisable, OptionLifecycle, is_in_the_money

_EXERCISE, _LAPSE = 1, 2


class ExerciseRequests:
    """Takes effect at once; what it did comes as executions and positions, not as a reply.

    The request's id is an order id, and used up by it. While the link to IB is down a request is
    held or lost as an order is.
    """

    def __init__(self, gateway: Gateway, run: Callable[[Handler, Call], None]) -> None:
        """Args: run: calls a handler and turns what it raises into an error message."""
        self._gateway = gateway
        self._run = run

    def handlers(self) -> dict[int, Handler]:
        """Handlers by the number of their request."""
        return {21: self._take}

    def _take(self, call: Call) -> None:
        uplink = self._gateway.uplink
        if uplink.is_up:
            self._exercise(call)
            return
        call.entry.reached_venue = False
        held = uplink.hold(lambda: self._run(self._exercise, call))
        call.entry.outcome = "held" if held else "dropped"

    def _exercise(self, call: Call) -> None:
        args = call.args(3)
        wanted = _contract_in(args)
        action, qty = args.integer(), args.integer()
        account_id, overrides = args.text(), args.flag()
        self._use_id(call)
        if account_id not in ("", self._gateway.account_id):
            raise invalid(f"Invalid account code '{account_id}'")
        contract = self._contract(wanted)
        if action not in (_EXERCISE, _LAPSE) or qty <= 0:
            raise invalid("Invalid exercise action or quantity")
        try:
            if action == _LAPSE:
                self._lifecycle.do_not_exercise(self._gateway.account_id, contract.symbol)
            else:
                self._exercise_now(contract, Decimal(qty), overrides=overrides)
        except NotExercisable as refusal:
            raise rejected(refusal.reason) from refusal

    def _exercise_now(self, contract: OptionContract, qty: Decimal, *, overrides: bool) -> None:
        quote = self._gateway.venue.quotes.find(contract.underlying)
        is_worth_it = quote is not None and is_in_the_money(contract, quote.mid)
        if not is_worth_it and not overrides:
            raise rejected("The option is not in the money, and the request does not override that")
        self._lifecycle.exercise(self._gateway.account_id, contract.symbol, qty)

    def _use_id(self, call: Call) -> None:
        orders, client_id = self._gateway.orders, call.session.client_id
        if not orders.is_above_highest(client_id, call.id):
            raise duplicate_order_id()
        orders.use(client_id, call.id)

    def _contract(self, wanted: Wanted) -> OptionContract:
        if wanted.exchange in ("", "SMART"):
            raise invalid("Missing or invalid exchange: an exercise is not routed by SMART")
        contract = self._gateway.contract(wanted)
        if not isinstance(contract, OptionContract):
            raise invalid("Only options can be exercised")
        return contract

    @property
    def _lifecycle(self) -> OptionLifecycle:
        return self._gateway.market.lifecycle


def _contract_in(args: Fields) -> Wanted:
    """The eleven fields of a contract, without its primary exchange."""
    con_id, symbol, sec_type, expiry = args.integer(), args.text(), args.text(), args.text()
    strike, right, multiplier, exchange = args.decimal(), args.text(), args.text(), args.text()
    currency, local_symbol, trading_class = args.text(), args.text(), args.text()
    return Wanted(
        con_id=con_id,
        symbol=symbol,
        sec_type=sec_type,
        expiry=expiry,
        strike=strike or Decimal(0),
        right="" if right in ("0", "?") else right,
        multiplier=multiplier,
        exchange=exchange,
        currency=currency,
        local_symbol=local_symbol,
        trading_class=trading_class,
    )
