"""One revision of an order of IB's, and what its terms allow: see `revisions`."""

from __future__ import annotations

from dataclasses import dataclass, replace
from decimal import Decimal

from services.common.domain.amounts import add
from services.common.domain.errors import Cause
from services.common.domain.executions import Side
from services.ib_adapter import combos
from services.ib_adapter.evidence import OrderFacts
from services.ib_adapter.revision_rows import Revision
from services.ib_adapter.revision_terms import Terms
from services.ib_adapter.words import ExecutionWord


@dataclass(frozen=True, slots=True)
class Part:
    """One revision of an order of IB's; `facts` has its own terms and quantities.

    `is_revised`: its order was changed, or is to be. `is_in_doubt`: a change of it was sent, and
    may be in force; `awaits_fills`: then something has filled that may be of either. `is_cut`: it
    ended with less than its quantity, since a change took the rest off, or another revision filled
    it. `is_taken_back`: IB showed it as in force, and does not work it, for this `cause`;
    `is_reopened`: it is in force since one that had replaced it was taken back.
    """

    client_id: str
    venue_order_id: str
    facts: OrderFacts
    is_revised: bool = False
    is_replaced: bool = False
    is_in_doubt: bool = False
    awaits_fills: bool = False
    is_cut: bool = False
    is_taken_back: bool = False
    is_reopened: bool = False
    cause: Cause | None = None
    replaces: str = ""
    replaced_by: str = ""


@dataclass(frozen=True, slots=True)
class Whose:
    """What an execution is told as."""

    client_id: str
    venue_order_id: str
    cum_qty: Decimal | None


@dataclass(frozen=True, slots=True)
class Link:
    """A revision that is or was in force; `change` made it, None for the terms as placed."""

    seq: int
    client_id: str
    venue_order_id: str
    change: Revision | None


def on_terms(facts: OrderFacts, terms: Terms, filled: Decimal) -> OrderFacts:
    """The order on other terms, of which so much has filled."""
    return replace(
        facts,
        order_qty=terms.order_qty,
        limit_price=terms.limit_price,
        aux_price=terms.aux_price,
        trail_percent=terms.trail_percent,
        time_in_force=terms.time_in_force,
        shown_filled=filled,
        executed={},
        avg_px=None,  # IB's is of all of them
    )


def is_of_combo(facts: OrderFacts | None) -> bool:
    """Whether it is known to be a multi-leg order."""
    return facts is not None and combos.is_combo(facts.contract)


def allows(word: ExecutionWord, terms: Terms, filled: Decimal) -> bool:
    """Whether terms under which so much is filled allow this execution as well."""
    side = Side.BUY if word.side == "BOT" else Side.SELL
    has_room = terms.order_qty is None or add(filled, word.last_qty) <= terms.order_qty
    return has_room and terms.allows(word.last_px, side)
