"""Entries that never left for the first venue must have gone to the second: idle is not safe."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Entry:
    """An order that opens a position, by its venues and placements in the order of its attempts.

    `is_barred` if it was canceled, or needs cover.
    """

    client_order_id: str
    asked_at_s: float
    attempts: tuple[tuple[str, str], ...]
    is_barred: bool = False


@dataclass(slots=True)
class Unsent:
    """`entries` never left an adapter for the venue that was to have them first, though the gate
    was open and another venue answered; `stayed` are those that no venue was ever sent."""

    entries: list[str] = field(default_factory=list)
    stayed: list[str] = field(default_factory=list)


def find_unsent(
    entries: Iterable[Entry], written: Collection[tuple[str, str]], could_go_on: Iterable[bool]
) -> Unsent:
    """`written` are venue and placement of what left an adapter; `could_go_on` says of each entry
    in turn whether another venue could have had it."""
    found = Unsent()
    for entry, could in zip(entries, could_go_on, strict=True):
        if entry.is_barred or not could or not entry.attempts or entry.attempts[0] in written:
            continue
        found.entries.append(entry.client_order_id)
        if not any(attempt in written for attempt in entry.attempts):
            found.stayed.append(entry.client_order_id)
    return found
