"""/v2/account/configurations: what the account's owner may set, and what it does to orders."""

from decimal import Decimal
from typing import Any

from simulators.alpaca.http import HttpResponse, json_response
from simulators.alpaca.order_request import parse_body
from simulators.alpaca.problems import invalid
from simulators.alpaca.router import Call, Router
from simulators.alpaca.wire_values import plain
from simulators.venue.accounts import Account

_CHOICES: dict[str, tuple[Any, ...]] = {
    "dtbp_check": ("both", "entry", "exit"),
    "pdt_check": ("both", "entry", "exit"),
    "trade_confirm_email": ("all", "none"),
    "max_margin_multiplier": ("1", "2", "4"),
    "max_options_trading_level": (0, 1, 2, 3),
    "suspend_trade": (False, True),
    "no_shorting": (False, True),
    "fractional_trading": (False, True),
    "ptp_no_exception_entry": (False, True),
    "disable_overnight_trading": (False, True),
}


class Configurations:
    """The settings of one account. Those about trading take effect on the orders that follow."""

    def __init__(self, account: Account) -> None:
        self._account = account
        self.approved_options_level = account.options_level
        self._max_options_level: int | None = None
        self._kept: dict[str, Any] = {
            "dtbp_check": "entry",
            "pdt_check": "entry",
            "trade_confirm_email": "all",
            "fractional_trading": True,
            "ptp_no_exception_entry": False,
            "disable_overnight_trading": False,
        }

    def add_to(self, router: Router) -> None:
        router.add("GET", "/v2/account/configurations", self._get)
        router.add("PATCH", "/v2/account/configurations", self._patch)

    def _get(self, call: Call) -> HttpResponse:
        content = {
            **self._kept,
            "max_margin_multiplier": plain(self._account.multiplier),
            "max_options_trading_level": self._max_options_level,
            "no_shorting": not self._account.shorting_enabled,
            "suspend_trade": self._account.trade_suspended,
        }
        return json_response(200, content)

    def _patch(self, call: Call) -> HttpResponse:
        content = parse_body(call.request.body)
        # A client that sends back what it got sends nulls for what isn't set.
        changes = {name: value for name, value in content.items() if value is not None}
        for name, value in changes.items():
            allowed = _CHOICES.get(name)
            if allowed is None or not any(value == v and type(value) is type(v) for v in allowed):
                raise invalid(f"invalid {name}")
        for name, value in changes.items():
            self._set(name, value)
        return self._get(call)

    def _set(self, name: str, value: Any) -> None:
        account = self._account
        if name == "suspend_trade":
            account.trade_suspended = value
        elif name == "no_shorting":
            account.shorting_enabled = not value
        elif name == "max_margin_multiplier":
            account.multiplier = Decimal(value)
        elif name == "max_options_trading_level":
            self._max_options_level = value
            account.options_level = min(value, self.approved_options_level)
        else:
            self._kept[name] = value
