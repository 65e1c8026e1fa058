"""The settings of the adapter: table `[alpaca]`, variables `TANDEM_ALPACA_…`."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar, Literal
from urllib.parse import urlsplit

from pydantic import SecretStr

from services.alpaca_adapter.account_mode import (
    DATA_STREAM_URL,
    DATA_URL,
    Identity,
    WrongMode,
    check_settings,
    is_loopback,
    trading_url,
)
from services.alpaca_adapter.rest import Access, RestLimits
from services.common.adapter.settings import AdapterSettings, PacingSettings
from services.common.runtime.config import SettingsTable, setting
from services.common.runtime.errors import SettingsError

_SECRET_LEN_MAX = 512


class RestSettings(SettingsTable):
    """Requests to Alpaca."""

    connect_timeout_s: float = setting(
        default=3.0, gt=0, description="Longest wait for a connection, in seconds."
    )
    read_timeout_s: float = setting(
        default=10.0, gt=0, description="Longest wait for the next part of an answer, in seconds."
    )
    total_timeout_s: float = setting(
        default=15.0, gt=0, description="Longest time for one request in all, in seconds."
    )
    slots: int = setting(
        default=8, gt=0, le=64, description="Requests under way at once; one more is not queued."
    )
    slot_wait_s: float = setting(
        default=0.25, ge=0, description="Longest wait for a free slot, in seconds."
    )
    read_tries: int = setting(
        default=4, ge=1, description="How often a read is tried; what changes anything never is."
    )
    read_deadline_s: float = setting(
        default=10.0, gt=0, description="Longest time for one read with its tries, in seconds."
    )
    list_deadline_s: float = setting(
        default=30.0, gt=0, description="Longest time for all pages of a list, in seconds."
    )
    probe_timeout_s: float = setting(
        default=5.0, gt=0, description="Longest time for the probe of GetStatus, in seconds."
    )
    probe_interval_s: float = setting(
        default=30.0, gt=0, description="Time between probes that nobody asked for, in seconds."
    )


class SyncSettings(SettingsTable):
    """Alpaca's event stream, and how gaps in it are found and mended."""

    open_timeout_s: float = setting(
        default=10.0, gt=0, description="Longest wait for the stream to open, in seconds."
    )
    ping_interval_s: float = setting(
        default=10.0, gt=0, description="Time between pings, in seconds."
    )
    ping_timeout_s: float = setting(
        default=20.0, gt=0, description="Without a pong for so long the stream is lost, in seconds."
    )
    backoff_min_s: float = setting(
        default=1.0, gt=0, description="First wait before the stream is opened again, in seconds."
    )
    backoff_max_s: float = setting(
        default=30.0,
        gt=0,
        description="Longest wait before the stream is opened again, in seconds.",
    )
    silence_s: float = setting(
        default=60.0,
        gt=0,
        description="After so long without an event Alpaca is asked whether there was none.",
    )
    late_event_s: float = setting(
        default=2.0,
        ge=0,
        description="An event that Alpaca shows and the stream has not told by then was lost.",
    )
    overlap_s: float = setting(
        default=120.0, ge=0, description="How far before the last read a recovery begins again."
    )
    lookback_s: float = setting(
        default=86_400.0,
        ge=0,
        description="How far the first recovery goes back for fills and ended orders, in seconds.",
    )


class ActivitySettings(SettingsTable):
    """Activities (assignments, fees, dividends ...), which no stream tells."""

    interval_s: float = setting(
        default=60.0, gt=0, description="Time between readings of the activities, in seconds."
    )
    lookback_s: float = setting(
        default=604_800.0,
        gt=0,
        description="How far back each reading goes: Alpaca dates them back. In seconds.",
    )


class QuoteSettings(SettingsTable):
    """Streams of quotes: one connection each for shares and for options."""

    stock_symbols_max: int = setting(
        default=30, gt=0, description="Shares that the account's plan lets stream at once."
    )
    option_symbols_max: int = setting(
        default=200, gt=0, description="Options that the account's plan lets stream at once."
    )
    idle_s: float = setting(
        default=30.0, ge=0, description="How long a connection is kept that nobody needs."
    )
    lost_s: float = setting(
        default=60.0,
        gt=0,
        description="After so long without a connection streams end with an error, in seconds.",
    )
    answer_s: float = setting(
        default=10.0,
        gt=0,
        description="Longest wait for the answer to a subscription, in seconds.",
    )
    silence_s: float = setting(
        default=60.0,
        gt=0,
        description="After so long without a quote Alpaca is asked whether there was none.",
    )


