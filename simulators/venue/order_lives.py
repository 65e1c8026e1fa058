"""What an order is from its terms alone: how long it lives, and what shares its means. Pure."""

from datetime import datetime, timedelta

from simulators.venue import trading_calendar as calendar
from simulators.venue.instruments import Instrument, OptionContract
from simulators.venue.orders import Links, NewOrder, TimeInForce

_GTC_LIFE = timedelta(days=90)


def links_of(asked: NewOrder) -> Links:
    """The links of a new order: those of one group need means only for the largest of them."""
    return Links(claim=f"group/{asked.ties.group}") if asked.ties.group else Links()


def expiry_of(asked: NewOrder, instrument: Instrument, at: datetime) -> datetime:
    """When an order that is taken at that instant ends by itself."""
    force = asked.time_in_force
    if force is TimeInForce.OPG:
        return calendar.next_open(at)
    if asked.ends_at is not None:
        return asked.ends_at
    if asked.extended_hours and force is not TimeInForce.GTC:
        return calendar.current_or_next_extended_hours(at).closes
    closes = calendar.current_or_next_session(at).closes
    if force is not TimeInForce.GTC:
        return closes
    if isinstance(instrument, OptionContract):
        return min(closes + _GTC_LIFE, calendar.last_trading(instrument.expiry))
    return closes + _GTC_LIFE
