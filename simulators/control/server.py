"""The control of a simulator over HTTP and JSON, on a port of its own."""

from collections.abc import Awaitable, Callable
from datetime import datetime
from decimal import Decimal, InvalidOperation
from typing import Any, TypeVar

import msgspec
from aiohttp import web

from simulators.control.control import BadRequest, SimulatorControl
from simulators.control.faults import BadFault
from simulators.control.truth import execution_record, order_record
from simulators.venue.orders import Side, TimeInForce
from simulators.venue.refusals import NoSuchOrder, Refusal

_S = TypeVar("_S", bound=msgspec.Struct)
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class ClockBody(msgspec.Struct, forbid_unknown_fields=True):
    """POST /clock: one of both."""

    set: datetime | None = None
    advance_s: float | None = None


class QuoteBody(msgspec.Struct, forbid_unknown_fields=True):
    """POST /quotes."""

    symbol: str
    bid: str
    ask: str
    frozen: bool = False


class FillBody(msgspec.Struct, forbid_unknown_fields=True):
    """POST /fill. order: a client_order_id or a venue order id."""

    order: str
    qty: str | None = None
    px: str | None = None
    even_if_ended: bool = False


class OrderBody(msgspec.Struct, forbid_unknown_fields=True):
    """POST /reject and POST /cancel."""

    order: str


class ExternalOrderBody(msgspec.Struct, forbid_unknown_fields=True):
    """POST /orders/external."""

    symbol: str
    side: Side
    qty: str
    limit_price: str | None = None
    time_in_force: TimeInForce = TimeInForce.DAY
    client_order_id: str = ""


class OptionBody(msgspec.Struct, forbid_unknown_fields=True):
    """POST /options."""

    name: str
    value: str


