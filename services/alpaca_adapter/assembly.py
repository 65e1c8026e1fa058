"""Builds a gateway from settings: the same one for the process and for a virtual-time run.

What differs between the two comes in as arguments: the clock, how blocking calls are run, what is
mounted under the HTTP sessions, how the stream is opened, and the randomness.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from random import Random

from services.alpaca_adapter.account_mode import Admission
from services.alpaca_adapter.activity_poll import ActivityPoll, PollTerms
from services.alpaca_adapter.activity_reads import ActivityReads
from services.alpaca_adapter.cancels import Cancels
from services.alpaca_adapter.feeds import Feeds
from services.alpaca_adapter.gateway import AlpacaGateway, MakeUpdates, Parts
from services.alpaca_adapter.instructions import Instructions
from services.alpaca_adapter.listings import Listings
from services.alpaca_adapter.market_data import MarketData
from services.alpaca_adapter.market_listings import MarketListings
from services.alpaca_adapter.mutations import Mutations
from services.alpaca_adapter.order_entry import OrderEntry
from services.alpaca_adapter.previews import Previews
from services.alpaca_adapter.quote_feed import FeedTerms, QuoteFeed
from services.alpaca_adapter.quote_socket import OpenQuoteSocket, quote_opener
from services.alpaca_adapter.quote_streams import QuoteStreams
from services.alpaca_adapter.reads import Reader, ReadPolicy
from services.alpaca_adapter.recovery import Recovery
from services.alpaca_adapter.replacing import Replacing
from services.alpaca_adapter.rest import Access, AlpacaRest, Api, Mount
from services.alpaca_adapter.settings import AlpacaSettings, stream_url
from services.alpaca_adapter.shown_orders import ShownOrders
from services.alpaca_adapter.stream import OpenStream, StreamTerms, opener
from services.alpaca_adapter.told import Told
from services.alpaca_adapter.trade_updates import SyncTerms, TradeUpdates
from services.alpaca_adapter.translate import Translator
from services.alpaca_adapter.translate_activity import ActivityTranslator
from services.alpaca_adapter.unproven import Unproven
from services.alpaca_adapter.venue_reads import VenueReads
from services.alpaca_adapter.venue_watch import VenueWatch
from services.common.adapter.pacer import Pacer
from services.common.adapter.port import EventSink
from services.common.runtime.blocking import RunBlocking
from services.common.runtime.clock import Clock


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What a gateway stands on.

    `pacer` is for trading and shared with the order desk. `random` is for back-off only, while
    `new_session_id` must give an id that no process of this account gave before. `mount`,
    `open_stream` and `open_quotes` are None for real sockets.
    """

    clock: Clock
    run_blocking: RunBlocking
    sink: EventSink
    pacer: Pacer
    data_pacer: Pacer
    random: Random
    new_session_id: Callable[[], str]
    mount: Mount | None = None
    open_stream: OpenStream | None = None
    open_quotes: OpenQuoteSocket | None = None


@dataclass(frozen=True, slots=True)
class _Core:
    """What most parts need."""

    access: Access
    watch: VenueWatch
    rest: AlpacaRest
    reader: Reader
    listings: Listings
    translator: Translator


def build_gateway(settings: AlpacaSettings, around: Surroundings) -> AlpacaGateway:
    """Wire a gateway; nothing is connected before its `run`. Needs a running event loop.

    Raises SettingsError for credentials that are missing, or hosts and keys that do not fit.
    """
    access = settings.access()
    identity = settings.identity(access)
    core = _core(settings, around, access)
    admission = Admission(identity, core.reader)
    return AlpacaGateway(
        _parts(settings, around, core, admission),
        _updates_maker(settings, around, core),
        around.sink,
        around.clock,
        venue=settings.venue,
        account_id=settings.account_id,
        mode=settings.account_mode,
        probe_s=settings.rest.probe_timeout_s,
    )


def _core(settings: AlpacaSettings, around: Surroundings, access: Access) -> _Core:
    pacers = {
        Api.TRADING: around.pacer,
        Api.STOCKS: around.data_pacer,
        Api.OPTIONS: around.data_pacer,
    }
    watch = VenueWatch(around.clock, pacers)
    rest = AlpacaRest(
        access,
        settings.rest_limits(),
        clock=around.clock,
        run_blocking=around.run_blocking,
        mount=around.mount,
        observe=watch,
    )
    policy = ReadPolicy(
        tries=settings.rest.read_tries,
        deadline_s=settings.rest.read_deadline_s,
        list_deadline_s=settings.rest.list_deadline_s,
    )
    reader = Reader(rest, pacers, clock=around.clock, random=around.random, policy=policy)
    translator = Translator(settings.venue, settings.account_id, around.clock.now)
    return _Core(access, watch, rest, reader, Listings(reader), translator)


