"""Typed settings from the environment over a TOML file, strict, each with a description.

Rules, for a class whose `section` is `router`:

- File: TOML, the table `[router]`, keys in lower case exactly as the fields are called. An unknown
  key, or a file without that table, is an error. Other tables belong to other processes. The
  file is the one that `TANDEM_CONFIG` names, or that `load` is given.
- Environment: `TANDEM_ROUTER_` and the field's name, all capitals; nested fields after two
  underscores (`TANDEM_ROUTER_VENUES__ALPACA__ADDRESS` is `venues.alpaca.address`), whole tables
  as JSON. It goes before the file. Empty means unset. An unknown variable with this prefix is an
  error, since a misspelled limit would be no limit; what Kubernetes sets for a Service of that
  name (`…_SERVICE_HOST`, `…_PORT_…`) is left alone.
- Durations are floats of seconds and end in `_s`, money and quantities are `Decimal`, secrets
  `SecretStr`: no message ever shows their values.
"""

import os
import tomllib
from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any, ClassVar, Self

from pydantic import BaseModel, Field, JsonValue, ValidationError
from pydantic.fields import FieldInfo
from pydantic_settings import BaseSettings, EnvSettingsSource, SettingsConfigDict
from pydantic_settings import SettingsError as SourceError
from pydantic_settings.sources import PydanticBaseSettingsSource

from services.common.runtime import config_errors, config_fields
from services.common.runtime.errors import SettingsError

CONFIG_FILE = "TANDEM_CONFIG"
"""The environment variable that names the settings file."""


def setting(*, description: str, env: str | None = None, **field: Any) -> Any:
    """A field with a description and, if `env` is given, a second variable it may come from.

    The other arguments are pydantic's `Field` ones (`default`, `gt`, `le`, ...). The second
    variable is for names that others coined (`APCA_API_KEY_ID`); the regular one goes first.
    """
    extra: dict[str, JsonValue] = {} if env is None else {config_fields.SECOND_VARIABLE: env}
    return Field(description=description, json_schema_extra=extra, **field)


class SettingsTable(BaseModel):
    """Base of tables nested in settings: strict and frozen like them."""

    model_config = SettingsConfigDict(
        extra="forbid", frozen=True, allow_inf_nan=False, hide_input_in_errors=True
    )


class Settings(BaseSettings):
    """Base of a process's settings. Made by `load`; frozen."""

    model_config = SettingsConfigDict(
        extra="forbid",
        frozen=True,
        validate_default=True,
        allow_inf_nan=False,
        hide_input_in_errors=True,
        env_nested_delimiter=config_fields.NESTED,
        # Of keys in the file: capitals would otherwise be taken for the field, or hide it.
        case_sensitive=True,
    )

    section: ClassVar[str]

    @classmethod
    def __pydantic_init_subclass__(cls, **kwargs: Any) -> None:
        super().__pydantic_init_subclass__(**kwargs)
        config_fields.require_descriptions(cls)

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Take nothing behind the caller's back: `load` reads the sources itself."""
        return (init_settings,)

    @classmethod
    def variable(cls, *path: str) -> str:
        """The environment variable of a field, for messages about its value."""
        return config_fields.variable(cls, path)

    @classmethod
    def load(
        cls, *, environ: Mapping[str, str] | None = None, config_file: Path | None = None
    ) -> Self:
        """Read the settings from `environ` (default: the process's own) and the file.

        `config_file` goes before TANDEM_CONFIG. Raises SettingsError with a line for each thing
        to mend.
        """
        environ = os.environ if environ is None else environ
        config_errors.refuse_unknown_variables(cls, environ)
        values = _merged(_from_file(cls.section, environ, config_file), _from_env(cls, environ))
        try:
            return cls(**values)
        except ValidationError as error:
            # `from None`: pydantic's error holds the refused values.
            raise SettingsError(*config_errors.lines(cls, error)) from None


class _Environment(EnvSettingsSource):
    def __init__(self, settings_class: type[Settings], environ: Mapping[str, str]) -> None:
        super().__init__(
            settings_class,
            case_sensitive=False,
            env_prefix=config_fields.prefix(settings_class),
            env_ignore_empty=True,
        )
        variables: dict[str, str | None] = {
            name.lower(): value for name, value in environ.items() if value and name.isupper()
        }
        for field_name, field in settings_class.model_fields.items():
            second = config_fields.second_variable(field)
            if second and environ.get(second):
                regular = config_fields.variable(settings_class, (field_name,))
                variables.setdefault(regular.lower(), environ[second])
        self.env_vars = variables

    def prepare_field_value(
        self, field_name: str, field: FieldInfo, value: Any, value_is_complex: bool
    ) -> Any:
        try:
            return super().prepare_field_value(field_name, field, value, value_is_complex)
        except ValueError:
            raise _NotJson(field_name) from None


class _NotJson(ValueError):
    def __init__(self, field_name: str) -> None:
        super().__init__(field_name)
        self.field_name = field_name


def _from_env(settings_class: type[Settings], environ: Mapping[str, str]) -> dict[str, Any]:
    try:
        return _Environment(settings_class, environ)()
    except (_NotJson, SourceError) as error:
        cause = error if isinstance(error, _NotJson) else error.__cause__
        names = (cause.field_name,) if isinstance(cause, _NotJson) else ()
        variable = config_fields.variable(settings_class, names)
        raise SettingsError(f"{variable}: the value is not valid JSON for this setting") from None


def _from_file(
    section: str, environ: Mapping[str, str], config_file: Path | None
) -> dict[str, Any]:
    named = config_file or environ.get(CONFIG_FILE)
    if not named:
        return {}
    source = str(named) if config_file else f"{CONFIG_FILE}={named}"
    try:
        tables = tomllib.loads(Path(named).read_text("utf-8"), parse_float=Decimal)
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "not UTF-8"
        raise SettingsError(f"{source}: the settings file can't be read: {reason}") from None
    except tomllib.TOMLDecodeError as error:
        raise SettingsError(f"{source}: the settings file is not TOML: {error}") from None
    table = tables.get(section)
    if not isinstance(table, dict):
        present = ", ".join(f"[{name}]" for name in tables) or "none"
        raise SettingsError(f"{source}: there is no table [{section}] (tables: {present})")
    return table


def _merged(under: dict[str, Any], over: dict[str, Any]) -> dict[str, Any]:
    merged = dict(under)
    for key, value in over.items():
        below = merged.get(key)
        both = isinstance(value, dict) and isinstance(below, dict)
        merged[key] = _merged(below, value) if both else value  # type: ignore[arg-type]
    return merged
