"""What holds for every test: how they are shared out, how many examples a property is tried with,
and that gRPC makes no debug records.

A gRPC server that was never stopped logs itself, at debug, while it is being freed. pytest keeps
records; dropping that one later is a use after free, which crashes whichever test comes next.
"""

from __future__ import annotations

import gc
import logging
import os
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import settings
from xdist.scheduler import LoadScopeScheduling  # type: ignore[import-untyped]

from tests.postgres import PostgresServer, is_installed

# What these stand on takes seconds, processes to start or files to parse: one worker has all tests
# that share it, those of a folder or those of a module.
_SHARED_BY_FOLDER = ("tests/integration/system/one_trio/", "tests/workshop/")
_SHARED_BY_MODULE = "tests/integration/system/"

logging.getLogger("grpc").setLevel(logging.INFO)

settings.register_profile("short", max_examples=40)
settings.register_profile("long", max_examples=1000)
settings.load_profile("short")  # `make test-long` takes the other one


# Nothing that is collected goes away before the end: looking through it again and again, while it
# grows and during each test, took a tenth of the time.
gc.disable()


def pytest_collection_finish() -> None:
    """From here on garbage is looked for, among what the tests themselves make."""
    gc.freeze()
    gc.enable()


class _Scheduling(LoadScopeScheduling):  # type: ignore[misc]
    def _split_scope(self, nodeid: str) -> str:
        for folder in _SHARED_BY_FOLDER:
            if nodeid.startswith(folder):
                return folder
        return nodeid.partition("::")[0] if nodeid.startswith(_SHARED_BY_MODULE) else nodeid


def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> _Scheduling | None:
    """Any test goes to any worker, but for the modules that share running processes."""
    return _Scheduling(config, log) if config.getvalue("dist") == "load" else None


def pytest_xdist_auto_num_workers(config: pytest.Config) -> int:
    """One more than there are processors: much of the time tests wait for sockets and processes."""
    return (os.cpu_count() or 1) + 1


@pytest.fixture(scope="session")
def postgres() -> Iterator[PostgresServer]:
    """A PostgreSQL for the tests of this worker, started for the first that asks for it."""
    if not is_installed():
        pytest.skip("no wheel of pgserver for this Python: nothing to start PostgreSQL from")
    with PostgresServer.running() as server:
        yield server


@pytest.fixture
def journal_dsn(postgres: PostgresServer) -> str:
    """Where a test can have a journal of its own in PostgreSQL."""
    return postgres.new_dsn()