def _parts(
    settings: AlpacaSettings, around: Surroundings, core: _Core, admission: Admission
) -> Parts:
    venue, account_id = settings.venue, settings.account_id
    unproven = Unproven(
        around.clock.monotonic,
        request_s=settings.rest.total_timeout_s + settings.rest.slot_wait_s,
        settling_s=settings.settling_s,
    )
    reads = VenueReads(
        core.reader,
        core.listings,
        core.translator,
        core.watch,
        venue=venue,
        account_id=account_id,
        mode=settings.account_mode,
        now=around.clock.now,
    )
    feeds = _feeds(settings, around)
    market_data = MarketData(core.reader, core.watch, venue, feeds)
    activities = ActivityReads(core.reader, ActivityTranslator(venue, account_id, around.clock.now))
    return Parts(
        rest=core.rest,
        reader=core.reader,
        watch=core.watch,
        admission=admission,
        reads=reads,
        mutations=_mutations(settings, around, core, admission, unproven),
        previews=Previews(venue, reads, market_data),
        unproven=unproven,
        market_data=market_data,
        market_listings=MarketListings(core.reader, core.watch),
        activities=activities,
        activity_poll=ActivityPoll(
            activities,
            around.sink,
            around.clock,
            PollTerms(settings.activities.interval_s, settings.activities.lookback_s),
            venue_now=core.watch.now,
            may_read=lambda: admission.is_admitted,
        ),
        quote_streams=_quote_streams(settings, around, core, feeds, market_data),
    )


def _mutations(
    settings: AlpacaSettings,
    around: Surroundings,
    core: _Core,
    admission: Admission,
    unproven: Unproven,
) -> Mutations:
    orders = ShownOrders(core.listings, core.translator)
    entry = OrderEntry(
        core.rest,
        orders,
        core.translator,
        unproven,
        venue=settings.venue,
        account_id=settings.account_id,
        now=around.clock.now,
        was_admitted=lambda: admission.is_admitted,
    )
    replacing = Replacing(core.rest, orders, unproven, was_admitted=lambda: admission.is_admitted)
    return Mutations(
        admission=admission,
        entry=entry,
        replacing=replacing,
        cancels=Cancels(core.rest, orders, unproven, around.pacer),
        instructions=Instructions(core.rest, core.reader),
    )


def _feeds(settings: AlpacaSettings, around: Surroundings) -> Feeds:
    return Feeds(
        around.clock.monotonic,
        stock_feed=settings.stock_feed,
        option_feed=settings.option_feed,
        refused_s=settings.feed_refused_s,
    )


def _quote_streams(
    settings: AlpacaSettings,
    around: Surroundings,
    core: _Core,
    feeds: Feeds,
    market_data: MarketData,
) -> QuoteStreams:
    quotes, host = settings.quotes, settings.quote_stream_url(core.access)
    open_socket = around.open_quotes or quote_opener(
        core.access.key, core.access.secret, _stream_terms(settings, host), around.random
    )
    limits = {
        Api.STOCKS: ("v2", quotes.stock_symbols_max),
        Api.OPTIONS: ("v1beta1", quotes.option_symbols_max),
    }
    streamed = {
        api: QuoteFeed(
            api,
            open_socket,
            feeds,
            around.clock,
            FeedTerms(
                url=f"{host}/{version}/",
                symbols_max=symbols_max,
                idle_s=quotes.idle_s,
                lost_s=quotes.lost_s,
                answer_s=quotes.answer_s,
                silence_s=quotes.silence_s,
            ),
            venue=settings.venue,
            venue_now=core.watch.now,
            read_latest=market_data.quotes,
        )
        for api, (version, symbols_max) in limits.items()
    }
    return QuoteStreams(streamed, market_data, core.watch)


def _updates_maker(settings: AlpacaSettings, around: Surroundings, core: _Core) -> MakeUpdates:
    sync = settings.sync
    terms = SyncTerms(silence_s=sync.silence_s, late_event_s=sync.late_event_s)
    open_stream = around.open_stream or opener(
        core.access.key,
        core.access.secret,
        _stream_terms(settings, stream_url(core.access.trading_url)),
        around.random,
    )

    def make(
        sink: EventSink, admit: Callable[[], Awaitable[None]], on_change: Callable[[], None]
    ) -> TradeUpdates:
        told = Told()
        recovery = Recovery(
            core.listings,
            core.translator,
            told,
            core.watch,
            around.clock,
            overlap_s=sync.overlap_s,
            lookback_s=sync.lookback_s,
        )
        return TradeUpdates(
            open_stream,
            recovery,
            core.translator,
            told,
            sink,
            around.clock,
            terms,
            admit=admit,
            new_session_id=around.new_session_id,
            on_change=on_change,
        )

    return make


def _stream_terms(settings: AlpacaSettings, url: str) -> StreamTerms:
    sync = settings.sync
    return StreamTerms(
        url=url,
        open_s=sync.open_timeout_s,
        ping_interval_s=sync.ping_interval_s,
        ping_timeout_s=sync.ping_timeout_s,
        backoff_min_s=sync.backoff_min_s,
        backoff_max_s=sync.backoff_max_s,
    )
