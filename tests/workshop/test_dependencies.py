"""Every dependency is justified, pinned and imported; nothing else is imported."""

from __future__ import annotations

import ast
import re
import sys
import tomllib
from collections.abc import Mapping
from functools import cache
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest

from tests.workshop.repository import DOCS, ROOT, codes, parsed, rows, section

NEVER_IMPORTED = {"tzdata"}  # data that the standard library looks for
PART_OF = {"pydantic_core": "pydantic", "ib_async": "ib_insync"}  # or taken in its stead
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")


@cache
def _distributions() -> Mapping[str, list[str]]:
    """Which packages bring a module; it looks through all that is installed."""
    return packages_distributions()


def requirements(pyproject: Path, group: str = "") -> list[str]:
    """Names of the packages that a pyproject.toml asks for, in order."""
    project = tomllib.loads(pyproject.read_text(encoding="utf-8"))["project"]
    lines = project["optional-dependencies"][group] if group else project["dependencies"]
    return [match.group().lower() for line in lines if (match := _NAME.match(line))]


@pytest.mark.parametrize(
    ("heading", "pyproject", "group"),
    [
        ("Tandem", "pyproject.toml", ""),
        ("The Python client", "clients/python/pyproject.toml", ""),
        ("Working on Tandem", "pyproject.toml", "dev"),
    ],
)
def test_every_dependency_is_justified(heading: str, pyproject: str, group: str) -> None:
    justified = rows(section(DOCS / "dependencies.md", heading))
    assert [codes(row[0])[0] for row in justified] == requirements(ROOT / pyproject, group)
    assert all(row[1] for row in justified)


@pytest.mark.parametrize(
    ("folders", "pyproject"),
    [
        (("services", "simulators", "stack"), "pyproject.toml"),
        (("clients/python/src",), "clients/python/pyproject.toml"),
    ],
)
def test_what_is_imported_is_asked_for_and_nothing_else(
    folders: tuple[str, ...], pyproject: str
) -> None:
    asked = set(requirements(ROOT / pyproject))
    owners = {**_distributions(), "tandem_client": ["tandem-client"]}  # editable
    used: set[str] = set()
    for name in {n for folder in folders for n in imports_under(ROOT / folder)}:
        packages = {package.lower() for package in owners.get(PART_OF.get(name, name), [])} & asked
        assert packages, f"{name} is imported, and no package in {pyproject} has it"
        used |= packages
    assert asked - used - NEVER_IMPORTED == set()


def imports_under(folder: Path) -> set[str]:
    """Top-level names that the modules of a folder import from other people's packages."""
    own = {"services", "simulators", "stack"}
    if folder.is_relative_to(ROOT / "clients"):
        own = {"tandem_client"}
    names: set[str] = set()
    for path in folder.rglob("*.py"):
        for node in ast.walk(parsed(path)):
            if isinstance(node, ast.Import):
                names |= {alias.name.split(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
                names.add(node.module.split(".")[0])
    return names - own - sys.stdlib_module_names


def pins_of(path: Path) -> dict[str, str]:
    """Exact versions by normalised name."""
    lines = path.read_text(encoding="utf-8").splitlines()
    pins = [line.partition("==") for line in lines if line and not line.startswith("#")]
    return {name.lower().replace("_", "-"): version for name, _, version in pins}


def test_ib_async_is_tested_on_the_versions_that_everything_else_is_tested_on() -> None:
    own = pins_of(ROOT / "tools" / "ib_async_check" / "requirements.txt")
    ours = pins_of(ROOT / "constraints.txt")
    assert "" not in own.values()
    assert {name for name in own if own[name] != ours.get(name)} == {
        "aeventkit",
        "ib-async",
        "tzdata",
    }


def test_every_dependency_is_pinned() -> None:
    pins = set(pins_of(ROOT / "constraints.txt"))
    asked = {
        *requirements(ROOT / "pyproject.toml"),
        *requirements(ROOT / "pyproject.toml", "dev"),
        *requirements(ROOT / "clients" / "python" / "pyproject.toml"),
        "setuptools",
    }
    assert {name.replace("_", "-") for name in asked} - pins == {"tandem-client"}
