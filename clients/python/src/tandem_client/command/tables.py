"""Answers as tables for a terminal."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Final

from rich import box
from rich.console import Console, Group, RenderableType
from rich.table import Table
from rich.text import Text

from tandem_client.accounts import (
    AccountFigures,
    Activity,
    Position,
    Quote,
    VenueBalance,
    VenueCapabilities,
)
from tandem_client.command import words
from tandem_client.command.words import figure, moment, money, plain, price, symbol
from tandem_client.enums import AccountMode, OrderStatus, TradingState, VenueState
from tandem_client.events import QuarantineRecord, StatusReport
from tandem_client.orders import Execution, Order

_WIDTH_WITHOUT_TERMINAL: Final = 160
_GOOD, _BAD, _ODD, _QUIET = "green", "red", "yellow", "dim"
_STYLES: Final = {
    OrderStatus.FILLED: _GOOD,
    OrderStatus.REJECTED: _BAD,
    OrderStatus.IN_DOUBT: "bold red",
    OrderStatus.UNPLACED: _ODD,
    OrderStatus.CANCELED: _QUIET,
    OrderStatus.EXPIRED: _QUIET,
    VenueState.UP: _GOOD,
    VenueState.DEGRADED: _ODD,
    VenueState.DRAINED: _ODD,
    VenueState.DOWN: _BAD,
    VenueState.UNKNOWN: _BAD,
    TradingState.ACTIVE: _GOOD,
    TradingState.REDUCING: _ODD,
    TradingState.HALTED: _BAD,
    TradingState.UNSPECIFIED: _BAD,
}

Cell = str | Text


def console(*, stderr: bool = False) -> Console:
    """A console that takes text as it is; wide where no terminal sets a width."""
    made = Console(stderr=stderr, markup=False, highlight=False, emoji=False)
    if not made.is_terminal:
        made.width = _WIDTH_WITHOUT_TERMINAL
    return made


def table(columns: Sequence[str], rows: Iterable[Sequence[Cell]], title: str = "") -> Table:
    """A table, without the columns in which no row says anything.

    A column whose name begins with ">" is of figures and goes to the right.
    """
    filled = list(rows)
    shown = [n for n in range(len(columns)) if any(_says(row[n]) for row in filled)]
    made = Table(box=box.SIMPLE_HEAD, title=title or None, title_justify="left", pad_edge=False)
    for column in (columns[n] for n in shown):
        right = column.startswith(">")
        made.add_column(
            column.removeprefix(">"), justify="right" if right else "left", overflow="fold"
        )
    for row in filled:
        made.add_row(*(row[n] for n in shown))
    return made


def _says(cell: Cell) -> bool:
    return str(cell) not in ("", words.NOTHING)


def styled(state: OrderStatus | VenueState | TradingState) -> Text:
    """The name of a state in its colour."""
    return Text(state.name, style=_STYLES.get(state, ""))


def or_none(made: Table, nothing: str) -> RenderableType:
    """The table, or a word for one without rows."""
    return made if made.row_count else Text(nothing, style=_QUIET)


def orders(listed: Iterable[Order]) -> RenderableType:
    """Orders, one a line."""
    columns = ["order", "status", "what", "terms", "filled", "venue", "updated", "cause"]
    rows: list[list[Cell]] = [
        [
            plain(order.client_order_id) or plain(order.placement_id),
            styled(order.status),
            words.what(order.spec),
            words.terms(order.spec),
            words.filled(order),
            plain(order.venue),
            moment(_updated(order)),
            words.cause(order.cause),
        ]
        for order in listed
    ]
    return or_none(table(columns, rows), "no orders")


def _updated(shown: Order) -> datetime | None:
    """When we heard of its latest change; the venue's clock may stand elsewhere."""
    return shown.updated.journal_time or shown.updated.received_time


