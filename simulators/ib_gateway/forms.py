"""Reads the arguments of the control's own verbs: one form each, unknown fields refused."""

from collections.abc import Callable
from typing import Any, TypeVar

import msgspec

from simulators.control.control import BadRequest, Verb

SECONDS_MAX = 1e9
_S = TypeVar("_S", bound=msgspec.Struct)


class Nothing(msgspec.Struct, forbid_unknown_fields=True):
    """No arguments."""


class OneOrder(msgspec.Struct, forbid_unknown_fields=True):
    """An order by its orderRef or permId."""

    order: str


def taking(form: type[_S], act: Callable[[_S], Any]) -> Verb:
    """The verb that reads its arguments as that form."""

    def verb(arguments: dict[str, Any]) -> Any:
        try:
            asked = msgspec.convert(arguments, form)
        except msgspec.ValidationError as error:
            raise BadRequest(str(error)) from error
        return act(asked)

    return verb


def check_times(*times_s: float) -> None:
    """Raises BadRequest unless each is 0 to SECONDS_MAX seconds."""
    if not all(0 <= time_s <= SECONDS_MAX for time_s in times_s):
        raise BadRequest(f"a time is between 0 and {SECONDS_MAX:g} seconds")
