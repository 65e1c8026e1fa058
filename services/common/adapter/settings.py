"""The settings that every adapter has; each adapter's own class extends `AdapterSettings`."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import model_validator

from services.common.adapter.budget import BudgetTerms
from services.common.domain.reports import AccountMode
from services.common.runtime.config import SettingsTable, setting
from services.common.runtime.service_settings import TelemetrySettings


class PacingSettings(SettingsTable):
    """One limit of the venue and how this adapter keeps within it."""

    limit: int = setting(
        default=200, gt=0, description="Requests per window that the venue allows the account."
    )
    window_s: float = setting(
        default=60.0, gt=0, description="Length of the venue's window, in seconds."
    )
    share: float = setting(
        default=0.95,
        gt=0,
        le=1,
        description="Part of the limit that this adapter may use; lower it if others use it too.",
    )
    cancel_reserve: int = setting(
        default=10, ge=0, description="Requests per window that only cancels may use."
    )
    queue_len_max: int = setting(
        default=100,
        gt=0,
        description="Requests that may wait; beyond it the least urgent one is refused.",
    )
    wait_max_s: float = setting(
        default=5.0,
        ge=0,
        description="Longest time that an order waits for a request, in seconds.",
    )

    @model_validator(mode="after")
    def _leaves_something(self) -> PacingSettings:
        self.terms()
        return self

    def terms(self) -> BudgetTerms:
        """The same for a pacer."""
        return BudgetTerms(self.limit, self.window_s, self.share, self.cancel_reserve)


class StreamSettings(SettingsTable):
    """The event stream to routers and clients."""

    capacity: int = setting(
        default=10_000, gt=0, description="Events that are kept for readers that resume."
    )
    reader_lag_max: int = setting(
        default=1_000, gt=0, description="Events that a reader may be behind before it is cut off."
    )
    heartbeat_s: float = setting(
        default=5.0,
        ge=1,
        le=60,
        description="Time between heartbeats for readers that ask for none, in seconds.",
    )

    @model_validator(mode="after")
    def _lag_fits(self) -> StreamSettings:
        if self.reader_lag_max > self.capacity:
            raise ValueError("reader_lag_max must not be above capacity")
        return self


class ListSettings(SettingsTable):
    """Lists that are read in pages."""

    kept_s: float = setting(
        default=120.0, gt=0, description="How long the rest of a list is kept, in seconds."
    )
    kept_max: int = setting(
        default=20, gt=0, description="Lists that are kept; the oldest gives way to a new one."
    )


class AdapterSettings(TelemetrySettings):
    """One venue account behind one adapter process."""

    listen: str = setting(description="Address to serve on, host:port.")
    account_id: str = setting(
        pattern=r"^[A-Za-z0-9._-]{1,64}$",
        description="The logical account that clients name.",
    )
    venue: str = setting(
        pattern=r"^[a-z0-9_]{1,32}$", description="Name of this venue in the router's settings."
    )
    account_tag: str = setting(
        pattern=r"^[a-z0-9]{1,8}$",
        description="Tag of this venue account in placement ids; never reuse one.",
    )
    mode: Literal["paper", "live"] = setting(
        default="paper",
        description="Whether real money is at stake; the venue account must be of this kind.",
    )
    stand_alone: bool = setting(
        default=False,
        description="Take orders without a router: no fence is required, ids are the client's own.",
    )
    fence_store_path: Path = setting(
        description="File of claims and tombstones, on a volume that outlives the process."
    )
    fence_write_timeout_s: float = setting(
        default=5.0, gt=0, description="Longest wait for the fence store's disk, in seconds."
    )
    settling_s: float = setting(
        gt=0,
        description="Time in sync after which the venue's silence on an order counts, in seconds.",
    )
    default_deadline_s: float = setting(
        default=30.0, gt=0, description="Deadline of calls that come without one, in seconds."
    )
    close_wait_s: float = setting(
        default=10.0,
        ge=0,
        description="How long orders in flight are waited for at the end, in seconds.",
    )
    pacing: PacingSettings = setting(
        default_factory=PacingSettings, description="The venue's request limit for trading."
    )
    stream: StreamSettings = setting(
        default_factory=StreamSettings, description="The event stream."
    )
    lists: ListSettings = setting(default_factory=ListSettings, description="Paged lists.")
    log_level: Literal["debug", "info", "warning", "error"] = setting(
        default="info", description="The least level that is logged."
    )
    log_json: bool = setting(
        default=True, description="Log one JSON object a line; false: lines for a person's eyes."
    )
    drain_s: float = setting(
        default=0.5,
        ge=0,
        description="How long health says NOT_SERVING before anything is closed on shutdown.",
    )

    @property
    def account_mode(self) -> AccountMode:
        """`mode` as the domain's value."""
        return AccountMode[self.mode.upper()]
