"""Builds a gateway from settings: the same one for the process and for a virtual-time run.

What differs between the two comes in as arguments: the clock, the send log with its disk, and the
randomness. Sockets are those of the running event loop.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from random import Random

from services.common.adapter.pacer import Pacer
from services.common.adapter.port import EventSink
from services.common.runtime.clock import Clock, VenueClock
from services.ib_adapter import figures
from services.ib_adapter.account_reads import AccountReads
from services.ib_adapter.activities import Activities, ActivityTerms
from services.ib_adapter.cancel_all import CancelAll
from services.ib_adapter.cancels import Cancels
from services.ib_adapter.contract_cache import ContractCache
from services.ib_adapter.evidence import Evidence
from services.ib_adapter.families import Families
from services.ib_adapter.family_ends import FamilyEnds
from services.ib_adapter.free_qty import FreeQty
from services.ib_adapter.gateway import IbGateway, Parts
from services.ib_adapter.instructions import Instructions
from services.ib_adapter.market_assembly import build_market
from services.ib_adapter.order_entry import OrderEntry
from services.ib_adapter.order_news import OrderNews
from services.ib_adapter.overturning import Overturning
from services.ib_adapter.parcels import Packing
from services.ib_adapter.previews import Previews
from services.ib_adapter.replacing import Replacing
from services.ib_adapter.replacing_outcomes import ReplacingOutcomes
from services.ib_adapter.requests import RequestTerms
from services.ib_adapter.revision_news import RevisionNews
from services.ib_adapter.revision_reads import RevisionReads
from services.ib_adapter.revisions import Revisions
from services.ib_adapter.second_looks import SecondLooks
from services.ib_adapter.send_log import SendLog
from services.ib_adapter.session import MARKET_DATA_TYPES, Session, SessionTerms
from services.ib_adapter.session_connect import ConnectTerms
from services.ib_adapter.session_sync import SyncTerms
from services.ib_adapter.settings import IbSettings
from services.ib_adapter.telling import Telling, TellingTerms
from services.ib_adapter.translate import Translator
from services.ib_adapter.venue_reads import VenueReads
from services.ib_adapter.waiters import Waiters


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What a gateway stands on.

    `pacer` is shared with the order desk. `random` is for back-off only, while `new_session_id`
    must give an id that no process of this account gave before. `current_epoch` is the epoch of
    the router's claim, 0 for none.
    """

    clock: Clock
    sink: EventSink
    pacer: Pacer
    send_log: SendLog
    random: Random
    new_session_id: Callable[[], str]
    current_epoch: Callable[[], int]


@dataclass(frozen=True, slots=True)
class _Core:
    """What most parts need."""

    evidence: Evidence
    translator: Translator
    telling: Telling
    waiters: Waiters
    news: OrderNews
    session: Session
    cache: ContractCache
    changes: RevisionNews
    overturning: Overturning


def build_gateway(settings: IbSettings, around: Surroundings) -> IbGateway:
    """Wire a gateway; nothing is connected before its `admit` or `run`. Needs a running loop.

    Raises SettingsError for an account that does not fit the mode.
    """
    core = _core(settings, around)
    reads = _reads(settings, around, core)
    account = _account(settings, around, core)
    market = build_market(settings.data, core.session, core.cache, around.clock, settings.venue)
    entry = _entry(settings, around, core, reads)
    revision_reads = RevisionReads(
        core.session,
        core.evidence,
        reads,
        core.changes,
        around.send_log,
        core.translator,
        around.clock,
    )
    second_looks = SecondLooks(reads, core.changes, around.clock)
    core.changes.on_contested = second_looks.soon
    return IbGateway(
        Parts(
            core.session,
            core.news,
            reads,
            revision_reads,
            core.changes,
            second_looks,
            account,
            _activities(settings, around, core),
            FreeQty(core.session, core.evidence, core.cache, core.translator, around.clock),
            entry,
            _replacing(settings, around, core, reads, revision_reads, second_looks),
            _cancels(settings, around, core, reads),
            _cancel_all(settings, around, core),
            Previews(
                core.session,
                Packing(core.cache),
                account,
                around.send_log,
                core.news.previews,
                settings.venue,
            ),
            _instructions(settings, around, core, account),
            FamilyEnds(core.session, core.evidence),
            market,
            core.translator,
            around.send_log,
        ),
        around.sink,
        around.clock,
        venue=settings.venue,
        account_id=settings.account_id,
        mode=settings.account_mode,
    )


def _reads(settings: IbSettings, around: Surroundings, core: _Core) -> VenueReads:
    return VenueReads(
        core.session,
        core.evidence,
        core.telling,
        core.translator,
        core.changes,
        core.overturning,
        around.send_log,
        around.clock,
        client_id=settings.client_id,
        settling_s=settings.settling_s,
    )


def _instructions(
    settings: IbSettings, around: Surroundings, core: _Core, account: AccountReads
) -> Instructions:
    return Instructions(
        core.session,
        account,
        core.waiters,
        core.cache,
        around.send_log,
        around.clock,
        ack_timeout_s=settings.orders.ack_timeout_s,
    )


