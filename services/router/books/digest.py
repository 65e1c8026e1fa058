"""One figure for all that the books hold: two folds of one journal must give the same."""

from __future__ import annotations

import hashlib
import json

from services.router.books.books import Books
from services.router.journal.codec import unstructure


def digest(books: Books) -> str:
    """SHA-256 in hex over all that the books hold, but for what is found in it twice."""
    content = {
        "journal": [books.journal_id, unstructure(books.created), books.generation, books.epoch],
        "orders": [unstructure(entry) for entry in books.orders.values()],
        "open": [list(key) for key in books.open_orders],
        "executions": [unstructure(booked) for booked in books.executions],
        "fill_seqs": [[*key, seq] for key, seq in books.fill_seqs.items()],
        "activities": [unstructure(booked) for booked in books.activities],
        "positions": [unstructure(position) for position in books.positions.values()],
        "gates": [unstructure(gate) for gate in books.gates.values()],
        "venues": [unstructure(venue) for venue in books.venues.values()],
        "quarantine": [unstructure(kept) for kept in books.quarantine.values()],
        "last_exec_time": [[*key, unstructure(at)] for key, at in books.last_exec_time.items()],
        "last_activity_time": [
            [*key, unstructure(at)] for key, at in books.last_activity_time.items()
        ],
        "least_offset_s": [[*key, offset] for key, offset in books.least_offset_s.items()],
        "outages": list(books.outages),
        "restores": [unstructure(found) for found in books.restores.values()],
        "instructions": [unstructure(entry) for entry in books.instructions.values()],
        "failovers": unstructure(books.failovers),
    }
    text = json.dumps(content, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()
