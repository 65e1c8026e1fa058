"""The end of a schedule: the oracle's word, the checkers', and the figures."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import msgspec

from services.common.domain.order_status import OrderStatus
from services.router.journal.records import AlertRaised, TradingState, TradingStateSet
from tests.oracle import finding as oracle
from tests.oracle.judgement import judge
from tests.simulation.adapter_process import ACCOUNT_ID, SETTLING_S
from tests.simulation.catalogue import kind_name
from tests.simulation.checkers.crossing import check_crossing
from tests.simulation.checkers.finding import Finding, Kind
from tests.simulation.checkers.foreign import mark_foreign
from tests.simulation.checkers.in_place import as_there, check_chains, revised_in_place
from tests.simulation.checkers.late import LateAcceptance, check_late
from tests.simulation.checkers.settlement import check_settlement
from tests.simulation.checkers.telling import check_told
from tests.simulation.checkers.unsent import Entry, find_unsent
from tests.simulation.evidence import (
    Stranger,
    account_of,
    check_alarms,
    check_failovers,
    check_journal,
    check_quarantine,
    journal_digest,
    multipliers_of,
    records_of,
    standing_of,
)
from tests.simulation.following import Following
from tests.simulation.outcome import Outcome
from tests.simulation.planned import Schedule
from tests.simulation.router_process import RouterProcess
from tests.simulation.trader import Trader
from tests.simulation.venues.kinds import kind_of
from tests.simulation.watcher import Watcher
from tests.simulation.world import World

# What faults do that an adapter must not live on with: killed, no disk, another's credentials.
_ENDS_AN_ADAPTER: Final = ("fault", "the disk is full", "a sync has failed", "unauthorized")


_GOES_ON_S: Final = 45.0  # until a doubt is to have ended, and what follows
_SHOWN: Final = frozenset(
    f"ORDER_STATUS_{status.value}" for status in OrderStatus if status is not OrderStatus.UNPLACED
)


class Judging:
    """All that is asked once nothing changes any more; `judge` adds it to the outcome."""

    def __init__(
        self,
        schedule: Schedule,
        world: World,
        following: Following,
        trader: Trader,
        watcher: Watcher,
        outcome: Outcome,
        folder: Path,
    ) -> None:
        self._schedule = schedule
        self._world = world
        self._following = following
        self._trader = trader
        self._watcher = watcher
        self._outcome = outcome
        self._folder = folder

    def judge(self) -> None:
        """Ask everybody."""
        outcome, world = self._outcome, self._world
        outcome.findings += self._following.findings()
        outcome.resolved_s = self._following.doubts.ended
        ledgers = {
            name: mark_foreign(venue.simulated.control.ledger(with_entries=True))
            for name, venue in world.venues.items()
        }
        outcome.orders = len(self._trader.asked)
        outcome.executions = sum(len(ledger["executions"]) for ledger in ledgers.values())
        router = world.router.process
        if router is None:
            text = f"the router is down: {world.router.exits[-1:]}"
            outcome.findings.append(Finding(Kind.UNFINISHED, text))
            return
        self._records = records_of(list(router.journal_store.entries()))
        late = list(self._late())
        self._ask_the_oracle(router, ledgers, self._excused(late))
        outcome.findings += check_crossing(ledgers, self._following.is_exit, self._excused(late))
        self._check_late(router, late)
        self._count_unsent(router)
        self._check_books(router, ledgers)
        self._check_router(router, ledgers)
        self._digest(ledgers, router)
        self._narrate(router)

    def _check_books(self, router: RouterProcess, ledgers: dict[str, Any]) -> None:
        outcome, books = self._outcome, router.core.books
        outcome.in_doubt.update(
            kind_name(placement.venue)
            for entry in books.orders.values()
            for placement in entry.order.placements
            if entry.order.placement_status(placement) is OrderStatus.IN_DOUBT
        )
        account, in_place = account_of(books), self._following.in_place()
        outcome.findings += check_chains(account, in_place)
        outcome.findings += check_settlement(
            ledgers,
            as_there(account, in_place),
            multipliers_of(books),
            [name for name in self._world.venues if not kind_of(name).tells_expiry],
            revised_in_place(account, in_place),
        )

    def _ask_the_oracle(
        self, router: RouterProcess, ledgers: dict[str, Any], excused: set[str]
    ) -> None:
        """Duplicates and losses by the ledgers' word, from a program that knows nothing of ours."""
        outcome = self._outcome
        verdict = judge(ledgers, self._wanted(), _books_of(router), excused=excused)
        outcome.duplicates = verdict.count(oracle.Kind.DUPLICATE)
        outcome.losses = verdict.count(oracle.Kind.LOSS)
        outcome.exposure_breaches = verdict.count(oracle.Kind.EXPOSURE)
        outcome.findings += [
            Finding(Kind(finding.kind.value), f"{finding.client_order_id}: {finding.text}")
            for finding in verdict.findings
            if finding.kind is not oracle.Kind.LATE
        ]

    def _excused(self, late: list[LateAcceptance]) -> set[str]:
        """Orders with which a venue has broken its own word."""
        return {*self._following.exposure.venue_faults, *(one.client_order_id for one in late)}

    def _wanted(self) -> list[dict[str, Any]]:
        """What the trader has asked for, and whether it was shown an order for it."""
        shown = {order for _, order, answer in self._trader.answers if answer in _SHOWN}
        return [
            {
                "client_order_id": client_order_id,
                "qtys": [str(qty) for qty in (order.qty, order.replace_qty) if qty],
                "told": "taken" if client_order_id in shown else "nothing",
            }
            for client_order_id, order in self._trader.asked.items()
        ]

    def _late(self) -> Iterator[LateAcceptance]:
        """What a venue has taken later than it had settled."""
        written, appeared = self._following.written_s, self._following.appeared_s
        for (venue, placement_id), at_s in appeared.items():
            sent_s = written.get((venue, placement_id), at_s)
            if at_s - sent_s > SETTLING_S:
                yield LateAcceptance(venue, placement_id, sent_s, at_s)

    def _check_late(self, router: RouterProcess, late: list[LateAcceptance]) -> None:
        following, books = self._following, router.core.books
        alerts = [
            (following.recorded_s[seq], record.client_order_id)
            for seq, record in enumerate(self._records, start=1)
            if isinstance(record, AlertRaised)
        ]

        def known(venue: str, placement_id: str) -> bool:
            key = books.by_placement.get(placement_id)
            placed = key and books.orders[key].order.placement(placement_id)
            return bool(placed and placed.venue == venue and placed.venue_order_id)

        self._outcome.late_breaches = len(late)
        self._outcome.findings += check_late(late, alerts, known, following.doubts.answered)

    def _count_unsent(self, router: RouterProcess) -> None:
        """Entries that never left for their first venue, and what became of them."""
        following, outcome = self._following, self._outcome
        entries = [
            Entry(
                client_order_id,
                following.progress.requested_s(client_order_id),
                tuple((p.venue, p.placement_id) for p in entry.order.placements),
                is_barred=entry.order.cancel_requested or self._is_barred(client_order_id),
            )
            for (_, client_order_id), entry in router.core.books.orders.items()
            if not following.is_exit(client_order_id)
        ]
        could = [self._could_go_on(entry) for entry in entries]
        unsent = find_unsent(entries, following.written_s, could)
        outcome.never_sent = len(unsent.entries)
        outcome.never_sent_failed_over = len(unsent.entries) - len(unsent.stayed)
        for client_order_id in unsent.stayed:
            self._tell(f"{client_order_id} was never sent to any venue")

    def _is_barred(self, client_order_id: str) -> bool:
        """A short option needs cover, which the second venue may not have."""
        return self._trader.asked[client_order_id].intent == "SELL_TO_OPEN"

    def _could_go_on(self, entry: Entry) -> bool:
        """Whether a second venue answered all the while, and the gate was open."""
        from_s, following = entry.asked_at_s, self._following
        until_s = from_s + _GOES_ON_S
        first = entry.attempts[0][0] if entry.attempts else ""
        others = [name for name in self._world.venues if name != first]
        closed = [
            following.recorded_s[seq]
            for seq, record in enumerate(self._records, start=1)
            if isinstance(record, TradingStateSet) and record.state is not TradingState.ACTIVE
        ]
        return not any(at_s <= until_s for at_s in closed) and any(
            following.doubts.answered(name, from_s, until_s) for name in others
        )

    def _check_router(self, router: RouterProcess, ledgers: dict[str, Any]) -> None:
        outcome, core = self._outcome, router.core
        outcome.findings += check_journal(core, router.journal_store)
        records = self._records
        lied_about = self._following.lied_about
        excused = {*self._following.exposure.venue_faults, *lied_about}
        outcome.findings += check_alarms(records, excused)
        outcome.findings += check_failovers(
            records, core.books.failover_count, self._following.is_exit
        )
        outcome.failovers = core.books.failover_count
        outcome.findings += check_told(self._watcher.told, standing_of(core.books))
        outcome.findings += check_quarantine(core.books, _strangers(ledgers), lied_about)
        outcome.findings += [
            Finding(Kind.NOISE, f"{client_order_id}: {answer}", at_s)
            for at_s, client_order_id, answer in self._trader.answers
            if answer.startswith("INTERNAL")
        ]
        for node in self._world.nodes.values():
            for why in node.exits:
                if why != "fault":
                    self._tell(f"{node.name} ended: {self._without_folder(why)}")
        for node in self._world.adapters.values():
            outcome.findings += [
                Finding(Kind.NOISE, f"{node.name} ended by itself: {why}")
                for why in node.exits
                if not any(word in why for word in _ENDS_AN_ADAPTER)
            ]

    def _digest(self, ledgers: dict[str, Any], router: RouterProcess) -> None:
        made = hashlib.sha256(json.dumps(ledgers, sort_keys=True).encode())
        for venue in self._world.venues.values():
            made.update(msgspec.json.encode(venue.simulated.control.requests()))
        entries = list(router.journal_store.entries())
        made.update(journal_digest(entries, router.core.books).encode())
        made.update(self._without_folder(repr(self._trader.answers)).encode())
        self._outcome.digest = made.hexdigest()

    def _narrate(self, router: RouterProcess) -> None:
        for at_s, client_order_id, answer in self._trader.answers:
            told = self._without_folder(answer)
            self._outcome.story.append(f"{at_s:9.3f} {client_order_id}: {told}")
        self._outcome.story.sort()
        for (_, client_order_id), entry in router.core.books.orders.items():
            order = entry.order
            placed = ", ".join(f"{p.placement_id} {p.status.value}" for p in order.placements)
            self._outcome.story.append(
                f"   at end {client_order_id}: {order.status.value}, {order.cum_qty} of "
                f"{order.spec.order_qty} filled [{placed}]"
            )

    def _without_folder(self, text: str) -> str:
        """Where a run's files are is another place each time."""
        return text.replace(str(self._folder), "")

    def _tell(self, text: str) -> None:
        self._outcome.story.append(f"{'':9} {text}")


