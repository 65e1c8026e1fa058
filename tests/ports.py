"""Ports for programs that a test starts: nobody else's for as long as the test's process lives."""

from __future__ import annotations

import random
import socket

_CLAIMS: list[socket.socket] = []


def free_port() -> int:
    """A free TCP port that stays ours while nobody listens on it.

    It lies below the range from which systems take ports by themselves: a port out of that range
    may be given to any connection while the process that had it is down, even to the connection
    that tries to reach it. Other tests are kept off by the UDP port of the same number, which
    this process holds to its end.
    """
    while True:
        port = random.randrange(15_000, 30_000)
        claim = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        try:
            claim.bind(("127.0.0.1", port))
            with socket.socket() as probe:
                probe.bind(("127.0.0.1", port))
        except OSError:
            claim.close()
            continue
        _CLAIMS.append(claim)
        return port
