"""What must be true before a paper check sends anything: no real money is at stake.

At Alpaca it needs credentials of a paper account in the environment, under the names that the
adapter reads: TANDEM_ALPACA_API_KEY or APCA_API_KEY_ID, the secret likewise, and
TANDEM_ALPACA_ACCOUNT_NUMBER, which the adapter compares with the account that the key opens before
it sends its first order.

At IB it needs a Gateway (or TWS) that is logged in to a paper account, at TANDEM_IB_HOST and
TANDEM_IB_PORT, and TANDEM_IB_ACCOUNT_NUMBER. The number of a paper account begins with D; the
adapter compares it with the accounts that the Gateway names at each connect.
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


_IB_HOST: Final = "TANDEM_IB_HOST"
_IB_PORT: Final = "TANDEM_IB_PORT"
_IB_MODE: Final = "TANDEM_IB_MODE"
_IB_NUMBER: Final = "TANDEM_IB_ACCOUNT_NUMBER"
_IB_CLIENT_ID: Final = "TANDEM_IB_CLIENT_ID"
_IB_PASSED_ON: Final = (_IB_HOST, _IB_PORT, _IB_NUMBER, _IB_CLIENT_ID, "TANDEM_IB_DATA__KIND")
_IB_LIVE_PORTS: Final = {"4001": "Gateway", "4003": "Gateway in a container", "7496": "TWS"}


class NotHere(Exception):
    """A paper check must not run here; the message says why, and what would let it."""


def require_paper(environment: Mapping[str, str], simulator: str) -> dict[str, str]:
    """The adapter's settings for the check. Raises NotHere before anything is sent.

    `simulator` is the base URL of a simulated Alpaca in place of the real one; on loopback only.
    """
    _require_a_persons_wish(environment, _MODE)
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


def require_ib_paper(environment: Mapping[str, str], simulator: str) -> dict[str, str]:
    """The IB adapter's settings for the check. Raises NotHere before anything is sent.

    `simulator` is host:port of a simulated Gateway in place of the real one; on loopback only.
    """
    _require_a_persons_wish(environment, _IB_MODE)
    number = environment.get(_IB_NUMBER, "")
    if not number:
        raise NotHere(f"set {_IB_NUMBER}: the account is compared with it before anything is sent")
    if not number.startswith("D"):
        raise NotHere(f"{_IB_NUMBER} doesn't begin with D, as paper accounts do")
    port = environment.get(_IB_PORT, "")
    if port in _IB_LIVE_PORTS:
        raise NotHere(f"{_IB_PORT} is {port}, where a live {_IB_LIVE_PORTS[port]} listens")
    settings = {name: environment[name] for name in _IB_PASSED_ON if environment.get(name)}
    settings[_IB_MODE] = "paper"
    settings.setdefault(_IB_CLIENT_ID, "77")
    if simulator:
        url = _on_loopback(simulator if "//" in simulator else f"//{simulator}")
        host, _, port = url.rpartition("//")[2].rpartition(":")
        settings |= {_IB_HOST: host, _IB_PORT: port}
    return settings


def _require_a_persons_wish(environment: Mapping[str, str], mode: str) -> None:
    if environment.get("CI"):
        raise NotHere("CI is set: a paper check is for a person's own machine")
    if environment.get(mode, "paper") != "paper":
        raise NotHere(f"{mode} is {environment[mode]}: this check is for paper only")


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
