"""Market data and previews as tables for a terminal."""

from __future__ import annotations

from collections.abc import Iterable

from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from tandem_client.changes import Preview
from tandem_client.command import words
from tandem_client.command.tables import or_none, table
from tandem_client.command.words import figure, moment, money, plain, price, symbol
from tandem_client.market import Bar, ListedOption, MarketDay, OptionSnapshot


def bars(listed: Iterable[Bar]) -> RenderableType:
    """Bars, one a line."""
    rows = [
        [
            moment(bar.start_time),
            *map(price, (bar.open, bar.high, bar.low, bar.close)),
            figure(bar.volume),
            words.NOTHING if bar.trade_count is None else str(bar.trade_count),
            price(bar.vwap),
            f"{plain(bar.venue)} {plain(bar.feed)}".strip(),
        ]
        for bar in listed
    ]
    prices = [">open", ">high", ">low", ">close"]
    return or_none(
        table(["time", *prices, ">volume", ">trades", ">vwap", "source"], rows), "no bars"
    )


def chain(listed: Iterable[ListedOption]) -> RenderableType:
    """Listed options, one a line."""
    rows = [
        [
            symbol(each.option),
            each.option.expiry.isoformat(),
            price(each.option.strike),
            each.option.right.name,
            "" if each.tradable else "not now",
            figure(each.open_interest),
            price(each.close_price),
            plain(each.venue),
        ]
        for each in listed
    ]
    columns = ["symbol", "expiry", ">strike", "right", "tradable", ">open interest", ">close"]
    return or_none(table([*columns, "venue"], rows), "no options")


def snapshots(listed: Iterable[OptionSnapshot]) -> RenderableType:
    """Quotes with greeks, one a line."""
    rows = [
        [
            symbol(each.quote.instrument),
            price(each.quote.bid_price),
            price(each.quote.ask_price),
            price(each.last_price),
            *_greeks(each),
            f"{plain(each.quote.venue)} {plain(each.quote.feed)}".strip(),
            each.quote.quality.name,
            moment(each.quote.venue_time),
        ]
        for each in listed
    ]
    greeks = [">iv", ">delta", ">gamma", ">theta", ">vega"]
    columns = ["symbol", ">bid", ">ask", ">last", *greeks, "source", "quality", "time"]
    return or_none(table(columns, rows), "no snapshots")


def _greeks(snapshot: OptionSnapshot) -> list[str]:
    found = snapshot.greeks
    if found is None:
        return [words.NOTHING] * 5
    values = (found.implied_volatility, found.delta, found.gamma, found.theta, found.vega)
    return [words.NOTHING if value is None else f"{value:.4f}" for value in values]


def calendar(days: Iterable[MarketDay]) -> RenderableType:
    """Trading days, one a line."""
    rows = [[day.day.isoformat(), moment(day.open_time), moment(day.close_time)] for day in days]
    return or_none(table(["day", "opens", "closes"], rows), "no trading days")


def preview(shown: Preview) -> RenderableType:
    """What an order would cost."""
    facts = [
        ("venue", plain(shown.venue)),
        ("cash", money(shown.cash_effect)),
        *((f"fee {plain(fee.kind)}", money(fee.amount)) for fee in shown.fees),
        ("initial margin", money(shown.initial_margin_change)),
        ("maintenance margin", money(shown.maintenance_margin_change)),
        ("buying power after", money(shown.buying_power_after)),
        ("figures", "estimated by us" if shown.estimated else "the venue's"),
    ]
    grid = Table.grid(padding=(0, 2))
    for name, value in facts:
        if value != words.NOTHING:
            grid.add_row(Text(name, style="dim"), value)
    return grid
