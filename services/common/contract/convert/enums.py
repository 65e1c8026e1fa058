"""One table for each pair of enums, ours and the contract's, built by name.

A member of ours without a namesake in the contract fails when the table is made. What the
contract has and we don't (order types of later releases, say) is listed by the tests, so that
neither side can grow unseen.
"""

from __future__ import annotations

from enum import Enum
from typing import TYPE_CHECKING, Final, Generic, TypeVar

from services.common.contract.pb import (
    accounts_pb2,
    adapter_service_pb2,
    broker_service_pb2,
    errors_pb2,
    events_pb2,
    market_pb2,
    orders_pb2,
    types_pb2,
)
from services.common.domain.activities import ActivityType
from services.common.domain.errors import Effect, InvalidRequest, Reason, Refused
from services.common.domain.executions import ExecSource, ExecType, Side
from services.common.domain.instruments import (
    ExerciseStyle,
    OptionRight,
    Settlement,
    SettlementSession,
)
from services.common.domain.market import QuoteQuality
from services.common.domain.order_status import OrderStatus
from services.common.domain.order_terms import OrderClass, OrderType, PositionIntent, TimeInForce
from services.common.domain.reports import AccountMode, FenceOutcome, Lookup, VenueState

if TYPE_CHECKING:
    from google.protobuf.internal.enum_type_wrapper import _EnumTypeWrapper

D = TypeVar("D", bound=Enum)
W = TypeVar("W", bound=int)


class EnumTable(Generic[D, W]):
    """Members of ours and their numbers on the wire, matched by name.

    The contract's zero is UNSPECIFIED. Where ours has an UNSPECIFIED too they are a pair, else
    zero reads as None and None writes zero.
    """

    def __init__(self, ours: type[D], wire: _EnumTypeWrapper[W], prefix: str) -> None:
        self.ours = ours
        self.descriptor = wire.DESCRIPTOR
        self.prefix = prefix
        self._numbers = {member: wire.Value(prefix + member.name) for member in ours}
        self._members: dict[int, D] = {n: member for member, n in self._numbers.items()}
        self._unspecified = wire.Value(f"{prefix}UNSPECIFIED")

    def to_wire(self, member: D | None) -> W:
        """The number of `member`; UNSPECIFIED for None."""
        return self._unspecified if member is None else self._numbers[member]

    def get(self, number: int) -> D | None:
        """The member of that number; None for UNSPECIFIED and for what we don't have."""
        return self._members.get(number)

    def optional(self, number: int, field: str) -> D | None:
        """The member; None if unspecified. Refused if we don't have it, naming `field`."""
        member = self._members.get(number)
        if member is None and number != self._unspecified:
            raise self._unknown(number, field)
        return member

    def required(self, number: int, field: str) -> D:
        """The member. InvalidRequest if unspecified, Refused if we don't have it."""
        member = self.optional(number, field)
        if member is None:
            raise InvalidRequest(field, "required")
        return member

    def _unknown(self, number: int, field: str) -> Refused:
        value = self.descriptor.values_by_number.get(number)
        if value is None:
            return Refused(
                Reason.UNSUPPORTED_FIELD, f"{field}: this server does not know the value {number}"
            )
        name = value.name.removeprefix(self.prefix)
        return Refused(
            Reason.NOT_IMPLEMENTED, f"{field}: {name} is not implemented in this release"
        )


ACTIVITY_TYPES: Final = EnumTable(ActivityType, accounts_pb2.ActivityType, "ACTIVITY_TYPE_")
ACCOUNT_MODES: Final = EnumTable(AccountMode, types_pb2.AccountMode, "ACCOUNT_MODE_")
EFFECTS: Final = EnumTable(Effect, errors_pb2.Effect, "EFFECT_")
EXEC_SOURCES: Final = EnumTable(ExecSource, orders_pb2.ExecSource, "EXEC_SOURCE_")
EXEC_TYPES: Final = EnumTable(ExecType, orders_pb2.ExecType, "EXEC_TYPE_")
EXERCISE_STYLES: Final = EnumTable(ExerciseStyle, types_pb2.ExerciseStyle, "EXERCISE_STYLE_")
FENCE_OUTCOMES: Final = EnumTable(FenceOutcome, adapter_service_pb2.FenceOutcome, "FENCE_OUTCOME_")
LOOKUPS: Final = EnumTable(Lookup, broker_service_pb2.OrderLookup, "ORDER_LOOKUP_")
OPTION_RIGHTS: Final = EnumTable(OptionRight, types_pb2.OptionRight, "OPTION_RIGHT_")
ORDER_CLASSES: Final = EnumTable(OrderClass, types_pb2.OrderClass, "ORDER_CLASS_")
ORDER_STATUSES: Final = EnumTable(OrderStatus, types_pb2.OrderStatus, "ORDER_STATUS_")
ORDER_TYPES: Final = EnumTable(OrderType, types_pb2.OrderType, "ORDER_TYPE_")
POSITION_INTENTS: Final = EnumTable(PositionIntent, types_pb2.PositionIntent, "POSITION_INTENT_")
QUOTE_QUALITIES: Final = EnumTable(QuoteQuality, market_pb2.QuoteQuality, "QUOTE_QUALITY_")
REASONS: Final = EnumTable(Reason, errors_pb2.ErrorReason, "ERROR_REASON_")
SETTLEMENTS: Final = EnumTable(Settlement, types_pb2.SettlementMethod, "SETTLEMENT_METHOD_")
SETTLEMENT_SESSIONS: Final = EnumTable(
    SettlementSession, types_pb2.SettlementSession, "SETTLEMENT_SESSION_"
)
SIDES: Final = EnumTable(Side, types_pb2.Side, "SIDE_")
TIMES_IN_FORCE: Final = EnumTable(TimeInForce, types_pb2.TimeInForce, "TIME_IN_FORCE_")
VENUE_STATES: Final = EnumTable(VenueState, events_pb2.VenueState, "VENUE_STATE_")

POSITION_SOURCE_VENUE: Final = accounts_pb2.POSITION_SOURCE_VENUE
