"""Who may see what: the account's subscriptions, and what IB says where there are none."""

from dataclasses import dataclass

from simulators.ib_gateway.problems import Problem
from simulators.ib_gateway.subscriptions import Quoted
from simulators.venue.instruments import Equity

LIVE, FROZEN, DELAYED, DELAYED_FROZEN = 1, 2, 3, 4
TYPES = (LIVE, FROZEN, DELAYED, DELAYED_FROZEN)
MARKET_DATA = ("realtime", "partial", "tws_only", "delayed", "none", "competing")
_MISSING = "Requested market data is not subscribed."
_SHOWN_DELAYED = (10167, f"{_MISSING} Displaying delayed market data.")


@dataclass(frozen=True, slots=True)
class Access:
    """What a line may show, and the notice that comes with it (None: none)."""

    is_live: bool
    has_greeks: bool = True
    notice: tuple[int, str] | None = None


def access_to(have: str, wanted_type: int, quoted: Quoted) -> Access:
    """What an account with these subscriptions sees that asks for this type.

    Args:
        have: "realtime"; "partial": of options but not of shares, so there are no greeks;
            "tws_only": not by the API; "delayed": nothing in real time; "none": nothing at all;
            "competing": another session of the same user has the data now.

    Raises:
        Problem: It sees nothing.
    """
    wants_delayed = wanted_type in (DELAYED, DELAYED_FROZEN)
    if have == "competing":
        raise competing()
    if have == "none":
        raise Problem(354, _MISSING)
    if have == "realtime":
        return Access(is_live=True)
    if sees_live(have, quoted):
        text = "Part of requested market data is not subscribed. Subscription-independent ticks"
        notice = (10090, f"{text} are still active.{_available(quoted)}")
        return Access(is_live=True, has_greeks=False, notice=notice)
    if wants_delayed:
        return Access(is_live=False, notice=_SHOWN_DELAYED)
    if have == "tws_only":
        text = "Requested market data requires additional subscription for API. See link in"
        more = "'Market Data Connections' dialog for more details."
        raise Problem(10089, f"{text} {more}{_available(quoted)}")
    raise Problem(10168, f"{_MISSING} Delayed market data is not enabled.")


def sees_live(have: str, quoted: Quoted) -> bool:
    """Whether an account with these subscriptions sees it in real time."""
    is_option = not any(isinstance(instrument, Equity) for instrument, _ in quoted.legs)
    return have == "realtime" or (have == "partial" and is_option)


def competing() -> Problem:
    return Problem(10197, "No market data during competing live session")


def _available(quoted: Quoted) -> str:
    named = quoted.single
    suffix = f"{named.symbol} TOP/ALL" if named is not None else ""
    return f"Delayed market data is available.{suffix}"


def told_type(*, is_live: bool, is_frozen: bool) -> int:
    """The market data type that a line is said to be of."""
    if is_live:
        return FROZEN if is_frozen else LIVE
    return DELAYED_FROZEN if is_frozen else DELAYED
