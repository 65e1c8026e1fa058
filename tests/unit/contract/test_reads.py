"""What a venue states of accounts, quotes, clocks and itself comes back, or the read has failed."""

from collections.abc import Callable
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest
from google.protobuf.duration_pb2 import Duration
from google.protobuf.message import Message
from google.protobuf.timestamp_pb2 import Timestamp
from hypothesis import given

from services.common.contract.convert import (
    balance_from_wire,
    balance_to_wire,
    cause_from_wire,
    cause_to_wire,
    lookup_from_wire,
    lookup_to_wire,
    market_clock_from_wire,
    market_clock_to_wire,
    optional_cause_to_wire,
    position_from_wire,
    position_to_wire,
    quote_from_wire,
    quote_to_wire,
    venue_cause_from_wire,
    venue_cause_to_wire,
    venue_status_from_wire,
    venue_status_to_wire,
)
from services.common.contract.pb import accounts_pb2, broker_service_pb2, errors_pb2, types_pb2
from services.common.domain.errors import Cause, Effect, ReadFailed, Reason, VenueCause
from services.common.domain.instruments import Equity
from services.common.domain.market import MarketClock, Quote, QuoteQuality
from services.common.domain.reports import (
    AccountMode,
    Balance,
    Lookup,
    LookupResult,
    OrderReport,
    VenuePosition,
    VenueState,
    VenueStatus,
)
from tests.unit.contract.messages import changed
from tests.unit.contract.strategies import (
    BALANCES,
    CAUSES,
    CLOCKS,
    MOMENTS,
    POSITIONS,
    QUOTES,
    VENUE_CAUSES,
    VENUE_STATUSES,
    everything,
    reports,
    unhurried,
)

NOW = datetime(2024, 11, 4, 15, tzinfo=UTC)
BALANCE = Balance("alpaca", "PA1", AccountMode.PAPER, NOW, "ACTIVE", False, False, False)  # noqa: FBT003
POSITION = VenuePosition("alpaca", "main", Equity("SPY"), Decimal(-100))
QUOTE = Quote(
    venue="alpaca",
    instrument=Equity("SPY"),
    feed="iex",
    quality=QuoteQuality.REALTIME,
    bid_price=Decimal(8),
    bid_qty=None,
    ask_price=Decimal(9),
    ask_qty=None,
    venue_time=NOW,
    age_s=0.5,
)
CLOCK = MarketClock(NOW, True, NOW, NOW, date(2024, 11, 4))  # noqa: FBT003
STATUS = VenueStatus(
    *("alpaca", "alpaca", "PA1", AccountMode.PAPER, VenueState.UP, "", NOW), ready=True
)


@unhurried
@given(BALANCES)
def test_a_balance_comes_back(balance: Balance) -> None:
    assert balance_from_wire(balance_to_wire(balance)) == balance


@unhurried
@given(POSITIONS)
def test_a_position_comes_back(position: VenuePosition) -> None:
    assert everything(position_from_wire(position_to_wire(position))) == everything(position)


@unhurried
@given(QUOTES)
def test_a_quote_comes_back(quote: Quote) -> None:
    assert everything(quote_from_wire(quote_to_wire(quote))) == everything(quote)


@unhurried
@given(CLOCKS)
def test_a_market_clock_comes_back(clock: MarketClock) -> None:
    msg = market_clock_to_wire(clock, "alpaca")
    assert (msg.venue, market_clock_from_wire(msg)) == ("alpaca", clock)


@unhurried
@given(VENUE_STATUSES)
def test_a_venue_status_comes_back(status: VenueStatus) -> None:
    msg = venue_status_to_wire(status, "alp")
    assert msg.venue.account_tag == "alp"
    assert venue_status_from_wire(msg) == status


@unhurried
@given(CAUSES, VENUE_CAUSES)
def test_causes_come_back(cause: Cause, venue_cause: VenueCause) -> None:
    assert cause_from_wire(cause_to_wire(cause)) == cause
    assert venue_cause_from_wire(venue_cause_to_wire(venue_cause)) == venue_cause


@unhurried
@given(reports(), MOMENTS)
def test_a_look_up_comes_back(report: OrderReport, as_of: datetime) -> None:
    for result in (
        LookupResult(Lookup.FOUND, report),
        LookupResult(Lookup.ABSENT),
        LookupResult(Lookup.UNKNOWN, reason="the venue keeps one day"),
    ):
        msg = lookup_to_wire(result, as_of=as_of, session_id="s-1")
        assert msg.session_id == "s-1"
        assert everything(lookup_from_wire(msg)) == everything(result)