class AlpacaSettings(AdapterSettings):
    """One Alpaca account. Secrets come as values or as files, not as both."""

    section: ClassVar[str] = "alpaca"

    listen: str = setting(default="127.0.0.1:50051", description="Address to serve on, host:port.")
    venue: str = setting(
        default="alpaca",
        pattern=r"^[a-z0-9_]{1,32}$",
        description="Name of this venue in the router's settings.",
    )
    settling_s: float = setting(
        default=60.0,
        gt=0,
        description="Time in sync after which the venue's silence on an order counts, in seconds.",
    )
    api_key: SecretStr | None = setting(
        default=None, env="APCA_API_KEY_ID", description="Key id: PK… for paper, AK… for live."
    )
    api_key_file: Path | None = setting(default=None, description="File that holds the key id.")
    secret_key: SecretStr | None = setting(
        default=None, env="APCA_API_SECRET_KEY", description="Secret of the key."
    )
    secret_key_file: Path | None = setting(default=None, description="File that holds the secret.")
    account_number: str = setting(
        default="",
        pattern=r"^[A-Za-z0-9]{0,32}$",
        description="The account that the key must open; required for live, checked if set.",
    )
    base_url: str = setting(
        default="",
        description="Another trading host than Alpaca's, for paper only: a simulator.",
    )
    data_url: str = setting(
        default="", description="Another market data host; with base_url that host by default."
    )
    data_stream_url: str = setting(
        default="",
        description="Another host of streamed quotes; that of data_url by default.",
    )
    stock_feed: Literal["iex", "sip", "delayed_sip"] = setting(
        default="iex", description="Feed of stock data; where sip is refused, iex is asked."
    )
    option_feed: Literal["indicative", "opra"] = setting(
        default="indicative",
        description="Feed of option data; where opra is refused, indicative is asked.",
    )
    feed_refused_s: float = setting(
        default=3600.0,
        gt=0,
        description="How long a feed that Alpaca refused is not asked again, in seconds.",
    )
    rest: RestSettings = setting(default_factory=RestSettings, description="Requests to Alpaca.")
    sync: SyncSettings = setting(default_factory=SyncSettings, description="Alpaca's stream.")
    activities: ActivitySettings = setting(
        default_factory=ActivitySettings, description="What no stream tells."
    )
    quotes: QuoteSettings = setting(default_factory=QuoteSettings, description="Streams of quotes.")
    data_pacing: PacingSettings = setting(
        default_factory=PacingSettings, description="The request limit for market data."
    )

    def access(self) -> Access:
        """Hosts and credentials. Raises SettingsError for what is missing or does not fit."""
        try:
            trading = trading_url(self.account_mode, self.base_url)
        except WrongMode as error:
            raise SettingsError(f"TANDEM_ALPACA_BASE_URL: {error}") from error
        key = _secret("api_key", self.api_key, self.api_key_file)
        secret = _secret("secret_key", self.secret_key, self.secret_key_file)
        return Access(trading, self._data_host(trading), key, secret)

    def identity(self, access: Access) -> Identity:
        """What must be true of the account. Raises SettingsError if the settings contradict."""
        identity = Identity(self.account_mode, access.trading_url, access.key, self.account_number)
        try:
            check_settings(identity)
        except WrongMode as error:
            raise SettingsError(
                f"TANDEM_ALPACA_MODE is {self.mode}: {error} (WRONG_ACCOUNT_MODE)"
            ) from error
        return identity

    def rest_limits(self) -> RestLimits:
        """Time-outs of single requests."""
        rest = self.rest
        return RestLimits(rest.connect_timeout_s, rest.read_timeout_s, rest.total_timeout_s)

    def _data_host(self, trading: str) -> str:
        if not self.data_url:
            return trading if self.base_url else DATA_URL
        parts = urlsplit(self.data_url)
        if parts.scheme != "https" and not is_loopback(parts.hostname or ""):
            raise SettingsError("TANDEM_ALPACA_DATA_URL must be https, or http on loopback")
        return self.data_url.rstrip("/")

    def quote_stream_url(self, access: Access) -> str:
        """Where quotes are streamed from, without a path. Raises SettingsError."""
        if not self.data_stream_url:
            own = access.data_url == DATA_URL
            return DATA_STREAM_URL if own else _websocket(access.data_url)
        parts = urlsplit(self.data_stream_url)
        plain = parts.scheme == "ws" and is_loopback(parts.hostname or "")
        if parts.scheme != "wss" and not plain:
            raise SettingsError("TANDEM_ALPACA_DATA_STREAM_URL must be wss, or ws on loopback")
        return self.data_stream_url.rstrip("/")


def stream_url(trading: str) -> str:
    """The trade_updates websocket of a trading host."""
    return f"{_websocket(trading)}/stream"


def _websocket(url: str) -> str:
    scheme, _, host = url.partition("://")
    return f"{'wss' if scheme == 'https' else 'ws'}://{host}"


def _secret(name: str, value: SecretStr | None, file: Path | None) -> str:
    variable = f"TANDEM_ALPACA_{name.upper()}"
    if value is not None and file is not None:
        raise SettingsError(f"{variable} and {variable}_FILE are both set; one is enough")
    if value is not None:
        text = value.get_secret_value().strip()
    elif file is not None:
        try:
            text = file.read_text("utf-8").strip()
        except (OSError, UnicodeDecodeError) as error:
            reason = error.strerror if isinstance(error, OSError) else "not UTF-8"
            raise SettingsError(f"{variable}_FILE: {file} can't be read: {reason}") from error
    else:
        raise SettingsError(f"{variable} or {variable}_FILE is missing (file key alpaca.{name})")
    if not text or len(text) > _SECRET_LEN_MAX or not text.isascii() or not text.isprintable():
        raise SettingsError(f"{variable}: the value is not valid")
    return text
