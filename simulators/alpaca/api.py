"""The REST API of the simulated Alpaca: one function from request to answer, synchronous."""

import base64
import binascii
from email.utils import format_datetime
from typing import Protocol

from simulators.alpaca.account_routes import AccountRoutes
from simulators.alpaca.activities import Activities
from simulators.alpaca.configurations import Configurations
from simulators.alpaca.contract_routes import ContractRoutes
from simulators.alpaca.data_codes import DataCodes
from simulators.alpaca.http import HttpRequest, HttpResponse
from simulators.alpaca.market import Market
from simulators.alpaca.market_routes import MarketRoutes
from simulators.alpaca.option_data import OptionData
from simulators.alpaca.order_routes import OrderRoutes
from simulators.alpaca.portfolio_history import PortfolioHistory
from simulators.alpaca.position_routes import PositionRoutes
from simulators.alpaca.problems import (
    ApiProblem,
    not_built,
    not_found,
    problem_of,
    rate_limited,
    unauthorized,
)
from simulators.alpaca.rate_limit import RateLimit
from simulators.alpaca.router import Call, Router
from simulators.alpaca.settings import AlpacaSettings
from simulators.alpaca.stock_data import StockData
from simulators.alpaca.watchlists import Watchlists
from simulators.venue.orders import Fate
from simulators.venue.randomness import fixed_uuid
from simulators.venue.refusals import Refusal
from simulators.venue.venue import Venue

OAUTH = "oauth"
"""What stands for the key where a client has only a token."""

# Endpoints that Alpaca has and this simulator answers with 501, never with a made-up answer.
_FOR_LATER = (
    "/v2/corporate_actions/announcements",
    "/v2/corporate_actions/announcements/{id}",
    "/v2/stocks/auctions",
    "/v2/stocks/{symbol}/auctions",
    "/v1/corporate-actions",
    "/v1beta1/corporate-actions",
    "/v1beta1/news",
    "/v1beta1/screener/stocks/most-actives",
    "/v1beta1/screener/{market}/movers",
    "/v1beta1/logos/{symbol}",
    "/v1beta3/crypto/{location}/{data}",
    "/v1beta3/crypto/{location}/latest/{data}",
)


class Routes(Protocol):
    """A part that has endpoints."""

    def add_to(self, router: Router) -> None:
        """Adds them."""


class AlpacaApi:
    """Answers requests at once; whatever takes time is the business of who calls it."""

    def __init__(self, market: Market, account_id: str, settings: AlpacaSettings) -> None:
        venue = market.venue
        self.activities = Activities(
            venue,
            market.events,
            account_id,
            settings.account_number,
            settings.stream_exec_ids,
            settings.option_activities,
        )
        self.trading_limit = self._limit(venue, settings)
        self._data_limit = self._limit(venue, settings)
        self._venue = venue
        self._settings = settings
        self._router = Router()
        OrderRoutes(venue, account_id).add_to(self._router)
        configurations = Configurations(venue.accounts[account_id])
        AccountRoutes(
            venue, account_id, settings.account_number, self.activities, configurations
        ).add_to(self._router)
        configurations.add_to(self._router)
        PortfolioHistory(venue, account_id).add_to(self._router)
        PositionRoutes(market, account_id).add_to(self._router)
        account_uuid = fixed_uuid(f"account/{settings.account_number}")
        Watchlists(market, account_uuid).add_to(self._router)
        DataCodes().add_to(self._router)
        for part in (MarketRoutes, ContractRoutes, StockData, OptionData):
            part(market).add_to(self._router)
        for template in _FOR_LATER:
            self._router.add("GET", template, _answer_not_built)

    @property
    def endpoints(self) -> list[tuple[str, str]]:
        """Method and path template of all that is built."""
        return [route for route in self._router.routes if route[1] not in _FOR_LATER]

    def add(self, part: Routes) -> None:
        """Adds endpoints that are made after it."""
        part.add_to(self._router)

    @staticmethod
    def _limit(venue: Venue, settings: AlpacaSettings) -> RateLimit:
        return RateLimit(
            settings.rate_limit_per_min, lambda: venue.clock.elapsed_s, venue.clock.now
        )

    def is_key(self, key: str, secret: str) -> bool:
        """Whether these credentials open this account; its secret is also its OAuth token."""
        known = (self._settings.key, OAUTH)
        return key in known and secret == self._settings.secret

    def handle(self, request: HttpRequest, fate: Fate = Fate.WORKED) -> HttpResponse:
        """Answers one request. Never raises: what goes wrong is an answer in Alpaca's form.

        Args:
            fate: What becomes of an order that the request places (a fault).
        """
        self._venue.advance()
        if not self.is_key(*_credentials(request)):
            return self.stamp(unauthorized().response())
        is_data = request.path.startswith(("/v2/stocks", "/v1"))
        limit = self._data_limit if is_data else self.trading_limit
        response = self._answer(request, fate) if limit.admit() else rate_limited().response()
        return self.stamp(response.with_headers(limit.headers()))

    def stamp(self, response: HttpResponse) -> HttpResponse:
        """Adds what every answer carries: Date by the market's clock and X-Request-ID."""
        request_id = self._venue.randomness.uuid("request_id").replace("-", "")
        date = format_datetime(self._venue.clock.now(), usegmt=True)
        return response.with_headers({"Date": date, "X-Request-ID": request_id})

    def _answer(self, request: HttpRequest, fate: Fate) -> HttpResponse:
        found = self._router.find(request, fate)
        try:
            if found is None:
                raise not_found("endpoint not found")
            endpoint, call = found
            return endpoint(call)
        except ApiProblem as problem:
            return problem.response()
        except Refusal as refusal:
            return problem_of(refusal).response()


def _answer_not_built(call: Call) -> HttpResponse:
    raise not_built(f"{call.request.method} {call.request.path}")


def _credentials(request: HttpRequest) -> tuple[str, str]:
    """The key and secret of a request: Alpaca's own headers, a bearer's token, or basic."""
    scheme, _, value = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() == "bearer":
        return OAUTH, value.strip()
    if scheme.lower() == "basic":
        try:
            key, _, secret = base64.b64decode(value, validate=True).decode().partition(":")
        except (binascii.Error, UnicodeDecodeError):
            return "", ""
        return key, secret
    key = request.headers.get("apca-api-key-id", "")
    return key, request.headers.get("apca-api-secret-key", "")
