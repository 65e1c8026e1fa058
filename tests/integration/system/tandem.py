"""The `tandem` command as a user starts it."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tests.integration.system.parts import scrubbed
from tests.integration.system.trio import Trio

COMMAND: Final = Path(sys.executable).with_name("tandem")
_PATIENCE_S: Final = 30.0


@dataclass(frozen=True, slots=True)
class Said:
    """What a command has said, and its exit code."""

    code: int | None
    out: str
    err: str


async def tandem(trio: Trio, *arguments: str) -> Said:
    """Run `tandem ARGUMENTS…` against the trio's router."""
    addresses = {
        "TANDEM_ADDRESS": trio.address,
        "TANDEM_OPERATIONS_ADDRESS": trio.operations_address,
    }
    return await run_program(str(COMMAND), *arguments, variables=addresses)


async def run_program(
    *words: str, folder: Path | None = None, variables: Mapping[str, str] | None = None
) -> Said:
    """Run a program to its end, in a folder, with more variables."""
    process = await asyncio.create_subprocess_exec(
        *words,
        cwd=folder,
        env={**scrubbed(), **(variables or {})},
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        out, err = await asyncio.wait_for(process.communicate(), _PATIENCE_S)
    finally:
        if process.returncode is None:
            process.kill()
    return Said(process.returncode, out.decode(), err.decode())
