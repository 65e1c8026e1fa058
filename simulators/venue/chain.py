"""Option chains: which contracts an exchange lists on which day, made by rule and only when asked.

Each underlying has a Friday expiry for each of the next nine weeks and the third Friday of each of
the next seven months (the Thursday before, if the exchange is closed), and strikes around the price
that it had at the start: close together near it, further apart away from it.
"""

from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from functools import lru_cache

from simulators.venue import trading_calendar as calendar
from simulators.venue.instruments import (
    Catalog,
    Equity,
    Instrument,
    OptionContract,
    Right,
    parse_contract,
)

_WEEKS = 9
_MONTHS = 7
_NEAR, _FAR = Decimal("0.12"), Decimal("0.35")  # of the price: close strikes, and any strikes


@dataclass(frozen=True, slots=True)
class Chain:
    """The options of one underlying under one root. `adjusted`: they can only be closed.

    An adjusted chain has a new expiry no more: it has those that were listed when it was made.
    """

    underlying: str
    root: str
    price: Decimal
    adjusted: bool = False

    @property
    def strikes(self) -> tuple[Decimal, ...]:
        """All strikes, ascending."""
        return _strikes(self.price)

    def contract(self, expiry: date, right: Right, strike: Decimal) -> OptionContract:
        """One contract, whether it is listed or not."""
        letter = "C" if right is Right.CALL else "P"
        return OptionContract(
            symbol=f"{self.root}{expiry:%y%m%d}{letter}{int(strike * 1000):08d}",
            root=self.root,
            underlying=self.underlying,
            expiry=expiry,
            right=right,
            strike=strike,
            adjusted=self.adjusted,
        )


class ChainCatalog(Catalog):
    """A catalog with chains; a contract of a chain exists once somebody asks for it.

    Args:
        now: Market time; what is listed changes with its date.
    """

    def __init__(self, instruments: Iterable[Instrument], now: Callable[[], datetime]) -> None:
        super().__init__(instruments)
        self._now = now
        self._first_day = calendar.trading_date(now())
        self._chains: dict[str, Chain] = {}
        self._made: dict[str, OptionContract] = {}

    def add_chain(self, chain: Chain) -> None:
        """Lists a chain under its root."""
        self._chains[chain.root] = chain

    def __iter__(self) -> Iterator[Instrument]:
        yield from super().__iter__()
        yield from self._of_chains(None, date.min, date.max)

    def find(self, symbol: str) -> Instrument | None:
        """The instrument of that symbol, if it is or was listed."""
        return super().find(symbol) or self._made.get(symbol) or self._make(symbol)

    def listed(self) -> Iterator[Instrument]:
        """What is listed by itself, without looking through the chains."""
        return super().__iter__()

    def equities(self) -> list[Equity]:
        """The shares, without looking through the chains."""
        return [i for i in super().__iter__() if isinstance(i, Equity)]

    def contracts(
        self, underlyings: Collection[str] | None, first: date, last: date
    ) -> list[OptionContract]:
        """The contracts that expire between both days, by symbol; of all underlyings if None."""
        single = (
            i
            for i in super().__iter__()
            if isinstance(i, OptionContract)
            and (underlyings is None or i.underlying in underlyings)
            and first <= i.expiry <= last
        )
        found = {c.symbol: c for c in self._of_chains(underlyings, first, last)}
        found.update((c.symbol, c) for c in single)
        return [found[symbol] for symbol in sorted(found)]

    def _of_chains(
        self, underlyings: Collection[str] | None, first: date, last: date
    ) -> Iterator[OptionContract]:
        for chain in self._chains.values():
            if underlyings is not None and chain.underlying not in underlyings:
                continue
            for expiry in self._expiries(chain):
                if first <= expiry <= last:
                    yield from self._of_expiry(chain, expiry)

    def _of_expiry(self, chain: Chain, expiry: date) -> Iterator[OptionContract]:
        for right in Right:
            for strike in chain.strikes:
                contract = chain.contract(expiry, right, strike)
                if super().find(contract.symbol) is None:
                    yield self._made.setdefault(contract.symbol, contract)

    def _expiries(self, chain: Chain) -> tuple[date, ...]:
        today = calendar.trading_date(self._now())
        last_listing = self._first_day if chain.adjusted else max(today, self._first_day)
        return _expiries(self._first_day, last_listing)

    def _make(self, symbol: str) -> OptionContract | None:
        read = parse_contract(symbol)
        chain = self._chains.get(read.root) if read is not None else None
        if read is None or chain is None:
            return None
        if read.expiry not in self._expiries(chain) or read.strike not in chain.strikes:
            return None
        return self._made.setdefault(
            read.symbol, chain.contract(read.expiry, read.right, read.strike)
        )


@lru_cache(maxsize=64)
def _strikes(price: Decimal) -> tuple[Decimal, ...]:
    near, far = _steps(price)
    strikes = {near * n for n in range(int(price * (1 - _NEAR) / near), int(price * 2 / near))}
    close = {strike for strike in strikes if strike <= price * (1 + _NEAR)}
    wide = {far * n for n in range(1, int(price * 2 / far))}
    away = {strike for strike in wide if abs(strike - price) <= price * _FAR}
    return tuple(sorted(strike for strike in close | away if strike > 0))


def _steps(price: Decimal) -> tuple[Decimal, Decimal]:
    if price < 25:
        return Decimal("0.5"), Decimal(1)
    if price < 100:
        return Decimal(1), Decimal("2.5")
    return (Decimal("2.5"), Decimal(5)) if price < 300 else (Decimal(1), Decimal(5))


@lru_cache(maxsize=512)
def _expiries(first_day: date, last_day: date) -> tuple[date, ...]:
    """What was listed on any day from the first to the last, ascending."""
    fridays = {
        friday
        for n in range((last_day - first_day).days // 7 + 1 + _WEEKS)
        if (friday := _friday(first_day) + timedelta(weeks=n)) <= last_day + timedelta(weeks=_WEEKS)
    }
    months = (last_day.year - first_day.year) * 12 + last_day.month - first_day.month + _MONTHS
    thirds = {_third_friday(first_day.year, first_day.month + n) for n in range(months)}
    days = {_trading_day(friday) for friday in fridays | thirds}
    return tuple(sorted(day for day in days if day >= first_day))


def _friday(day: date) -> date:
    return day + timedelta(days=(4 - day.weekday()) % 7)


def _third_friday(year: int, month: int) -> date:
    years, month_from_0 = divmod(month - 1, 12)
    return _friday(date(year + years, month_from_0 + 1, 15))


def _trading_day(friday: date) -> date:
    day = friday
    while calendar.session_on(day) is None:
        day -= timedelta(days=1)
    return day
