"""Values as a person reads them: exact figures, times in UTC, one line for an order or event."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import Final

from tandem_client.accounts import Activity, Position, Quote
from tandem_client.amounts import Money, format_decimal
from tandem_client.enums import ActivityType, OrderType, PositionIntent
from tandem_client.events import (
    Alert,
    Event,
    Heartbeat,
    QuarantineRecord,
    TradingStateChange,
    VenueStatus,
)
from tandem_client.instruments import Instrument
from tandem_client.market import MarketClock
from tandem_client.orders import Execution, Order, OrderCause, OrderSpec
from tandem_client.reasons import Reason

NOTHING: Final = "-"


def plain(text: str) -> str:
    """One line of printable characters: a broker's words must not steer a terminal."""
    return " ".join("".join(c if c.isprintable() else " " for c in text).split())


def figure(value: Decimal | None) -> str:
    """A quantity, exactly."""
    return NOTHING if value is None else _grouped(format_decimal(value))


def price(value: Decimal | None) -> str:
    """A price or amount, exactly, with at least two decimals."""
    if value is None:
        return NOTHING
    whole, _, decimals = format_decimal(value).partition(".")
    return _grouped(f"{whole}.{decimals:0<2}")


def _grouped(text: str) -> str:
    whole, point, decimals = text.partition(".")
    sign = "-" if whole.startswith("-") else ""
    return f"{sign}{int(whole.removeprefix('-')):,}{point}{decimals}"


def money(value: Money | None) -> str:
    """An amount with its currency."""
    return NOTHING if value is None else f"{price(value.amount)} {value.currency_code}"


def moment(value: datetime | None) -> str:
    """A time in UTC, to the second."""
    return NOTHING if value is None else value.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%SZ")


def symbol(instrument: Instrument | None) -> str:
    """The symbol of an instrument."""
    return NOTHING if instrument is None else plain(instrument.symbol)


def terms(spec: OrderSpec) -> str:
    """Type, prices and time in force: LIMIT 8.50 DAY."""
    prices = [p for p in (spec.limit_price, spec.stop_price, spec.trail_amount) if p is not None]
    if spec.order_type is OrderType.STOP_LIMIT:
        prices = [p for p in (spec.stop_price, spec.limit_price) if p is not None]
    shown = [price(p) for p in prices]
    if spec.trail_percent is not None:
        shown.append(f"{figure(spec.trail_percent)}%")
    return " ".join([spec.order_type.name, *shown, spec.time_in_force.name, *_exits(spec)])


def _exits(spec: OrderSpec) -> list[str]:
    exits = []
    if spec.take_profit_price is not None:
        exits.append(f"take profit {price(spec.take_profit_price)}")
    if spec.stop_loss is not None:
        exits.append(f"stop loss {price(spec.stop_loss.stop_price)}")
    return exits


def what(spec: OrderSpec) -> str:
    """Direction, quantity and instrument: SELL 1 SPY241115P00400000 to open."""
    amount = figure(spec.order_qty) if spec.order_qty is not None else money(spec.notional)
    if spec.legs:
        legs = " / ".join(
            f"{leg.side.name} {leg.ratio_qty} {symbol(leg.instrument)}" for leg in spec.legs
        )
        return f"{amount} x {legs}"
    direction = f"{spec.side.name} {amount} {symbol(spec.instrument)}"
    if spec.position_intent is PositionIntent.UNSPECIFIED:
        return direction
    return f"{direction} to {spec.position_intent.name.rsplit('_', 1)[1].lower()}"


def filled(order: Order) -> str:
    """What has been filled of an order."""
    if not order.cum_qty:
        return NOTHING
    return f"{figure(order.cum_qty)} @ {price(order.avg_px)}"


def cause(value: OrderCause | None) -> str:
    """Why an order is where it is."""
    if value is None:
        return ""
    reason = "" if value.reason is Reason.UNSPECIFIED else value.reason.name
    code = f"({plain(value.venue_code)})" if value.venue_code else ""
    return " ".join(part for part in (reason, plain(value.message), code) if part)