@pytest.mark.parametrize(
    ("read", "msg", "fields", "part"),
    [
        (balance_from_wire, balance_to_wire(BALANCE), {"venue": None}, "venue"),
        (balance_from_wire, balance_to_wire(BALANCE), {"mode": None}, "mode"),
        (balance_from_wire, balance_to_wire(BALANCE), {"as_of": None}, "as_of"),
        (
            *(balance_from_wire, balance_to_wire(BALANCE)),
            *({"cash": types_pb2.Money(currency_code="USD")}, "cash.amount"),
        ),
        (
            *(balance_from_wire, balance_to_wire(BALANCE)),
            *({"unavailable": True, "unavailable_reason": "timed out"}, "unavailable: timed out"),
        ),
        (position_from_wire, position_to_wire(POSITION), {"qty": None}, "qty"),
        (position_from_wire, position_to_wire(POSITION), {"instrument": None}, "instrument"),
        (position_from_wire, position_to_wire(POSITION), {"account_id": None}, "account_id"),
        (
            *(position_from_wire, position_to_wire(POSITION)),
            *({"multiplier": types_pb2.Decimal(value="100")}, "multiplier"),
        ),
        (quote_from_wire, quote_to_wire(QUOTE), {"quality": None}, "quality"),
        (quote_from_wire, quote_to_wire(QUOTE), {"quality": 9}, "quality"),
        (quote_from_wire, quote_to_wire(QUOTE), {"ask_price": types_pb2.Decimal()}, "ask_price"),
        (quote_from_wire, quote_to_wire(QUOTE), {"age": Duration(seconds=1, nanos=-1)}, "age"),
        (
            *(market_clock_from_wire, market_clock_to_wire(CLOCK, "alpaca")),
            *({"next_close": None}, "next_close"),
        ),
        (
            *(market_clock_from_wire, market_clock_to_wire(CLOCK, "alpaca")),
            *({"trading_date": None}, "trading_date"),
        ),
        (venue_status_from_wire, venue_status_to_wire(STATUS), {"since": None}, "since"),
        (venue_status_from_wire, venue_status_to_wire(STATUS), {"venue": None}, r"venue\.name"),
        (
            *(venue_status_from_wire, venue_status_to_wire(STATUS)),
            *({"session_since": Timestamp(nanos=-1)}, "session_since"),
        ),
    ],
)
def test_a_part_that_is_missing_or_malformed_fails_the_read_by_its_name(
    read: Callable[[Any], object], msg: Message, fields: dict[str, Any], part: str
) -> None:
    read(msg)
    with pytest.raises(ReadFailed, match=part):
        read(changed(msg, **fields))


@pytest.mark.parametrize("state", [0, 99])
def test_a_state_that_is_not_known_takes_no_orders(state: Any) -> None:
    read = venue_status_from_wire(changed(venue_status_to_wire(STATUS), state=state))
    assert read.state is VenueState.UNKNOWN


def test_a_mode_that_is_not_known_is_none() -> None:
    msg = venue_status_to_wire(STATUS)
    assert venue_status_from_wire(changed(msg, venue=changed(msg.venue, mode=9))).mode is None


@pytest.mark.parametrize(
    "msg",
    [
        broker_service_pb2.GetOrderResponse(),
        changed(broker_service_pb2.GetOrderResponse(), lookup=9),
        broker_service_pb2.GetOrderResponse(lookup=broker_service_pb2.ORDER_LOOKUP_FOUND),
        broker_service_pb2.GetOrderResponse(
            lookup=broker_service_pb2.ORDER_LOOKUP_ABSENT,
            order={"venue": "alpaca"},  # type: ignore[arg-type]
        ),
    ],
)
def test_an_order_is_absent_only_if_that_is_said_and_nothing_else(
    msg: broker_service_pb2.GetOrderResponse,
) -> None:
    with pytest.raises(ReadFailed):
        lookup_from_wire(msg)


@pytest.mark.parametrize("effect", [0, errors_pb2.EFFECT_UNKNOWN, 7])
def test_only_the_word_none_is_no_effect(effect: Any) -> None:
    msg = changed(errors_pb2.VenueCause(venue="alpaca"), effect=effect)
    assert venue_cause_from_wire(msg).effect is Effect.UNKNOWN


def test_a_reason_of_a_later_release_is_unspecified() -> None:
    assert venue_cause_from_wire(errors_pb2.VenueCause(reason=999)).reason is Reason.UNSPECIFIED  # type: ignore[arg-type]
    assert optional_cause_to_wire(None) is None


def test_a_figure_that_the_venue_does_not_state_is_not_zero() -> None:
    msg = balance_to_wire(BALANCE)
    assert not msg.HasField("cash")
    assert not msg.HasField("options_level")
    assert position_to_wire(POSITION).source == accounts_pb2.POSITION_SOURCE_VENUE
