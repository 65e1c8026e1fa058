"""/v2/options/contracts: the option contracts that are listed, by page, and one alone."""

import zlib
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

from simulators.alpaca.contract_filters import ContractFilters
from simulators.alpaca.data_requests import DataProblem, read_token, write_token
from simulators.alpaca.http import HttpResponse, json_response
from simulators.alpaca.market import Market
from simulators.alpaca.order_json import asset_id
from simulators.alpaca.problems import ApiProblem, invalid, not_found
from simulators.alpaca.router import Call, Router
from simulators.alpaca.wire_values import cents, plain
from simulators.venue import trading_calendar as calendar
from simulators.venue.instruments import OptionContract

_LIMIT_DEFAULT, _LIMIT_MAX = 100, 10_000
_DAY = timedelta(days=1)
_CENT = Decimal("0.01")


class ContractRoutes:
    """The option contracts of a market."""

    def __init__(self, market: Market) -> None:
        self._market = market
        self._ids: dict[str, str] = {}

    def add_to(self, router: Router) -> None:
        router.add("GET", "/v2/options/contracts", self._contracts)
        router.add("GET", "/v2/options/contracts/{symbol}", self._contract)

    @property
    def _today(self) -> date:
        return calendar.trading_date(self._market.venue.now)

    def _contracts(self, call: Call) -> HttpResponse:
        chosen, limit, after = self._chosen(call), _limit(call), _after(call)
        chosen = [contract for contract in chosen if contract.symbol > after]
        page = chosen[:limit]
        token = write_token(page[-1].symbol) if len(chosen) > limit else None
        with_deliverables = call.query("show_deliverables").lower() == "true"
        content = {
            "option_contracts": [self._json(contract, with_deliverables) for contract in page],
            "next_page_token": token,
        }
        return json_response(200, content)

    def _chosen(self, call: Call) -> list[OptionContract]:
        """What fits the filters; without a last expiry those until the next weekend."""
        status, style = call.query("status", "active"), call.query("style")
        if status not in ("active", "inactive"):
            raise invalid("invalid status")
        if style not in ("", "american", "european"):
            raise invalid("invalid style")
        is_active, today = status == "active", self._today
        weekend = today + timedelta(days=6 - today.weekday())
        wanted = ContractFilters.read(
            call, first=today if is_active else date.min, last=weekend if is_active else today
        )
        names = {name for name in call.query("underlying_symbols").split(",") if name}
        first, last = (
            (max(today, wanted.first), wanted.last)
            if is_active
            else (wanted.first, min(today - _DAY, wanted.last))
        )
        contracts = self._market.catalog.contracts(names or None, first, last)
        return [c for c in contracts if wanted.fits(c) and style != "european"]

    def _contract(self, call: Call) -> HttpResponse:
        contract = self.find(call.values["symbol"])
        if contract is None:
            raise not_found(f'contract "{call.values["symbol"]}" not found')
        return json_response(200, self._json(contract, with_deliverables=True))

    def find(self, symbol_or_id: str) -> OptionContract | None:
        """The contract with that symbol or id."""
        found = self._market.catalog.find(self._symbol_of(symbol_or_id))
        return found if isinstance(found, OptionContract) else None

    def _symbol_of(self, symbol_or_id: str) -> str:
        if symbol_or_id.count("-") != 4:
            return symbol_or_id
        if symbol_or_id not in self._ids:
            for contract in self._market.catalog.contracts(None, date.min, date.max):
                self._ids.setdefault(asset_id(contract.symbol), contract.symbol)
        return self._ids.get(symbol_or_id, symbol_or_id)

    def _json(self, contract: OptionContract, with_deliverables: bool) -> dict[str, Any]:
        close = self._market.venue.quotes.previous_close(contract.symbol)
        closed = calendar.trading_date(calendar.last_close(self._market.venue.now)).isoformat()
        is_over = contract.expiry < self._today
        strike, kind = plain(contract.strike), contract.right.value
        name = f"{contract.underlying} {contract.expiry:%b %d %Y} {strike} {kind.capitalize()}"
        content: dict[str, Any] = {
            "id": asset_id(contract.symbol),
            "symbol": contract.symbol,
            "name": name,
            "status": "inactive" if is_over else "active",
            "tradable": contract.tradable and not is_over,
            "expiration_date": contract.expiry.isoformat(),
            "root_symbol": contract.root,
            "underlying_symbol": contract.underlying,
            "underlying_asset_id": asset_id(contract.underlying),
            "type": kind,
            "style": "american",
            "strike_price": strike,
            "multiplier": plain(contract.multiplier),
            "size": plain(contract.multiplier),
            "open_interest": str(_open_interest(contract.symbol)),
            "open_interest_date": closed,
            "close_price": plain(max(_CENT, cents(close))) if close is not None else None,
            "close_price_date": closed if close is not None else None,
            "ppind": True,
        }
        if with_deliverables:
            content["deliverables"] = [_deliverable(contract)]
        return content


def _deliverable(contract: OptionContract) -> dict[str, Any]:
    return {
        "type": "equity",
        "symbol": contract.underlying,
        "asset_id": asset_id(contract.underlying),
        "amount": plain(contract.multiplier),
        "allocation_percentage": "100",
        "settlement_type": "T+1",
        "settlement_method": "CCC",
        "delayed_settlement": False,
    }


def _open_interest(symbol: str) -> int:
    """A figure that belongs to the symbol: nothing here depends on it."""
    return zlib.crc32(symbol.encode()) % 5000


def _limit(call: Call) -> int:
    text = call.query("limit") or str(_LIMIT_DEFAULT)
    if not (text.isascii() and text.isdigit() and 1 <= int(text) <= _LIMIT_MAX):
        raise invalid(f"limit must be between 1 and {_LIMIT_MAX}")
    return int(text)


def _after(call: Call) -> str:
    try:
        return read_token(call)
    except DataProblem as problem:
        raise ApiProblem(422, 42210000, "invalid page_token") from problem