def order(shown: Order) -> RenderableType:
    """All that is known of one order."""
    facts: list[tuple[str, Cell]] = [
        ("order", plain(shown.client_order_id)),
        ("account", plain(shown.account_id)),
        ("status", styled(shown.status)),
        ("what", words.what(shown.spec)),
        ("terms", words.terms(shown.spec)),
        ("filled", words.filled(shown)),
        ("may still fill", figure(shown.leaves_qty)),
        ("venue", f"{plain(shown.venue)} {plain(shown.venue_order_id)}".strip()),
        ("venue says", plain(shown.raw_status)),
        ("cause", words.cause(shown.cause)),
        ("cancel asked", "yes" if shown.cancel_requested else ""),
        ("created", moment(shown.created.received_time)),
        ("updated", moment(_updated(shown))),
        ("venue's time", moment(shown.updated.venue_time)),
    ]
    grid = Table.grid(padding=(0, 2))
    for name, value in facts:
        if value and str(value) != words.NOTHING:
            grid.add_row(Text(name, style=_QUIET), value)
    return Group(grid, placements(shown)) if shown.placements else grid


def placements(shown: Order) -> RenderableType:
    """Every attempt at every venue."""
    rows: list[list[Cell]] = [
        [
            plain(placement.placement_id),
            plain(placement.venue),
            styled(placement.status),
            figure(placement.cum_qty),
            figure(placement.leaves_qty),
            moment(placement.attempted_at),
            words.cause(placement.cause),
        ]
        for placement in shown.placements
    ]
    columns = ["placement", "venue", "status", ">filled", ">may be live", "sent", "cause"]
    return table(columns, rows)


def executions(listed: Iterable[Execution], title: str = "") -> RenderableType:
    """Executions, one a line."""
    rows = [
        [
            moment(execution.times.venue_time),
            plain(execution.client_order_id),
            execution.side.name,
            figure(execution.last_qty),
            symbol(execution.instrument),
            price(execution.last_px),
            plain(execution.venue),
            plain(execution.exec_id),
        ]
        for execution in listed
    ]
    columns = ["time", "order", "side", ">quantity", "symbol", ">price", "venue", "execution"]
    return or_none(table(columns, rows, title), "no executions")


def positions(listed: Iterable[Position]) -> RenderableType:
    """Positions, one a line."""
    rows = [
        [
            symbol(position.instrument),
            plain(position.venue),
            figure(position.qty),
            price(position.avg_entry_price),
            figure(position.multiplier),
            price(position.current_price),
            money(position.market_value),
            money(position.unrealized_pnl),
            money(position.realized_pnl),
        ]
        for position in listed
    ]
    columns = ["symbol", "venue", ">quantity", ">entry", ">multiplier"]
    values = [">price", ">value", ">unrealised", ">realised"]
    return or_none(table(columns + values, rows), "no positions")


def activities(listed: Iterable[Activity]) -> RenderableType:
    """Activities, one a line."""
    rows = [
        [
            moment(activity.times.venue_time),
            words.activity_kind(activity),
            symbol(activity.instrument),
            figure(activity.qty),
            price(activity.price),
            money(activity.net_amount),
            plain(activity.venue),
            plain(activity.description),
        ]
        for activity in listed
    ]
    columns = ["time", "kind", "symbol", ">quantity", ">price", ">amount", "venue", "description"]
    return or_none(table(columns, rows), "no activities")


def account(figures: AccountFigures) -> RenderableType:
    """Figures of each venue, and their sums if several venues stand behind the account."""
    rows = [_balance(balance) for balance in figures.balances]
    if len(figures.balances) > 1:
        for total in figures.totals:
            sums = [money(total.cash), money(total.equity), money(total.buying_power)]
            rows.append(["sum", "", *sums, "", "", ""])
    columns = ["venue", "account", ">cash", ">equity", ">buying power", ">margin", ">level"]
    return table([*columns, "remarks"], rows, title=f"account {plain(figures.account.account_id)}")


def _balance(balance: VenueBalance) -> list[Cell]:
    if balance.unavailable:
        remark = Text(f"no answer: {plain(balance.unavailable_reason)}", style=_BAD)
        return [plain(balance.venue), "", "", "", "", "", "", remark]
    blocks = {
        "trading blocked": balance.trading_blocked,
        "account blocked": balance.account_blocked,
        "suspended by the user": balance.suspended_by_user,
    }
    remarks = [plain(balance.raw_status), *(name for name, is_set in blocks.items() if is_set)]
    return [
        plain(balance.venue),
        f"{plain(balance.venue_account_id)} {_mode(balance.mode)}".strip(),
        money(balance.cash),
        money(balance.equity),
        money(balance.buying_power),
        money(balance.maintenance_margin),
        words.NOTHING if balance.options_level is None else str(balance.options_level),
        ", ".join(remark for remark in remarks if remark),
    ]


