"""Executions (fills, corrections, busts) and their fees, as a venue reports them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from enum import Enum

from services.common.domain.amounts import Money
from services.common.domain.instruments import Instrument


class Side(Enum):
    """Direction of an order or an execution."""

    BUY = "BUY"
    SELL = "SELL"

    @property
    def sign(self) -> int:
        """+1 for a buy, −1 for a sell."""
        return 1 if self is Side.BUY else -1

    @property
    def opposite(self) -> Side:
        """The other side."""
        return Side.SELL if self is Side.BUY else Side.BUY


class ExecType(Enum):
    """Kind of an execution record; the names are those of `tandem.v1.ExecType`."""

    TRADE = "TRADE"
    CORRECT = "CORRECT"
    BUST = "BUST"
    RECONSTRUCTED = "RECONSTRUCTED"


class ExecSource(Enum):
    """Where an execution was learned."""

    STREAM = "STREAM"
    QUERY = "QUERY"
    STATEMENT = "STATEMENT"


@dataclass(frozen=True, slots=True)
class Fee:
    """A cost; positive is paid, negative received."""

    kind: str
    amount: Money
    estimated: bool = False


@dataclass(frozen=True, slots=True)
class RecordTimes:
    """Where a record stands in time; aware UTC datetimes.

    `venue_time` is the venue's word, `received_time` the adapter's clock, `journal_time` the
    router's, `trading_date` the day at the listing exchange. None means not known.
    """

    venue_time: datetime | None = None
    received_time: datetime | None = None
    journal_time: datetime | None = None
    trading_date: date | None = None


@dataclass(frozen=True, slots=True)
class Execution:
    """One execution. Identity is (venue, account_id, exec_id).

    `last_qty` > 0 and `last_px` are of this execution alone; `cum_qty` is the venue's cumulative
    quantity of the order after it, None if the venue did not tell. `client_id` is the id under
    which the venue knows the order: a placement_id if it is ours, empty if there is none.
    """

    venue: str
    account_id: str
    exec_id: str
    venue_order_id: str
    client_id: str
    instrument: Instrument
    side: Side
    last_qty: Decimal
    last_px: Decimal
    cum_qty: Decimal | None
    source: ExecSource
    times: RecordTimes
    exec_type: ExecType = ExecType.TRADE
    exec_ref_id: str = ""
    fees: tuple[Fee, ...] = ()
    late: bool = False

    def is_told_as(self, other: Execution) -> bool:
        """Whether both are one word of the venue: by placement, id and kind."""
        return (self.key, self.client_id, self.exec_type) == (
            other.key,
            other.client_id,
            other.exec_type,
        )

    @property
    def key(self) -> tuple[str, str, str]:
        """Identity of the execution."""
        return (self.venue, self.account_id, self.exec_id)
