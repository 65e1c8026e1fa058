"""The check: the round trip and the cards marked `paper`, on an account that is not controlled."""

from __future__ import annotations

import asyncio
import shutil
import tempfile
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC
from pathlib import Path
from typing import Final

from services.common.contract.pb import broker_service_pb2 as pb
from stack.children import Program
from tests.conformance.bench import CALL_S, Bench
from tests.conformance.card import Card, Mark
from tests.conformance.catalog import all_cards
from tests.conformance.matrix.claims import Matrix
from tests.conformance.paper_check.accounts import ACCOUNT_ID, PaperVenue
from tests.conformance.paper_check.guard import NotHere
from tests.conformance.paper_check.recording import Seen, seen
from tests.conformance.paper_check.round_trip import ROUND_TRIP
from tests.conformance.report import Outcome, Result
from tests.conformance.runner import act_on, skip_reason
from tests.conformance.scene import Scene
from tests.conformance.server import Role, Server, Stand
from tests.integration.system.parts import Part, scrubbed
from tests.ports import free_port

_REQUESTS_OF_A_CARD: Final = 60
_WINDOW_S: Final = 61.0


@dataclass(frozen=True, slots=True)
class Checked:
    """What a run over one venue came to."""

    results: list[Result]
    recorded: dict[str, Seen]


def paper_cards() -> list[Card]:
    """The round trip, and every card that is marked `paper`."""
    return [ROUND_TRIP, *(card for card in all_cards() if card.is_marked(Mark.PAPER))]


async def check(
    stand: Stand,
    matrix: Matrix,
    cards: Sequence[Card],
    run: str,
    show: Callable[[Result], None],
) -> Checked:
    """Act the cards on an account that can't be controlled; leave it as it was."""
    results: list[Result] = []
    recorded: dict[str, Seen] = {}
    for card in cards:
        if reason := skip_reason(card, stand, matrix):
            result = Result(card, Outcome.SKIPPED, 0.0, reason)
            results.append(result)
            continue
        await _budget(stand)
        kept: list[Bench] = []
        result = await act_on(card, stand, Scene(), run, kept.append)
        results.append(result)
        show(result)
        if kept:
            recorded[card.card_id] = seen(result, kept[0].hearing.heard, kept[0].remarks)
    return Checked(results, recorded)


async def _budget(stand: Stand) -> None:
    """Wait for the venue's next window of requests if little is left of this one, by its word."""
    bench = Bench(stand, Scene(), "budget", ROUND_TRIP)
    try:
        request = pb.GetStatusRequest(account_id=stand.server.account_id)
        (told,) = (await bench.broker.GetStatus(request, timeout=CALL_S)).venues
        if told.HasField("requests_remaining") and told.requests_remaining < _REQUESTS_OF_A_CARD:
            await asyncio.sleep(_WINDOW_S)
    finally:
        await bench.close()


@asynccontextmanager
async def paper_stand(venue: PaperVenue, settings: Mapping[str, str]) -> AsyncIterator[Stand]:
    """An adapter of the paper account, standing alone, on loopback."""
    folder = Path(tempfile.mkdtemp(prefix="tandem-paper-"))
    address = f"127.0.0.1:{free_port()}"
    environment = {**scrubbed(), **settings, **venue.own(address, folder)}
    program = Program("paper adapter", venue.module, (), environment)
    part = Part(program, folder / "logs", lambda line: line.get("event") == "ready")
    try:
        await part.start()
        yield Stand(Server(address, ACCOUNT_ID, Role.ADAPTER, fenced=False), venue.name)
    finally:
        await part.end()
        shutil.rmtree(folder, ignore_errors=True)


async def require_open(stand: Stand) -> None:
    """Raise NotHere unless the account is a paper account and its market is open."""
    bench = Bench(stand, Scene(), "open", ROUND_TRIP)
    try:
        venue = await bench.ready()
        if venue.mode != 1:
            raise NotHere(f"account {venue.venue_account_id} is not a paper account")
        request = pb.GetMarketClockRequest(account_id=ACCOUNT_ID)
        clock = await bench.broker.GetMarketClock(request, timeout=CALL_S)
        if not clock.is_open:
            opens = clock.next_open.ToDatetime(UTC)
            raise NotHere(f"the market is closed; it opens at {opens:%Y-%m-%d %H:%M} UTC")
    finally:
        await bench.close()
