"""Random values of the domain, as large and as odd as they may be."""

from __future__ import annotations

from dataclasses import asdict, replace
from datetime import UTC, date, datetime, time, timedelta, timezone
from decimal import Decimal
from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

from services.common.domain.amounts import Money
from services.common.domain.errors import Cause, Effect, Reason, VenueCause
from services.common.domain.executions import (
    ExecSource,
    ExecType,
    Execution,
    Fee,
    RecordTimes,
    Side,
)
from services.common.domain.instruments import (
    Equity,
    ExerciseStyle,
    Instrument,
    OptionContract,
    OptionRight,
    Settlement,
    SettlementSession,
)
from services.common.domain.market import MarketClock, Quote, QuoteQuality
from services.common.domain.order_spec import OrderSpec
from services.common.domain.order_status import OrderStatus, Signal
from services.common.domain.order_terms import (
    OptionCombo,
    OrderClass,
    OrderLeg,
    OrderType,
    PositionIntent,
    StopLoss,
    TakeProfit,
    TimeInForce,
)
from services.common.domain.reports import (
    AccountMode,
    Balance,
    OrderReport,
    VenuePosition,
    VenueState,
    VenueStatus,
)

# A loaded machine is slow, which is no fault of what is tested.
unhurried = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])

# No surrogates: those are replaced on the way, which has a test of its own.
TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
NAMES = st.from_regex(r"[A-Za-z0-9._-]{1,20}", fullmatch=True)
VENUES = st.from_regex(r"[a-z0-9_]{1,32}", fullmatch=True)
CURRENCIES = st.from_regex(r"[A-Z]{3}", fullmatch=True)
SYMBOLS = st.from_regex(r"[A-Z0-9]{1,5}([.-][A-Z0-9]{1,5})?", fullmatch=True)
CLIENT_IDS = st.from_regex(r"[A-Za-z0-9._-]{1,64}", fullmatch=True)
PLACEMENT_IDS = st.from_regex(
    r"[A-Za-z0-9._-]{1,64}~[a-z0-9]{1,8}~[1-9][0-9]{0,5}\.(0|[1-9][0-9]{0,5})", fullmatch=True
)


def everything(value: Any) -> dict[str, Any]:
    """All of a value by name, the fields that its equality leaves out included."""
    return asdict(value)


