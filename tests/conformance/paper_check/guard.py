"""What must be true before a paper check sends anything: no real money is at stake.

It needs credentials of a paper account in the environment, under the names that the adapter reads:
TANDEM_ALPACA_API_KEY or APCA_API_KEY_ID, the secret likewise, and TANDEM_ALPACA_ACCOUNT_NUMBER,
which the adapter compares with the account that the key opens before it sends its first order.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from typing import Final
from urllib.parse import urlsplit

_KEY: Final = ("TANDEM_ALPACA_API_KEY", "APCA_API_KEY_ID")
_SECRET: Final = ("TANDEM_ALPACA_SECRET_KEY", "APCA_API_SECRET_KEY")
_NUMBER: Final = "TANDEM_ALPACA_ACCOUNT_NUMBER"
_BASE_URL: Final = "TANDEM_ALPACA_BASE_URL"
_MODE: Final = "TANDEM_ALPACA_MODE"
_PASSED_ON: Final = (
    *_KEY,
    *_SECRET,
    *(f"{name}_FILE" for name in (_KEY[0], _SECRET[0])),
    _NUMBER,
    "TANDEM_ALPACA_PACING__LIMIT",
    "TANDEM_ALPACA_DATA_PACING__LIMIT",
    "TANDEM_ALPACA_STOCK_FEED",
    "TANDEM_ALPACA_OPTION_FEED",
)


class NotHere(Exception):
    """A paper check must not run here; the message says why, and what would let it."""


def require_paper(environment: Mapping[str, str], simulator: str) -> dict[str, str]:
    """The adapter's settings for the check. Raises NotHere before anything is sent.

    `simulator` is the base URL of a simulated Alpaca in place of the real one; on loopback only.
    """
    if environment.get("CI"):
        raise NotHere("CI is set: a paper check is for a person's own machine")
    if environment.get(_MODE, "paper") != "paper":
        raise NotHere(f"{_MODE} is {environment[_MODE]}: this check is for paper only")
    if environment.get(_BASE_URL):
        raise NotHere(f"{_BASE_URL} is set: the check goes to Alpaca's own paper host")
    key = _first(environment, _KEY)
    has_key_file = bool(environment.get(f"{_KEY[0]}_FILE"))
    if not key and not has_key_file:
        raise NotHere(f"no credentials: set {' or '.join(_KEY)}, and the secret")
    if key.startswith("AK"):
        raise NotHere("the key begins with AK: it opens a live account")
    if key and not key.startswith("PK"):
        raise NotHere("the key doesn't begin with PK, as paper keys do")
    if not environment.get(_NUMBER):
        raise NotHere(f"set {_NUMBER}: the account is compared with it before anything is sent")
    settings = {name: environment[name] for name in _PASSED_ON if environment.get(name)}
    settings[_MODE] = "paper"
    if simulator:
        settings[_BASE_URL] = _on_loopback(simulator)
    return settings


def _first(environment: Mapping[str, str], names: tuple[str, ...]) -> str:
    return next((environment[name] for name in names if environment.get(name)), "")


def _on_loopback(url: str) -> str:
    host = urlsplit(url).hostname or ""
    try:
        is_loopback = ipaddress.ip_address(host).is_loopback
    except ValueError:
        is_loopback = False
    if not is_loopback:
        raise NotHere(f"--simulator is for loopback only, not {host or url!r}")
    return url