class ControlServer:
    """The HTTP form of a `SimulatorControl`: one method for each verb."""

    def __init__(self, control: SimulatorControl) -> None:
        self._control = control

    def app(self) -> web.Application:
        """The application to bind."""
        app = web.Application(middlewares=[_errors])
        add = app.router.add_route
        add("GET", "/health", self._health)
        add("GET", "/ledger", self._ledger)
        add("GET", "/requests", self._requests)
        add("GET", "/faults", self._faults)
        add("POST", "/faults", self._add_fault)
        add("DELETE", "/faults", self._clear_faults)
        add("DELETE", r"/faults/{fault_id:\d+}", self._clear_faults)
        add("POST", "/stream/disconnect", self._disconnect)
        add("POST", "/stream/release", self._release)
        add("GET", "/options", self._options)
        add("POST", "/options", self._set_option)
        add("GET", "/do", self._verbs)
        add("POST", "/do/{verb}", self._do)
        add("POST", "/clock", self._clock)
        add("POST", "/quotes", self._quote)
        add("POST", "/fill", self._fill)
        add("POST", "/reject", self._reject)
        add("POST", "/cancel", self._cancel)
        add("POST", "/orders/external", self._external)
        add("POST", "/account", self._account)
        return app

    async def _health(self, request: web.Request) -> web.Response:
        return _json(self._control.health())

    async def _ledger(self, request: web.Request) -> web.Response:
        with_entries = request.query.get("entries", "") in ("1", "true")
        return _json(self._control.ledger(with_entries=with_entries))

    async def _requests(self, request: web.Request) -> web.Response:
        after = request.query.get("after", "0")
        if not (after.isascii() and after.isdigit()):
            raise BadRequest("after is the seq of an entry")
        return _json(self._control.requests(int(after)))

    async def _faults(self, request: web.Request) -> web.Response:
        return _json(self._control.faults())

    async def _add_fault(self, request: web.Request) -> web.Response:
        return _json(self._control.add_fault(await _content(request)), status=201)

    async def _clear_faults(self, request: web.Request) -> web.Response:
        given = request.match_info.get("fault_id")
        fault_id = int(given) if given is not None else None
        return _json({"cleared": self._control.clear_faults(fault_id)})

    async def _disconnect(self, request: web.Request) -> web.Response:
        return _json({"disconnected": self._control.disconnect_streams()})

    async def _release(self, request: web.Request) -> web.Response:
        return _json({"released": self._control.release_events()})

    async def _options(self, request: web.Request) -> web.Response:
        return _json(self._control.options())

    async def _set_option(self, request: web.Request) -> web.Response:
        body = await _body(request, OptionBody)
        self._control.set_option(body.name, body.value)
        return _json(self._control.options())

    async def _verbs(self, request: web.Request) -> web.Response:
        return _json(self._control.verbs())

    async def _do(self, request: web.Request) -> web.Response:
        arguments = await _content(request) if request.can_read_body else {}
        if not isinstance(arguments, dict):
            raise BadRequest("the body must be a JSON object")
        return _json(self._control.do(request.match_info["verb"], **arguments))

    async def _clock(self, request: web.Request) -> web.Response:
        body = await _body(request, ClockBody)
        if (body.set is None) == (body.advance_s is None):
            raise BadRequest("give set or advance_s")
        if body.set is not None:
            now = self._control.set_clock(body.set)
        else:
            now = self._control.advance_clock(body.advance_s or 0.0)
        return _json({"now": now})

    async def _quote(self, request: web.Request) -> web.Response:
        body = await _body(request, QuoteBody)
        bid, ask = _decimal(body.bid, "bid"), _decimal(body.ask, "ask")
        quote = self._control.set_quote(body.symbol, bid, ask, frozen=body.frozen)
        return _json({"symbol": quote.symbol, "bid": body.bid, "ask": body.ask})

    async def _fill(self, request: web.Request) -> web.Response:
        body = await _body(request, FillBody)
        execution = self._control.fill(
            body.order,
            _decimal(body.qty, "qty") if body.qty is not None else None,
            _decimal(body.px, "px") if body.px is not None else None,
            even_if_ended=body.even_if_ended,
        )
        return _json(execution_record(execution))

    async def _reject(self, request: web.Request) -> web.Response:
        body = await _body(request, OrderBody)
        return _json(order_record(self._control.reject(body.order)))

    async def _cancel(self, request: web.Request) -> web.Response:
        body = await _body(request, OrderBody)
        return _json(order_record(self._control.cancel(body.order)))

    async def _external(self, request: web.Request) -> web.Response:
        body = await _body(request, ExternalOrderBody)
        order = self._control.place_by_hand(
            body.symbol,
            body.side,
            _decimal(body.qty, "qty"),
            _decimal(body.limit_price, "limit_price") if body.limit_price is not None else None,
            body.time_in_force,
            body.client_order_id,
        )
        return _json(order_record(order), status=201)

    async def _account(self, request: web.Request) -> web.Response:
        flags = await _content(request)
        if not isinstance(flags, dict):
            raise BadRequest("the body must be a JSON object")
        return _json(self._control.set_account(**flags))


@web.middleware
async def _errors(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Turns what a verb raises into an answer that says why."""
    try:
        return await handler(request)
    except (BadRequest, BadFault) as error:
        return _json({"error": str(error)}, status=400)
    except NoSuchOrder as refusal:
        return _json({"error": f"no order {refusal.venue_order_id}"}, status=404)
    except Refusal as refusal:
        return _json({"error": repr(refusal)}, status=409)


async def _content(request: web.Request) -> Any:
    try:
        return msgspec.json.decode(await request.read())
    except msgspec.DecodeError as error:
        raise BadRequest(f"the body is not JSON: {error}") from error


async def _body(request: web.Request, form: type[_S]) -> _S:
    try:
        return msgspec.json.decode(await request.read(), type=form)
    except msgspec.DecodeError as error:
        raise BadRequest(str(error)) from error


def _decimal(text: str, name: str) -> Decimal:
    try:
        value = Decimal(text)
    except InvalidOperation as error:
        raise BadRequest(f"{name} is not a decimal") from error
    if not value.is_finite() or not Decimal("-1e9") <= value <= Decimal("1e9"):
        raise BadRequest(f"{name} is out of range")
    return value


def _json(content: Any, status: int = 200) -> web.Response:
    body = msgspec.json.encode(content)
    return web.Response(status=status, body=body, content_type="application/json")
