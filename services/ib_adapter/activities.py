"""Assignments, exercises and expirations, derived from executions without an order and positions.

IB tells none of them by name, and an expiry often by nothing but a position that is gone. What is
derived is durable before it is told, and told once. It is decided only after the settling time,
with lists and positions read after it: the other half may come later.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Final

import structlog

from services.common.adapter.port import ActivityQuery, EventSink
from services.common.domain.activities import Activity
from services.common.domain.amounts import sub, total
from services.common.domain.errors import ReadFailed, Unavailable
from services.common.domain.instruments import Equity, Instrument, OptionContract
from services.common.runtime.clock import Clock
from services.ib_adapter import contracts, figures, option_ends
from services.ib_adapter.account_words import Holding
from services.ib_adapter.activity_log import ActivityLog, Seen
from services.ib_adapter.activity_records import ActivityRecords, fits, has_ended, why_gone
from services.ib_adapter.exec_ids import split_exec_id
from services.ib_adapter.figures import Unreadable
from services.ib_adapter.option_ends import Moved, is_orderless
from services.ib_adapter.session import Session
from services.ib_adapter.telling import keep
from services.ib_adapter.words import ExecutionWord

_log = structlog.stdlib.get_logger(__name__)

_MOVES_MAX: Final = 50_000
_APART_S: Final = 1.0  # between looks, however much happens
_ZERO: Final = Decimal(0)


@dataclass(frozen=True, slots=True)
class ActivityTerms:
    """Seconds: between looks at positions, and until what has no other half is decided alone."""

    interval_s: float
    settling_s: float


@dataclass(frozen=True, slots=True)
class _Waiting:
    move: Moved
    word: ExecutionWord
    heard_at: float


class Activities:
    """Hears, derives, keeps, tells and lists. Used on the event loop's thread only.

    `on_unexplained` is called with an execution that has no order and is none of these: whoever
    keeps books must see it.
    """

    def __init__(
        self,
        session: Session,
        log: ActivityLog,
        sink: EventSink,
        clock: Clock,
        terms: ActivityTerms,
        *,
        venue: str,
        account_id: str,
    ) -> None:
        self._session = session
        self._log = log
        self._sink = sink
        self._clock = clock
        self._terms = terms
        self._venue = venue
        self._account_id = account_id
        self._records = ActivityRecords(venue, account_id, clock.now)
        self._waiting: OrderedDict[str, _Waiting] = OrderedDict()
        self._trades: OrderedDict[str, Moved] = OrderedDict()
        self._noticed: dict[str, tuple[Decimal, float]] = {}
        self._given_up: OrderedDict[str, None] = OrderedDict()
        self._asked = asyncio.Event()
        self.on_unexplained: Callable[[ExecutionWord], None] = _nobody

    # -- what is heard -----------------------------------------------------------------------

    def hears(self, word: ExecutionWord) -> bool:
        """Take an execution; True if it is one without an order, to be told by this alone."""
        if not contracts.is_ours(word.contract) or word.exec_id in self._given_up:
            return False
        try:
            move = option_ends.moved(word)
        except (Unreadable, KeyError):
            return False
        if not is_orderless(word):
            stem = split_exec_id(word.exec_id)[0]
            if stem not in self._trades:
                self.soon()
            keep(self._trades, stem, move, _MOVES_MAX)
            return False
        if word.exec_id not in self._log and word.exec_id not in self._waiting:
            waiting = _Waiting(move, word, self._clock.monotonic())
            keep(self._waiting, word.exec_id, waiting, _MOVES_MAX)
            self.soon()
        return True

    def soon(self) -> None:
        """Look at positions now: something has changed."""
        self._asked.set()

    def listed(self, query: ActivityQuery) -> list[Activity]:
        """All that were told and fit, newest first."""
        told = self._log.all(self._venue, self._account_id)
        return [activity for activity in reversed(told) if fits(activity, query)]

    async def run(self) -> None:
        """Look at once, when something has changed, and at intervals; until canceled."""
        self.soon()
        while True:
            wait_s = self._terms.interval_s
            if self._waiting or self._noticed:
                wait_s = min(wait_s, max(self._terms.settling_s / 4, 0.05))
            try:
                async with asyncio.timeout(wait_s):
                    await self._asked.wait()
            except TimeoutError:
                pass  # it is due
            self._asked.clear()
            if self._session.session_id:
                await self._look()
            else:
                self.soon()
            await self._clock.sleep(min(_APART_S, self._terms.settling_s / 4))

    # -- what it comes to --------------------------------------------------------------------

    async def _look(self) -> None:
        session, session_id = self._session, self._session.session_id
        try:
            await session.requests().executions()
            began, known = self._clock.monotonic(), len(self._trades) + len(self._waiting)
            rows = await session.requests().positions(session.account)
            await session.requests().executions()
            now = session.venue_clock.now()
            if now is None or session.session_id != session_id:
                return
            if known != len(self._trades) + len(self._waiting):
                self.soon()  # what was heard meanwhile may be in these positions or not
                return
            await self._decide(self._stated(rows, now), now, began)
        except (ReadFailed, Unavailable, Unreadable) as error:
            _log.info("activities_not_derived", error=str(error))

    def _stated(self, rows: Sequence[Holding], now: datetime) -> dict[str, Seen]:
        """The positions, with those of shares that options are held on, be they none."""
        held: dict[Instrument, Decimal] = {}
        for _, contract, qty, _cost in rows:
            instrument = contracts.instrument_or_none(contract)
            if instrument is not None and qty:
                held[instrument] = figures.required_decimal(qty, "a position's quantity")
        for instrument in [i for i in held if isinstance(i, OptionContract)]:
            share = Equity(option_ends.underlying_of(instrument), instrument.currency)
            held.setdefault(share, _ZERO)
        return {
            instrument.key: Seen(instrument, qty, now, tuple(self._moves_of(instrument.key)))
            for instrument, qty in held.items()
        }

    def _moves_of(self, key: str) -> dict[str, Decimal]:
        """What changed a position, as far as was heard or told: quantities by id."""
        moves = {stem: m.qty for stem, m in self._trades.items() if m.instrument.key == key}
        waiting = (waiting.move for waiting in self._waiting.values())
        moves |= {move.exec_id: move.qty for move in waiting if move.instrument.key == key}
        return moves | self._log.moves_of(key)

    async def _decide(self, held: dict[str, Seen], now: datetime, began: float) -> None:
        derived, done = self._of_executions(began)
        changes = {
            key: change
            for key, before in self._log.seen.items()
            if (change := self._unexplained(before, held))
        }
        undecided, decided = self._ripe(changes)
        for gone in decided:
            derived += self._explained(gone, changes, now)
        if derived or decided or _moved_on(self._log.seen, held, undecided):
            await self._log.keep(derived, _merged(self._log.seen, held, undecided))
        for exec_id in done:
            del self._waiting[exec_id]
        if derived:
            _log.info("activities_told", ids=[activity.activity_id for activity in derived])
            self._sink.publish(*derived)

    def _of_executions(self, began: float) -> tuple[list[Activity], list[str]]:
        """Activities of executions without an order, and which of these are dealt with."""
        pairs, alone = option_ends.pair(waiting.move for waiting in self._waiting.values())
        derived = [one for found in pairs for one in self._records.delivered(found)]
        due = [m for m in alone if self._is_due(self._waiting[m.exec_id].heard_at, began)]
        for move in due:
            if not move.px and has_ended(move.instrument, move.at):
                derived.append(self._records.expired(move))
            else:
                self._give_up(move)
        told = [m for found in pairs for m in (found.option, found.shares)] + due
        return derived, [move.exec_id for move in told]

    def _give_up(self, move: Moved) -> None:
        """Neither an end of an option nor a trade of an order: it goes where trades go."""
        _log.error("execution_without_an_order", exec_id=move.exec_id)
        word = self._waiting[move.exec_id].word
        keep(self._given_up, move.exec_id, None, _MOVES_MAX)
        self.on_unexplained(word)

    def _unexplained(self, before: Seen, held: dict[str, Seen]) -> Decimal:
        """By how much a position differs that no trade and no activity accounts for."""
        key = before.instrument.key
        now = held[key].qty if key in held else _ZERO
        moves = self._moves_of(key).items()
        return sub(sub(now, before.qty), total(q for i, q in moves if i not in before.known))

    def _ripe(self, changes: dict[str, Decimal]) -> tuple[set[str], list[list[Seen]]]:
        """Of options that are gone without a word: on which shares it is too early to say why, and
        those of each of the others. Trades may be listed a little later."""
        seen, now = self._log.seen, self._clock.monotonic()
        gone = [seen[key] for key in changes if _is_gone(seen[key], changes)]
        known = self._noticed
        self._noticed = {
            s.instrument.key: known[s.instrument.key]
            if known.get(s.instrument.key, (None,))[0] == changes[s.instrument.key]
            else (changes[s.instrument.key], now)
            for s in gone
        }
        of_share: dict[str, list[Seen]] = {}
        for one in gone:
            of_share.setdefault(option_ends.underlying_of(one.instrument), []).append(one)
        early = {
            share
            for share, found in of_share.items()
            if any(now - self._noticed[s.instrument.key][1] < self._terms.settling_s for s in found)
        }
        return early, [found for share, found in of_share.items() if share not in early]

    def _explained(
        self, gone: list[Seen], changes: dict[str, Decimal], now: datetime
    ) -> list[Activity]:
        """What became of the options on one share."""
        exercised = why_gone(gone, changes, now)
        if exercised is None:
            keys = [seen.instrument.key for seen in gone]
            _log.error("positions_gone_unexplained", options=keys, changes=str(changes))
            return []
        return [
            activity
            for place, seen in enumerate(gone)
            for activity in self._records.of_gone(
                seen, changes[seen.instrument.key], now, exercised=place in exercised
            )
        ]

    def _is_due(self, heard_at: float, began: float) -> bool:
        """Whether its other half would have been listed by now."""
        return began - heard_at >= self._terms.settling_s


def _moved_on(before: Mapping[str, Seen], now: dict[str, Seen], undecided: set[str]) -> bool:
    """Whether other positions are to be kept than were."""
    after = _merged(before, now, undecided)
    return {k: s.qty for k, s in before.items()} != {k: s.qty for k, s in after.items()}


def _merged(
    before: Mapping[str, Seen], now: dict[str, Seen], undecided: set[str]
) -> dict[str, Seen]:
    """The positions as they are now; as they were on shares of which something is undecided."""
    kept = {k: s for k, s in before.items() if option_ends.underlying_of(s.instrument) in undecided}
    new = {k: s for k, s in now.items() if option_ends.underlying_of(s.instrument) not in undecided}
    return kept | new


def _nobody(_word: ExecutionWord) -> None:
    """Nobody takes it yet."""


def _is_gone(before: Seen, changes: dict[str, Decimal]) -> bool:
    """Whether a held option has become less."""
    change = changes[before.instrument.key]
    is_option = isinstance(before.instrument, OptionContract)
    return is_option and change * before.qty < 0 and abs(change) <= abs(before.qty)
