"""The runtime's errors.

RuntimeKitError
├── StartupError             a process can't start; carries lines for a person (exit code 1)
│   ├── SettingsError        a setting is missing or wrong (exit code 2)
│   └── ListenError          an address can't be listened on
├── DeadlineExpiredError     no time is left; what was running was stopped
├── MalformedRequestError    the bytes of a request are not a message of its type
├── PoolBusyError            no slot was free, the function was never started
└── PoolTimeoutError         the function was started and may still be running
"""

from collections.abc import Sequence
from typing import ClassVar


class RuntimeKitError(Exception):
    """Root of all errors that the runtime raises itself."""


class StartupError(RuntimeKitError):
    """A process can't start, for a reason that its operator can mend.

    `lines` are for a person: one line per thing to mend, without secrets. `run_service` prints
    them on stderr and ends the process with `exit_code`.
    """

    exit_code: ClassVar[int] = 1

    def __init__(self, *lines: str) -> None:
        super().__init__("\n".join(lines))
        self.lines: Sequence[str] = lines


class SettingsError(StartupError):
    """A setting is missing, unknown or wrong; each line names its variable and its file key."""

    exit_code: ClassVar[int] = 2


class ListenError(StartupError):
    """An address can't be listened on: malformed, not loopback, or taken."""


class DeadlineExpiredError(RuntimeKitError):
    """No time is left for this call. It says nothing about what had already been sent."""


class MalformedRequestError(RuntimeKitError):
    """The bytes of a request couldn't be read as a message of the method's type."""


class PoolBusyError(RuntimeKitError):
    """No slot was free in time. The function was never started: it had no effect."""


class PoolTimeoutError(RuntimeKitError):
    """The function was started and didn't return in time. Its effect is unknown."""


def sole_leaf(error: BaseException) -> BaseException:
    """Give the one error inside a group, at any depth; other errors and real groups unchanged.

    A task group wraps even a single failure in a group, which would hide it from every table
    of error classes.
    """
    while isinstance(error, BaseExceptionGroup) and len(error.exceptions) == 1:
        error = error.exceptions[0]
    return error
