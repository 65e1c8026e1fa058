"""Where the session stands: between us and the Gateway, and between the Gateway and IB.

    DISCONNECTED ──► CONNECTING ──► SYNCING ── read and told ──► READY
         ▲              │  │           ▲                           │
         │  no account  │  │ wrong     ├─── restored (1101, 1102) ─┤
         │              ▼  ▼ account   │                           │
         ├── LOGIN_AWAITED WRONG       └─ LINK_LOST ◄─ 1100, 2110 ─┤
         └──────────── closed, silent, beyond reading ─────────────┘

Orders are sent in READY only, cancels whenever there is a connection. LOGIN_AWAITED: the Gateway
takes the connection and gives no account, as it does while nobody is logged in.
"""

from __future__ import annotations

from enum import Enum


class State(Enum):
    """Where the session stands."""

    DISCONNECTED = "disconnected"
    CONNECTING = "connecting"
    LOGIN_AWAITED = "login awaited"
    SYNCING = "syncing"
    READY = "ready"
    LINK_LOST = "link lost"
    WRONG_ACCOUNT = "wrong account"
