"""Runs the story of ib_async against a simulated Gateway; `make ib-async-check`.

ib_async gets an environment of its own, made once and again when its requirements change.
"""

from __future__ import annotations

import json
import subprocess
import sys
import venv
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
ENVIRONMENT = ROOT / "build" / "ib-async"
PYTHON = ENVIRONMENT / "bin" / "python"
REQUIREMENTS = HERE / "requirements.txt"
INSTALLED = ENVIRONMENT / "installed.txt"
_INSTALL_S = 300
_STORY_S = 60
_STOP_S = 5


def make_environment() -> None:
    """Makes the environment unless it is there with what the requirements say."""
    wanted = REQUIREMENTS.read_text(encoding="utf-8")
    if INSTALLED.exists() and INSTALLED.read_text(encoding="utf-8") == wanted:
        return
    sys.stderr.write("Installing ib_async into build/ib-async; once ...\n")
    venv.create(ENVIRONMENT, clear=True, symlinks=True, with_pip=True)
    pip = [str(PYTHON), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    subprocess.run([*pip, "-r", str(REQUIREMENTS)], check=True, timeout=_INSTALL_S)
    INSTALLED.write_text(wanted, encoding="utf-8")


@contextmanager
def gateway() -> Iterator[int]:
    """A simulated Gateway as a process on a free port, which it gives."""
    command = [sys.executable, "-m", "simulators.ib_gateway", "--port", "0", "--control-port", "0"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT)
    try:
        assert process.stdout is not None
        yield int(json.loads(process.stdout.readline())["port"])
    finally:
        process.terminate()
        process.communicate(timeout=_STOP_S)


def main() -> int:
    """The story's exit code; 1 if the environment can't be made."""
    try:
        make_environment()
    except subprocess.SubprocessError as error:
        sys.stderr.write(f"The environment of ib_async can't be made: {error}\n")
        return 1
    with gateway() as port:
        story = [str(PYTHON), str(HERE / "story.py"), str(port)]
        return subprocess.run(story, check=False, timeout=_STORY_S).returncode


if __name__ == "__main__":
    sys.exit(main())
