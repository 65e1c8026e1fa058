"""One clear line for each wrong setting, naming its variable and its file key, never a secret."""

import difflib
import re
import typing
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from services.common.runtime import config_fields
from services.common.runtime.errors import SettingsError
from services.common.runtime.redact import is_secret_name

if TYPE_CHECKING:
    from services.common.runtime.config import Settings

# Set by Kubernetes in every pod for a Service called tandem-router: not ours to refuse.
_SERVICE_LINK = re.compile(r"(SERVICE_HOST|SERVICE_PORT(_.*)?|PORT(_\d+_(TCP|UDP|SCTP).*)?)")
_SHOWN_LEN_MAX = 60


def refuse_unknown_variables(settings_class: "type[Settings]", environ: Mapping[str, str]) -> None:
    """Raise SettingsError for variables with the class's prefix that mean nothing."""
    prefix = config_fields.prefix(settings_class)
    known = {name.upper() for name in settings_class.model_fields}
    unknown: list[str] = []
    for name in sorted(environ):
        rest = name[len(prefix) :]
        if not name.upper().startswith(prefix) or _SERVICE_LINK.fullmatch(rest):
            continue
        if name != name.upper() or rest.split(config_fields.NESTED)[0] not in known:
            unknown.append(f"{name} is not a setting{_nearest(rest.upper(), known, prefix)}")
    if unknown:
        raise SettingsError(*unknown)


def lines(settings_class: "type[Settings]", error: ValidationError) -> Iterator[str]:
    """Turn pydantic's findings into lines for a person."""
    for detail in error.errors(include_url=False, include_context=False):
        yield _line(settings_class, detail)


def _line(settings_class: "type[Settings]", detail: ErrorDetails) -> str:
    path = tuple(str(part) for part in detail["loc"])
    key = config_fields.file_key(settings_class, path)
    if not path:
        return f"[{key}] {_message(detail)}"
    if detail["type"] == "extra_forbidden":
        known = set(_table_at(settings_class, path[:-1]).model_fields)
        return f"{key} is not a setting{_nearest(path[-1], known, key[: -len(path[-1])])}"
    names = f"{config_fields.variable(settings_class, path)} (file key {key})"
    if detail["type"] == "missing":
        return f"{names} is missing"
    if _is_secret(settings_class, path):
        return f"{names}: the value is not valid"
    return f"{names}: {_message(detail)}{_shown(detail['input'])}"


def _message(detail: ErrorDetails) -> str:
    text = detail["msg"].removeprefix("Value error, ").removeprefix("Assertion failed, ")
    return text[:1].lower() + text[1:]


def _shown(value: Any) -> str:
    if not isinstance(value, str | int | float):
        return ""
    text = repr(value)
    return f", not {text if len(text) <= _SHOWN_LEN_MAX else text[:_SHOWN_LEN_MAX] + '…'}"


def _nearest(name: str, known: set[str], prefix: str) -> str:
    close = difflib.get_close_matches(name, sorted(known), n=1)
    return f"; did you mean {prefix}{close[0]}?" if close else ""


def _is_secret(settings_class: "type[Settings]", path: tuple[str, ...]) -> bool:
    if any(is_secret_name(part) for part in path):
        return True
    annotation: Any = settings_class
    for part in path:
        annotation = _step(annotation, part)
    return config_fields.holds_secret(annotation)


def _table_at(settings_class: "type[Settings]", path: tuple[str, ...]) -> type[BaseModel]:
    annotation: Any = settings_class
    for part in path:
        annotation = _step(annotation, part)
    table = config_fields.nested_table(annotation)
    return settings_class if table is None else table[0]


def _step(annotation: Any, part: str) -> Any:
    """The annotation of what `part` selects in a value of `annotation`."""
    table = config_fields.nested_table(annotation)
    if table is not None and not table[1]:
        field = table[0].model_fields.get(part)
        return None if field is None else field.annotation
    arguments = typing.get_args(annotation)
    return arguments[-1] if arguments else annotation
