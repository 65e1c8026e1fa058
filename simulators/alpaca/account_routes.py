"""/v2/account and /v2/account/activities."""

from simulators.alpaca.account_json import account_json
from simulators.alpaca.activities import Activities
from simulators.alpaca.configurations import Configurations
from simulators.alpaca.http import HttpResponse, json_response
from simulators.alpaca.router import Call, Router
from simulators.venue.accounts import Account
from simulators.venue.venue import Venue


class AccountRoutes:
    """The account endpoints of one account."""

    def __init__(
        self,
        venue: Venue,
        account_id: str,
        account_number: str,
        activities: Activities,
        configurations: Configurations,
    ) -> None:
        self._venue = venue
        self._account_id = account_id
        self._account_number = account_number
        self._activities = activities
        self._configurations = configurations
        self._opened_at = venue.now

    def add_to(self, router: Router) -> None:
        router.add("GET", "/v2/account", self._account)
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
        approved = max(self._books.options_level, self._configurations.approved_options_level)
        return json_response(200, {**content, "options_approved_level": approved})
