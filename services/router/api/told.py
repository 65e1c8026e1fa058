"""What an answer shows must be on disk before it is told: it is read first, and waited for then.

The other way round (wait, then read) would show what other tasks have recorded since.
"""

from __future__ import annotations

from typing import TypeVar

from services.router.journal.journal import Journal
from services.router.journal.store import JournalError
from services.router.routing.work import not_durable

Reply = TypeVar("Reply")


async def once_durable(journal: Journal, reply: Reply) -> Reply:
    """The reply, once all that was recorded when it was made is on disk.

    Call it right after reading the books, with nothing that waits in between. Raises Unavailable
    JOURNAL_UNAVAILABLE if the journal has failed.
    """
    try:
        await journal.durable()
    except JournalError as error:
        raise not_durable(error) from error
    return reply
