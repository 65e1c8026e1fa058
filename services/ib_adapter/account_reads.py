"""The account: its figures, and its positions with what they are worth."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import TypeVar

import structlog

from services.common.domain.errors import ReadFailed
from services.common.domain.reports import AccountMode, Balance, VenuePosition
from services.ib_adapter.account_words import PortfolioWord
from services.ib_adapter.figures import Unreadable
from services.ib_adapter.session import Session
from services.ib_adapter.translate_account import read_balance, read_positions

T = TypeVar("T")

_log = structlog.stdlib.get_logger(__name__)


class AccountReads:
    """Each method gives everything that was asked for, or raises ReadFailed. `now` is our clock."""

    def __init__(
        self,
        session: Session,
        *,
        venue: str,
        account_id: str,
        mode: AccountMode,
        now: Callable[[], datetime],
    ) -> None:
        self._session = session
        self._venue = venue
        self._account_id = account_id
        self._mode = mode
        self._now = now

    async def balance(self) -> Balance:
        """See `VenueGateway.balance`."""
        account = self._session.account
        told = await self._session.requests().account(account)
        return _readable(lambda: read_balance(account, told, self._venue, self._mode, self._now()))

    async def positions(self) -> list[VenuePosition]:
        """See `VenueGateway.positions`. Shares and options; other kinds are left out, and so is
        what no order here can be for. One that is told in part only fails the read. What a
        position is worth is unset where IB did not say."""
        rows = await self._session.requests().positions(self._session.account)
        worth = await self._worth() if rows else []
        return _readable(lambda: read_positions(rows, worth, self._venue, self._account_id))

    async def _worth(self) -> list[PortfolioWord]:
        """The quantities are known without it, so its failure is not theirs."""
        try:
            return (await self._session.requests().account(self._session.account)).holdings
        except ReadFailed as error:
            _log.warning("worth_of_positions_not_read", error=error.message)
            return []


def _readable(read: Callable[[], T]) -> T:
    try:
        return read()
    except Unreadable as error:
        raise ReadFailed(f"IB's answer can't be read: {error}") from error
