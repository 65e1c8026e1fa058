"""One program of the stand: a service with its own unmodified start, its ports wrapped by traps.

`python -m tests.crash.node router|alpaca|ib`. Its settings are in the environment as ever;
TANDEM_CRASH_FOLDER says where traps and process ids lie.
"""

from __future__ import annotations

import importlib
import os
import sys
from pathlib import Path
from typing import Final

from tests.crash.traps import Snare

FOLDER: Final = "TANDEM_CRASH_FOLDER"
_ALL: Final = (
    *("services.router.bootstrap", "services.alpaca_adapter.bootstrap"),
    *("services.ib_adapter.bootstrap", "services.router.journal.postgres", "tests.crash.points"),
)


def preload() -> None:
    """Import all that the services import, so that a process forked later need not."""
    for module in _ALL:
        importlib.import_module(module)


def run(role: str) -> int:
    """Run a service until it ends; its exit code."""
    from services.common.runtime.process import run_service
    from tests.crash import points

    snare = Snare(Path(os.environ.pop(FOLDER)), role)
    if role == "router":
        from services.router.bootstrap import SERVICE, start

        points.install_router(snare)
        return run_service(SERVICE, start)
    snare.leads()
    if role == "alpaca":
        from services.alpaca_adapter import bootstrap as alpaca

        points.install_alpaca(snare)
        return run_service(alpaca.SERVICE, alpaca.start)
    from services.ib_adapter import bootstrap as ib

    points.install_ib(snare)
    return run_service(ib.SERVICE, ib.start)


if __name__ == "__main__":
    sys.exit(run(sys.argv[1]))
