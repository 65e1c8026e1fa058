"""What changes an account without a trade: option events, fees, dividends, transfers.

Each is booked at once, in the account and in the ledger, and told to listeners. Pairs that belong
together, such as an exercise and the shares that it brings, share a group.
"""

from collections.abc import Callable
from datetime import datetime
from decimal import Decimal

from simulators.venue.accounts import Account
from simulators.venue.instruments import Catalog, Equity, Instrument, OptionContract, Right
from simulators.venue.ledger import AccountEvent, AccountEventKind, CashMovement, Ledger
from simulators.venue.randomness import Randomness

_ZERO = Decimal(0)


AccountListener = Callable[[AccountEvent], None]


class AccountEvents:
    """Books changes in accounts; listeners hear of each at once and in order."""

    def __init__(self, catalog: Catalog, ledger: Ledger, randomness: Randomness) -> None:
        self._catalog = catalog
        self._ledger = ledger
        self._randomness = randomness
        self._listeners: list[AccountListener] = []

    def subscribe(self, listener: AccountListener) -> None:
        """Calls the listener with every event from now on."""
        self._listeners.append(listener)

    def assign(
        self, account: Account, contract: OptionContract, qty: Decimal, at: datetime
    ) -> None:
        """Takes so many short contracts away and delivers or receives their shares."""
        self._end(account, contract, AccountEventKind.ASSIGNED, qty, at)

    def exercise(
        self, account: Account, contract: OptionContract, qty: Decimal, at: datetime
    ) -> None:
        """Takes so many long contracts away and trades their shares at the strike."""
        self._end(account, contract, AccountEventKind.EXERCISED, -qty, at)

    def expire(self, account: Account, contract: OptionContract, at: datetime) -> None:
        """Takes a worthless position away."""
        qty = -account.position_qty(contract.symbol)
        self._book(account, AccountEventKind.EXPIRED, contract, qty, _ZERO, at)

    def move_cash(
        self,
        account: Account,
        kind: AccountEventKind,
        amount: Decimal,
        at: datetime,
        symbol: str = "",
        on_qty: Decimal = _ZERO,
        price: Decimal | None = None,
        sub_type: str = "",
    ) -> AccountEvent:
        """A fee, a dividend or a transfer: `amount` is signed as the cash moves.

        Args:
            on_qty, price: Of a dividend, on how many shares and how much for each.
        """
        account.cash += amount
        if kind is AccountEventKind.FEE:
            account.fees -= amount
        group = self._group()
        return self._tell(account, kind, symbol, _ZERO, price, amount, group, at, sub_type, on_qty)

    def move_position(
        self, account: Account, instrument: Instrument, qty: Decimal, px: Decimal, at: datetime
    ) -> AccountEvent:
        """Puts a position into the account, or takes it out, without any cash."""
        moved = account.move(instrument, qty, px)
        account.cash -= moved
        group = self._group()
        kind = AccountEventKind.POSITION
        return self._tell(account, kind, instrument.symbol, qty, px, _ZERO, group, at)

    def _end(
        self,
        account: Account,
        contract: OptionContract,
        kind: AccountEventKind,
        qty: Decimal,
        at: datetime,
    ) -> None:
        """Both halves: the contracts go (`qty` is what the position changes by), shares come."""
        group = self._group()
        self._book(account, kind, contract, qty, _ZERO, at, group)
        buys = (contract.right is Right.CALL) is (kind is AccountEventKind.EXERCISED)
        shares = abs(qty) * contract.multiplier * (1 if buys else -1)
        trade = AccountEventKind.OPTION_TRADE
        self._book(
            account,
            trade,
            self._catalog.get(contract.underlying),
            shares,
            contract.strike,
            at,
            group,
        )

    def _book(
        self,
        account: Account,
        kind: AccountEventKind,
        instrument: Instrument,
        qty: Decimal,
        px: Decimal,
        at: datetime,
        group_id: str = "",
    ) -> None:
        amount = account.move(instrument, qty, px)
        price = px if isinstance(instrument, Equity) else None
        group_id = group_id or self._group()
        self._tell(account, kind, instrument.symbol, qty, price, amount, group_id, at)

    def _tell(
        self,
        account: Account,
        kind: AccountEventKind,
        symbol: str,
        qty: Decimal,
        price: Decimal | None,
        net_amount: Decimal,
        group_id: str,
        at: datetime,
        sub_type: str = "",
        on_qty: Decimal = _ZERO,
    ) -> AccountEvent:
        event = AccountEvent(
            event_no=len(self._ledger.account_events) + 1,
            at=at,
            account_id=account.account_id,
            kind=kind,
            symbol=symbol,
            qty=qty,
            price=price,
            net_amount=net_amount,
            group_id=group_id,
            sub_type=sub_type,
            on_qty=on_qty,
        )
        self._ledger.account_event(event)
        if net_amount:
            movement = CashMovement(account.account_id, net_amount, account.cash, kind.value)
            self._ledger.cash(at, movement)
        for listener in self._listeners:
            listener(event)
        return event

    def _group(self) -> str:
        return self._randomness.uuid("account_event_group")
