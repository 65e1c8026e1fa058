"""/v2/clock, /v2/calendar, /v2/assets and /v2/options/contracts."""

from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

from simulators.alpaca.http import HttpResponse, json_response
from simulators.alpaca.order_json import asset_class, asset_id
from simulators.alpaca.problems import ApiProblem, invalid, not_found
from simulators.alpaca.router import Call, Router
from simulators.alpaca.wire_values import local_time, plain, read_number
from simulators.venue import trading_calendar as calendar
from simulators.venue.instruments import Equity, OptionContract
from simulators.venue.venue import Venue

_CONTRACTS_DEFAULT = 100
_CONTRACTS_MAX = 10_000
_CALENDAR_MAX = timedelta(days=366 * 30)


class MarketRoutes:
    """What the market is and when it trades."""

    def __init__(self, venue: Venue) -> None:
        self._venue = venue

    def add_to(self, router: Router) -> None:
        router.add("GET", "/v2/clock", self._clock)
        router.add("GET", "/v2/calendar", self._calendar)
        router.add("GET", "/v2/assets", self._assets)
        router.add("GET", "/v2/assets/{symbol}", self._asset)
        router.add("GET", "/v2/options/contracts", self._contracts)
        router.add("GET", "/v2/options/contracts/{symbol}", self._contract)

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
        first = _day(call, "start", date(today.year, 1, 1))
        last = _day(call, "end", date(today.year, 12, 31))
        if last - first > _CALENDAR_MAX:
            raise invalid("the range is too long")
        sessions = calendar.sessions_between(first, last) if first <= last else []
        return json_response(200, [_session_json(session) for session in sessions])

    def _assets(self, call: Call) -> HttpResponse:
        wanted_class = call.query("asset_class", "us_equity")
        exchange, status = call.query("exchange"), call.query("status")
        assets = [_asset_json(i) for i in self._venue.catalog if isinstance(i, Equity)]
        chosen = [
            asset
            for asset in assets
            if wanted_class == asset["class"]
            and exchange in ("", asset["exchange"])
            and status in ("", "all", asset["status"])
        ]
        return json_response(200, chosen)

    def _asset(self, call: Call) -> HttpResponse:
        wanted = call.values["symbol"]
        for instrument in self._venue.catalog:
            if isinstance(instrument, Equity) and wanted in (
                instrument.symbol,
                asset_id(instrument.symbol),
            ):
                return json_response(200, _asset_json(instrument))
        raise not_found(f"asset not found for {wanted}")

    def _contracts(self, call: Call) -> HttpResponse:
        now = self._venue.now
        chosen = sorted(
            (c for c in self._venue.catalog if isinstance(c, OptionContract)),
            key=lambda contract: contract.symbol,
        )
        chosen = [contract for contract in chosen if _wanted(call, contract, now)]
        limit = _contract_limit(call)
        first = _page_start(call)
        page = chosen[first : first + limit]
        more = first + limit < len(chosen)
        content = {
            "option_contracts": [_contract_json(contract, self._venue) for contract in page],
            "next_page_token": f"offset-{first + limit}" if more else None,
        }
        return json_response(200, content)

    def _contract(self, call: Call) -> HttpResponse:
        wanted = call.values["symbol"]
        for instrument in self._venue.catalog:
            if isinstance(instrument, OptionContract) and wanted in (
                instrument.symbol,
                asset_id(instrument.symbol),
            ):
                return json_response(200, _contract_json(instrument, self._venue))
        raise not_found(f'contract "{wanted}" not found')


def _day(call: Call, name: str, default: date) -> date:
    text = call.query(name)
    if not text:
        return default
    try:
        return date.fromisoformat(text[:10])
    except ValueError as error:
        raise invalid(f"invalid {name}") from error


def _session_json(session: calendar.Session) -> dict[str, Any]:
    opens, closes = (at.astimezone(calendar.NEW_YORK) for at in (session.opens, session.closes))
    settles = session.closes
    settles = calendar.next_open(settles)
    return {
        "date": session.day.isoformat(),
        "open": opens.strftime("%H:%M"),
        "close": closes.strftime("%H:%M"),
        "session_open": "0400",
        "session_close": "2000" if closes.hour == 16 else "1700",
        "settlement_date": calendar.trading_date(settles).isoformat(),
    }


def _asset_json(equity: Equity) -> dict[str, Any]:
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


def _next_weekend(now: datetime) -> date:
    today = calendar.trading_date(now)
    return today + timedelta(days=6 - today.weekday())


def _wanted(call: Call, contract: OptionContract, now: datetime) -> bool:
    underlyings = {name for name in call.query("underlying_symbols").split(",") if name}
    exact = call.query("expiration_date")
    if exact and contract.expiry != _day(call, "expiration_date", contract.expiry):
        return False
    latest = contract.expiry if exact else _next_weekend(now)
    earliest = calendar.trading_date(now)
    return (
        (not underlyings or contract.underlying in underlyings)
        and call.query("root_symbol") in ("", contract.root)
        and call.query("type") in ("", contract.right.value)
        and _day(call, "expiration_date_gte", earliest) <= contract.expiry
        and contract.expiry <= _day(call, "expiration_date_lte", latest)
        and _strike(call, "strike_price_gte", contract.strike) <= contract.strike
        and contract.strike <= _strike(call, "strike_price_lte", contract.strike)
    )


def _strike(call: Call, name: str, default: Decimal) -> Decimal:
    text = call.query(name)
    if not text:
        return default
    value = read_number(text)
    if value is None:
        raise invalid(f"invalid {name}")
    return value


def _contract_limit(call: Call) -> int:
    text = call.query("limit") or str(_CONTRACTS_DEFAULT)
    if not (text.isascii() and text.isdigit() and 1 <= int(text) <= _CONTRACTS_MAX):
        raise invalid(f"limit must be between 1 and {_CONTRACTS_MAX}")
    return int(text)


def _page_start(call: Call) -> int:
    token = call.query("page_token")
    digits = token.removeprefix("offset-")
    if not token:
        return 0
    if digits == token or not (digits.isascii() and digits.isdigit() and len(digits) < 9):
        raise ApiProblem(422, 42210000, "invalid page_token")
    return int(digits)


def _contract_json(contract: OptionContract, venue: Venue) -> dict[str, Any]:
    close = venue.quotes.previous_close(contract.symbol)
    yesterday = calendar.trading_date(venue.now) - timedelta(days=1)
    expired = contract.expiry < calendar.trading_date(venue.now)
    kind = contract.right.value.capitalize()
    strike = plain(contract.strike)
    return {
        "id": asset_id(contract.symbol),
        "symbol": contract.symbol,
        "name": f"{contract.underlying} {contract.expiry:%b %d %Y} {strike} {kind}",
        "status": "inactive" if expired else "active",
        "tradable": contract.tradable and not expired,
        "expiration_date": contract.expiry.isoformat(),
        "root_symbol": contract.root,
        "underlying_symbol": contract.underlying,
        "underlying_asset_id": asset_id(contract.underlying),
        "type": contract.right.value,
        "style": "american",
        "strike_price": strike,
        "multiplier": plain(contract.multiplier),
        "size": plain(contract.multiplier),
        "open_interest": None,
        "open_interest_date": None,
        "close_price": plain(close) if close is not None else None,
        "close_price_date": yesterday.isoformat() if close is not None else None,
    }
