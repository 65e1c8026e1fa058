"""The settings of the adapter: table `[ib]`, variables `TANDEM_IB_…`."""

from __future__ import annotations

from datetime import time
from pathlib import Path
from typing import Any, ClassVar, Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import model_validator

from services.common.adapter.settings import AdapterSettings, PacingSettings
from services.common.runtime.config import SettingsTable, setting
from services.common.runtime.errors import SettingsError
from services.ib_adapter.account_mode import Identity, WrongAccount, check_settings
from services.ib_adapter.session_restart import RestartTerms


def _seconds(default: float, description: str) -> Any:
    """A time in seconds, which must be above 0."""
    return setting(default=default, gt=0, description=description)


class IbPacingSettings(PacingSettings):
    """IB counts every message of a client, whatever it asks for."""

    limit: int = setting(default=50, gt=0, description="Messages per window that IB allows.")
    window_s: float = _seconds(
        1.1,
        "Length of the window, in seconds: a little more than IB's second, since "
        "messages don't arrive as far apart as they leave.",
    )
    share: float = setting(
        default=0.9,
        gt=0,
        le=1,
        description="Part of the limit that this adapter may use; lower it if others use it too.",
    )
    cancel_reserve: int = setting(
        default=5, ge=0, description="Messages per window that only cancels may use."
    )


class ConnectionSettings(SettingsTable):
    """The connection with the Gateway."""

    connect_timeout_s: float = _seconds(
        10.0, "Longest wait for a connection with an account, in seconds."
    )
    answer_timeout_s: float = _seconds(10.0, "Longest wait for a whole answer, in seconds.")
    heartbeat_s: float = _seconds(
        5.0, "Time between round trips while nothing is asked, in seconds."
    )
    round_trip_s: float = _seconds(
        5.0, "Longest round trip; a connection that takes longer is dropped."
    )
    backoff_min_s: float = _seconds(1.0, "First wait before connecting again, in seconds.")
    backoff_max_s: float = _seconds(30.0, "Longest wait before connecting again, in seconds.")
    id_in_use_s: float = setting(
        default=90.0,
        ge=0,
        description="How long our last connection may still hold the client id (326), in seconds; "
        "then another program has it, and a person must act.",
    )
    restart_at: str = setting(
        default="",
        pattern=r"^(([01][0-9]|2[0-3]):[0-5][0-9])?$",
        description="Time of day at which the Gateway restarts (AUTO_RESTART_TIME), hh:mm; while "
        "it does nobody is alarmed. Empty if it is not known.",
    )
    restart_zone: str = setting(
        default="America/New_York", description="Time zone of `restart_at` (IANA)."
    )
    restart_window_s: float = _seconds(900.0, "How long the restart may take, in seconds.")
    restart_backoff_s: float = _seconds(
        5.0, "Longest wait before connecting again then, in seconds."
    )
    probe_interval_s: float = _seconds(
        30.0, "Time between probes that nobody asked for, in seconds."
    )


class OrderSettings(SettingsTable):
    """Orders, and what is told of them."""

    ack_timeout_s: float = _seconds(
        5.0, "Longest wait for IB's word on an order; then it is in doubt."
    )
    commission_wait_s: float = setting(
        default=0.2,
        ge=0,
        description="How long an execution is held back for its commission, in seconds; one that "
        "comes later is told by itself.",
    )
    execution_wait_s: float = _seconds(
        5.0, "How long a filled quantity may be without its executions, in seconds."
    )
    positions_s: float = _seconds(
        60.0, "Time between looks at positions for options that ended, in seconds."
    )
    silence_s: float = _seconds(
        60.0, "Time between reads of all orders and executions while in sync, in seconds."
    )


