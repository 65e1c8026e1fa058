"""The journal: the one append-only, hash-chained file of which all state is the fold."""
