"""/v2/account, /v2/positions and /v2/account/activities."""

from simulators.alpaca.account_json import account_json, position_json
from simulators.alpaca.activities import Activities
from simulators.alpaca.http import HttpResponse, json_response
from simulators.alpaca.order_json import asset_id
from simulators.alpaca.problems import not_found
from simulators.alpaca.router import Call, Router
from simulators.venue.accounts import Account, Position
from simulators.venue.venue import Venue


class AccountRoutes:
    """The account endpoints of one account."""

    def __init__(
        self, venue: Venue, account_id: str, account_number: str, activities: Activities
    ) -> None:
        self._venue = venue
        self._account_id = account_id
        self._account_number = account_number
        self._activities = activities
        self._opened_at = venue.now

    def add_to(self, router: Router) -> None:
        router.add("GET", "/v2/account", self._account)
        router.add("GET", "/v2/positions", self._positions)
        router.add("GET", "/v2/positions/{symbol}", self._position)
        router.add("GET", "/v2/account/activities", self._activities.list)
        router.add("GET", "/v2/account/activities/{type}", self._activities.list)

    @property
    def _books(self) -> Account:
        return self._venue.accounts[self._account_id]

    def _account(self, call: Call) -> HttpResponse:
        means = self._venue.means(self._account_id)
        content = account_json(
            self._books, means, self._account_number, self._opened_at, self._venue.now
        )
        return json_response(200, content)

    def _positions(self, call: Call) -> HttpResponse:
        positions = sorted(self._books.positions.items())
        return json_response(200, [self._json(position) for _, position in positions])

    def _position(self, call: Call) -> HttpResponse:
        wanted = call.values["symbol"]
        for symbol, position in self._books.positions.items():
            if wanted in (symbol, asset_id(symbol)):
                return json_response(200, self._json(position))
        raise not_found("position does not exist")

    def _json(self, position: Position) -> dict[str, object]:
        return position_json(self._venue, self._books, position)
