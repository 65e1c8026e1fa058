"""Processes of the stand, forked from one that has imported all of the product already.

Starting Python and importing a service costs more than a second of a processor, and a run kills
programs by the thousand. So one process imports everything once, does nothing with it, and forks
itself for each start. What is forked runs the same `main` as a fresh process would, and is killed,
stopped and ended like one.

`python -m tests.crash.nursery` reads orders, one JSON object a line: `{"role", "environment",
"log"}`, answers each with `{"pid"}`, and tells of each end with `{"ended", "code"}`, the code
negative for a signal. At the end of its input it kills what is left.
"""

from __future__ import annotations

import gc
import json
import os
import select
import signal
import sys
from typing import Any

from tests.crash import node

_PR_SET_PDEATHSIG = 1


def main() -> int:
    """Serve until the input ends."""
    node.preload()
    gc.collect()
    gc.freeze()  # what is imported stays shared with all that is forked
    woken, wake = os.pipe()
    os.set_blocking(wake, False)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    signal.set_wakeup_fd(wake)
    children: set[int] = set()
    _tell({"ready": True})
    lines = b""
    while True:
        readable, _, _ = select.select([0, woken], [], [])
        if woken in readable:
            os.read(woken, 4096)
            _bury(children)
        if 0 in readable:
            read = os.read(0, 65536)
            if not read:
                _kill_all(children)
                return 0
            lines += read
            while (end := lines.find(b"\n")) >= 0:
                order, lines = json.loads(lines[:end]), lines[end + 1 :]
                children.add(pid := _fork(order))
                _tell({"pid": pid})


def _tell(said: dict[str, Any]) -> None:
    os.write(1, json.dumps(said).encode() + b"\n")


def _bury(children: set[int]) -> None:
    """Tell of all children that have ended."""
    while True:
        try:
            pid, status = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return
        if not pid:
            return
        children.discard(pid)
        _tell({"ended": pid, "code": os.waitstatus_to_exitcode(status)})


def _kill_all(children: set[int]) -> None:
    for pid in children:
        os.kill(pid, signal.SIGKILL)


def _fork(order: dict[str, Any]) -> int:
    parent = os.getpid()
    pid = os.fork()
    if pid:
        return pid
    code = 1
    try:
        _become(order, parent)
        code = node.run(order["role"])
        sys.stdout.flush()
    except BaseException:  # noqa: BLE001 - told in its own log, then it ends
        sys.excepthook(*sys.exc_info())
        sys.stderr.flush()
    finally:
        os._exit(code)


def _become(order: dict[str, Any], parent: int) -> None:
    """Make a process of its own out of a copy of the nursery."""
    if sys.platform == "linux":
        import ctypes

        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        os._exit(1)
    signal.set_wakeup_fd(-1)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    os.setpgid(0, 0)
    os.environ.clear()
    os.environ.update(order["environment"])
    with open(os.devnull, "rb") as nothing, open(order["log"], "ab") as log:
        os.dup2(nothing.fileno(), 0)
        os.dup2(log.fileno(), 1)
        os.dup2(log.fileno(), 2)
    sys.stdout.reconfigure(line_buffering=True)  # type: ignore[union-attr]
    os.closerange(3, 256)
    return


if __name__ == "__main__":
    sys.exit(main())
