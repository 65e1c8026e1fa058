"""The commands for market data: quotes, bars, chain, snapshot, clock, calendar."""

from __future__ import annotations

import re
from contextlib import aclosing
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Final

import click

from tandem_client.command import documents, market_tables, outcomes, tables, words
from tandem_client.command.arguments import DAY, MOMENT, PRICE, SPAN, SYMBOL
from tandem_client.command.session import Session, command
from tandem_client.enums import OptionRight
from tandem_client.instruments import Instrument, Option
from tandem_client.market import StreamedQuote

_TICKER: Final = re.compile(r"[A-Z0-9.]{1,12}", re.ASCII)


@click.command("quotes")
@click.argument("symbols", type=SYMBOL, nargs=-1, required=True)
@click.option("--stream", is_flag=True, help="Go on as they change, until Ctrl-C.")
@click.option("--venue", default="", help="Ask this venue.")
@command
async def quotes(
    session: Session, *, symbols: tuple[Instrument, ...], stream: bool, venue: str
) -> int:
    """Show the latest quotes."""
    async with session.client() as client:
        if stream:
            async with aclosing(client.stream_quotes(symbols, venue=venue)) as streamed:
                async for one in streamed:
                    _tell(session, one)
            return outcomes.DONE
        answer = await client.quotes(symbols, venue=venue)
    session.show(answer, lambda: tables.quotes(answer.quotes))
    _missing(session, answer.missing)
    return outcomes.DONE


def _tell(session: Session, streamed: StreamedQuote) -> None:
    if session.as_json:
        session.line(documents.write(streamed))
    else:
        session.line(words.quote_line(streamed.quote) + ("  after a gap" * streamed.after_gap))


def _missing(session: Session, missing: tuple[Instrument, ...]) -> None:
    for instrument in missing:
        session.complain(f"no quote: {words.symbol(instrument)}")


@click.command("bars")
@click.argument("symbol", type=SYMBOL)
@click.option("--every", type=SPAN, default="1d", show_default=True, help="1m, 15m, 1h, 1d, 1w.")
@click.option("--from", "start", type=MOMENT, metavar="TIME", required=True, help="First bar.")
@click.option("--to", "end", type=MOMENT, metavar="TIME", help="Before this; now if missing.")
@click.option("--venue", default="", help="Ask this venue.")
@command
async def bars(
    session: Session,
    *,
    symbol: Instrument,
    every: timedelta,
    start: datetime,
    end: datetime | None,
    venue: str,
) -> int:
    """Show bars, oldest first."""
    async with session.client() as client:
        listed = (await client.bars(symbol, every, start, end, venue=venue).all()).items
    session.show({"bars": listed}, lambda: market_tables.bars(listed))
    return outcomes.DONE


@click.command("chain")
@click.argument("underlying")
@click.option("--from", "expiry_from", type=DAY, metavar="DATE", help="First expiry; today.")
@click.option("--to", "expiry_to", type=DAY, metavar="DATE", help="Last expiry.")
@click.option("--strike-from", type=PRICE, metavar="PRICE", help="Lowest strike.")
@click.option("--strike-to", type=PRICE, metavar="PRICE", help="Highest strike.")
@click.option("--calls", "right", flag_value="CALL", help="Calls only.")
@click.option("--puts", "right", flag_value="PUT", help="Puts only.")
@click.option("--venue", default="", help="Ask this venue.")
@command
async def chain(
    session: Session,
    *,
    underlying: str,
    expiry_from: date | None,
    expiry_to: date | None,
    strike_from: Decimal | None,
    strike_to: Decimal | None,
    right: str | None,
    venue: str,
) -> int:
    """List the options of an underlying by expiry, strike and right."""
    if _TICKER.fullmatch(underlying) is None:
        raise click.UsageError(f"{underlying!r} is not a ticker such as SPY or BRK.B")
    async with session.client() as client:
        listing = await client.option_contracts(
            underlying,
            expiry_from=expiry_from,
            expiry_to=expiry_to,
            strike_from=strike_from,
            strike_to=strike_to,
            right=OptionRight[right or "UNSPECIFIED"],
            venue=venue,
        ).all()
    session.show({"options": listing.items}, lambda: market_tables.chain(listing.items))
    return outcomes.DONE


@click.command("snapshot")
@click.argument("symbols", type=SYMBOL, nargs=-1, required=True)
@click.option("--venue", default="", help="Ask this venue.")
@command
async def snapshot(session: Session, *, symbols: tuple[Instrument, ...], venue: str) -> int:
    """Show quotes of options with their greeks."""
    options = [symbol for symbol in symbols if isinstance(symbol, Option)]
    if len(options) < len(symbols):
        raise click.UsageError("only options have greeks; for shares: tandem quotes")
    async with session.client() as client:
        answer = await client.option_snapshots(options, venue=venue)
    session.show(answer, lambda: market_tables.snapshots(answer.snapshots))
    _missing(session, answer.missing)
    return outcomes.DONE


@click.command("calendar")
@click.argument("first", type=DAY)
@click.argument("last", type=DAY)
@click.option("--venue", default="", help="Ask this venue.")
@command
async def calendar(session: Session, *, first: date, last: date, venue: str) -> int:
    """Show the trading days from one date to another, both included."""
    async with session.client() as client:
        answer = await client.market_calendar(first, last, venue=venue)
    session.show(answer, lambda: market_tables.calendar(answer.days))
    return outcomes.DONE


@click.command("clock")
@click.option("--venue", default="", help="Ask this venue.")
@command
async def clock(session: Session, *, venue: str) -> int:
    """Show the venue's time and whether its market is open."""
    async with session.client() as client:
        answer = await client.market_clock(venue=venue)
    session.show(answer, lambda: words.clock_line(answer))
    return outcomes.DONE
