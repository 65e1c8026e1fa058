"""Programs that the tests start as children: `python -m …child_programs NAME`."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

from stack.children import Child, Program


def say(line: object) -> None:
    """Print a line at once."""
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def sleeper() -> None:
    """Say that it is ready, then wait for its end."""
    say(json.dumps({"event": "ready", "pid": os.getpid(), "group": os.getpgid(0)}))
    time.sleep(600)


def stubborn() -> None:
    """Ignore SIGTERM, with a child of its own that does too."""
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
    say(json.dumps({"event": "ready", "grandchild": child.pid}))
    time.sleep(600)


def failing() -> None:
    """End at once, with words for a person."""
    say("a line of its own")
    sys.exit("the setting X is missing")


def parent() -> None:
    """Start a sleeper as the stack does, say its pid, and wait to be killed."""
    program = Program("sleeper", __spec__.name, ("sleeper",), dict(os.environ))
    child = Child.start(program, Path(sys.argv[2]))
    say(child.pid)
    time.sleep(600)


if __name__ == "__main__":
    {"sleeper": sleeper, "stubborn": stubborn, "failing": failing, "parent": parent}[sys.argv[1]]()
