"""Runs what is to be shown with ib_async, in its own environment, at a simulated Gateway.

`check.py` acts the story (`make ib-async-check`); `check.py --tests …` runs the IB adapter's tests
as well (`make test-ib-async`), with what follows as arguments of pytest. The exit code is 1 if
anything fails.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from tools.ib_async_check.environment import HERE, PYTHON, ROOT, make_environment

TESTS = ("tests/unit/ib_adapter", "tests/integration/ib_adapter")
_STORY_S = 60
_TESTS_S = 900
_STOP_S = 20


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


def story_fails() -> bool:
    """Whether the story differs from what it should be."""
    with gateway() as port:
        story = [str(PYTHON), str(HERE / "story.py"), str(port)]
        return subprocess.run(story, check=False, timeout=_STORY_S).returncode != 0


def tests_fail(arguments: Sequence[str]) -> bool:
    """Whether a test of the adapter fails."""
    tests = [str(PYTHON), "-m", "pytest", "-n", "auto", "--maxprocesses=4", *TESTS, *arguments]
    return subprocess.run(tests, check=False, timeout=_TESTS_S, cwd=ROOT).returncode != 0


def main(arguments: Sequence[str]) -> int:
    """The exit code; 1 also if the environment can't be made, or something takes too long."""
    try:
        make_environment()
    except subprocess.SubprocessError as error:
        sys.stderr.write(f"The environment of ib_async can't be made: {error}\n")
        return 1
    try:
        if story_fails():
            return 1
        return int(arguments[:1] == ["--tests"] and tests_fail(arguments[1:]))
    except subprocess.TimeoutExpired as error:
        sys.stderr.write(f"{error}\n")
        return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
