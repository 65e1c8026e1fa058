"""The router's settings: table `[router]` of the file, `TANDEM_ROUTER_…` in the environment."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, ClassVar, Self

from pydantic import Field, SecretStr, model_validator

from services.common.runtime.config import setting
from services.common.runtime.service_settings import ServiceSettings
from services.router.account_settings import AccountSettings

Seconds = Annotated[float, Field(gt=0, le=3600)]


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
    journal_dsn: SecretStr | None = setting(
        default=None,
        env="TANDEM_JOURNAL_DSN",
        description="The journal lies in PostgreSQL instead: a URI or key=value pairs, as libpq "
        "takes them. Its user needs a schema where it may make tables.",
    )
    standby: bool = setting(
        default=False,
        description="Wait while another router leads on this journal, and take over when it is "
        "gone. Otherwise a second router on a journal ends with an error.",
    )
    lease_s: Annotated[float, Field(ge=0.5, le=60)] = setting(
        default=3.0,
        description="With journal_dsn: a leader that gives no sign for so long has lost the "
        "journal to a standby, and stops.",
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
    anchor_log_s: Annotated[float, Field(ge=0)] = setting(
        default=300.0,
        description="Interval at which the journal's sequence and hash are logged, and once at the "
        "end, so that log shipping carries an anchor away. 0 logs none.",
    )
    journal_check_s: Seconds = setting(
        default=30.0,
        description="Interval at which the journal's place is looked at: its free space, and "
        "whether its files are still there.",
    )
    journal_low_mib: int = setting(
        default=1024, ge=0, description="Free space below which an alert warns. 0: never."
    )
    journal_reduce_mib: int = setting(
        default=256,
        ge=0,
        description="Free space below which trading is set to REDUCING, since exits and cancels "
        "need room, too. 0: never.",
    )
    snapshot_records: int = setting(
        default=5_000,
        ge=0,
        description="A snapshot of the books is taken every so many journal records, so that a "
        "start need not replay them all. 0 takes none.",
    )
    snapshot_path: Path | None = setting(
        default=None,
        description="File of the snapshots, a cache on this host's disk. Default: beside the "
        "journal's file; with journal_dsn: none are kept unless it is set.",
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
    def _check_journal(self) -> Self:
        if self.journal_dsn is not None and "journal_path" in self.model_fields_set:
            raise ValueError("journal_path and journal_dsn: the journal lies in one place only")
        return self

    def snapshots_at(self) -> Path | None:
        """Where snapshots are kept, None if nowhere."""
        if not self.snapshot_records:
            return None
        if self.snapshot_path is not None or self.journal_dsn is not None:
            return self.snapshot_path
        return self.journal_path.with_name(self.journal_path.name + ".snapshots")

    @model_validator(mode="after")
    def _check_unique(self) -> Self:
        ids = [account.account_id for account in self.accounts]
        if len(set(ids)) < len(ids):
            raise ValueError("accounts: an account_id is there twice")
        tags = [venue.account_tag for account in self.accounts for venue in account.venues]
        if len(set(tags)) < len(tags):
            raise ValueError("accounts: an account_tag is there twice")
        if self.silence_max_s <= self.heartbeat_s:
            raise ValueError("silence_max_s must be longer than heartbeat_s")
        return self
