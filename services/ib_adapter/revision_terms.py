"""The terms of an order that a modify can change, as IB shows them, and how to compare them."""

from __future__ import annotations

import json
from dataclasses import dataclass, fields
from decimal import Decimal
from typing import Final

from services.common.domain.amounts import format_decimal
from services.common.domain.executions import Side
from services.ib_adapter.evidence import OrderFacts
from services.ib_adapter.order_words import STOPPED, TRAILING

_DAY: Final = "DAY"
_TEXT: Final = "time_in_force"


@dataclass(frozen=True, slots=True)
class Terms:
    """Quantity (what has filled is in it), prices and time in force; None where none is shown."""

    order_qty: Decimal | None = None
    limit_price: Decimal | None = None
    aux_price: Decimal | None = None
    trail_percent: Decimal | None = None
    time_in_force: str = _DAY

    @classmethod
    def of(cls, facts: OrderFacts) -> Terms:
        """Those that an order was shown with last. What its type does not use is left out."""
        trails = facts.order_type == TRAILING
        percent = (facts.trail_percent or None) if trails else None
        has_aux = facts.order_type in STOPPED or (trails and percent is None)
        return cls(
            order_qty=facts.order_qty,
            limit_price=facts.limit_price,
            aux_price=facts.aux_price if has_aux else None,
            trail_percent=percent,
            time_in_force=facts.time_in_force or _DAY,
        )

    @classmethod
    def read(cls, text: str) -> Terms:
        """What `text` gave."""
        values = json.loads(text)
        numbers = {
            name: None if value is None else Decimal(value)
            for name, value in values.items()
            if name != _TEXT
        }
        return cls(time_in_force=values[_TEXT], **numbers)

    @property
    def text(self) -> str:
        """The same as text, for a file."""
        values = {field.name: getattr(self, field.name) for field in fields(self)}
        return json.dumps(
            {
                name: format_decimal(value) if isinstance(value, Decimal) else value
                for name, value in values.items()
            }
        )

    def allows(self, px: Decimal, side: Side) -> bool:
        """Whether an execution at this price is none beyond the limit."""
        if self.limit_price is None:
            return True
        return px <= self.limit_price if side is Side.BUY else px >= self.limit_price


def changed_names(before: Terms, after: Terms) -> list[str]:
    """What differs."""
    names = [field.name for field in fields(Terms)]
    return [name for name in names if getattr(before, name) != getattr(after, name)]


def shows(shown: Terms, before: Terms, after: Terms) -> bool | None:
    """Whether an order shows what a change asked for: True, False if it shows what was before, None
    if it shows neither, or nothing that could be compared."""
    names = [n for n in changed_names(before, after) if getattr(shown, n) is not None]
    if not names:
        return None
    if all(getattr(shown, n) == getattr(after, n) for n in names):
        return True
    if all(getattr(shown, n) == getattr(before, n) for n in names):
        return False
    return None
