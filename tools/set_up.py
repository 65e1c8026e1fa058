"""Make .venv and install Tandem with its tools into it; `make` runs this when it is needed.

Stands on the standard library alone, since nothing is installed yet. Two makes in one clone are
safe: the second waits for the first and then finds nothing left to do. The stamp is written last,
so a set-up that was interrupted is taken up again by the next make.
"""

from __future__ import annotations

import argparse
import contextlib
import fcntl
import os
import subprocess
import sys
import time
import venv
from collections.abc import Iterator, Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
VENV_PYTHON = VENV / "bin" / "python"
STAMP = VENV / ".ready"
CONSTRAINTS = ROOT / "constraints.txt"
INPUTS = (CONSTRAINTS, ROOT / "pyproject.toml", ROOT / "clients" / "python" / "pyproject.toml")
DISTRIBUTIONS = ("-e", "clients/python", "-e", ".[dev]")
ERROR_LINES_MAX = 20


class SetUpFailed(Exception):
    """A step of the set-up failed; the message says which, with the end of its output."""


@contextlib.contextmanager
def only_one() -> Iterator[None]:
    """Hold the set-up's lock, waiting for whoever has it; its end frees it, a crash too."""
    with CONSTRAINTS.open("r+", encoding="utf-8") as held:
        try:
            fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say("Another make is setting up .venv here; waiting for it ...")
            fcntl.flock(held, fcntl.LOCK_EX)
        yield


def say(line: str) -> None:
    """Tell the user one line, at once."""
    sys.stderr.write(line + "\n")
    sys.stderr.flush()


def run(*command: str) -> str:
    """Run one step quietly and answer with its output; raises SetUpFailed."""
    done = subprocess.run(
        command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False
    )
    if done.returncode:
        tail = "\n".join(done.stdout.splitlines()[-ERROR_LINES_MAX:])
        raise SetUpFailed(f"{' '.join(command)}\n{tail}\nexit code {done.returncode}")
    return done.stdout


def version_in_venv() -> str:
    """Version of the Python in .venv, empty if there is none that runs and has pip."""
    if not VENV_PYTHON.exists():
        return ""
    question = "import pip, platform; print(platform.python_version())"
    try:
        return run(str(VENV_PYTHON), "-c", question).strip()
    except SetUpFailed:
        return ""


def is_ready() -> bool:
    """Whether the last set-up was completed, with the files as they are now."""
    if not STAMP.exists():
        return False
    return all(path.stat().st_mtime_ns <= STAMP.stat().st_mtime_ns for path in INPUTS)


def make_venv(*, this_python: bool) -> None:
    """Make .venv with the running Python, unless there is a usable one already.

    `this_python`: the user named this Python; a .venv of another version is made anew.
    """
    wanted = ".".join(str(n) for n in sys.version_info[:3])
    found = version_in_venv()
    usable = bool(found) and (3, 11) <= tuple(int(n) for n in found.split(".")[:2]) <= (3, 13)
    if usable and (found == wanted or not this_python):
        return
    say(f"Making .venv with Python {wanted} ...")
    venv.create(VENV, clear=VENV.exists(), symlinks=True, with_pip=True)


def install() -> None:
    """Install both distributions, editable, with their tools at the pinned versions."""
    pip = (
        str(VENV_PYTHON),
        "-m",
        "pip",
        "install",
        "--quiet",
        "--disable-pip-version-check",
    )
    # Compiled as it is installed: the tests start some hundred processes, and where bytecode is not
    # written each of them would compile pandas anew.
    # The build backend comes first and is then used as it is: it is pinned like the rest.
    run(*pip, "-c", "constraints.txt", "setuptools")
    run(*pip, "-c", "constraints.txt", "--no-build-isolation", *DISTRIBUTIONS)


def main(argv: Sequence[str] | None = None) -> int:
    """Set up what is not set up yet; the exit code is 1 if a step fails."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--this-python", action="store_true", help="make .venv anew if it differs")
    arguments = parser.parse_args(argv)
    with only_one():
        try:
            make_venv(this_python=arguments.this_python)
            if is_ready():
                return 0
            say("Installing Tandem and its tools into .venv; once, it takes a minute or two ...")
            begun_ns = time.time_ns()
            install()
        except (SetUpFailed, subprocess.SubprocessError) as failure:
            say(f"The set-up failed: {failure}")
            return 1
        STAMP.write_text("made by tools/set_up.py\n", encoding="utf-8")
        # A file that was edited meanwhile is newer than the stamp.
        os.utime(STAMP, ns=(begun_ns, begun_ns))
    return 0


if __name__ == "__main__":
    sys.exit(main())
