"""Checking a journal from its first record to its last, in slices, without holding it in memory.

What the chain shows by itself: a record that was changed, removed, put elsewhere or put in. What
only an anchor shows: a tail that was cut off, and a chain that was made anew.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any, Final

from services.router.journal.store import Entry, Head, JournalCorrupt, JournalReader, link

_SLICE_LEN: Final = 1000


@dataclass(frozen=True, slots=True)
class Verified:
    """What a check has found; `first_bad_seq` is 0 and `problem` empty if every record fits.

    `head` is the last record that fits, `journal_id` what the first record says (empty if it was
    not among those checked).
    """

    checked: int
    head: Head
    journal_id: str = ""
    first_bad_seq: int = 0
    problem: str = ""

    @property
    def intact(self) -> bool:
        """Whether nothing is wrong."""
        return not self.problem


class Verification:
    """One check: call `advance` until it says False, then read `result`. All of it blocks.

    `anchors` are heads known from elsewhere; those before `from_seq` can't be looked at. Records
    after `until_seq` (None: the end) are left out, so that a writer can't keep it busy for ever.
    """

    def __init__(
        self,
        reader: JournalReader,
        *,
        from_seq: int = 1,
        anchors: Sequence[Head] = (),
        until_seq: int | None = None,
    ) -> None:
        self._from_seq = max(from_seq, 1)
        self._anchors = {head.seq: head.hash for head in anchors if head.seq >= self._from_seq}
        self._until_seq = until_seq
        self._entries = reader.entries(after_seq=max(self._from_seq - 2, 0))
        self._head = Head()
        self._checked = 0
        self._journal_id = ""
        self._bad: tuple[int, str] | None = None
        self._is_done = False

    @property
    def result(self) -> Verified:
        """What was found so far; complete when `advance` has said False."""
        bad_seq, problem = self._bad or (0, "")
        return Verified(self._checked, self._head, self._journal_id, bad_seq, problem)

    def advance(self) -> bool:
        """Check the next slice; False when there is nothing more to check."""
        if not self._is_done:
            self._is_done = not self._take_slice()
        return not self._is_done

    def _take_slice(self) -> bool:
        taken = 0
        try:
            for entry in islice(self._entries, _SLICE_LEN):
                taken += 1
                if self._until_seq is not None and entry.seq > self._until_seq:
                    return self._end()
                if not self._take(entry):
                    return False
        except JournalCorrupt as error:
            self._bad = (self._head.seq + 1, f"it can't be read: {error}")
            return False
        return taken == _SLICE_LEN or self._end()

    def _take(self, entry: Entry) -> bool:
        if entry.seq < self._from_seq:  # only to continue from
            self._head = Head(entry.seq, entry.hash)
            return True
        problem = self._problem(entry)
        if problem:
            missing = entry.seq > self._head.seq + 1
            self._bad = (self._head.seq + 1 if missing else entry.seq, problem)
            return False
        self._head = Head(entry.seq, entry.hash)
        self._checked += 1
        return True

    def _problem(self, entry: Entry) -> str:
        expected = self._head.seq + 1
        if entry.seq != expected:
            return f"record {expected} is missing: {entry.seq} follows {self._head.seq}"
        if link(self._head.hash, entry.data) != entry.hash:
            return "its content does not fit its hash, or the record before it is another one"
        if self._anchors.pop(entry.seq, entry.hash) != entry.hash:
            return (
                "it is not the record that the anchor names: it or one before it was changed, "
                "and the chain was made anew"
            )
        return self._misfit(entry)

    def _misfit(self, entry: Entry) -> str:
        """What a record says of itself, against where it stands."""
        try:
            told: dict[str, Any] = json.loads(entry.data)
            seq, kind = told["seq"], told["kind"]
            if kind == "JournalCreated":
                self._journal_id = str(told["body"]["journal_id"])
        except (ValueError, KeyError, TypeError):
            return "it is not a journal record"
        if seq != entry.seq:
            return f"it says that it is record {seq}"
        if (kind == "JournalCreated") != (entry.seq == 1):
            return f"a journal does not have {kind} in this place"
        return ""

    def _end(self) -> bool:
        """The last record there is: what the anchors name beyond it has been cut off."""
        if self._head.seq < self._from_seq - 1:
            self._bad = (self._from_seq, f"the journal ends before record {self._from_seq}")
        elif self._anchors:
            named = max(self._anchors)
            self._bad = (
                self._head.seq + 1,
                f"the journal ends at record {self._head.seq}, an anchor names {named}: "
                "its tail was cut off",
            )
        return False
