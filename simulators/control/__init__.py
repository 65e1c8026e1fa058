"""Fault control, truth and hand tools of a simulator, on a port of their own."""