def order_line(order: Order) -> str:
    """An order on one line."""
    parts = [
        plain(order.client_order_id),
        order.status.name,
        what(order.spec),
        terms(order.spec),
        f"filled {filled(order)}" if order.cum_qty else "",
        f"at {plain(order.venue)}" if order.venue else "",
        "cancel asked" if order.cancel_requested and not order.ended else "",
        cause(order.cause),
    ]
    return "  ".join(part for part in parts if part)


def execution_line(execution: Execution) -> str:
    """An execution on one line."""
    kind = "" if execution.exec_type.name == "TRADE" else f" {execution.exec_type.name}"
    return (
        f"{plain(execution.client_order_id) or NOTHING} {execution.side.name} "
        f"{figure(execution.last_qty)} {symbol(execution.instrument)} "
        f"@ {price(execution.last_px)} at {plain(execution.venue)}{kind}"
        f"{' late' if execution.late else ''}"
    )


def event_words(event: Event) -> tuple[str, str]:
    """Kind and content of an event."""
    match event.what:
        case Heartbeat() as beat:
            return "heartbeat", moment(beat.time)
        case Order() as order:
            return "order", order_line(order)
        case Execution() as execution:
            return "execution", execution_line(execution)
        case Position() as position:
            held = f"{figure(position.qty)} {symbol(position.instrument)}"
            return "position", f"{held} @ {price(position.avg_entry_price)} at {position.venue}"
        case Activity() as activity:
            about = f"{activity_kind(activity)} {symbol(activity.instrument)}"
            return "activity", f"{about} {money(activity.net_amount)} {plain(activity.description)}"
        case VenueStatus() as venue:
            ready = "takes orders" if venue.ready else "takes no orders"
            return "venue", f"{venue.venue.name} {venue.state.name}, {ready} {plain(venue.reason)}"
        case TradingStateChange() as change:
            return "trading", trading_words(change)
        case Alert() as alert:
            return "alert", f"{alert.severity.name} {alert.kind}: {plain(alert.message)}"
        case QuarantineRecord() as record:
            about = closing_line(record) if record.closed else plain(record.reason)
            return "quarantine", f"{record.quarantine_id} at {record.venue}: {about}"
    return "unknown", "told by a newer server"


def closing(record: QuarantineRecord) -> str:
    """How a quarantine record stands."""
    if not record.closed:
        return "open"
    return f"adopted as {plain(record.client_order_id)}" if record.client_order_id else "dismissed"


def closing_line(record: QuarantineRecord) -> str:
    """How it stands, by whom and why."""
    by = f" by {plain(record.closed_by)}" if record.closed_by else ""
    why = f": {plain(record.closed_reason)}" if record.closed_reason else ""
    return f"{closing(record)}{by}{why}"


def trading_words(change: TradingStateChange) -> str:
    """A trading state with its reason."""
    scope = plain(change.account_id) or "all accounts"
    why = f": {plain(change.reason)}" if change.reason else ""
    who = f" ({plain(change.actor)})" if change.actor else ""
    return f"{change.state.name} for {scope}{why}{who}"


def activity_kind(activity: Activity) -> str:
    """What an activity is; by the venue's own word if it has no name of ours."""
    if activity.activity_type is ActivityType.UNSPECIFIED:
        return plain(activity.raw_type) or NOTHING
    return activity.activity_type.name


def quote_line(quote: Quote) -> str:
    """A quote on one line."""
    bid = f"{figure(quote.bid_qty)} x {price(quote.bid_price)}"
    ask = f"{price(quote.ask_price)} x {figure(quote.ask_qty)}"
    source = f"{plain(quote.venue)} {plain(quote.feed)}".strip()
    return (
        f"{moment(quote.venue_time)}  {symbol(quote.instrument)}  {bid} | {ask}  "
        f"{source} {quote.quality.name}"
    )


def clock_line(clock: MarketClock) -> str:
    """A market clock on one line."""
    state = (
        f"open until {moment(clock.next_close)}"
        if clock.is_open
        else f"closed until {moment(clock.next_open)}"
    )
    return f"{plain(clock.venue)}  {moment(clock.venue_time)}  {state}"
