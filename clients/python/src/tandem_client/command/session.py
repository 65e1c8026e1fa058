"""What every command shares: its options, its connection, its output and its end."""

from __future__ import annotations

import asyncio
import functools
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, Concatenate, Final, ParamSpec

import click
from rich.console import RenderableType

from tandem_client.base import DEFAULT_ADDRESS
from tandem_client.client import TandemClient
from tandem_client.command import documents, outcomes, tables
from tandem_client.errors import TandemError
from tandem_client.operations import DEFAULT_OPERATIONS_ADDRESS, OperationsClient

P = ParamSpec("P")

_DEFAULT_DEADLINE_S: Final = 10.0


@dataclass(frozen=True, slots=True)
class Session:
    """Options in force, and where to write."""

    address: str
    operations_address: str
    account_id: str
    as_json: bool
    deadline_s: float

    def client(self) -> TandemClient:
        """A client of the trading address."""
        return TandemClient(
            self.address, account_id=self.account_id or None, deadline_s=self.deadline_s
        )

    def operations(self) -> OperationsClient:
        """A client of the operator's address."""
        return OperationsClient(self.operations_address, deadline_s=self.deadline_s)

    def show(self, answer: Any, rendered: Callable[[], RenderableType]) -> None:
        """Write the answer: one JSON document on one line, or a table; text stays on one line."""
        shown = documents.write(answer) if self.as_json else rendered()
        if isinstance(shown, str):
            self.line(shown)
        else:
            tables.console().print(shown)

    def line(self, text: str) -> None:
        """Write one line, at once."""
        click.echo(text)

    def complain(self, text: str) -> None:
        """Write one line to stderr."""
        click.echo(text, err=True)

    def failed(self, error: TandemError, *, mutation: bool = False, look_up: str = "") -> int:
        """Tell an error and give the exit code for it."""
        self.complain(outcomes.line(error, look_up=look_up))
        return outcomes.exit_code(error, mutation=mutation)


_OPTIONS: Final[tuple[tuple[str, dict[str, Any]], ...]] = (
    ("--address", {"help": f"Router or adapter, host:port [{DEFAULT_ADDRESS}; TANDEM_ADDRESS]."}),
    (
        "--operations-address",
        {
            "help": "The router's operator port "
            f"[{DEFAULT_OPERATIONS_ADDRESS}; TANDEM_OPERATIONS_ADDRESS]."
        },
    ),
    ("--account", {"help": "The account [the only one served; TANDEM_ACCOUNT]."}),
    (
        "--deadline",
        {
            "type": click.FloatRange(min=0, min_open=True),
            "metavar": "SECONDS",
            "help": f"How long to wait for each answer [{_DEFAULT_DEADLINE_S:g}].",
        },
    ),
    (
        "--json",
        {
            "is_flag": True,
            "default": None,
            "help": "One JSON document a command, one a line for events.",
        },
    ),
)
_VARIABLES: Final = {
    "address": "TANDEM_ADDRESS",
    "operations_address": "TANDEM_OPERATIONS_ADDRESS",
    "account": "TANDEM_ACCOUNT",
}


def shared_options(*, from_environment: bool) -> Callable[[Any], Any]:
    """Add the shared options; they may stand before or after the command's name."""

    def add(function: Any) -> Any:
        for name, attributes in reversed(_OPTIONS):
            key = name.removeprefix("--").replace("-", "_")
            variable = _VARIABLES.get(key) if from_environment else None
            function = click.option(name, envvar=variable, **attributes)(function)
        return function

    return add


def command(
    work: Callable[Concatenate[Session, P], Awaitable[int]],
) -> Callable[..., int]:
    """Make a coroutine function that takes a Session and gives an exit code into a callback."""

    @functools.wraps(work)
    def call(**given: Any) -> int:
        session = _session(given)
        return asyncio.run(_guarded(session, work, given))

    return shared_options(from_environment=False)(call)  # type: ignore[no-any-return]


async def _guarded(session: Session, work: Callable[..., Awaitable[int]], given: Any) -> int:
    try:
        return await work(session, **given)
    except TandemError as error:
        return session.failed(error)


def _session(given: dict[str, Any]) -> Session:
    outer = click.get_current_context().find_root().params

    def chosen(name: str, default: Any) -> Any:
        inner = given.pop(name)
        return inner if inner is not None else (outer.get(name) or default)

    return Session(
        address=chosen("address", DEFAULT_ADDRESS),
        operations_address=chosen("operations_address", DEFAULT_OPERATIONS_ADDRESS),
        account_id=chosen("account", ""),
        as_json=chosen("json", default=False),
        deadline_s=chosen("deadline", _DEFAULT_DEADLINE_S),
    )
