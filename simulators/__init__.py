"""Simulated venues: real servers on the brokers' own wire protocols, and an independent oracle."""
