"""The Gateway's switches: what may be turned while it runs."""

from typing import Any

from simulators.control.control import Option
from simulators.ib_gateway.account_messages import AccountMessages
from simulators.ib_gateway.entitlements import MARKET_DATA
from simulators.ib_gateway.gateway import Gateway
from simulators.ib_gateway.restrictions import API_MODES, DISCLAIMERS
from simulators.ib_gateway.uplink import ORDERS_WHILE_LOST

_FILL_EVENTS = ("exec_first", "status_first")
_FEEDS = ("live", "frozen")


def gateway_options(gateway: Gateway, accounts: AccountMessages) -> dict[str, Option]:
    """The switches by name. Args: accounts: told of what a feed that was frozen has missed."""
    restrictions = gateway.restrictions

    def set_feed(value: str) -> None:
        gateway.venue.advance()
        for symbol in gateway.set_account_feed(value):
            accounts.position_changed(symbol)

    return {
        "fill_events": _switch(gateway, "fill_events", _FILL_EVENTS),
        "market_data": _switch(gateway, "market_data", MARKET_DATA),
        "orders_while_link_lost": _switch(gateway.uplink, "orders", ORDERS_WHILE_LOST),
        "api_mode": _switch(restrictions, "api_mode", API_MODES),
        "paper_disclaimer": _switch(restrictions, "disclaimer", DISCLAIMERS),
        "account_feed": Option(_FEEDS, lambda: gateway.account_feed, set_feed),
    }


def _switch(target: Any, name: str, values: tuple[str, ...]) -> Option:
    """A switch that is an attribute."""
    return Option(
        values=values,
        get=lambda: str(getattr(target, name)),
        set=lambda value: setattr(target, name, value),
    )
