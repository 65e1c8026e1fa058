"""What the workshop's tests read: the files under version control, and the tables of documents."""

from __future__ import annotations

import ast
import gc
import re
import subprocess
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"
_CODE = re.compile(r"`([^`]+)`")


@cache
def tracked_files() -> tuple[Path, ...]:
    """All files under version control that exist now."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    paths = (ROOT / name for name in sorted(set(listed.stdout.split("\0"))) if name)
    return tuple(path for path in paths if path.is_file())


def written_modules() -> list[Path]:
    """Python modules that people write: all but the generated stubs."""
    return [p for p in tracked_files() if p.suffix == ".py" and p.parent.name != "pb"]


@cache
def parsed(path: Path) -> ast.Module:
    """The syntax tree of a module."""
    return ast.parse(path.read_text(encoding="utf-8"))


@cache
def parsed_modules() -> tuple[tuple[Path, ast.Module], ...]:
    """All modules that people write, by their path in the project, with their syntax trees."""
    gc.disable()  # millions of new objects, none of them garbage: looking would double the time
    try:
        return tuple((path.relative_to(ROOT), parsed(path)) for path in written_modules())
    finally:
        gc.enable()


def section(document: Path, heading: str) -> str:
    """The text under a heading of a Markdown document, up to the next of its level or above."""
    lines = document.read_text(encoding="utf-8").splitlines()
    start = next((n for n, line in enumerate(lines) if _is_heading(line, heading)), None)
    assert start is not None, f"{document.name} has no heading {heading!r}"
    level = len(lines[start]) - len(lines[start].lstrip("#"))
    ends = re.compile(rf"#{{1,{level}}} ")
    for end in range(start + 1, len(lines)):
        if ends.match(lines[end]):
            return "\n".join(lines[start + 1 : end])
    return "\n".join(lines[start + 1 :])


def rows(text: str) -> list[list[str]]:
    """The rows of all tables in a piece of Markdown, without heads; cells stripped."""
    found: list[list[str]] = []
    in_body = False
    for line in text.splitlines():
        if not line.startswith("|"):
            in_body = False
        elif set(line) <= set("|-: "):
            in_body = True
        elif in_body:
            found.append([cell.strip() for cell in line.strip("|").split("|")])
    return found


def codes(text: str) -> list[str]:
    """What stands in backquotes, in order."""
    return _CODE.findall(text)


def _is_heading(line: str, heading: str) -> bool:
    return line.startswith("#") and line.lstrip("#").strip() == heading