def _books_of(router: RouterProcess) -> dict[str, Any]:
    """The router's books as the oracle reads them."""
    account = account_of(router.core.books)
    return {
        "orders": [
            {
                "client_order_id": order.client_order_id,
                "status": order.status,
                "cum_qty": str(
                    router.core.books.orders[ACCOUNT_ID, order.client_order_id].order.cum_qty
                ),
                "cancel_requested": order.cancel_requested,
                "placements": [
                    {"placement_id": p.placement_id, "venue": p.venue, "status": p.status}
                    for p in order.placements
                ],
            }
            for order in account.orders
        ],
        "executions": [
            {
                "venue": fill.venue,
                "placement_id": fill.placement_id,
                "symbol": fill.symbol,
                "side": fill.side,
                "last_qty": str(fill.qty),
                "last_px": str(fill.px),
            }
            for fill in account.fills
        ],
    }


def _strangers(ledgers: dict[str, Any]) -> dict[str, Stranger]:
    """The orders that nobody sent through the router, by the venues' ids."""
    return {
        order["venue_order_id"]: Stranger(
            order["status"], order["cum_qty"] == "0" and order["leaves_qty"] == "0"
        )
        for ledger in ledgers.values()
        for order in ledger["orders"]
        if order["by_hand"]
    }
