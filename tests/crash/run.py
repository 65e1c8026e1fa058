"""One schedule at a stand: acted, left alone until it is quiet, and judged by the oracle."""

from __future__ import annotations

import asyncio
import time
import traceback
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Final

from tandem_client import TandemError

from tests.crash.acting import Acting
from tests.crash.evidence import judge_stand
from tests.crash.schedule import Schedule, Strike
from tests.crash.stand import Stand
from tests.crash.trader import Trader
from tests.oracle.finding import Finding, Kind, Verdict

QUIET_S: Final = 60.0
"""How long what is open may take to be settled once everything is up."""

ALARM_S: Final = 60.0
_POLL_S: Final = 0.15
_FOR_GOOD: Final = frozenset({Kind.DUPLICATE, Kind.EXPOSURE})


@dataclass(slots=True)
class Outcome:
    """What became of a schedule. `findings` are in words; none of them is as it should be."""

    seed: int
    verdict: Verdict = field(default_factory=lambda: Verdict(0))
    findings: list[str] = field(default_factory=list)
    hit: list[Strike] = field(default_factory=list)
    missed: list[Strike] = field(default_factory=list)
    resolved_s: list[float] = field(default_factory=list)
    failed_over: int = 0
    seconds: float = 0.0
    story: list[str] = field(default_factory=list)
    wanted: list[dict[str, Any]] = field(default_factory=list)


async def run_schedule(schedule: Schedule, stand: Stand) -> Outcome:
    """Act and judge. Never raises for what the product does: that is a finding."""
    outcome, began = Outcome(schedule.seed), time.monotonic()

    def note(line: str) -> None:
        outcome.story.append(f"{time.monotonic() - began:7.3f}  {line}")

    trader = Trader(stand.client, schedule.symbol, note)
    acting = Acting(schedule, stand, trader, note)
    alerts = len(stand.watcher.alerts)
    try:
        await acting.run()
        outcome.verdict = await _settle(schedule, stand, trader)
    except TimeoutError:
        outcome.findings.append("[broken] the stand did not answer in time")
    except asyncio.CancelledError:
        task = asyncio.current_task()
        if task is not None and task.cancelling():
            raise
        # Nobody has canceled us: somebody's call has raised what was not its own.
        note(traceback.format_exc())
        outcome.findings.append("[broken] a call ended as if it had been canceled")
    outcome.hit, outcome.missed = acting.hit, acting.missed
    outcome.wanted = wanted_of(trader)
    outcome.findings += [str(finding) for finding in outcome.verdict.findings]
    outcome.findings += _unheard_doubts(stand, outcome)
    outcome.findings += _strange_ends(stand)
    for heard in (stand.watcher.of(want["client_order_id"]) for want in outcome.wanted):
        outcome.resolved_s += (d.until_s - d.since_s for d in heard.doubts if d.until_s)
    kinds = [alert.kind for alert in stand.watcher.alerts[alerts:]]
    outcome.failed_over = kinds.count("FAILOVER")
    for kind in sorted(set(kinds)):
        note(f"alarmed: {kind} × {kinds.count(kind)}")
    outcome.seconds = time.monotonic() - began
    return outcome


def wanted_of(trader: Trader) -> list[dict[str, Any]]:
    """What was asked and told, for the oracle."""
    return [
        {"client_order_id": client_order_id, "qtys": wanted.qtys, "told": wanted.told}
        for client_order_id, wanted in trader.wanted.items()
    ]


async def _settle(schedule: Schedule, stand: Stand, trader: Trader) -> Verdict:
    """Judge how things stand again and again until all is well, or it is too late for that; then
    judge all that was before, too."""
    loop = asyncio.get_running_loop()
    began = loop.time()
    while loop.time() < began + QUIET_S:
        verdict = await _judged(schedule, stand, trader, with_entries=False)
        if verdict is not None:
            if any(finding.kind in _FOR_GOOD for finding in verdict.findings):
                return verdict
            if not verdict.findings and not verdict.in_doubt:
                break
        await asyncio.sleep(_POLL_S)
    ends_at = loop.time() + QUIET_S
    while loop.time() < ends_at:
        verdict = await _judged(schedule, stand, trader, with_entries=True)
        if verdict is not None:
            return verdict
    raise TimeoutError


async def _judged(
    schedule: Schedule, stand: Stand, trader: Trader, *, with_entries: bool
) -> Verdict | None:
    """The verdict of this moment, None if the books can't be read."""
    wanted, within = wanted_of(trader), schedule.prefix
    try:
        return await judge_stand(stand, wanted, within, with_entries=with_entries)
    except TandemError as error:
        trader.note(f"the books could not be read: {error.message}")
        return None


def _unheard_doubts(stand: Stand, outcome: Outcome) -> Iterator[str]:
    """Doubts that nobody was alarmed about within a minute, and those that have not ended."""
    for client_order_id in {want["client_order_id"] for want in outcome.wanted}:
        heard = stand.watcher.of(client_order_id)
        for doubt in heard.doubts:
            alarms = [at_s for at_s, kind in heard.alerts if kind == "ORDER_IN_DOUBT"]
            if not any(at_s <= doubt.since_s + ALARM_S for at_s in alarms):
                yield str(Finding(Kind.UNFINISHED, client_order_id, "in doubt without an alert"))
    for client_order_id in outcome.verdict.in_doubt:
        text = "still in doubt, though every venue answers"
        yield str(Finding(Kind.UNFINISHED, client_order_id, text))


def _strange_ends(stand: Stand) -> Iterator[str]:
    """Programs that have ended otherwise than by a strike; told once."""
    for kept in stand.programs:
        for code in kept.strange_ends():
            yield f"[broken] the {kept.role} has ended by itself, with code {code}"
