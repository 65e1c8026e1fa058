"""A mutant: a bug as a patch, with what it breaks written above it.

The lines before the first `diff --git` are `key: value`; `promise` and `what` are required.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parents[2]
FOLDER: Final = ROOT / "mutants"
_KEYS: Final = frozenset({"promise", "what", "incident", "tests", "seeds", "crash_seeds", "missed"})
_TOUCHED: Final = re.compile(r"^\+\+\+ b/(.+)$", re.MULTILINE)
_PROMISES: Final = range(1, 13)


class NotAMutant(ValueError):
    """A patch that can't be used; the message names file and line."""


@dataclass(frozen=True, slots=True)
class Mutant:
    """One bug. `promise` is the number of the design's promise that it breaks.

    `tests` are what pytest is given if neither simulation nor crash matrix sees it, `seeds` and
    `crash_seeds` those that have seen it before, tried first. `missed` says why nothing sees it.
    """

    name: str
    path: Path
    promise: int
    what: str
    incident: str = ""
    tests: tuple[str, ...] = ()
    seeds: tuple[int, ...] = ()
    crash_seeds: tuple[int, ...] = ()
    missed: str = ""
    touched: tuple[str, ...] = field(default=())


def read(path: Path) -> Mutant:
    """Read a patch file. Raises NotAMutant."""
    text = path.read_text("utf-8")
    head, found, _ = text.partition("diff --git ")
    if not found:
        raise NotAMutant(f"{path.name}: no line begins with 'diff --git'")
    stated = _stated(path, head)
    try:
        promise = int(stated.get("promise", ""))
    except ValueError as error:
        raise NotAMutant(f"{path.name}: promise: a number from 1 to 12 is required") from error
    if promise not in _PROMISES or not stated.get("what"):
        raise NotAMutant(f"{path.name}: promise (1 to 12) and what are required")
    return Mutant(
        path.stem,
        path,
        promise,
        stated["what"],
        stated.get("incident", ""),
        tuple(stated.get("tests", "").split()),
        tuple(map(int, stated.get("seeds", "").split())),
        tuple(map(int, stated.get("crash_seeds", "").split())),
        stated.get("missed", ""),
        tuple(_TOUCHED.findall(text)),
    )


def _stated(path: Path, head: str) -> dict[str, str]:
    stated: dict[str, str] = {}
    for number, line in enumerate(head.splitlines(), start=1):
        if not line.strip():
            continue
        key, colon, value = line.partition(":")
        if not colon or key not in _KEYS:
            raise NotAMutant(f"{path.name}:{number}: not one of {', '.join(sorted(_KEYS))}: {line}")
        stated[key] = value.strip()
    return stated


def read_all(folder: Path = FOLDER) -> list[Mutant]:
    """All patches of the folder, by name."""
    return [read(path) for path in sorted(folder.glob("*.patch"))]
