"""The gate: what the trading state lets through. ACTIVE all, REDUCING exits, HALTED cancels.

It reads the books, so it survives restarts, and it fails closed: no state known is HALTED. It is
asked twice: when an order is taken, and again after the last wait before it is sent.
"""

from __future__ import annotations

from enum import Enum

from services.common.domain.errors import Reason, Refused
from services.router.books.books import Books
from services.router.journal.records import TradingState


class Role(Enum):
    """What an order does to a position."""

    ENTRY = "ENTRY"
    EXIT = "EXIT"


def check_gate(books: Books, account_id: str, role: Role) -> None:
    """Raise Refused TRADING_HALTED or TRADING_REDUCING, effect NONE, if the gate is shut."""
    state = books.trading_state(account_id)
    if state is TradingState.ACTIVE or (state is TradingState.REDUCING and role is Role.EXIT):
        return
    if state is TradingState.REDUCING:
        raise Refused(
            Reason.TRADING_REDUCING,
            f"trading in {account_id} is REDUCING{_why(books, account_id)}: only exits and cancels",
        )
    raise Refused(
        Reason.TRADING_HALTED,
        f"trading in {account_id} is HALTED{_why(books, account_id)}: only cancels",
    )


def _why(books: Books, account_id: str) -> str:
    state = books.trading_state(account_id)
    for key in (account_id, ""):
        gate = books.gates.get(key)
        if gate is not None and gate.state is state:
            return f" ({gate.reason}, by {gate.actor})"
    return ""
