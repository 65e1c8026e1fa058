"""Whether an adapter knows this very journal, or one that it was copied from or stands beside."""

from __future__ import annotations

from services.router.journal.journal import Journal
from services.router.routing.venue import Claim


async def why_not_ours(seen: Claim, journal: Journal, journal_id: str) -> str | None:
    """None if what the adapter has seen is in this journal, else what is wrong, in words.

    A copy goes its own way from where it was made: it ends before what the adapter has seen, or,
    once it has grown, has another record in that place. Reads the journal's file; raises
    JournalError if it can't.
    """
    if seen.journal_id != journal_id:
        return f"has served another journal, {seen.journal_id}"
    if seen.head_seq > journal.durable_head.seq:
        return (
            f"has seen this journal at record {seen.head_seq}, it now ends at "
            f"{journal.durable_head.seq}: it was restored"
        )
    if seen.head_seq and await journal.hash_at(seen.head_seq) != seen.head_hash:
        return f"has seen another record {seen.head_seq} of this journal: it was restored"
    return None
