"""Which reader a record needs: the version in which what it says became known.

A record that says only what version 1 knew can be read by version 1, whoever wrote it: a field
that has its default is not stored. So one release back can read on until something new is used.
"""

from __future__ import annotations

import dataclasses
from enum import Enum
from functools import cache
from typing import Any, get_args, get_origin, get_type_hints

from services.router.journal.frozen import FROZEN


def min_reader_of(record: object, writer_version: int) -> int:
    """The lowest version that understands a record; what no frozen one knew is the writer's."""
    kind = type(record)
    return max(_since(kind.__name__, "", writer_version), _needed(record, kind, writer_version))


def present_shapes(kinds: tuple[type[Any], ...]) -> dict[str, str]:
    """Every class that records are made of with its fields, each enumeration with its members."""
    found: dict[str, str] = {}
    waiting: list[Any] = list(kinds)
    while waiting:
        hint = waiting.pop()
        if get_origin(hint) is not None:
            waiting += get_args(hint)
        elif isinstance(hint, type) and hint.__name__ not in found:
            names = _names(hint)
            if names:
                found[hint.__name__] = " ".join(sorted(names))
                waiting += get_type_hints(hint).values() if dataclasses.is_dataclass(hint) else ()
    return dict(sorted(found.items()))


def _names(kind: type[Any]) -> list[str]:
    if dataclasses.is_dataclass(kind):
        return [field.name for field in dataclasses.fields(kind)]
    return [member.name for member in kind] if issubclass(kind, Enum) else []


@cache
def _since(class_name: str, name: str, writer_version: int) -> int:
    """The version that first knew a class (no name), or its field or member."""
    for version in sorted(FROZEN):
        known = FROZEN[version].get(class_name)
        if version < writer_version and known is not None and (not name or name in known.split()):
            return version
    return writer_version


def _needed(value: object, kind: Any, writer_version: int) -> int:
    if not _may_need(kind, writer_version):
        return 1
    if isinstance(value, Enum):
        return _since(kind.__name__, value.name, writer_version)
    needed = 1
    for field in dataclasses.fields(kind):
        said = getattr(value, field.name)
        if said == field.default:
            continue
        needed = max(needed, _since(kind.__name__, field.name, writer_version))
        for part in said if isinstance(said, tuple) else (said,):
            needed = max(needed, _needed(part, type(part), writer_version))
    return needed


@cache
def _may_need(kind: Any, writer_version: int) -> bool:
    """Whether a class, or what it is made of, has anything that version 1 did not know."""
    if not dataclasses.is_dataclass(kind) and not issubclass(kind, Enum):
        return False
    return any(
        _since(name, one, writer_version) > 1
        for name, shape in present_shapes((kind,)).items()
        for one in ("", *shape.split())
    )
