"""What can't start says why in one line and exits; what runs ends at once when it is asked to."""

from __future__ import annotations

import asyncio
import signal
import socket
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import aclosing
from dataclasses import dataclass
from pathlib import Path

import pytest
import pytest_asyncio
from tandem_client import Event, TandemClient, WatchOptions

from stack.children import ROOT, Program
from stack.programs import ALPACA, state_of
from tests.integration.system.parts import Part, until
from tests.integration.system.trio import Programs, Trio, says_ready

pytestmark = pytest.mark.asyncio(loop_scope="module")

_PATIENCE_S = 40.0
_FAILED, _SETTING = 1, 2


@dataclass(frozen=True, slots=True)
class Ended:
    """How a program has ended, and what it had said to a person."""

    code: int | None
    said: list[str]


async def run(program: Program) -> Ended:
    """Run a program that should end by itself."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", program.module, *program.arguments),
        cwd=ROOT,
        env=dict(program.environment),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        out, err = await asyncio.wait_for(process.communicate(), _PATIENCE_S)
    finally:
        if process.returncode is None:
            process.kill()
    assert b"Traceback" not in out + err, (out + err).decode()
    return Ended(process.returncode, err.decode().splitlines())


@pytest.fixture
def made(tmp_path: Path) -> Programs:
    """Programs of one test's own; nothing of them runs."""
    return Programs.in_folder(tmp_path)


