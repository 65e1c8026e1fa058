"""The router's settings: table `[router]` of the file, `TANDEM_ROUTER_…` in the environment."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, ClassVar, Self

from pydantic import Field, StringConstraints, model_validator

from services.common.domain.order_rules import VENUE_NAME
from services.common.domain.order_spec import ACCOUNT_ID, ACCOUNT_TAG
from services.common.runtime.config import SettingsTable, setting
from services.common.runtime.service_settings import ServiceSettings

AccountId = Annotated[str, StringConstraints(pattern=f"^{ACCOUNT_ID.pattern}$")]
AccountTag = Annotated[str, StringConstraints(pattern=f"^{ACCOUNT_TAG.pattern}$")]
VenueName = Annotated[str, StringConstraints(pattern=f"^{VENUE_NAME.pattern}$", min_length=1)]
Seconds = Annotated[float, Field(gt=0, le=3600)]


class VenueSettings(SettingsTable):
    """One venue account behind an account."""

    name: VenueName = setting(description="Name of the venue, such as alpaca.")
    address: str = setting(description="host:port of its adapter.")
    account_tag: AccountTag = setting(
        description="Marks this venue account in placement ids: 1 to 8 of a-z and 0-9, "
        "unique among all venue accounts, never changed while orders are open."
    )


class AccountSettings(SettingsTable):
    """One logical account."""

    account_id: AccountId = setting(description="The id that clients use.")
    venues: list[VenueSettings] = setting(
        min_length=1, description="Its venue accounts, in order of preference."
    )
    allow_uncovered: bool = setting(
        default=False,
        description="Whether orders may open short options without cover "
        "(shares for a call, strike in cash for a put) at the venue they go to.",
    )


class RouterSettings(ServiceSettings):
    """All settings of the router."""

    section: ClassVar[str] = "router"

    listen: str = setting(
        default="127.0.0.1:50050",
        description="host:port of BrokerService. Port 0 picks a free one.",
    )
    operations_listen: str = setting(
        default="127.0.0.1:50060",
        description="host:port of OperationsService. Port 0 picks a free one.",
    )
    accounts: list[AccountSettings] = setting(
        min_length=1, description="The accounts served, each with its venue accounts."
    )
    journal_path: Path = setting(
        default=Path("var/router/journal.sqlite"),
        description="File of the journal. It and the files beside it are the system's memory.",
    )
    journal_generation: int = setting(
        default=1,
        ge=1,
        description="Raise it by one to take up a journal that was restored from a copy: trading "
        "then starts HALTED.",
    )
    commit_timeout_s: Seconds = setting(
        default=20.0, description="A journal commit that takes longer ends the process."
    )
    send_timeout_s: Seconds = setting(
        default=15.0, description="How long a send to an adapter may take before it is in doubt."
    )
    read_timeout_s: Seconds = setting(
        default=10.0, description="How long a read from an adapter may take."
    )
    heartbeat_s: Annotated[float, Field(ge=1, le=60)] = setting(
        default=2.0, description="Interval of heartbeats asked of adapters."
    )
    silence_max_s: Seconds = setting(
        default=6.0, description="An adapter silent for so long is taken as lost."
    )
    reconnect_max_s: Seconds = setting(
        default=5.0, description="Longest wait between attempts to reach an adapter."
    )
    review_s: Seconds = setting(
        default=15.0, description="Interval at which orders in doubt are looked up again."
    )
    replace_proof_s: Seconds = setting(
        default=20.0,
        description="A replace of an order with fills cancels it first: within this time its end "
        "must be proven, else nothing new is sent.",
    )
    events_kept: int = setting(
        default=10_000, ge=100, description="Recent events kept for WatchEvents to resume from."
    )
    watch_queue_len_max: int = setting(
        default=1_000, ge=10, description="Events a watcher may lag behind before it is cut off."
    )
    finish_s: float = setting(
        default=10.0, ge=0, le=300, description="Time for orders under way to get their answer."
    )
    shutdown_s: float = setting(
        default=45.0,
        gt=0,
        description="Limit of the whole shutdown: drain, orders under way and the last commit "
        "must fit. A pod's grace period must be longer.",
    )

    @model_validator(mode="after")
    def _check_unique(self) -> Self:
        ids = [account.account_id for account in self.accounts]
        if len(set(ids)) < len(ids):
            raise ValueError("accounts: an account_id is there twice")
        tags = [venue.account_tag for account in self.accounts for venue in account.venues]
        if len(set(tags)) < len(tags):
            raise ValueError("accounts: an account_tag is there twice")
        for account in self.accounts:
            names = [venue.name for venue in account.venues]
            if len(set(names)) < len(names):
                raise ValueError(f"accounts: {account.account_id} has a venue twice")
        if self.silence_max_s <= self.heartbeat_s:
            raise ValueError("silence_max_s must be longer than heartbeat_s")
        return self
