"""What the Gateway says of the account, as records of ours: values, holdings, and their worth."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, TypeAlias

Value: TypeAlias = tuple[str, str, str, str]
"""An account value: account, tag, currency, text."""

Holding: TypeAlias = tuple[str, Any, float, float]
"""A row of the position list: account, contract, quantity, average cost."""


@dataclass(frozen=True, slots=True)
class PortfolioWord:
    """updatePortfolio: a holding with what it is worth. `contract` stays the library's."""

    account: str
    contract: Any
    qty: float
    price: float
    value: float
    unrealized_pnl: float


@dataclass(frozen=True, slots=True)
class AccountWord:
    """One whole download of an account's values and of what it holds."""

    values: list[Value]
    holdings: list[PortfolioWord]
