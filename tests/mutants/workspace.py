"""A copy of the project into which one bug at a time is put."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from tests.mutants.mutant import ROOT, Mutant

_COPIED: Final = ("clients", "protos", "services", "simulators", "stack", "tests")
_FILES: Final = ("pyproject.toml", "Makefile")
_NOT_COPIED: Final = shutil.ignore_patterns("__pycache__", "*.egg-info", "build", ".*_cache")


class DoesNotApply(Exception):
    """The code has changed where the patch wants to change it; the message is git's."""


class Workspace:
    """A copy in `folder`, which the caller removes. One mutant is in it at a time."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        for name in _COPIED:
            shutil.copytree(ROOT / name, folder / name, ignore=_NOT_COPIED)
        for name in _FILES:
            shutil.copy2(ROOT / name, folder / name)

    @contextmanager
    def holding(self, mutant: Mutant) -> Iterator[None]:
        """Have the bug in the code within it. Raises DoesNotApply."""
        self._apply(mutant)
        try:
            yield
        finally:
            self._apply(mutant, "--reverse")

    def _apply(self, mutant: Mutant, *options: str) -> None:
        # Outside of any repository git takes the paths as they are.
        environment = {**os.environ, "GIT_DIR": os.devnull, "GIT_CEILING_DIRECTORIES": "/"}
        arguments = ["git", "apply", "--whitespace=nowarn", *options, str(mutant.path)]
        applied = subprocess.run(
            arguments, cwd=self.folder, env=environment, capture_output=True, text=True, check=False
        )
        if applied.returncode:
            raise DoesNotApply(f"{mutant.name}: {applied.stderr.strip()}")
        for touched in mutant.touched:  # times are kept in seconds: compiled code could be stale
            source = self.folder / touched
            for compiled in (source.parent / "__pycache__").glob(f"{source.stem}.*.pyc"):
                compiled.unlink()

    def run(self, arguments: Sequence[str], timeout_s: float) -> tuple[int, str]:
        """Run `python` with these in the copy; exit code (-1 after the time-out) and output."""
        environment = {
            **os.environ,
            "PYTHONPATH": str(self.folder / "clients" / "python" / "src"),
        }
        with subprocess.Popen(
            [sys.executable, *arguments],
            cwd=self.folder,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        ) as child:
            try:
                output, _ = child.communicate(timeout=timeout_s)
            except subprocess.TimeoutExpired:
                _end_group(child)
                output, _ = child.communicate()
                return -1, output
            except BaseException:
                _end_group(child)
                raise
        return child.returncode, output


def _end_group(child: subprocess.Popen[str]) -> None:
    """End the child and whatever it has started."""
    os.killpg(child.pid, signal.SIGKILL)
