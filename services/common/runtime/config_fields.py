"""Settings classes looked at from outside: names, nested tables, and rows for the docs."""

import typing
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, SecretBytes, SecretStr
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

if TYPE_CHECKING:
    from services.common.runtime.config import Settings

NESTED = "__"
SECOND_VARIABLE = "second_variable"


@dataclass(frozen=True, slots=True)
class SettingDoc:
    """One setting for the reference: file key, variable(s), type, default (None: required)."""

    name: str
    env: str
    second_env: str | None
    type: str
    default: str | None
    description: str


def describe(settings_class: "type[Settings]") -> list[SettingDoc]:
    """All settings of a class in order, nested tables flattened; `<name>` stands for a free key."""
    return list(_rows(settings_class, settings_class, ()))


def secret_values(settings: BaseModel) -> frozenset[str]:
    """The secrets in loaded settings, for the log's last line of defence."""
    return frozenset(_secrets(settings))


def prefix(settings_class: "type[Settings]") -> str:
    """What the class's environment variables begin with."""
    return f"TANDEM_{settings_class.section.upper()}_"


def variable(settings_class: "type[Settings]", path: tuple[str, ...]) -> str:
    """The environment variable of the setting at `path`."""
    return prefix(settings_class) + NESTED.join(path).upper()


def file_key(settings_class: "type[Settings]", path: tuple[str, ...]) -> str:
    """The key of the setting at `path` in the settings file."""
    return ".".join((settings_class.section, *path))


def second_variable(field: FieldInfo) -> str | None:
    """The variable coined by others that a field may also come from."""
    extra = field.json_schema_extra
    name = extra.get(SECOND_VARIABLE) if isinstance(extra, dict) else None
    return name if isinstance(name, str) else None


def nested_table(annotation: Any) -> tuple[type[BaseModel], bool] | None:
    """The table class inside an annotation, and whether it sits under free keys (dict, list)."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation, False
    origin = typing.get_origin(annotation)
    for argument in typing.get_args(annotation):
        found = nested_table(argument)
        if found is not None:
            return found[0], found[1] or origin in (dict, list, tuple, Mapping)
    return None


def holds_secret(annotation: Any) -> bool:
    """Whether values of this annotation are or contain secrets."""
    if annotation in (SecretStr, SecretBytes):
        return True
    table = nested_table(annotation)
    fields = table[0].model_fields.values() if table else ()
    arguments = typing.get_args(annotation)
    return any(holds_secret(field.annotation) for field in fields) or any(
        holds_secret(argument) for argument in arguments
    )


def require_descriptions(model: type[BaseModel]) -> None:
    """Assert that each field, nested ones too, says what it is for."""
    for name, field in model.model_fields.items():
        if not field.description:
            raise TypeError(f"{model.__qualname__}.{name} has no description")
        table = nested_table(field.annotation)
        if table is not None:
            require_descriptions(table[0])


def _rows(
    settings_class: "type[Settings]", model: type[BaseModel], path: tuple[str, ...]
) -> Iterator[SettingDoc]:
    for name, field in model.model_fields.items():
        here = (*path, name)
        table = nested_table(field.annotation)
        if table is not None:
            yield from _rows(settings_class, table[0], (*here, "<name>") if table[1] else here)
            continue
        yield SettingDoc(
            name=file_key(settings_class, here),
            env=variable(settings_class, here),
            second_env=second_variable(field),
            type=_type_name(field.annotation),
            default=_default(field),
            description=field.description or "",
        )


def _default(field: FieldInfo) -> str | None:
    value = field.get_default(call_default_factory=True, validated_data={})
    if value is PydanticUndefined:
        return None
    if value is None:
        return "unset"
    if holds_secret(field.annotation):
        return "a secret"
    if isinstance(value, list):
        return f"[{', '.join(_shown(item) for item in value)}]"
    return _shown(value)


def _shown(value: Any) -> str:
    if isinstance(value, Enum):
        value = value.value
    return str(value).lower() if isinstance(value, bool) else str(value)


def _type_name(annotation: Any) -> str:
    if holds_secret(annotation):
        return "secret"
    if isinstance(annotation, type) and not typing.get_args(annotation):
        return annotation.__name__
    return str(annotation).replace("typing.", "")


def _secrets(value: Any) -> Iterator[str]:
    if isinstance(value, SecretStr):
        yield value.get_secret_value()
    elif isinstance(value, BaseModel):
        for name in type(value).model_fields:
            yield from _secrets(getattr(value, name))
    elif isinstance(value, Mapping):
        for item in value.values():
            yield from _secrets(item)
    elif isinstance(value, list | tuple | set | frozenset):
        for item in value:
            yield from _secrets(item)
