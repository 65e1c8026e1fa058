"""What IB knows, asked for by our words: orders, executions, positions, figures.

Orders and executions are read fresh, each list to its end, and then told from the evidence.
Nothing that was heard of earlier counts as being there now: an order that no list shows any more
is unknown.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Final

from services.common.adapter.port import ExecutionQuery, OrderQuery
from services.common.domain.errors import ReadFailed, Unavailable
from services.common.domain.executions import ExecSource, Execution
from services.common.domain.order_spec import PlacementId
from services.common.domain.order_status import TERMINAL
from services.common.domain.reports import OrderReport
from services.common.runtime.clock import Clock
from services.ib_adapter import brackets, contracts, figures
from services.ib_adapter.evidence import Evidence, OrderFacts
from services.ib_adapter.figures import Unreadable
from services.ib_adapter.option_ends import is_orderless
from services.ib_adapter.overturning import Overturning
from services.ib_adapter.revision_news import RevisionNews
from services.ib_adapter.send_log import Send, SendLog
from services.ib_adapter.session import Session
from services.ib_adapter.telling import Telling
from services.ib_adapter.translate import Translator
from services.ib_adapter.words import ExecutionWord

# A shorter reference is no sign of one that was cut short: it may be anybody's.
_CUT_LEN_MIN: Final = 30


class VenueReads:
    """Each method gives everything that was asked for, or raises ReadFailed."""

    def __init__(
        self,
        session: Session,
        evidence: Evidence,
        telling: Telling,
        translator: Translator,
        changes: RevisionNews,
        overturning: Overturning,
        send_log: SendLog,
        clock: Clock,
        *,
        client_id: int,
        settling_s: float,
    ) -> None:
        self._session = session
        self._evidence = evidence
        self._telling = telling
        self._translator = translator
        self._changes = changes
        self._overturning = overturning
        self._send_log = send_log
        self._clock = clock
        self._client_id = client_id
        self.settling_s = settling_s
        self._read_at = 0.0

    # -- one order ---------------------------------------------------------------------------

    async def look_up(
        self, client_id: str, perm_id: int = 0, attempted_at: datetime | None = None
    ) -> tuple[OrderFacts | None, str]:
        """The order as the lists show it now; if there is none, why that proves nothing.

        Any revision's id leads to the order. "" means: it is absent. Raises ReadFailed.
        """
        client_id = self._changes.revisions.order_ref_of(client_id)
        session_id, began = self._session.session_id, self._clock.monotonic()
        await self._read_all()
        self._read_at = max(self._read_at, began)
        facts = self._evidence.of_perm(perm_id) if perm_id else self._evidence.of_ref(client_id)
        if facts is not None and not facts.is_of(self._session.account):
            return None, "it is not known to be an order of this account"
        if facts is not None and (facts.heard_at >= began or facts.is_ended):
            if facts.is_proven:
                return facts, ""
            return None, f"the Gateway has it as {facts.raw_status}: IB has not answered yet"
        if facts is not None and facts.is_refused and session_id == self._session.session_id != "":
            return facts, ""  # refused, and no longer there
        if facts is not None:
            return None, f"it was {facts.raw_status} when last heard of, and no list shows it now"
        why = await self._why_unknown(client_id, session_id, attempted_at, began)
        if not why and self._evidence.of_ref(client_id) is not None:
            return None, "it came up just now"
        return None, why

    async def _read_all(self) -> None:
        begun = self._overturning.begin()
        await self._session.read_all()
        self._overturning.lists_read(begun)

    def settled_for_s(self, client_id: str) -> float | None:
        """See `VenueGateway.settled_for_s`; None while there is no session. Counted until the lists
        were asked for last: what came up later is not in them."""
        if not self._session.session_id:
            return None
        since = max(self._evidence.written_at(client_id), self._session.in_sync_since)
        return max(self._read_at - since, 0.0)

    async def _why_unknown(
        self, client_id: str, session_id: str, attempted_at: datetime | None, began: float
    ) -> str:
        """Why an order that no list shows may be there all the same; "" if it can't. The lists were
        asked for after `began`: what has settled by then is in them."""
        if not session_id or session_id != self._session.session_id:
            return "not in sync with IB: what is not shown may be there"
        if not client_id:
            return "IB's lists do not reach back to earlier days, and a permId may be of any"
        try:
            send = await self._send_log.find(client_id)
        except Unavailable as error:
            raise ReadFailed(error.message, reason=error.reason) from error
        held = self._why_held(client_id, send, began)
        if held or send is None or send.not_sent:
            return held or self._why_unlogged(client_id, attempted_at, began)
        renamed = self._why_renamed(send)
        return renamed or await self._why_in_parts(send) or self._why_may_land(send, began)

    def _why_renamed(self, send: Send) -> str:
        """How long a reference IB keeps whole is not known: what was sent may be there under a part
        of it. Its number tells, or else what is left of the reference."""
        for facts in self._evidence:
            is_same_number = (facts.client_id, facts.order_id) == (send.client_id, send.order_id)
            ref = facts.order_ref
            is_part = len(ref) >= _CUT_LEN_MIN and send.placement_id.startswith(ref)
            is_other = ref != send.placement_id
            if is_other and (is_same_number or (is_part and PlacementId.parse(ref) is None)):
                return f"order {facts.perm_id} has its number, or a part of its id ({ref!r})"
        return ""

    def _why_held(self, client_id: str, send: Send | None, began: float) -> str:
        """What the Gateway had and lists no longer it has lost or handed on: the latter shows
        within the settling time, once the Gateway has said after that that it reaches IB. What it
        said of its link before it held the order says nothing: it may not have noticed yet."""
        held_as, heard_at = self._evidence.held_as(client_id)
        held_as = held_as or (send.held_as if send is not None else "")
        confirmed_at = self._session.link_confirmed_at
        if not held_as:
            return ""
        if confirmed_at is not None and confirmed_at > heard_at:
            since = max(confirmed_at, self._session.in_sync_since)
            if began - since >= self.settling_s:
                return ""
        return f"the Gateway had it as {held_as}, and may hand it on to IB"

    async def _why_in_parts(self, send: Send) -> str:
        """Of an order with exits a part may be there, or wait in the Gateway for the others: until
        all of it was written on this session nobody can tell."""
        head = brackets.head_of(send.placement_id)
        known = self._evidence.of_ref(head)
        if known is not None and known.is_proven:
            return ""
        for ref in brackets.exit_refs(head):
            exit_ = self._evidence.of_ref(ref)
            if exit_ is not None and not exit_.is_ended:
                return f"its exit {ref} is {exit_.raw_status} at IB"
        if self._evidence.written_at(head) >= self._session.in_sync_since:
            return ""
        try:
            has_exits = await self._send_log.has_any(f"{head}{brackets.MARK}")
        except Unavailable as error:
            raise ReadFailed(error.message, reason=error.reason) from error
        return "a part of it may be in the Gateway, which had not all of it" if has_exits else ""

    def _why_unlogged(self, client_id: str, attempted_at: datetime | None, began: float) -> str:
        """Of what was sent before the log was created it knows nothing: unless somebody says when
        it was sent, a log of today may have followed one that was lost."""
        if self._evidence.written_at(client_id):
            return "it is being sent now"
        venue_now, log = self._session.venue_clock.now(), self._send_log
        if venue_now is None:
            return "IB's time is not known"
        created = venue_now - (self._clock.now() - log.created)
        is_covered = attempted_at is not None and attempted_at >= log.created
        if not is_covered and figures.trading_date(created) == figures.trading_date(venue_now):
            return "the send log was created today: it may have been sent before that"
        if began - self._session.in_sync_since < self.settling_s:
            return f"in sync for less than {self.settling_s:g} s"
        return ""

    def _why_may_land(self, send: Send, began: float) -> str:
        now = self._session.venue_clock.now()
        day, today = figures.trading_date(send.venue_time), figures.trading_date(now)
        if day is None or day != today:
            return (
                "it was sent on an earlier day, which IB's lists do not reach back to: positions "
                "and cash must account for it"
            )
        if send.client_id not in (0, self._client_id):
            return f"it was sent by client {send.client_id}, whose connection may still be there"
        # The monotonic clock: of what an earlier process sent, all of this session counts.
        since = max(self._evidence.written_at(send.placement_id), self._session.in_sync_since)
        if began - since < self.settling_s:
            return f"it was sent, and may still come up within {self.settling_s:g} s"
        return ""

    # -- lists -------------------------------------------------------------------------------

    async def orders(self, query: OrderQuery) -> list[OrderReport]:
        """See `VenueGateway.orders`. IB tells no time of an order's creation, and lists ended ones
        of today only."""
        began = self._clock.monotonic()
        await self._read_all()
        await self._changes.saved()
        reports = [
            report
            for facts in self._evidence
            for report in self._translator.reports(facts)
            if facts.heard_at >= began
            and facts.is_proven
            and facts.is_of(self._session.account)
            and not (query.open_only and (facts.is_ended or report.status in TERMINAL))
        ]
        fitting = [r for r in reports if query.instrument in (None, r.instrument)]
        return sorted(fitting, key=_number, reverse=True)

    async def executions(self, query: ExecutionQuery) -> list[Execution]:
        """See `VenueGateway.executions`. IB lists those of today only."""
        words = await self._session.requests().executions()
        ours = [
            word
            for word in words
            if word.account in ("", self._session.account)
            and contracts.is_ours(word.contract)
            and (not is_orderless(word) or self._telling.was_told(word.exec_id))
        ]
        await self._changes.saved()
        await self._clock.sleep(self._telling.executions_due_in_s())
        found = [self._execution(self._evidence.whole_ref(word)) for word in ours]
        fitting = [e for e in found if e is not None and _fits(e, query)]
        return sorted(fitting, key=_moment, reverse=True)

    def _execution(self, word: ExecutionWord) -> Execution | None:
        """None for what others trade and has no name here: it was logged when it was heard."""
        try:
            return self._translator.execution(
                word,
                ExecSource.QUERY,
                corrects=self._telling.corrected_by(word.exec_id),
                fee=self._telling.fee_of(word.exec_id),
            )
        except Unreadable as error:
            if self._evidence.is_own(word):
                raise ReadFailed(f"IB's answer can't be read: {error}") from error
            return None


def _number(report: OrderReport) -> tuple[int, ...]:
    """By the permId, and the number of the change."""
    return tuple(int(part) for part in report.venue_order_id.split("."))


def _fits(execution: Execution, query: ExecutionQuery) -> bool:
    if query.venue_order_id and execution.venue_order_id != query.venue_order_id:
        return False
    at = execution.times.venue_time
    if at is None:
        return True
    return (query.after is None or at >= query.after) and (
        query.before is None or at < query.before
    )


def _moment(execution: Execution) -> tuple[float, Sequence[object]]:
    at: datetime | None = execution.times.venue_time
    return (0.0 if at is None else at.timestamp(), (execution.cum_qty or 0, execution.exec_id))
