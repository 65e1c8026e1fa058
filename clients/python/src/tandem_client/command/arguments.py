"""Kinds of arguments: decimals, symbols, moments. What they refuse is wrong usage (exit 2)."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any, Final

import click

from tandem_client.amounts import parse_decimal
from tandem_client.instruments import parse_symbol


class _Read(click.ParamType):  # type: ignore[type-arg, unused-ignore]  # generic since 8.4
    def __init__(self, name: str, read: Callable[[str], Any]) -> None:
        self.name = name
        self._read = read

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        if not isinstance(value, str):
            return value
        try:
            return self._read(value)
        except ValueError as error:
            self.fail(str(error), param, ctx)


def _positive(text: str) -> Decimal:
    value = parse_decimal(text)
    if value <= 0:
        raise ValueError(f"{text} is not above 0")
    return value


def _aware(text: str) -> datetime:
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise ValueError(f"{text} needs a time zone, such as 2024-11-04T15:30:00Z")
    return moment


def _span(text: str) -> timedelta:
    number, unit = text[:-1], text[-1:]
    if not number.isdecimal() or int(number) == 0 or unit not in _UNITS:
        raise ValueError(f"{text!r} is not a length such as 1m, 15m, 1h, 1d, 1w")
    return int(number) * _UNITS[unit]


_UNITS: Final = {
    "m": timedelta(minutes=1),
    "h": timedelta(hours=1),
    "d": timedelta(days=1),
    "w": timedelta(weeks=1),
}
PRICE: Final = _Read("price", parse_decimal)
QUANTITY: Final = _Read("quantity", _positive)
SYMBOL: Final = _Read("symbol", parse_symbol)
MOMENT: Final = _Read("time", _aware)
DAY: Final = _Read("date", date.fromisoformat)
SPAN: Final = _Read("length", _span)
SECONDS: Final = click.FloatRange(min=0, min_open=True)
