"""What a program is made of: its own modules and other people's packages, by its imports."""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator, Mapping
from functools import cache
from importlib import metadata
from pathlib import Path

from tests.workshop.repository import ROOT

_OWN = ("services", "simulators")
# Packages that several distributions share, one that is a part of another, and one that is imported
# where the other isn't installed; the first that fits.
_SHARED = {
    "google.protobuf": "protobuf",
    "google.rpc": "googleapis-common-protos",
    "ib_async": "ib-insync",
    "opentelemetry.exporter.otlp": "opentelemetry-exporter-otlp-proto-http",
    "opentelemetry.exporter.prometheus": "opentelemetry-exporter-prometheus",
    "opentelemetry.sdk": "opentelemetry-sdk",
    "opentelemetry": "opentelemetry-api",
    "pydantic_core": "pydantic",
}
# Data that the standard library's zoneinfo looks for where the system has none.
_DATA = {"zoneinfo": "tzdata"}


@cache
def modules_of(program: str) -> frozenset[str]:
    """Every module of ours that `python -m program` may import, packages with their own module."""
    found: set[str] = set()
    todo = [f"{program}.__main__"]
    while todo:
        module = todo.pop()
        if module in found or not _file(module):
            continue
        found.add(module)
        todo.extend(_above(module))
        todo.extend(owned for name in _imports(module) if (owned := _own(name)))
    return frozenset(found)


def distributions_of(program: str) -> set[str]:
    """The distributions that its modules import by name, as pyproject.toml would name them."""
    found: set[str] = set()
    for name in (n for module in modules_of(program) for n in _imports(module)):
        top = name.partition(".")[0]
        if top in _DATA:
            found.add(_DATA[top])
        elif top not in _OWN and top not in sys.stdlib_module_names:
            found.add(_distribution(name))
    return found


@cache
def _owners() -> Mapping[str, list[str]]:
    return metadata.packages_distributions()


def _distribution(name: str) -> str:
    for package, distribution in _SHARED.items():
        if f"{name}.".startswith(f"{package}."):
            return distribution
    return _owners()[name.partition(".")[0]][0].lower().replace("_", "-")


def _file(module: str) -> Path | None:
    path = ROOT.joinpath(*module.split("."))
    for candidate in (path / "__init__.py", path.with_suffix(".py")):
        if candidate.is_file():
            return candidate
    return None


def _above(module: str) -> list[str]:
    parts = module.split(".")
    return [".".join(parts[:n]) for n in range(1, len(parts))]


def _own(name: str) -> str | None:
    """The module of ours that an imported name is, or is in."""
    if name.split(".")[0] not in _OWN:
        return None
    return name if _file(name) else name.rpartition(".")[0]


@cache
def _imports(module: str) -> tuple[str, ...]:
    """Everything that a module imports, by its full name."""
    file = _file(module)
    assert file is not None, module
    package = module if file.name == "__init__.py" else module.rpartition(".")[0]
    return tuple(_imported(ast.parse(file.read_text(encoding="utf-8")), package.split(".")))


def _imported(tree: ast.Module, package: list[str]) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            above = package[: len(package) + 1 - node.level] if node.level else []
            source = [*above, *([node.module] if node.module else [])]
            yield from (".".join([*source, alias.name]) for alias in node.names)