class DataSettings(SettingsTable):
    """Market data and contracts."""

    kind: Literal["realtime", "frozen", "delayed", "delayed_frozen"] = setting(
        default="delayed",
        description="What to show where the account has no live data; live data goes before.",
    )
    quote_wait_s: float = _seconds(
        12.0, "Longest wait for one quote, in seconds; IB itself ends a snapshot after 11."
    )
    snapshots_max: int = setting(
        default=20,
        gt=0,
        description="Quotes that are read at once; each takes a market data line while it is.",
    )
    messages_per_s: float = _seconds(
        25.0, "Messages a second, of `pacing.limit`, that may be about market data."
    )
    lines_max: int = setting(
        default=100,
        gt=0,
        description="Market data lines of the account; what `snapshots_max` leaves of them is for "
        "streams, one for each instrument.",
    )
    lost_s: float = _seconds(
        60.0, "How long a stream of quotes may be interrupted before it is ended, in seconds."
    )
    list_timeout_s: float = _seconds(
        60.0,
        "Longest wait for what takes several requests: quotes of many instruments, "
        "a chain, bars of a long time, in seconds.",
    )
    history_timeout_s: float = _seconds(30.0, "Longest wait for one answer of history, in seconds.")
    history_wait_s: float = setting(
        default=20.0,
        ge=0,
        description="Longest wait until IB's pacing of history allows a request, in seconds.",
    )
    contracts_max: int = setting(
        default=2_000, gt=0, description="Contracts that are remembered once IB has named them."
    )
    chain_contracts_max: int = setting(
        default=20_000, gt=0, description="Listed options that are remembered for a day."
    )
    clock_symbol: str = setting(
        default="SPY",
        pattern=r"^[A-Z]{1,6}$",
        description="Share whose trading hours are the market's.",
    )

    @model_validator(mode="after")
    def _leaves_lines(self) -> DataSettings:
        if self.lines_max <= self.snapshots_max:
            raise ValueError("lines_max must be above snapshots_max: streams need lines as well")
        return self


class IbSettings(AdapterSettings):
    """One account behind one Gateway, under one client id."""

    section: ClassVar[str] = "ib"

    listen: str = setting(default="127.0.0.1:50052", description="Address to serve on, host:port.")
    venue: str = setting(
        default="ib",
        pattern=r"^[a-z0-9_]{1,32}$",
        description="Name of this venue in the router's settings.",
    )
    settling_s: float = _seconds(
        30.0, "Time in sync after which the venue's silence on an order counts, in seconds."
    )
    host: str = setting(
        default="127.0.0.1", min_length=1, description="Host of the Gateway's API socket."
    )
    port: int = setting(
        default=4002,
        gt=0,
        le=65535,
        description="Its port: 4002 for paper, 4001 for live (TWS: 7497 and 7496).",
    )
    client_id: int = setting(
        default=17,
        ge=1,
        le=999_999,
        description="Client id at the Gateway, of this adapter alone; never change it: orders can "
        "be canceled by the client that placed them only.",
    )
    account_number: str = setting(
        default="",
        pattern=r"^[A-Z0-9]{0,16}$",
        description="The account to trade; required for live, or if the Gateway has several.",
    )
    send_log_path: Path = setting(
        description="File of what was sent, on a volume that outlives the process."
    )
    pacing: IbPacingSettings = setting(
        default_factory=IbPacingSettings, description="IB's limit of messages."
    )
    connection: ConnectionSettings = setting(
        default_factory=ConnectionSettings, description="The connection with the Gateway."
    )
    orders: OrderSettings = setting(default_factory=OrderSettings, description="Orders.")
    data: DataSettings = setting(default_factory=DataSettings, description="Market data.")

    def restart_terms(self) -> RestartTerms:
        """When the Gateway restarts. Raises SettingsError for a zone that does not exist."""
        connection = self.connection
        try:
            zone = ZoneInfo(connection.restart_zone)
        except (ZoneInfoNotFoundError, ValueError) as error:
            text = f"TANDEM_IB_CONNECTION__RESTART_ZONE: no time zone {connection.restart_zone!r}"
            raise SettingsError(text) from error
        at = time.fromisoformat(connection.restart_at) if connection.restart_at else None
        return RestartTerms(at, zone, connection.restart_window_s, connection.restart_backoff_s)

    def identity(self) -> Identity:
        """What must be true of the account. Raises SettingsError if the settings contradict."""
        identity = Identity(self.account_mode, self.account_number)
        try:
            check_settings(identity)
        except WrongAccount as error:
            raise SettingsError(
                f"TANDEM_IB_MODE is {self.mode}: {error} (WRONG_ACCOUNT_MODE)"
            ) from error
        return identity
