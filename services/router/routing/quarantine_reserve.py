"""What strangers' orders in quarantine do, or may do, to what we hold: it is not ours to trade.

The books don't move for them, the venue's position does: an exit by hand for all that is held, and
one of ours beside it, would turn the position over. So as long as a stranger's order waits for a
person, all of its quantity is reserved, what it has filled and what it may still fill; of one that
has ended, what it has filled. A dismissal ends that, an adoption makes it an order like any other.
Nothing can be reserved for an order of which not even instrument and side can be read: such a one
is alarmed as critical.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from decimal import Decimal
from typing import Final

from services.common.domain.amounts import add, mul, sub, total
from services.common.domain.executions import ExecType, Execution, Side
from services.common.domain.instruments import OptionContract
from services.common.domain.order_spec import OrderSpec
from services.common.domain.order_status import TERMINAL
from services.common.domain.order_terms import OptionCombo, PositionIntent
from services.common.domain.reports import OrderReport
from services.router.books.books import Books
from services.router.books.entries import QuarantineEntry
from services.router.routing.adopting import is_leg, rough_spec
from services.router.routing.legs import parts_of

ZERO: Final = Decimal(0)
Part = tuple[str, Side]
"""Instrument key and side."""


@dataclass(slots=True)
class _Stranger:
    """One order of somebody else, with what is told of it; a multi-leg order with its legs."""

    order: OrderReport | None = None
    legs: list[OrderReport] = field(default_factory=list)
    filled: dict[Part, Decimal] = field(default_factory=lambda: defaultdict(Decimal))

    def asks(self, part: Part, held: Decimal) -> Decimal:
        """How much of a part it has taken or may take: `held`, all of it, if nobody knows."""
        shown = [self.order] if self.order is not None else self.legs
        told = total(_asked(report, part, held) for report in shown)
        return max(told, self.filled.get(part, ZERO))


def reserved(part: Part, held: Decimal, account_id: str, venue: str, books: Books) -> Decimal:
    """Of what is held at a venue, how much strangers' orders close there, or may close."""
    strangers = _strangers(account_id, venue, books)
    return min(total(stranger.asks(part, held) for stranger in strangers), held)


def strangers_open(
    books: Books, account_id: str, venue: str
) -> Iterator[tuple[OrderSpec, Decimal]]:
    """Strangers' live orders as orders for reckoning, with what each may still fill.

    Of a call that is sold, all of it: the books don't know what of it is filled.
    """
    for stranger in _strangers(account_id, venue, books):
        shown = [stranger.order] if stranger.order is not None else stranger.legs
        for report in shown:
            # An order by amount is one for nobody knows how much: at the market, for a unit.
            spec = rough_spec(report) or rough_spec(replace(report, order_qty=Decimal(1)))
            if spec is None or report.status in TERMINAL:
                continue
            sold = spec.position_intent is PositionIntent.SELL_TO_OPEN
            is_short = sold and isinstance(spec.instrument, OptionContract)
            filled = ZERO if is_short else report.cum_qty
            leaves = max(sub(spec.order_qty, filled), ZERO)
            if leaves > 0:
                yield spec, leaves


def _asked(report: OrderReport, part: Part, held: Decimal) -> Decimal:
    spec = rough_spec(report)
    if spec is None:
        is_it = report.instrument is not None and (report.instrument.key, report.side) == part
        return held if is_it and report.status not in TERMINAL else ZERO
    units = report.cum_qty if report.status in TERMINAL else max(spec.order_qty, report.cum_qty)
    ratios = (qty for key, side, qty in parts_of(spec) if (key, side) == part)
    return mul(units, total(ratios))


def _strangers(account_id: str, venue: str, books: Books) -> list[_Stranger]:
    kept = [
        entry
        for entry in books.quarantine.open(account_id)
        if entry.record.venue == venue and _is_strange(entry, books)
    ]
    reports = [e.record.order for e in kept if e.record.order is not None]
    combos = {r.venue_order_id for r in reports if isinstance(r.instrument, OptionCombo)}
    head = {r.venue_order_id: r.parent for r in reports if is_leg(r) and r.parent in combos}
    found: dict[str, _Stranger] = defaultdict(_Stranger)
    for entry in kept:
        vid = entry.venue_order_id
        stranger = found[head.get(vid, vid) or entry.record.quarantine_id]
        report, execution = entry.record.order, entry.record.execution
        if execution is not None:
            _note(stranger, execution)
        elif report is not None and vid in head:
            stranger.legs.append(report)
        elif report is not None:
            stranger.order = report
    return list(found.values())


def _note(stranger: _Stranger, execution: Execution) -> None:
    if execution.exec_type is ExecType.TRADE:  # what is corrected or busted stays reserved
        part = (execution.instrument.key, execution.side)
        stranger.filled[part] = add(stranger.filled[part], execution.last_qty)


def _is_strange(entry: QuarantineEntry, books: Books) -> bool:
    """Whether the books have no order that it is about: that one would reserve by itself."""
    record = entry.record
    subject = record.order or record.execution
    if subject is None or subject.client_id in books.by_placement:
        return False
    where = (record.account_id, record.venue, subject.venue_order_id)
    return not subject.venue_order_id or where not in books.by_venue_order
