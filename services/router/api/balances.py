"""GetAccount at the router: each venue's figures, and sums only where nobody is missing."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from services.common.contract.convert import balance_to_wire, money_to_wire, timestamp_to_wire
from services.common.contract.pb import accounts_pb2
from services.common.contract.pb import broker_service_pb2 as pb
from services.common.domain.amounts import Money, total
from services.common.domain.errors import TandemError
from services.common.domain.reports import Balance
from services.common.runtime.clock import Clock
from services.router.api.views import account_to_wire
from services.router.routing.accounts import AccountLinks
from services.router.routing.link import VenueLink


async def read_account(account: AccountLinks, clock: Clock) -> pb.GetAccountResponse:
    """Ask all venues at once. One that does not answer is marked; it never counts as zero."""
    read = await asyncio.gather(*(_read(link) for link in account.links))
    balances = [
        balance_to_wire(stated)
        if isinstance(stated, Balance)
        else accounts_pb2.VenueBalance(
            venue=link.name, unavailable=True, unavailable_reason=stated.message
        )
        for link, stated in zip(account.links, read, strict=True)
    ]
    return pb.GetAccountResponse(
        account=account_to_wire(account),
        balances=balances,
        totals=_totals(read),
        as_of=timestamp_to_wire(clock.now()),
    )


async def _read(link: VenueLink) -> Balance | TandemError:
    try:
        return await link.port.balance()
    except TandemError as error:
        return error


def _totals(read: Sequence[Balance | TandemError]) -> list[accounts_pb2.CurrencyTotal]:
    """One sum per currency; its amounts are unset if any venue did not answer."""
    stated = [balance for balance in read if isinstance(balance, Balance)]
    whole = len(stated) == len(read)
    currencies = sorted({b.cash.currency for b in stated if b.cash is not None})
    sums = []
    for currency in currencies:
        message = accounts_pb2.CurrencyTotal(currency_code=currency)
        for name in ("cash", "equity", "buying_power"):
            amounts = _amounts(stated, name, currency)
            if whole and amounts is not None:
                getattr(message, name).CopyFrom(money_to_wire(amounts))
        sums.append(message)
    return sums


def _amounts(stated: Sequence[Balance], name: str, currency: str) -> Money | None:
    """The sum of one figure in one currency; None if a venue does not state it."""
    figures: list[Money | None] = [getattr(balance, name) for balance in stated]
    known = [figure for figure in figures if figure is not None]
    if len(known) < len(figures):
        return None
    return Money(total(f.amount for f in known if f.currency == currency), currency)