@pytest.fixture
def taken() -> Iterator[int]:
    """A port that somebody listens on."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield int(server.getsockname()[1])


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def running(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Trio]:
    drain = {"TANDEM_ROUTER_DRAIN_S": "0.7"}
    async with Trio.running(tmp_path_factory.mktemp("trio"), **drain) as trio:
        yield trio


def unusable(folder: Path) -> Path:
    """A path that nobody can write to, root included: its folder is a file."""
    (folder / "file").write_text("not a folder")
    return folder / "file" / "state.sqlite"


# -- settings ------------------------------------------------------------------------------------


async def test_a_router_without_accounts_names_the_setting(made: Programs) -> None:
    ended = await run(made.router(TANDEM_ROUTER_ACCOUNTS=""))
    assert ended == Ended(
        _SETTING, ["tandem-router: TANDEM_ROUTER_ACCOUNTS (file key router.accounts) is missing"]
    )


async def test_a_misspelled_setting_is_an_error_with_a_suggestion(made: Programs) -> None:
    ended = await run(made.router(TANDEM_ROUTER_JOURNAL_PAHT="x"))
    (line,) = ended.said
    assert ended.code == _SETTING
    assert line.startswith("tandem-router: TANDEM_ROUTER_JOURNAL_PAHT is not a setting")
    assert line.endswith("did you mean TANDEM_ROUTER_JOURNAL_PATH?")


async def test_an_adapter_without_a_key_names_it(made: Programs) -> None:
    ended = await run(made.adapter(TANDEM_ALPACA_SECRET_KEY=""))
    (line,) = ended.said
    assert ended.code == _SETTING
    assert line.startswith("tandem-alpaca-adapter: TANDEM_ALPACA_SECRET_KEY or ")


async def test_a_simulator_with_a_bad_flag_names_it(made: Programs) -> None:
    program = made.simulator()
    bad = Program(program.name, program.module, ("--cash", "plenty"), program.environment)
    ended = await run(bad)
    assert ended.code == _SETTING
    assert ended.said[-1] == "Error: Invalid value for '--cash': 'plenty' is not an amount"


# -- paper is paper ------------------------------------------------------------------------------


async def test_an_adapter_whose_account_is_another_one_does_not_start(
    running: Trio, tmp_path: Path
) -> None:
    changed = {
        "TANDEM_ALPACA_FENCE_STORE_PATH": str(tmp_path / "fence.sqlite"),
        "TANDEM_ALPACA_LISTEN": "127.0.0.1:0",
        "TANDEM_ALPACA_ACCOUNT_NUMBER": "PA3OTHER",
    }
    ended = await run(running.programs.adapter(**changed))
    (line,) = ended.said
    assert (ended.code, "WRONG_ACCOUNT_MODE: " in line) == (_FAILED, True), line


# -- ports and state -----------------------------------------------------------------------------


async def test_a_port_in_use_is_named_by_the_router(taken: int, made: Programs) -> None:
    address = f"127.0.0.1:{taken}"
    trading, operating = await asyncio.gather(
        run(made.router(TANDEM_ROUTER_LISTEN=address)),
        run(Programs.in_folder(made.folder / "2").router(TANDEM_ROUTER_OPERATIONS_LISTEN=address)),
    )
    for ended, name in (
        (trading, "tandem-router: TANDEM_ROUTER_LISTEN"),
        (operating, "tandem-router: TANDEM_ROUTER_OPERATIONS_LISTEN"),
    ):
        (line,) = ended.said
        assert ended.code == _FAILED
        assert line.startswith(f"{name}: can't listen on {address}: the port is in use")


async def test_state_that_can_not_be_written_is_named(made: Programs) -> None:
    path = unusable(made.folder)
    ended = await run(made.adapter(TANDEM_ALPACA_FENCE_STORE_PATH=str(path)))
    (line,) = ended.said
    assert ended.code == _FAILED
    assert line.startswith("tandem-alpaca-adapter: TANDEM_ALPACA_FENCE_STORE_PATH: ")
    assert str(path.parent) in line


async def test_a_second_router_and_a_second_adapter_on_the_same_state_end_at_once(
    running: Trio,
) -> None:
    router, adapter = await asyncio.gather(
        run(
            running.programs.router(
                TANDEM_ROUTER_LISTEN="127.0.0.1:0", TANDEM_ROUTER_OPERATIONS_LISTEN="127.0.0.1:0"
            )
        ),
        run(running.programs.adapter(TANDEM_ALPACA_LISTEN="127.0.0.1:0")),
    )
    assert (router.code, len(router.said)) == (_FAILED, 1)
    assert "another router has this journal open" in router.said[0]
    assert (adapter.code, len(adapter.said)) == (_FAILED, 1)
    assert "locked by another process" in adapter.said[0]
    await running.open_for_entries()


# -- the end -------------------------------------------------------------------------------------


async def test_a_signal_during_the_start_ends_it_as_well(made: Programs) -> None:
    """It has its fence store, and asks a venue that does not answer."""
    with socket.create_server(("127.0.0.1", made.ports.alpaca.simulator)):
        part = Part(made.adapter(), made.folder / "logs", says_ready)
        try:
            part.begin()
            await until((state_of(ALPACA, made.folder) / "fence.sqlite").exists)
            assert await part.stop() == 0
        finally:
            await part.end()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_each_program_ends_quickly_and_in_good_order_on_a_signal(
    running: Trio, number: signal.Signals
) -> None:
    """The router's watcher comes back while it drains, and must not hold it up. Last here."""
    for part in (running.simulator, running.adapter, running.router):
        if part.child.exit_code() is not None:
            await part.start()
    await running.open_for_entries()
    heard: list[Event] = []
    watching = asyncio.create_task(watch(running.client, heard))
    try:
        await until(lambda: heard)
        for part in (running.router, running.adapter, running.simulator):
            assert await part.stop(number) == 0, part.child.tail()
            said = "\n".join(part.child.tail())
            assert "Traceback" not in said
            assert '"level": "error"' not in said
    finally:
        watching.cancel()
        await asyncio.gather(watching, return_exceptions=True)


async def watch(client: TandemClient, heard: list[Event]) -> None:
    options = WatchOptions(heartbeats=True)
    async with aclosing(client.watch(options=options)) as events:
        async for event in events:
            heard.append(event)
