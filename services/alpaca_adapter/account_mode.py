"""Paper is paper: host, key and account must all fit the mode, checked before every session.

Alpaca has no documented field that tells a paper account from a live one, so three things that are
told have to agree: the host, the prefix of the key, and the account's number.
"""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass, field
from enum import Enum
from typing import Any, Final
from urllib.parse import urlsplit

import structlog

from services.alpaca_adapter import wire_fields
from services.alpaca_adapter.reads import Reader
from services.common.domain.errors import ReadFailed, Reason, Refused, Unavailable
from services.common.domain.reports import AccountMode

_log = structlog.stdlib.get_logger(__name__)

PAPER_URL: Final = "https://paper-api.alpaca.markets"
LIVE_URL: Final = "https://api.alpaca.markets"
DATA_URL: Final = "https://data.alpaca.markets"
DATA_STREAM_URL: Final = "wss://stream.data.alpaca.markets"
_KEY_PREFIX: Final = {AccountMode.PAPER: "PK", AccountMode.LIVE: "AK"}
_LIVE_HOST: Final = "api.alpaca.markets"


class WrongMode(ValueError):
    """Something does not fit the mode; the message says what."""


@dataclass(frozen=True, slots=True)
class Identity:
    """What the settings say of the account: mode, trading host, key id, number ("" if not set)."""

    mode: AccountMode
    trading_url: str
    key: str = field(repr=False)
    account_number: str


def trading_url(mode: AccountMode, base_url: str) -> str:
    """Where to trade: Alpaca's own host of the mode, or what overrides it, for paper only.

    Raises WrongMode for an override that is neither https nor on loopback, or Alpaca's live host.
    """
    if not base_url:
        return LIVE_URL if mode is AccountMode.LIVE else PAPER_URL
    if mode is AccountMode.LIVE:
        raise WrongMode("base_url is for paper only: live orders go to Alpaca's own host")
    parts = urlsplit(base_url)
    host = (parts.hostname or "").rstrip(".").lower()
    if not host or parts.path.strip("/") or parts.query or parts.username:
        raise WrongMode("base_url must be a scheme and a host, such as http://127.0.0.1:8081")
    if host == _LIVE_HOST:
        raise WrongMode(f"base_url is Alpaca's live host {host}, and the mode is paper")
    if parts.scheme != "https" and not (parts.scheme == "http" and is_loopback(host)):
        raise WrongMode("base_url must be https, or http on loopback: keys would travel in clear")
    return f"{parts.scheme}://{parts.netloc}"


def is_loopback(host: str) -> bool:
    """Whether a host is this machine for sure: an address of loopback, or localhost."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def check_settings(identity: Identity) -> None:
    """Raise WrongMode unless host, key and number, as set, fit the mode."""
    mode = identity.mode
    prefix = _KEY_PREFIX[mode]
    if not identity.key.startswith(prefix):
        raise WrongMode(f"the key does not begin with {prefix}, as {mode.value.lower()} keys do")
    if mode is AccountMode.LIVE and not identity.account_number:
        raise WrongMode("account_number is required for live trading")
    if mode is AccountMode.LIVE and identity.trading_url != LIVE_URL:
        raise WrongMode(f"live orders go to {LIVE_URL}, not to {identity.trading_url}")
    if mode is AccountMode.PAPER and urlsplit(identity.trading_url).hostname == _LIVE_HOST:
        raise WrongMode("the host is Alpaca's live one, and the mode is paper")


def check_account(identity: Identity, account: Any) -> str:
    """The number of the account that answered. Raises WrongMode if it is not the one set."""
    try:
        number = wire_fields.required_text(
            wire_fields.record(account, "the account"), "account_number"
        )
    except wire_fields.Unreadable as error:
        raise WrongMode(f"the account does not say which one it is: {error}") from error
    wanted = identity.account_number
    if wanted and number != wanted:
        raise WrongMode(f"the key opens account {number}, and account_number is {wanted}")
    return number


class _Verdict(Enum):
    UNKNOWN = "unknown"
    ADMITTED = "admitted"
    WRONG = "wrong"


class Admission:
    """Whether orders may go to the account. Begins closed; opened by `check`, shut by it for good.

    `account_number` is that of the account as it answered last, "" before.
    """

    def __init__(self, identity: Identity, reader: Reader) -> None:
        self._identity = identity
        self._reader = reader
        self._verdict = _Verdict.UNKNOWN
        self._why = ""
        self.account_number = ""

    @property
    def is_admitted(self) -> bool:
        """Whether the account was found to be the right one."""
        return self._verdict is _Verdict.ADMITTED

    @property
    def is_wrong(self) -> bool:
        """Whether it was found to be a wrong one."""
        return self._verdict is _Verdict.WRONG

    @property
    def why_not(self) -> str:
        """Why it is wrong, "" if it isn't known to be."""
        return self._why

    async def check(self) -> Any:
        """Ask the venue who we are there; give the account as it answered.

        Raises Refused WRONG_ACCOUNT_MODE and Unavailable CREDENTIALS_REFUSED, which no reconnect
        mends, and ReadFailed for anything that may pass.
        """
        account: Any = None
        try:
            check_settings(self._identity)
            account = await self._reader.read("/account")
            self.account_number = check_account(self._identity, account)
        except WrongMode as error:
            self._verdict, self._why = _Verdict.WRONG, str(error)
            _log.error("wrong_account_mode", reason=self._why)
        except ReadFailed as error:
            if error.reason is not Reason.CREDENTIALS_REFUSED:
                raise
            raise Unavailable(Reason.CREDENTIALS_REFUSED, error.message) from error
        else:
            self._verdict = _Verdict.ADMITTED if not self.is_wrong else self._verdict
        if self.is_wrong:
            raise self._refusal()
        return account

    def require(self) -> None:
        """Raise, with effect NONE, unless orders may go out."""
        if self.is_wrong:
            raise self._refusal()
        if not self.is_admitted:
            raise Unavailable(
                Reason.VENUE_NOT_READY, "which account this is has not been checked yet"
            )

    def _refusal(self) -> Refused:
        return Refused(Reason.WRONG_ACCOUNT_MODE, f"nothing is sent: {self._why}")