def _account(settings: IbSettings, around: Surroundings, core: _Core) -> AccountReads:
    return AccountReads(
        core.session,
        venue=settings.venue,
        account_id=settings.account_id,
        mode=settings.account_mode,
        now=around.clock.now,
    )


def _activities(settings: IbSettings, around: Surroundings, core: _Core) -> Activities:
    made = Activities(
        core.session,
        around.send_log.activities,
        around.sink,
        around.clock,
        ActivityTerms(settings.orders.positions_s, settings.settling_s),
        venue=settings.venue,
        account_id=settings.account_id,
    )
    made.on_unexplained = lambda word: core.news.on_execution(word, is_live=False)
    core.news.activities = made
    core.session.call_while_connected(made.run)
    return made


def _core(settings: IbSettings, around: Surroundings) -> _Core:
    clock = around.clock
    venue_clock = VenueClock(clock)
    evidence = Evidence(settings.client_id, clock.monotonic)
    changes = RevisionNews(Revisions(around.send_log.revisions), clock)
    translator = Translator(
        settings.venue,
        settings.account_id,
        clock.now,
        venue_clock.now,
        Families(evidence),
        changes.revisions,
    )
    telling = Telling(
        around.sink,
        translator,
        clock.monotonic,
        TellingTerms(settings.orders.commission_wait_s, settings.orders.execution_wait_s),
    )
    waiters = Waiters()
    overturning = Overturning(evidence, changes)
    news = OrderNews(
        evidence,
        telling,
        waiters,
        translator,
        changes,
        overturning,
        client_id=settings.client_id,
    )
    session = Session(
        _session_terms(settings),
        news,
        around.send_log,
        around.sink,
        around.pacer,
        clock,
        venue_clock,
        around.random,
        new_session_id=around.new_session_id,
    )
    cache = ContractCache(
        session.requests,
        settings.data.contracts_max,
        lambda: figures.trading_date(venue_clock.now()),
    )
    return _Core(evidence, translator, telling, waiters, news, session, cache, changes, overturning)


def _entry(
    settings: IbSettings, around: Surroundings, core: _Core, reads: VenueReads
) -> OrderEntry:
    return OrderEntry(
        core.session,
        core.evidence,
        core.waiters,
        Packing(core.cache),
        reads,
        core.translator,
        around.send_log,
        around.pacer,
        around.clock,
        client_id=settings.client_id,
        ack_timeout_s=settings.orders.ack_timeout_s,
        pace_s=settings.pacing.wait_max_s,
        current_epoch=around.current_epoch,
    )


def _cancels(settings: IbSettings, around: Surroundings, core: _Core, reads: VenueReads) -> Cancels:
    return Cancels(
        core.session,
        core.evidence,
        core.waiters,
        reads,
        core.changes.revisions,
        core.translator,
        around.clock,
        client_id=settings.client_id,
        ack_timeout_s=settings.orders.ack_timeout_s,
    )


def _replacing(
    settings: IbSettings,
    around: Surroundings,
    core: _Core,
    reads: VenueReads,
    revision_reads: RevisionReads,
    second_looks: SecondLooks,
) -> Replacing:
    outcomes = ReplacingOutcomes(
        core.evidence,
        reads,
        revision_reads,
        core.changes,
        second_looks,
        core.translator,
        around.clock,
    )
    return Replacing(
        core.session,
        core.evidence,
        core.waiters,
        reads,
        revision_reads,
        outcomes,
        core.changes,
        core.telling,
        around.send_log,
        around.clock,
        client_id=settings.client_id,
        ack_timeout_s=settings.orders.ack_timeout_s,
        current_epoch=around.current_epoch,
    )


def _cancel_all(settings: IbSettings, around: Surroundings, core: _Core) -> CancelAll:
    return CancelAll(
        core.session,
        core.evidence,
        core.waiters,
        core.cache,
        core.translator,
        around.pacer,
        around.clock,
        client_id=settings.client_id,
        ack_timeout_s=settings.orders.ack_timeout_s,
        pace_s=settings.pacing.wait_max_s,
    )


def _session_terms(settings: IbSettings) -> SessionTerms:
    connection = settings.connection
    return SessionTerms(
        connect=ConnectTerms(
            host=settings.host,
            port=settings.port,
            client_id=settings.client_id,
            identity=settings.identity(),
            market_data_type=MARKET_DATA_TYPES[settings.data.kind],
            connect_s=connection.connect_timeout_s,
            id_in_use_s=connection.id_in_use_s,
            messages_per_s=max(settings.pacing.limit - 2, 1),
            requests=RequestTerms(
                answer_s=connection.answer_timeout_s,
                round_trip_s=connection.round_trip_s,
                pace_s=settings.pacing.wait_max_s,
                data_per_s=settings.data.messages_per_s,
            ),
        ),
        sync=SyncTerms(heartbeat_s=connection.heartbeat_s, silence_s=settings.orders.silence_s),
        restart=settings.restart_terms(),
        backoff_min_s=connection.backoff_min_s,
        backoff_max_s=connection.backoff_max_s,
    )
