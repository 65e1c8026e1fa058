"""The environment of the children: nothing of a broker, of Tandem or of a proxy comes unasked.

Credentials in the user's shell must never reach a demo, a variable of Tandem's must not bend it,
and what is sent to a simulator on this machine must not go through a proxy.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

_BROKERS: Final = ("APCA", "ALPACA", "TWS", "IB")
_PROXIES: Final = frozenset({"HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY"})
_TANDEM: Final = "TANDEM_"
_PAPER: Final = ("TANDEM_ALPACA_", "TANDEM_IB_", "TANDEM_ROUTER_")


def for_simulation(environ: Mapping[str, str]) -> dict[str, str]:
    """What a child of a simulated stack inherits."""
    return {
        name: value
        for name, value in environ.items()
        if not _is_broker(name) and not _is_tandem(name) and name.upper() not in _PROXIES
    }


def for_paper(environ: Mapping[str, str]) -> dict[str, str]:
    """What a child of a paper stack inherits: the settings of its services, and proxies."""
    return {
        name: value
        for name, value in environ.items()
        if name.upper().startswith(_PAPER) or not (_is_broker(name) or _is_tandem(name))
    }


def _is_broker(name: str) -> bool:
    return name.upper().startswith(_BROKERS)


def _is_tandem(name: str) -> bool:
    return name.upper().startswith(_TANDEM)
