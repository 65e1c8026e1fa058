"""Kinds of arguments: decimals, symbols, moments. What they refuse is wrong usage (exit 2)."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
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


PRICE: Final = _Read("price", parse_decimal)
QUANTITY: Final = _Read("quantity", _positive)
SYMBOL: Final = _Read("symbol", parse_symbol)
MOMENT: Final = _Read("time", _aware)
SECONDS: Final = click.FloatRange(min=0, min_open=True)
