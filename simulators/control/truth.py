"""The venue's books as plain JSON values: what a checker compares everything else with."""

from datetime import datetime
from decimal import Decimal
from enum import Enum
from fractions import Fraction
from typing import Any

from simulators.venue.accounts import Account, Position
from simulators.venue.ledger import AccountEvent, CashMovement, Correction, LedgerEntry
from simulators.venue.orders import Execution, Order, OrderEvent
from simulators.venue.venue import Venue

_PLACES = 10


def ledger_json(venue: Venue, *, with_entries: bool = False) -> dict[str, Any]:
    """Orders, executions and the books of each account; money and quantities as strings.

    Executions are as they are by now: a corrected one has the id of its correction, and one that
    was busted the quantity 0.

    Args:
        with_entries: Adds the append-only record itself, entry by entry.
    """
    ledger: dict[str, Any] = {
        "now": _plain(venue.clock.now()),
        "orders": [order_record(order) for order in venue.desk],
        "executions": [execution_record(execution) for execution in venue.ledger.executions],
        "corrections": [correction_record(c) for c in venue.ledger.corrections],
        "account_events": [account_event_record(e) for e in venue.ledger.account_events],
        "accounts": {key: account_record(account) for key, account in venue.accounts.items()},
    }
    if with_entries:
        ledger["entries"] = [_entry_record(entry) for entry in venue.ledger.entries]
    return ledger


def account_record(account: Account) -> dict[str, Any]:
    """Cash, positions, realised profit (average cost, before fees) and fees."""
    return {
        "starting_cash": _plain(account.starting_cash),
        "cash": _plain(account.cash),
        "realised_pnl": _plain(account.realised),
        "fees": _plain(account.fees),
        "positions": [_position_record(p) for _, p in sorted(account.positions.items())],
    }


def _position_record(position: Position) -> dict[str, Any]:
    return {
        "symbol": position.instrument.symbol,
        "qty": _plain(position.qty),
        "cost": _plain(position.cost),
        "avg_px": _plain(position.avg_px),
    }


def order_record(order: Order) -> dict[str, Any]:
    """An order as it is now. by_hand: placed at the venue, not over the wire.

    A multi-leg order has no symbol, side or intent, and its avg_px is net: what it fills are the
    executions of its legs. Where there is a notional, there is no order_qty.
    """
    return {
        "client_order_id": order.client_order_id,
        "venue_order_id": order.venue_order_id,
        "order_no": order.order_no,
        "account_id": order.account_id,
        "symbol": order.symbol,
        "side": None if order.is_combo else _plain(order.side),
        "position_intent": None if order.is_combo else _plain(order.position_intent),
        "order_qty": _plain(order.asked.order_qty) if order.asked.notional is None else None,
        "notional": _plain(order.asked.notional),
        "order_type": _plain(order.asked.order_type),
        "time_in_force": _plain(order.asked.time_in_force),
        "limit_price": _plain(order.limit_price),
        "stop_price": _plain(order.stop_price),
        "trail_price": _plain(order.asked.trail_price),
        "trail_percent": _plain(order.asked.trail_percent),
        "hwm": _plain(order.hwm),
        "extended_hours": order.asked.extended_hours,
        "order_class": _plain(order.asked.order_class),
        "parent_id": order.links.parent_id,
        "leg_ids": list(order.links.leg_ids),
        "ratio_qty": _plain(order.links.ratio_qty),
        "replaces": order.links.replaces,
        "replaced_by": order.links.replaced_by,
        "status": _plain(order.status),
        "cum_qty": _plain(order.cum_qty),
        "leaves_qty": _plain(order.leaves_qty),
        "avg_px": _plain(order.avg_px),
        "submitted_at": _plain(order.submitted_at),
        "updated_at": _plain(order.updated_at),
        "expires_at": _plain(order.expires_at),
        "ended_at": _plain(order.ended_at),
        "by_hand": order.asked.by_hand,
    }


def execution_record(execution: Execution) -> dict[str, Any]:
    """One fill."""
    order = execution.order
    return {
        "exec_id": execution.exec_id,
        "exec_no": execution.exec_no,
        "client_order_id": order.client_order_id,
        "venue_order_id": order.venue_order_id,
        "account_id": order.account_id,
        "symbol": order.symbol,
        "side": _plain(order.side),
        "last_qty": _plain(execution.last_qty),
        "last_px": _plain(execution.last_px),
        "cum_qty": _plain(execution.cum_qty),
        "leaves_qty": _plain(execution.leaves_qty),
        "fee": _plain(execution.fee),
        "at": _plain(execution.at),
    }


def correction_record(correction: Correction) -> dict[str, Any]:
    """An execution as it is by now, and the id of the one that it takes the place of."""
    return {**execution_record(correction.execution), "corrects": correction.corrects}


def account_event_record(event: AccountEvent) -> dict[str, Any]:
    """One change of an account that was no trade."""
    return {name: _plain(getattr(event, name)) for name in AccountEvent.__slots__}


def _entry_record(entry: LedgerEntry) -> dict[str, Any]:
    record = entry.record
    content: dict[str, Any]
    if isinstance(record, OrderEvent):
        content = {"event": _plain(record.kind), **order_record(record.order)}
    elif isinstance(record, Execution):
        content = execution_record(record)
    elif isinstance(record, Correction):
        content = correction_record(record)
    elif isinstance(record, AccountEvent):
        content = account_event_record(record)
        content["event"] = content.pop("kind")
    elif isinstance(record, CashMovement):
        content = {name: _plain(getattr(record, name)) for name in CashMovement.__slots__}
    else:
        content = order_record(record)
    return {"seq": entry.seq, "at": _plain(entry.at), "kind": _plain(entry.kind), **content}


def _plain(value: Any) -> Any:
    if isinstance(value, Fraction):
        value = Decimal(round(value * 10**_PLACES)).scaleb(-_PLACES)
    if isinstance(value, Decimal):
        text = format(value, "f")
        text = text.rstrip("0").rstrip(".") if "." in text else text
        return "0" if text in ("", "-0") else text
    if isinstance(value, Enum):
        return value.value
    return value.isoformat() if isinstance(value, datetime) else value
