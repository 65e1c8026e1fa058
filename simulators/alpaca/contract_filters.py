"""The filters by which option contracts are chosen, in lists of contracts and in chains."""

from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from simulators.alpaca.problems import invalid
from simulators.alpaca.router import Call
from simulators.alpaca.wire_values import read_number
from simulators.venue.instruments import OptionContract


@dataclass(frozen=True, slots=True)
class ContractFilters:
    """What the query of a request asks for; expiries from `first` to `last`, both included."""

    first: date
    last: date
    root: str
    right: str
    lowest_strike: Decimal | None
    highest_strike: Decimal | None

    @classmethod
    def read(cls, call: Call, first: date, last: date) -> "ContractFilters":
        """Reads them; `first` and `last` are what holds where the query says nothing.

        Raises:
            ApiProblem: A filter is malformed.
        """
        right = call.query("type")
        if right not in ("", "call", "put"):
            raise invalid("invalid type")
        if call.query("expiration_date"):
            first = last = read_day(call, "expiration_date", first)
        return cls(
            first=read_day(call, "expiration_date_gte", first),
            last=read_day(call, "expiration_date_lte", last),
            root=call.query("root_symbol"),
            right=right,
            lowest_strike=_strike(call, "strike_price_gte"),
            highest_strike=_strike(call, "strike_price_lte"),
        )

    def fits(self, contract: OptionContract) -> bool:
        """Whether a contract is among those that are asked for."""
        return (
            self.first <= contract.expiry <= self.last
            and self.root in ("", contract.root)
            and self.right in ("", contract.right.value)
            and (self.lowest_strike is None or contract.strike >= self.lowest_strike)
            and (self.highest_strike is None or contract.strike <= self.highest_strike)
        )


def read_day(call: Call, name: str, default: date) -> date:
    """A date of the query, the default if it isn't there."""
    text = call.query(name)
    if not text:
        return default
    try:
        return date.fromisoformat(text[:10])
    except ValueError as error:
        raise invalid(f"invalid {name}") from error


def _strike(call: Call, name: str) -> Decimal | None:
    text = call.query(name)
    if not text:
        return None
    value = read_number(text)
    if value is None:
        raise invalid(f"invalid {name}")
    return value
