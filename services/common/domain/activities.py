"""What changes an account without being a fill: assignments, exercises, fees, dividends ..."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from enum import Enum

from services.common.domain.amounts import Money
from services.common.domain.executions import RecordTimes
from services.common.domain.instruments import Instrument


class ActivityType(Enum):
    """Kind of an activity; UNSPECIFIED for one that has no name of its own here."""

    UNSPECIFIED = "UNSPECIFIED"
    ASSIGNMENT = "ASSIGNMENT"
    EXERCISE = "EXERCISE"
    EXPIRATION = "EXPIRATION"
    OPTION_DELIVERY = "OPTION_DELIVERY"
    FEE = "FEE"
    DIVIDEND = "DIVIDEND"
    INTEREST = "INTEREST"
    TRANSFER = "TRANSFER"
    CORPORATE_ACTION = "CORPORATE_ACTION"


@dataclass(frozen=True, slots=True)
class Activity:
    """One activity. Identity is (venue, account_id, activity_id).

    `qty` is the signed change of the position, `price` for deliveries the strike, `net_amount` the
    change of cash (negative is paid); None where the venue did not say. Activities that belong
    together share a `group_id`.
    """

    venue: str
    account_id: str
    activity_id: str
    activity_type: ActivityType
    raw_type: str
    times: RecordTimes
    instrument: Instrument | None = None
    qty: Decimal | None = None
    price: Decimal | None = None
    net_amount: Money | None = None
    group_id: str = ""
    description: str = ""

    @property
    def key(self) -> tuple[str, str, str]:
        """Identity of the activity."""
        return (self.venue, self.account_id, self.activity_id)