def optional(strategy: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.none() | strategy


@st.composite
def decimals(draw: st.DrawFn, *, signed: bool = True) -> Decimal:
    """Canonical decimals of up to 18 digits on either side of the point."""
    whole = draw(st.integers(0, 10**18 - 1))
    digits = draw(st.text("0123456789", max_size=18)).rstrip("0")
    text = f"{whole}.{digits}" if digits else str(whole)
    value = Decimal(text)
    return -value if signed and value and draw(st.booleans()) else value


POSITIVE = decimals(signed=False).filter(bool)
ZONES = st.integers(-14 * 60, 14 * 60).map(lambda m: timezone(timedelta(minutes=m)))
MOMENTS = st.datetimes(
    min_value=datetime(1, 1, 2),  # noqa: DTZ001 - hypothesis puts the zone on
    max_value=datetime(9999, 12, 30),  # noqa: DTZ001
    timezones=st.just(UTC),
).map(lambda moment: moment.replace(fold=0))
DATES = st.dates(date(1970, 1, 1), date(2099, 12, 31))
MONEY = st.builds(Money, decimals(), CURRENCIES)
FINITE_S = st.floats(-1e6, 1e6, allow_nan=False).map(lambda s: round(s, 3))
TIMES = st.builds(RecordTimes, *[optional(MOMENTS)] * 3, optional(DATES))
CAUSES = st.builds(Cause, st.sampled_from(Reason), TEXTS, TEXTS)
VENUE_CAUSES = st.builds(
    VenueCause, VENUES, st.sampled_from(Reason), TEXTS, st.sampled_from(Effect), PLACEMENT_IDS
)

EQUITIES = st.builds(Equity, SYMBOLS, CURRENCIES)
# Noon to midnight: no zone changes its clocks then, so each wall time is one moment.
LAST_TRADES = st.tuples(
    st.times(time(12), time(23, 59)).map(lambda at: at.replace(fold=0)),
    st.sampled_from(["America/New_York", "America/Chicago"]),
)


@st.composite
def options(draw: st.DrawFn) -> OptionContract:
    at, zone = draw(st.just((None, None)) | LAST_TRADES)
    return OptionContract(
        root=draw(st.from_regex(r"[A-Z0-9]{1,6}", fullmatch=True)),
        expiry=draw(st.dates(date(2000, 1, 1), date(2099, 12, 31))),
        right=draw(st.sampled_from(OptionRight)),
        strike=Decimal(draw(st.integers(1, 99_999_999))).scaleb(-3),
        underlying=draw(optional(SYMBOLS)),
        multiplier=draw(POSITIVE),
        style=draw(st.sampled_from(ExerciseStyle)),
        settlement=draw(st.sampled_from(Settlement)),
        settlement_session=draw(st.sampled_from(SettlementSession)),
        last_trade_time=at,
        last_trade_zone=zone,
        deliverable=draw(optional(st.from_regex(r"[A-Z0-9]( ?[A-Z0-9]){0,20}", fullmatch=True))),
    )


INSTRUMENTS: st.SearchStrategy[Instrument] = EQUITIES | options()


PRICES = POSITIVE
INTENTS = st.sampled_from(PositionIntent)
LIMITED = (OrderType.LIMIT, OrderType.STOP_LIMIT)
STOPPED = (OrderType.STOP, OrderType.STOP_LIMIT)
CONTRACTS = st.integers(1, 10**18 - 1).map(Decimal)


@st.composite
def specs(draw: st.DrawFn, *, placement: bool = False) -> OrderSpec:
    """Orders that are valid, as a client or (`placement`) a router sends them."""
    order_class = draw(st.sampled_from(OrderClass))
    common: dict[str, Any] = {
        "client_order_id": draw(PLACEMENT_IDS if placement else CLIENT_IDS),
        "time_in_force": draw(st.sampled_from(TimeInForce)),
        "order_class": order_class,
        "not_after": draw(optional(MOMENTS)),
        "venue_pin": draw(VENUES),
        "venue_preference": draw(VENUES),
        "strategy_tag": draw(st.from_regex(r"[ -~]{0,64}", fullmatch=True)),
    }
    if order_class is OrderClass.MULTI_LEG:
        return OrderSpec(**common, **draw(_combo_terms()))
    if order_class is OrderClass.SIMPLE:
        simple = OrderSpec(**common, **draw(_simple_terms()))
        intent = simple.position_intent
        may_hedge = simple.venue_pin and simple.notional is None and (not intent or intent.opens)
        return replace(simple, hedge=draw(st.booleans())) if may_hedge else simple
    return OrderSpec(**common, **draw(_terms_with_exits(order_class)))


@st.composite
def _what(draw: st.DrawFn) -> dict[str, Any]:
    instrument = draw(INSTRUMENTS)
    option = isinstance(instrument, OptionContract)
    intent = draw(INTENTS if option else optional(INTENTS))
    return {
        "instrument": instrument,
        "side": draw(st.sampled_from(Side)) if intent is None else intent.side,
        "order_qty": draw(CONTRACTS if option else POSITIVE),
        "position_intent": intent,
    }


@st.composite
def _simple_terms(draw: st.DrawFn) -> dict[str, Any]:
    order_type = draw(st.sampled_from(OrderType))
    terms: dict[str, Any] = draw(_what()) | {
        "order_type": order_type,
        "limit_price": draw(decimals(signed=False)) if order_type in LIMITED else None,
        "stop_price": draw(PRICES) if order_type in STOPPED else None,
    }
    if order_type is OrderType.TRAILING_STOP:
        percent = st.integers(1, 999).map(lambda tenths: Decimal(tenths).scaleb(-1))
        name, value = draw(
            st.tuples(st.just("trail_amount"), PRICES)
            | st.tuples(st.just("trail_percent"), percent)
        )
        terms[name] = value
    if isinstance(terms["instrument"], Equity) and draw(st.booleans()):
        amount = Money(draw(PRICES), terms["instrument"].currency)
        terms |= {"order_qty": Decimal(0), "notional": amount}
    return terms


@st.composite
def _terms_with_exits(draw: st.DrawFn, order_class: OrderClass) -> dict[str, Any]:
    terms: dict[str, Any] = draw(_what())
    low, high = sorted(draw(st.lists(PRICES, min_size=2, max_size=2, unique=True)))
    oco = order_class is OrderClass.OCO
    exit_side = terms["side"] if oco else terms["side"].opposite
    takes, stops = (high, low) if exit_side is Side.SELL else (low, high)
    terms["take_profit"] = TakeProfit(takes)
    terms["stop_loss"] = StopLoss(stops, draw(optional(PRICES)))
    if order_class is OrderClass.OTO:
        terms[draw(st.sampled_from(["take_profit", "stop_loss"]))] = None
    order_type = (
        OrderType.LIMIT if oco else draw(st.sampled_from([OrderType.MARKET, OrderType.LIMIT]))
    )
    limit = takes if oco else draw(decimals(signed=False))
    return terms | {
        "order_type": order_type,
        "limit_price": limit if order_type is OrderType.LIMIT else None,
    }


@st.composite
def _combo_terms(draw: st.DrawFn) -> dict[str, Any]:
    contracts = draw(
        st.lists(
            options(),
            min_size=2,
            max_size=4,
            unique_by=lambda contract: contract.key,
        )
    )
    legs = [
        OrderLeg(contract, intent.side, intent, draw(st.integers(1, 9)))
        for contract in contracts
        for intent in [draw(INTENTS)]
    ]
    legs[0] = replace(legs[0], ratio_qty=1)
    order_type = draw(st.sampled_from([OrderType.MARKET, OrderType.LIMIT]))
    return {
        "instrument": OptionCombo(tuple(legs)),
        "side": Side.BUY,
        "order_qty": draw(CONTRACTS),
        "order_type": order_type,
        "limit_price": draw(decimals()) if order_type is OrderType.LIMIT else None,
    }


ENDED_OR_LIVE = {
    Signal.ACKNOWLEDGED: [OrderStatus.ACCEPTED, OrderStatus.PARTIALLY_FILLED],
    Signal.REOPENED: [OrderStatus.ACCEPTED, OrderStatus.PARTIALLY_FILLED],
    Signal.SUSPENDED: [OrderStatus.SUSPENDED],
    Signal.PENDING_CANCEL: [OrderStatus.PENDING_CANCEL],
    Signal.PENDING_REPLACE: [OrderStatus.PENDING_REPLACE],
    Signal.REJECTED: [OrderStatus.REJECTED],
    Signal.FILLED: [OrderStatus.FILLED],
    Signal.CANCELED: [OrderStatus.CANCELED],
    Signal.EXPIRED: [OrderStatus.EXPIRED],
    Signal.REPLACED: [OrderStatus.REPLACED],
}
STILL_LIVE = [
    OrderStatus.ACCEPTED,
    OrderStatus.PARTIALLY_FILLED,
    OrderStatus.SUSPENDED,
    OrderStatus.PENDING_CANCEL,
    OrderStatus.PENDING_REPLACE,
]
# All that an adapter can say of an order: written out here, apart from the code's own table.
SAYABLE = [
    *((status, signal) for signal, statuses in ENDED_OR_LIVE.items() for status in statuses),
    *((status, Signal.CANCEL_REJECTED) for status in STILL_LIVE),
    *((status, Signal.REPLACE_REJECTED) for status in STILL_LIVE),
]


@st.composite
def reports(draw: st.DrawFn) -> OrderReport:
    status, signal = draw(st.sampled_from(SAYABLE))
    return OrderReport(
        venue=draw(VENUES),
        account_id=draw(NAMES),
        client_id=draw(PLACEMENT_IDS | TEXTS),
        venue_order_id=draw(TEXTS),
        status=status,
        signal=signal,
        raw_status=draw(TEXTS),
        cum_qty=draw(decimals(signed=False)),
        times=draw(TIMES),
        instrument=draw(optional(INSTRUMENTS)),
        side=draw(optional(st.sampled_from(Side))),
        order_qty=draw(optional(decimals(signed=False))),
        order_type=draw(optional(st.sampled_from(OrderType))),
        time_in_force=draw(optional(st.sampled_from(TimeInForce))),
        limit_price=draw(optional(decimals())),
        position_intent=draw(optional(st.sampled_from(PositionIntent))),
        avg_px=draw(optional(decimals())),
        created=draw(optional(MOMENTS)),
        cause=draw(optional(CAUSES)),
    )


FEES = st.builds(Fee, TEXTS, MONEY, st.booleans())
EXECUTIONS = st.builds(
    Execution,
    venue=VENUES,
    account_id=NAMES,
    exec_id=NAMES,
    venue_order_id=TEXTS,
    client_id=PLACEMENT_IDS | TEXTS,
    instrument=INSTRUMENTS,
    side=st.sampled_from(Side),
    last_qty=POSITIVE,
    last_px=decimals(),
    cum_qty=optional(POSITIVE),
    source=st.sampled_from(ExecSource),
    times=TIMES,
    exec_type=st.sampled_from(ExecType),
    exec_ref_id=TEXTS,
    fees=st.lists(FEES, max_size=3).map(tuple),
    late=st.booleans(),
)
BALANCES = st.builds(
    Balance,
    venue=VENUES,
    venue_account_id=TEXTS,
    mode=st.sampled_from(AccountMode),
    as_of=MOMENTS,
    raw_status=TEXTS,
    trading_blocked=st.booleans(),
    account_blocked=st.booleans(),
    suspended_by_user=st.booleans(),
    cash=optional(MONEY),
    equity=optional(MONEY),
    buying_power=optional(MONEY),
    options_buying_power=optional(MONEY),
    initial_margin=optional(MONEY),
    maintenance_margin=optional(MONEY),
    long_market_value=optional(MONEY),
    short_market_value=optional(MONEY),
    options_level=optional(st.integers(0, 5)),
)
POSITIONS = st.builds(
    VenuePosition,
    venue=VENUES,
    account_id=NAMES,
    instrument=INSTRUMENTS,
    qty=decimals(),
    avg_entry_price=optional(decimals()),
    current_price=optional(decimals()),
    market_value=optional(MONEY),
    unrealized_pnl=optional(MONEY),
    available_qty=optional(decimals()),
)
QUOTES = st.builds(
    Quote,
    venue=VENUES,
    instrument=INSTRUMENTS,
    feed=TEXTS,
    quality=st.sampled_from(QuoteQuality),
    bid_price=optional(decimals()),
    bid_qty=optional(decimals()),
    ask_price=optional(decimals()),
    ask_qty=optional(decimals()),
    venue_time=optional(MOMENTS),
    age_s=optional(FINITE_S),
)
CLOCKS = st.builds(MarketClock, MOMENTS, st.booleans(), MOMENTS, MOMENTS, DATES)
INT32S = st.integers(-(2**31), 2**31 - 1)
VENUE_STATUSES = st.builds(
    VenueStatus,
    venue=VENUES,
    broker=NAMES,
    venue_account_id=TEXTS,
    mode=optional(st.sampled_from(AccountMode)),
    state=st.sampled_from(VenueState),
    reason=TEXTS,
    since=MOMENTS,
    ready=st.booleans(),
    session_id=TEXTS,
    session_since=optional(MOMENTS),
    requests_remaining=optional(INT32S),
    requests_limit=optional(INT32S),
    requests_reset=optional(MOMENTS),
    probe_s=optional(FINITE_S),
    clock_offset_s=optional(FINITE_S),
)
