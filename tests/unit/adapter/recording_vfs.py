"""An SQLite VFS that sees every write and sync in order, and can make them fail."""

from __future__ import annotations

import itertools
import os
import threading
from collections.abc import Callable
from typing import Any

import apsw

_numbers = itertools.count(1)


class RecordingVfs(apsw.VFS):
    """Passes all on to the system; `log` has ("write" | "sync", file's name) in order.

    `refuses` is asked of each, and says with which error it is to fail.
    """

    def __init__(self) -> None:
        self.name = f"recording-{os.getpid()}-{next(_numbers)}"
        self.log: list[tuple[str, str]] = []
        self.sync_fails = False
        self.refuses: Callable[[str, str], Exception | None] = lambda kind, name: None
        self.disk_answers = threading.Event()
        self.disk_answers.set()
        super().__init__(self.name, "")

    def xOpen(self, name: str | apsw.URIFilename | None, flags: list[int]) -> _File:
        return _File(self, name, flags)


class _File(apsw.VFSFile):
    def __init__(
        self, vfs: RecordingVfs, name: str | apsw.URIFilename | None, flags: list[int]
    ) -> None:
        self._vfs = vfs
        path = name.filename() if isinstance(name, apsw.URIFilename) else name or "temporary"
        self._name = os.path.basename(path)
        super().__init__("", name, flags)

    def xWrite(self, data: Any, offset: int) -> None:
        self._ask("write")
        self._vfs.log.append(("write", self._name))
        super().xWrite(data, offset)

    def xSync(self, flags: int) -> None:
        self._vfs.disk_answers.wait(timeout=10)
        if self._vfs.sync_fails:
            raise apsw.IOError("the disk is broken")
        self._ask("sync")
        self._vfs.log.append(("sync", self._name))
        super().xSync(flags)

    def _ask(self, kind: str) -> None:
        if (error := self._vfs.refuses(kind, self._name)) is not None:
            raise error