def _mode(mode: AccountMode) -> str:
    return "" if mode is AccountMode.UNSPECIFIED else mode.name.lower()


def quotes(listed: Iterable[Quote], title: str = "") -> RenderableType:
    """Quotes, one a line."""
    rows = [
        [
            symbol(quote.instrument),
            figure(quote.bid_qty),
            price(quote.bid_price),
            price(quote.ask_price),
            figure(quote.ask_qty),
            f"{plain(quote.venue)} {plain(quote.feed)}".strip(),
            quote.quality.name,
            moment(quote.venue_time),
        ]
        for quote in listed
    ]
    columns = ["symbol", ">bid size", ">bid", ">ask", ">ask size", "source", "quality", "time"]
    return or_none(table(columns, rows, title), "no quotes")


def capabilities(listed: Iterable[VenueCapabilities]) -> RenderableType:
    """What each venue takes and serves, one thing a line."""
    grid = Table.grid(padding=(0, 2))
    for venue in listed:
        facts = {
            "venue": plain(venue.venue.name),
            "order types": " ".join(one.name for one in venue.order_types),
            "times in force": " ".join(one.name for one in venue.times_in_force),
            "compositions": " ".join(one.name for one in venue.order_classes),
            "fractions": "yes" if venue.fractional_quantities else "no",
            "entitlements": plain(" ".join(venue.entitlements)),
            "methods": plain(" ".join(venue.methods)) or "not known: the venue has not answered",
        }
        for name, value in facts.items():
            grid.add_row(Text(name, style=_QUIET), value)
    return grid


def status(report: StatusReport) -> RenderableType:
    """Trading state, venues, and what needs a person."""
    rows: list[list[Cell]] = [
        [
            plain(venue.venue.name),
            styled(venue.state),
            "yes" if venue.ready else Text("no", style=_BAD),
            _mode(venue.venue.mode),
            words.NOTHING if venue.probe_s is None else f"{venue.probe_s * 1000:.0f} ms",
            _requests(venue.requests_remaining, venue.requests_limit),
            moment(venue.since),
            plain(venue.reason),
        ]
        for venue in report.venues
    ]
    columns = ["venue", "state", "takes orders", "mode", ">answers in", ">requests left"]
    parts: list[RenderableType] = [table([*columns, "since", "reason"], rows)]
    if report.trading_state is not None:
        state = Text("trading is ")
        state.append_text(styled(report.trading_state.state))
        if report.trading_state.reason:
            state.append(f": {plain(report.trading_state.reason)}")
        parts.insert(0, state)
    counts = {"in doubt": report.in_doubt_count, "in quarantine": report.quarantined_count}
    told = [f"{count} {name}" for name, count in counts.items() if count]
    if report.failover_count:
        name = "failover" if report.failover_count == 1 else "failovers"
        last = moment(report.last_failover)
        today = report.failover_count_today
        told.append(f"{report.failover_count} {name}, {today} today, the last at {last}")
    return Group(*parts, Text(", ".join(told), style=_ODD)) if told else Group(*parts)


def _requests(remaining: int | None, limit: int | None) -> str:
    if remaining is None:
        return words.NOTHING
    return str(remaining) if limit is None else f"{remaining} of {limit}"


def quarantine(records: Iterable[QuarantineRecord]) -> RenderableType:
    """Quarantine records, one a line."""
    rows = [
        [
            plain(record.quarantine_id),
            plain(record.venue),
            _subject(record),
            plain(record.reason),
            moment(record.time),
            words.closing(record),
        ]
        for record in records
    ]
    columns = ["record", "venue", "what", "reason", "since", "state"]
    return or_none(table(columns, rows), "nothing in quarantine")


def _subject(record: QuarantineRecord) -> str:
    match record.subject:
        case Order() as found:
            return words.order_line(found)
        case Execution() as found:
            return words.execution_line(found)
    return words.NOTHING
