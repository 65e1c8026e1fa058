"""Rules for every file of the project: it stands alone, in modules that can be read."""

from __future__ import annotations

import ast
import re
import sys
from pathlib import Path

import pytest

from tests.workshop.repository import ROOT, parsed_modules, tracked_files, written_modules

MODULE_LINES_MAX = 400
FUNCTION_LINES_MAX = 60
BINARY = {".binpb"}
# Split so that this file does not hold what it forbids.
FOREIGN = {
    "a path of one machine": r"(?<![\w.$)}\]])/(?:wor" + r"k|roo" + r"t|hom" + r"e|Use" + r"rs)/\w",
    "a package index": r"(?:file:|https?:)//[\w.-]*pyp" + r"i|pythonhos" + r"ted|index-u" + r"rl",
    "another project's folder": r"\.\./sha" + r"red",
}


def texts() -> list[tuple[Path, str]]:
    return [
        (path.relative_to(ROOT), path.read_text(encoding="utf-8"))
        for path in tracked_files()
        if path.suffix not in BINARY
    ]


@pytest.mark.parametrize("what", FOREIGN)
def test_no_file_names_what_is_outside_the_project(what: str) -> None:
    pattern = re.compile(FOREIGN[what])
    found = [
        f"{path}:{number}: {line.strip()}"
        for path, text in texts()
        for number, line in enumerate(text.splitlines(), start=1)
        if pattern.search(line)
    ]
    assert found == []


def test_every_module_says_in_its_first_line_what_it_is_for() -> None:
    silent = [str(path) for path, tree in parsed_modules() if not _first_line(tree)]
    assert silent == []


def _first_line(tree: ast.Module) -> str:
    return (ast.get_docstring(tree) or "").partition("\n")[0].strip()


def test_no_module_is_too_long() -> None:
    lengths = {
        str(p.relative_to(ROOT)): len(p.read_text("utf-8").splitlines()) for p in written_modules()
    }
    assert {name: n for name, n in lengths.items() if n > MODULE_LINES_MAX} == {}


def test_no_function_is_too_long() -> None:
    long = [
        f"{path}:{node.lineno} {node.name}"
        for path, tree in parsed_modules()
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and (node.end_lineno or 0) - node.lineno + 1 > FUNCTION_LINES_MAX
    ]
    assert long == []


def test_no_module_has_a_name_that_says_nothing() -> None:
    empty = re.compile(r"(^|_)(utils?|helpers?|managers?|misc|common_stuff)($|_)")
    assert [str(p) for p in written_modules() if empty.search(p.stem)] == []


def test_the_domain_imports_the_standard_library_alone() -> None:
    allowed = sys.stdlib_module_names | {"services.common.domain"}
    found = [
        f"{path}: {name}"
        for path, tree in parsed_modules()
        if path.is_relative_to("services/common/domain")
        for name in _imports(tree)
        if name.split(".")[0] not in allowed and not name.startswith("services.common.domain")
    ]
    assert found == []


def _imports(tree: ast.Module) -> list[str]:
    names = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            names.append(node.module or "")
    return names


def test_every_program_has_a_page() -> None:
    programs = {p.parent.relative_to(ROOT) for p in tracked_files() if p.name == "__main__.py"}
    assert {Path("services/router"), Path("stack")} <= programs
    silent = [
        p for p in programs if not (ROOT / p / "README.md").is_file() and p.parts[0] != "tests"
    ]
    assert silent == []
