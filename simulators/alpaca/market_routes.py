"""/v2/clock, /v2/calendar and /v2/assets."""

from datetime import date, timedelta
from typing import Any

from simulators.alpaca.contract_filters import read_day
from simulators.alpaca.http import HttpResponse, json_response
from simulators.alpaca.market import Market
from simulators.alpaca.order_json import asset_class, asset_id
from simulators.alpaca.problems import invalid, not_found
from simulators.alpaca.router import Call, Router
from simulators.alpaca.wire_values import local_time
from simulators.venue import trading_calendar as calendar
from simulators.venue.instruments import Equity

_CALENDAR_MAX = timedelta(days=366 * 30)


class MarketRoutes:
    """What the market is and when it trades."""

    def __init__(self, market: Market) -> None:
        self._venue = market.venue
        self._catalog = market.catalog

    def add_to(self, router: Router) -> None:
        router.add("GET", "/v2/clock", self._clock)
        router.add("GET", "/v2/calendar", self._calendar)
        router.add("GET", "/v2/assets", self._assets)
        router.add("GET", "/v2/assets/{symbol}", self._asset)

    def _clock(self, call: Call) -> HttpResponse:
        now = self._venue.now
        content = {
            "timestamp": local_time(now),
            "is_open": calendar.session_at(now) is not None,
            "next_open": local_time(calendar.next_open(now)),
            "next_close": local_time(calendar.next_close(now)),
        }
        return json_response(200, content)

    def _calendar(self, call: Call) -> HttpResponse:
        today = calendar.trading_date(self._venue.now)
        first = read_day(call, "start", date(today.year, 1, 1))
        last = read_day(call, "end", date(today.year, 12, 31))
        if last - first > _CALENDAR_MAX:
            raise invalid("the range is too long")
        sessions = calendar.sessions_between(first, last) if first <= last else []
        return json_response(200, [_session_json(session) for session in sessions])

    def _assets(self, call: Call) -> HttpResponse:
        wanted_class = call.query("asset_class", "us_equity")
        exchange, status = call.query("exchange"), call.query("status")
        attributes = {name for name in call.query("attributes").split(",") if name}
        assets = [asset_json(share) for share in self._catalog.equities()]
        chosen = [
            asset
            for asset in assets
            if wanted_class == asset["class"]
            and exchange in ("", asset["exchange"])
            and status in ("", "all", asset["status"])
            and (not attributes or attributes & set(asset["attributes"]))
        ]
        return json_response(200, chosen)

    def _asset(self, call: Call) -> HttpResponse:
        wanted = call.values["symbol"]
        for share in self._catalog.equities():
            if wanted in (share.symbol, asset_id(share.symbol)):
                return json_response(200, asset_json(share))
        raise not_found(f"asset not found for {wanted}")


def _session_json(session: calendar.Session) -> dict[str, Any]:
    opens, closes = (at.astimezone(calendar.NEW_YORK) for at in (session.opens, session.closes))
    settles = calendar.next_open(session.closes)
    return {
        "date": session.day.isoformat(),
        "open": opens.strftime("%H:%M"),
        "close": closes.strftime("%H:%M"),
        "session_open": "0400",
        "session_close": "2000" if closes.hour == 16 else "1700",
        "settlement_date": calendar.trading_date(settles).isoformat(),
    }


def asset_json(equity: Equity) -> dict[str, Any]:
    return {
        "id": asset_id(equity.symbol),
        "class": asset_class(equity),
        "exchange": equity.exchange,
        "symbol": equity.symbol,
        "name": equity.name,
        "status": "active",
        "tradable": equity.tradable,
        "marginable": True,
        "maintenance_margin_requirement": 30,
        "shortable": equity.shortable,
        "easy_to_borrow": equity.shortable,
        "fractionable": True,
        "attributes": ["has_options"],
    }
