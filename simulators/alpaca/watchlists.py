"""/v2/watchlists: named lists of assets. Nothing else depends on them."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from simulators.alpaca.http import HttpResponse, json_response
from simulators.alpaca.market import Market
from simulators.alpaca.market_routes import asset_json
from simulators.alpaca.order_request import parse_body
from simulators.alpaca.problems import invalid, not_found
from simulators.alpaca.router import Call, Router
from simulators.alpaca.wire_values import wire_time
from simulators.venue.instruments import Equity

_NAME_MAX = 64


@dataclass(slots=True)
class _Watchlist:
    watchlist_id: str
    name: str
    created_at: datetime
    updated_at: datetime
    symbols: list[str] = field(default_factory=list)


class Watchlists:
    """The watchlists of one account, by id or by name."""

    def __init__(self, market: Market, account_uuid: str) -> None:
        self._market = market
        self._account_uuid = account_uuid
        self._lists: dict[str, _Watchlist] = {}

    def add_to(self, router: Router) -> None:
        router.add("GET", "/v2/watchlists", self._all)
        router.add("POST", "/v2/watchlists", self._create)
        for path in ("/v2/watchlists/{id}", "/v2/watchlists:by_name"):
            router.add("GET", path, self._one)
            router.add("PUT", path, self._update)
            router.add("POST", path, self._add)
            router.add("DELETE", path, self._delete)
        router.add("DELETE", "/v2/watchlists/{id}/{symbol}", self._remove)

    def _all(self, call: Call) -> HttpResponse:
        return json_response(200, [self._json(listed) for listed in self._lists.values()])

    def _create(self, call: Call) -> HttpResponse:
        content, now = parse_body(call.request.body), self._market.venue.now
        watchlist_id = self._market.venue.randomness.uuid("watchlist_id")
        created = _Watchlist(watchlist_id, self._name(content, None), now, now)
        created.symbols = self._symbols(content)
        self._lists[watchlist_id] = created
        return self._whole(created)

    def _one(self, call: Call) -> HttpResponse:
        return self._whole(self._found(call))

    def _update(self, call: Call) -> HttpResponse:
        listed, content = self._found(call), parse_body(call.request.body)
        name = self._name(content, listed) if content.get("name") else listed.name
        symbols = self._symbols(content) if content.get("symbols") is not None else listed.symbols
        listed.name, listed.symbols = name, symbols
        return self._changed(listed)

    def _add(self, call: Call) -> HttpResponse:
        listed, symbol = self._found(call), parse_body(call.request.body).get("symbol")
        (added,) = self._symbols({"symbols": [symbol]})
        if added in listed.symbols:
            raise invalid(f"duplicate symbol: {added}")
        listed.symbols = [*listed.symbols, added]
        return self._changed(listed)

    def _remove(self, call: Call) -> HttpResponse:
        listed, symbol = self._found(call), call.values["symbol"]
        if symbol not in listed.symbols:
            raise not_found(f"symbol {symbol} is not in the watchlist")
        listed.symbols = [kept for kept in listed.symbols if kept != symbol]
        return self._changed(listed)

    def _delete(self, call: Call) -> HttpResponse:
        del self._lists[self._found(call).watchlist_id]
        return HttpResponse(204)

    def _found(self, call: Call) -> _Watchlist:
        wanted, name = call.values.get("id"), call.query("name")
        for listed in self._lists.values():
            if listed.watchlist_id == wanted or (wanted is None and listed.name == name):
                return listed
        raise not_found("watchlist not found")

    def _name(self, content: dict[str, Any], listed: _Watchlist | None) -> str:
        name = content.get("name")
        if not isinstance(name, str) or not 0 < len(name) <= _NAME_MAX:
            raise invalid(f"name is a text of at most {_NAME_MAX} characters")
        if any(other.name == name and other is not listed for other in self._lists.values()):
            raise invalid("watchlist name must be unique")
        return name

    def _symbols(self, content: dict[str, Any]) -> list[str]:
        symbols = content.get("symbols")
        if symbols is None:
            return []
        if not isinstance(symbols, list):
            raise invalid("symbols is a list")
        for symbol in symbols:
            if not isinstance(symbol, str) or not isinstance(self._share(symbol), Equity):
                raise invalid(f'asset "{symbol}" not found')
        return list(dict.fromkeys(symbols))

    def _share(self, symbol: str) -> Any:
        return self._market.catalog.find(symbol)

    def _changed(self, listed: _Watchlist) -> HttpResponse:
        listed.updated_at = self._market.venue.now
        return self._whole(listed)

    def _whole(self, listed: _Watchlist) -> HttpResponse:
        assets = [asset_json(self._share(symbol)) for symbol in listed.symbols]
        return json_response(200, {**self._json(listed), "assets": assets})

    def _json(self, listed: _Watchlist) -> dict[str, Any]:
        return {
            "id": listed.watchlist_id,
            "account_id": self._account_uuid,
            "created_at": wire_time(listed.created_at),
            "updated_at": wire_time(listed.updated_at),
            "name": listed.name,
        }
