"""/v2/positions: what is held, closing it, exercising it."""

from decimal import ROUND_DOWN, Decimal
from typing import Any

from simulators.alpaca.account_json import position_json
from simulators.alpaca.http import HttpResponse, json_response
from simulators.alpaca.market import Market
from simulators.alpaca.order_json import asset_id, order_json
from simulators.alpaca.problems import ApiProblem, invalid, not_found, problem_of
from simulators.alpaca.router import Call, Router
from simulators.alpaca.wire_values import read_number
from simulators.venue.accounts import Account, Position
from simulators.venue.instruments import OptionContract
from simulators.venue.lifecycle import NotExercisable
from simulators.venue.orders import NewOrder, Order, OrderStatus, OrderType, Side, TimeInForce
from simulators.venue.refusals import NotCancelable, Refusal

_HUNDRED = Decimal(100)
_NINE_PLACES = Decimal("1e-9")


class PositionRoutes:
    """The positions of one account."""

    def __init__(self, market: Market, account_id: str) -> None:
        self._market = market
        self._venue = market.venue
        self._account_id = account_id

    def add_to(self, router: Router) -> None:
        router.add("GET", "/v2/positions", self._positions)
        router.add("DELETE", "/v2/positions", self._close_all)
        router.add("GET", "/v2/positions/{symbol}", self._position)
        router.add("DELETE", "/v2/positions/{symbol}", self._close)
        router.add("POST", "/v2/positions/{symbol}/exercise", self._exercise)
        router.add("POST", "/v2/positions/{symbol}/do-not-exercise", self._do_not_exercise)

    @property
    def _books(self) -> Account:
        return self._venue.accounts[self._account_id]

    def _positions(self, call: Call) -> HttpResponse:
        positions = sorted(self._books.positions.items())
        return json_response(200, [self._json(position) for _, position in positions])

    def _position(self, call: Call) -> HttpResponse:
        return json_response(200, self._json(self._found(call)))

    def _json(self, position: Position) -> dict[str, object]:
        return position_json(self._venue, self._books, position)

    def _found(self, call: Call) -> Position:
        wanted = call.values["symbol"]
        for symbol, position in self._books.positions.items():
            if wanted in (symbol, asset_id(symbol)):
                return position
        raise not_found("position does not exist")

    def _close(self, call: Call) -> HttpResponse:
        position = self._found(call)
        order = self._submit(position, _quantity(call, position))
        return json_response(200, order_json(order))

    def _close_all(self, call: Call) -> HttpResponse:
        if call.query("cancel_orders").lower() == "true":
            self._cancel_all()
        positions = sorted(self._books.positions.items())
        closed = [self._closed(symbol, position) for symbol, position in positions]
        return json_response(207, closed)

    def _closed(self, symbol: str, position: Position) -> dict[str, Any]:
        try:
            order = self._submit(position, abs(position.qty))
        except Refusal as refusal:
            problem = problem_of(refusal)
            return {"symbol": symbol, "status": problem.status, "body": problem.content}
        return {"symbol": symbol, "status": 200, "body": order_json(order)}

    def _submit(self, position: Position, qty: Decimal) -> Order:
        return self._venue.submit(
            NewOrder(
                account_id=self._account_id,
                symbol=position.instrument.symbol,
                side=Side.SELL if position.qty > 0 else Side.BUY,
                order_qty=qty,
                order_type=OrderType.MARKET,
                time_in_force=TimeInForce.DAY,
            )
        )

    def _cancel_all(self) -> None:
        """Cancels at once, without the moment that a cancel takes: the closing orders need it."""
        for listed in self._venue.desk.open_orders(self._account_id):
            order = self._venue.desk.get(listed.venue_order_id)
            if order.is_open and order.status is not OrderStatus.PENDING_CANCEL:
                self._try_to_cancel(order)
            order = self._venue.desk.get(order.venue_order_id)
            if order.status is OrderStatus.PENDING_CANCEL:
                self._venue.desk.change(order, OrderStatus.CANCELED, self._venue.now)

    def _try_to_cancel(self, order: Order) -> None:
        try:
            self._venue.cancel(order.venue_order_id)
        except NotCancelable:
            return  # it is being replaced, or ended with another one

    def _exercise(self, call: Call) -> HttpResponse:
        symbol = self._contract(call)
        try:
            self._market.lifecycle.exercise(self._account_id, symbol)
        except NotExercisable as refusal:
            raise ApiProblem(403, 40310000, refusal.reason) from refusal
        return HttpResponse(200)

    def _do_not_exercise(self, call: Call) -> HttpResponse:
        symbol = self._contract(call)
        try:
            self._market.lifecycle.do_not_exercise(self._account_id, symbol)
        except NotExercisable as refusal:
            raise ApiProblem(403, 40310000, refusal.reason) from refusal
        return HttpResponse(200)

    def _contract(self, call: Call) -> str:
        instrument = self._found(call).instrument
        if not isinstance(instrument, OptionContract):
            raise ApiProblem(422, 42210000, f'"{instrument.symbol}" is not an option contract')
        return instrument.symbol


def _quantity(call: Call, position: Position) -> Decimal:
    """How much to close: `qty`, or `percentage` of the position, or all of it."""
    qty, percentage = call.query("qty"), call.query("percentage")
    held = abs(position.qty)
    if qty and percentage:
        raise invalid("qty and percentage cannot be used together")
    if qty:
        wanted = _positive(qty, "qty")
        if wanted > held:
            raise ApiProblem(
                403,
                40310000,
                f"insufficient qty available for order (requested: {qty}, available: {held})",
                existing_qty=str(held),
                symbol=position.instrument.symbol,
            )
        return wanted
    if not percentage:
        return held
    share = _positive(percentage, "percentage")
    if share > _HUNDRED:
        raise invalid("percentage must be between 0 and 100")
    places = Decimal(1) if isinstance(position.instrument, OptionContract) else _NINE_PLACES
    part = (held * share / _HUNDRED).quantize(places, ROUND_DOWN)
    if not part:
        raise invalid("qty must be > 0")
    return held if part == held else part.normalize()


def _positive(text: str, name: str) -> Decimal:
    value = read_number(text)
    if value is None or value <= 0:
        raise invalid(f"invalid {name}")
    return value
