"""Exit codes, and errors as one line.

0    done
1    refused, and nothing happened; or what was asked for is not there
2    wrong usage: an option, a number, a symbol
3    in doubt: it may have happened, look the order up
4    nothing answers at the address
5    the wait ended before the order did; the order goes on as it is
130  interrupted
"""

from __future__ import annotations

from typing import Final

from tandem_client import errors
from tandem_client.command.words import plain
from tandem_client.errors import TandemError
from tandem_client.reasons import Effect, Reason

DONE: Final = 0
REFUSED: Final = 1
USAGE: Final = 2
IN_DOUBT: Final = 3
UNREACHABLE: Final = 4
WAIT_ENDED: Final = 5
INTERRUPTED: Final = 130

_KINDS: Final[dict[type[TandemError], tuple[int, str]]] = {
    errors.InvalidRequest: (REFUSED, "invalid"),
    errors.NotFound: (REFUSED, "not found"),
    errors.AlreadyExists: (REFUSED, "already exists"),
    errors.Refused: (REFUSED, "refused"),
    errors.Unavailable: (REFUSED, "unavailable, nothing happened"),
    errors.Unreachable: (UNREACHABLE, "unreachable"),
    errors.OutcomeUnknown: (IN_DOUBT, "in doubt"),
    errors.ReadFailed: (REFUSED, "failed"),
    errors.TokenExpired: (REFUSED, "token expired"),
    errors.WaitTimeout: (WAIT_ENDED, "still working"),
}


def exit_code(error: TandemError, *, mutation: bool) -> int:
    """The exit code for an error of a command that changes something, or only reads."""
    if isinstance(error, errors.MalformedReply):
        return IN_DOUBT if mutation else REFUSED
    if isinstance(error, errors.InvalidRequest) and not error.code:
        return USAGE  # found here, before a server was asked
    return _KINDS[type(error)][0]


def line(error: TandemError, *, look_up: str = "") -> str:
    """The error on one line: kind, reason, field, words, each venue's cause, what to do next."""
    kind = _KINDS.get(type(error), (0, "malformed reply"))[1]
    parts = [kind]
    if error.reason is not Reason.UNSPECIFIED:
        parts.append(error.reason.name)
    if error.field and error.field not in error.message:
        parts.append(error.field)
    text = ": ".join([*parts, plain(error.message)])
    for cause in error.venue_causes:
        text += f"; {plain(cause.venue)}: {cause.reason.name}"
        if cause.message not in error.message:
            text += f" {plain(cause.message)}"
    if error.retry_after_s is not None:
        text += f" (try again in {error.retry_after_s:g} s)"
    if look_up and error.effect is Effect.UNKNOWN:
        text += f"; look it up: tandem order {look_up}"
    return text
