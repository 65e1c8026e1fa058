"""The venue's own append-only record: what checkers take as the truth."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import Enum

from simulators.venue.orders import Execution, Order, OrderEvent


class EntryKind(Enum):
    """What an entry records."""

    ORDER = "order"
    ORDER_EVENT = "order_event"
    EXECUTION = "execution"
    CORRECTION = "correction"
    CASH = "cash"
    ACCOUNT_EVENT = "account_event"


@dataclass(frozen=True, slots=True)
class CashMovement:
    """Cash of an account that moved, and why."""

    account_id: str
    amount: Decimal
    balance: Decimal
    reason: str
    exec_id: str | None = None


class AccountEventKind(Enum):
    """What happened."""

    ASSIGNED = "assigned"
    EXERCISED = "exercised"
    EXPIRED = "expired"
    OPTION_TRADE = "option_trade"
    FEE = "fee"
    DIVIDEND = "dividend"
    DEPOSIT = "deposit"
    WITHDRAWAL = "withdrawal"
    POSITION = "position"


OPTION_EVENTS = frozenset(
    {
        AccountEventKind.ASSIGNED,
        AccountEventKind.EXERCISED,
        AccountEventKind.EXPIRED,
        AccountEventKind.OPTION_TRADE,
    }
)


@dataclass(frozen=True, slots=True)
class AccountEvent:
    """One change. `qty` is what the position changed by, `net_amount` what the cash did.

    price: per share, None where there is none. group_id: the same for both halves of a pair.
    on_qty: how many shares a dividend was paid on.
    """

    event_no: int
    at: datetime
    account_id: str
    kind: AccountEventKind
    symbol: str
    qty: Decimal
    price: Decimal | None
    net_amount: Decimal
    group_id: str
    sub_type: str = ""
    on_qty: Decimal = Decimal(0)


@dataclass(frozen=True, slots=True)
class Correction:
    """An execution that takes an earlier one's place; of one that was busted the quantity is 0."""

    execution: Execution
    corrects: str


Record = Order | OrderEvent | Execution | Correction | CashMovement | AccountEvent


@dataclass(frozen=True, slots=True)
class LedgerEntry:
    """One record; `seq` counts from 1 without gaps."""

    seq: int
    at: datetime
    kind: EntryKind
    record: Record


class Ledger:
    """Append-only; entries are immutable, and none is ever removed."""

    def __init__(self) -> None:
        self._entries: list[LedgerEntry] = []
        self._executions: list[Execution] = []
        self._corrections: list[Correction] = []
        self._account_events: list[AccountEvent] = []

    @property
    def entries(self) -> tuple[LedgerEntry, ...]:
        """All entries in the order in which they happened."""
        return tuple(self._entries)

    @property
    def executions(self) -> tuple[Execution, ...]:
        """All fills in the order in which they happened, corrected ones as they are by now."""
        return tuple(self._executions)

    @property
    def corrections(self) -> tuple[Correction, ...]:
        """All corrections in the order in which they were made."""
        return tuple(self._corrections)

    @property
    def account_events(self) -> tuple[AccountEvent, ...]:
        """All that changed accounts without a trade, in order."""
        return tuple(self._account_events)

    def account_event(self, event: AccountEvent) -> None:
        self._account_events.append(event)
        self._append(event.at, EntryKind.ACCOUNT_EVENT, event)

    def order_taken(self, order: Order) -> None:
        self._append(order.submitted_at, EntryKind.ORDER, order)

    def event(self, event: OrderEvent) -> None:
        self._append(event.at, EntryKind.ORDER_EVENT, event)

    def execution(self, execution: Execution) -> None:
        self._executions.append(execution)
        self._append(execution.at, EntryKind.EXECUTION, execution)

    def corrected(self, at: datetime, execution: Execution, corrects: str) -> None:
        correction = Correction(execution, corrects)
        self._executions[execution.exec_no - 1] = execution
        self._corrections.append(correction)
        self._append(at, EntryKind.CORRECTION, correction)

    def cash(self, at: datetime, movement: CashMovement) -> None:
        self._append(at, EntryKind.CASH, movement)

    def _append(
        self,
        at: datetime,
        kind: EntryKind,
        record: Record,
    ) -> None:
        self._entries.append(LedgerEntry(len(self._entries) + 1, at, kind, record))
