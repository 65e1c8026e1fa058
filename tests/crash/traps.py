"""Traps: faults that wait at a named boundary of a running program, and strike exactly once.

A trap is a file in the stand's folder. Whoever sets it writes `N.armed`; the program that comes by
the boundary renames it to `N.sprung`, which only one can do, and strikes: it kills or stops itself,
or another program of the stand.
"""

from __future__ import annotations

import json
import os
import signal
import threading
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

ARMED: Final = ".armed"
SPRUNG: Final = ".sprung"


@dataclass(frozen=True, slots=True)
class Trap:
    """`fault` ("kill" or "stop") strikes `victim` when `point` is passed for the `nth` time on
    behalf of the order `of` (a client_order_id)."""

    number: int
    point: str
    of: str
    victim: str
    fault: str
    nth: int = 1


def pid_file(folder: Path, kind: str) -> Path:
    """Where a program of the stand writes its process id: an adapter at its start, a router when
    it leads."""
    return folder / f"{kind}.pid"


def set_trap(folder: Path, trap: Trap) -> None:
    """From now on it waits. Written aside first, so that nobody reads a part of it."""
    path = folder / f"{trap.number}{ARMED}"
    aside = path.with_suffix(".new")
    aside.write_text(json.dumps(asdict(trap)), "utf-8")
    aside.rename(path)


def is_sprung(folder: Path, number: int) -> bool:
    """Whether it has struck, or is just about to."""
    return (folder / f"{number}{SPRUNG}").exists()


def take_away(folder: Path, number: int) -> bool:
    """Take a trap away; False if it has struck."""
    (folder / f"{number}{ARMED}").unlink(missing_ok=True)
    return not is_sprung(folder, number)


class Snare:
    """The traps as one program meets them. `kind` is what it is: router, alpaca or ib; of several
    of a kind only the one that leads comes by any boundary."""

    def __init__(self, folder: Path, kind: str) -> None:
        self._folder = folder
        self._kind = kind
        self._passes: dict[int, int] = {}
        self._lock = threading.Lock()

    def leads(self) -> None:
        """From now on this process is the one that is struck as `kind`."""
        pid_file(self._folder, self._kind).write_text(str(os.getpid()), "utf-8")

    def passing(self, point: str, client_order_id: str) -> None:
        """Come by a boundary on behalf of an order. Does not return if a trap kills here."""
        for name in os.listdir(self._folder):
            if name.endswith(ARMED):
                self._meet(self._folder / name, point, client_order_id)

    def _meet(self, path: Path, point: str, client_order_id: str) -> None:
        try:
            trap = Trap(**json.loads(path.read_text("utf-8")))
        except FileNotFoundError:  # taken away, or sprung by another
            return
        if (trap.point, trap.of) != (point, client_order_id):
            return
        with self._lock:
            passes = self._passes[trap.number] = self._passes.get(trap.number, 0) + 1
        if passes < trap.nth:
            return
        try:
            path.rename(path.with_suffix(SPRUNG))
        except FileNotFoundError:
            return
        self._strike(trap)

    def _strike(self, trap: Trap) -> None:
        number = signal.SIGKILL if trap.fault == "kill" else signal.SIGSTOP
        if trap.victim == self._kind:
            # This very thread takes it: nothing of it runs on.
            signal.pthread_kill(threading.get_ident(), number)
        else:
            os.kill(int(pid_file(self._folder, trap.victim).read_text("utf-8")), number)
