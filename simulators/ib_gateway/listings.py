"""Requests for lists: open orders, completed orders, executions."""

from datetime import datetime

from simulators.ib_gateway.call import Call, Handler
from simulators.ib_gateway.contracts import ib_symbol, listing_exchange, sec_type_of
from simulators.ib_gateway.days import completed_since, executions_since
from simulators.ib_gateway.fills import ApiFill
from simulators.ib_gateway.gateway import Gateway
from simulators.ib_gateway.order_book import ApiOrder
from simulators.ib_gateway.order_descriptions import completed_order, open_order
from simulators.ib_gateway.order_replies import commission_report, exec_details, order_status
from simulators.ib_gateway.problems import invalid
from simulators.ib_gateway.session import Session
from simulators.venue.orders import Side
from simulators.venue.trading_calendar import NEW_YORK

_SIDES = {"BUY": Side.BUY, "BOT": Side.BUY, "SELL": Side.SELL, "SLD": Side.SELL}


class Listings:
    """Answers at once, from what the Gateway knows, as far back as `days` says."""

    def __init__(self, gateway: Gateway) -> None:
        self._gateway = gateway

    def handlers(self) -> dict[int, Handler]:
        """Handlers by the number of their request."""
        return {5: self._open, 7: self._executions, 16: self._all_open, 99: self._completed}

    def _open(self, call: Call) -> None:
        own = call.session.client_id
        self._send_open(
            call.session, [o for o in self._gateway.orders.open() if o.client_id == own]
        )

    def _all_open(self, call: Call) -> None:
        self._send_open(call.session, self._gateway.orders.open())

    def _send_open(self, session: Session, orders: list[ApiOrder]) -> None:
        for api_order in orders:
            self._look_at(api_order)
            session.send(*open_order(api_order, session.version))
            session.send(*order_status(api_order))
        session.send(53, 1)

    def _look_at(self, api_order: ApiOrder) -> None:
        """The stop of a trailing order moves without anyone being told of it."""
        gateway, trails = self._gateway, api_order.order.asked.order_type.trails
        if gateway.uplink.is_up and trails:
            gateway.orders.saw(gateway.venue.desk.get(api_order.perm_id))

    def _completed(self, call: Call) -> None:
        only_api = call.args(1).flag()
        for api_order in self._gateway.orders.completed(completed_since(self._gateway.venue.now)):
            if api_order.order_id or not only_api:
                call.session.send(*completed_order(api_order, call.session.version))
        call.session.send(102)

    def _executions(self, call: Call) -> None:
        wanted = _ExecutionFilter(call)
        orders = self._gateway.orders
        for fill in orders.fills(executions_since(self._gateway.venue.now)):
            api_order = orders.owner_of(fill)
            if api_order is not None and wanted.takes(api_order, fill):
                details = exec_details(call.id, api_order, fill, call.session.version)
                call.session.send(*details)
                if fill.instrument is not None:
                    call.session.send(*commission_report(fill))
        call.session.send(55, 1, call.id)


class _ExecutionFilter:
    """The seven fields of reqExecutions after its id; "" and 0 take all."""

    def __init__(self, call: Call) -> None:
        args = call.args(3)
        self._client_id = args.integer()
        self._account = args.text()
        self._since = _filter_time(args.text())
        self._symbol = args.text()
        self._sec_type = args.text()
        self._exchange = args.text()
        self._side = args.text()

    def takes(self, api_order: ApiOrder, fill: ApiFill) -> bool:
        shown = fill.instrument or api_order.order.instrument
        is_combo = fill.instrument is None
        return (
            self._client_id in (0, api_order.client_id)
            and self._account in ("", fill.account_id)
            and (self._since is None or fill.at >= self._since)
            and self._symbol in ("", ib_symbol(shown))
            and self._sec_type in ("", "BAG" if is_combo else sec_type_of(shown))
            and self._exchange in ("", "SMART" if is_combo else listing_exchange(shown))
            and (not self._side or _SIDES.get(self._side.upper()) is fill.side)
        )


def _filter_time(text: str) -> datetime | None:
    """`20241104 10:00:00` or `20241104-10:00:00`, New York time, a zone behind it is not read."""
    if not text:
        return None
    try:
        return datetime.strptime(text[:17].replace("-", " "), "%Y%m%d %H:%M:%S").replace(
            tzinfo=NEW_YORK
        )
    except ValueError as error:
        raise invalid(f"Invalid time filter '{text[:40]}'") from error
