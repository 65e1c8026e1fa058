"""Where the session stands: between us and the Gateway, and between the Gateway and IB.

    DISCONNECTED ──► CONNECTING ──► SYNCING ── read and told ──► READY
    RESTARTING           │  │           ▲                           │
         ▲               │  │ wrong     ├─── restored (1101, 1102) ─┤
         │    no account │  │ account   │                           │
         │               ▼  ▼           │                           │
         ├── LOGIN_AWAITED  WRONG       └─ LINK_LOST ◄─ 1100, 2110 ─┤
         └──────────── closed, silent, beyond reading ──────────────┘

Orders are sent in READY only, cancels whenever there is a connection. LOGIN_AWAITED: the Gateway
takes the connection and gives no account, as it does while nobody is logged in or a second factor
is awaited. RESTARTING is both of that and DISCONNECTED, in the time of the Gateway's nightly
restart: it is expected back by itself, so nobody is called. After 1101 the Gateway has forgotten
what market data was asked for, after 1102 it goes on; see `Session.call_on_data_lost`.
"""

from __future__ import annotations

from enum import Enum


class State(Enum):
    """Where the session stands."""

    DISCONNECTED = "disconnected"
    RESTARTING = "nightly restart"
    CONNECTING = "connecting"
    LOGIN_AWAITED = "login awaited"
    SYNCING = "syncing"
    READY = "ready"
    LINK_LOST = "link lost"
    WRONG_ACCOUNT = "wrong account"
