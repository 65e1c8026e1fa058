"""The venue model that every simulator shares: synchronous, deterministic, wire-neutral."""
