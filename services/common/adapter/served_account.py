"""What the parts of `BrokerService` have in common: one account of one venue, and its lists."""

from __future__ import annotations

from services.common.adapter.feed import EventFeed
from services.common.adapter.not_served import NotServedYet
from services.common.adapter.paging import PagedLists
from services.common.adapter.port import VenueGateway
from services.common.adapter.requests import require_account, require_venue
from services.common.adapter.settings import AdapterSettings
from services.common.runtime.clock import Clock


class ServedAccount(NotServedYet):
    """The account that is served; a part of the service extends it.

    All parts share one `PagedLists`, so that its bound holds for all lists together.
    """

    def __init__(
        self, gateway: VenueGateway, feed: EventFeed, clock: Clock, settings: AdapterSettings
    ) -> None:
        self._gateway = gateway
        self._feed = feed
        self._clock = clock
        self._settings = settings
        self._lists = PagedLists(
            clock, kept_s=settings.lists.kept_s, kept_max=settings.lists.kept_max
        )

    def _require_account(self, asked: str, *, may_be_empty: bool = False) -> None:
        require_account(asked, self._settings.account_id, may_be_empty=may_be_empty)

    def _require_here(self, account_id: str, venue: str) -> None:
        """Raise NotFound unless it is this account that is asked for, here or at any venue."""
        self._require_account(account_id)
        require_venue(venue, self._settings.venue)
