"""A node's disk under SQLite: it sees the order of writes and syncs, and forgets at a crash.

A write is in the system's cache, where the process that wrote it can read it again; only a sync
brings it to the disk. After a crash the next incarnation finds what was synced, and of the rest
whatever chance has left: mostly nothing, sometimes some of the writes. (A kill -9 alone keeps the
cache, so a missing sync would never show.)
"""

from __future__ import annotations

import itertools
import random
from collections.abc import Callable
from pathlib import Path

import apsw

_numbers = itertools.count(1)
_KEEPS_SOMETHING = 0.25


class _Content:
    """A file: what is surely there, and the changes since the last sync."""

    def __init__(self, durable: bytes) -> None:
        self.durable = bytearray(durable)
        self.pending: list[tuple[int, bytes | None]] = []

    def sync(self) -> None:
        for offset, data in self.pending:
            _change(self.durable, offset, data)
        self.pending.clear()

    def after_crash(self, rng: random.Random) -> bytes:
        """What is found later; `rng` decides which unsynced writes got through by luck."""
        found = bytearray(self.durable)
        if self.pending and rng.random() < _KEEPS_SOMETHING:
            for offset, data in self.pending:
                if rng.random() < 0.5:
                    _change(found, offset, data)
        return bytes(found)


def _change(content: bytearray, offset: int, data: bytes | None) -> None:
    """Write at an offset, or (None) cut the file there."""
    if data is None:
        del content[offset:]
        return
    if len(content) < offset:
        content.extend(bytes(offset - len(content)))
    content[offset : offset + len(data)] = data


class Disk:
    """One node's disk. `folder` holds the files of the present incarnation, `vfs` goes to SQLite.

    `on_io` (if set) is called before each write and sync with its number, from 1. `delay_s` is for
    who waits for the disk: how much longer it takes at present. With `fails` every write and sync
    fails until the next crash: the disk is full. With `fails_to_sync` only syncs do, as on an error
    of the medium, and what was written before is not on the disk.
    """

    def __init__(self, root: Path, node: str, rng: random.Random) -> None:
        self._root = root
        self._node = node
        self._rng = rng
        self._life = 1
        self._contents: dict[str, _Content] = {}
        self.io_count = 0
        self.on_io: Callable[[int], None] | None = None
        self.delay_s = 0.0
        self.fails = False
        self.fails_to_sync = False
        self._handed_over: set[int] = set()
        self.vfs = f"simulated-disk-{next(_numbers)}"
        self._vfs = _Vfs(self)
        self._make_folder()

    @property
    def folder(self) -> Path:
        """Where the present incarnation's files are. A dead one keeps its own, and its locks."""
        return self._root / f"{self._node}-{self._life}"

    @property
    def life(self) -> int:
        """Counts the incarnations that this disk has served, from 1."""
        return self._life

    def crash(self) -> None:
        """The machine stops: what was not synced is lost, and the old files are nobody's."""
        self.fails = self.fails_to_sync = False
        contents, self._contents = self._contents, {}
        self._life += 1
        self._make_folder()
        for name, content in contents.items():
            found = content.after_crash(self._rng)
            (self.folder / name).write_bytes(found)
            self._contents[name] = _Content(found)

    def hand_over(self) -> None:
        """Another machine goes on with what was synced; who wrote until now can't any more."""
        self._handed_over.add(self._life)
        self.crash()

    def holds(self, text: bytes) -> bool:
        """Whether the text is on the disk for good, in any file."""
        return any(text in content.durable for content in self._contents.values())

    def close(self) -> None:
        """Give the file layer's name back; whoever still has a file open may close it."""
        self._handed_over.clear()
        self.fails = self.fails_to_sync = False
        self._vfs.unregister()

    def _make_folder(self) -> None:
        self.folder.mkdir(parents=True)

    # -- for its files -----------------------------------------------------------------------

    def open(self, path: str) -> tuple[_Content, int]:
        """The content of a file of this life, and the life."""
        name = Path(path).name
        if name not in self._contents:
            found = Path(path)
            self._contents[name] = _Content(found.read_bytes() if found.exists() else b"")
        return self._contents[name], self._life

    def delete(self, path: str) -> None:
        """Remove a file, for good at once."""
        self._contents.pop(Path(path).name, None)

    def io(self, life: int) -> None:
        """Count a write or sync. What a dead incarnation still does counts for nobody."""
        if life in self._handed_over:
            raise apsw.IOError("the disk is somebody else's")
        if life != self._life:
            return
        self.io_count += 1
        if self.on_io is not None:
            self.on_io(self.io_count)
        if self.fails:
            raise apsw.FullError("the disk is full")

    def sync(self, content: _Content, life: int) -> None:
        """What a sync does; a disk that lies overrides it."""
        if self.fails_to_sync and life == self._life:
            raise apsw.IOError("a sync has failed")
        content.sync()


class _Vfs(apsw.VFS):
    def __init__(self, disk: Disk) -> None:
        self._disk = disk
        super().__init__(disk.vfs, "")

    def xOpen(self, name: str | apsw.URIFilename | None, flags: list[int]) -> _File:
        return _File(self._disk, name, flags)

    def xDelete(self, filename: str, syncdir: bool) -> None:
        self._disk.delete(filename)
        super().xDelete(filename, syncdir)


class _File(apsw.VFSFile):
    def __init__(self, disk: Disk, name: str | apsw.URIFilename | None, flags: list[int]) -> None:
        path = name.filename() if isinstance(name, apsw.URIFilename) else str(name)
        self._disk = disk
        self._content, self._life = disk.open(path)
        super().__init__("", name, flags)

    def xWrite(self, data: bytes, offset: int) -> None:
        self._disk.io(self._life)
        self._content.pending.append((offset, bytes(data)))
        super().xWrite(data, offset)

    def xTruncate(self, newsize: int) -> None:
        self._disk.io(self._life)
        self._content.pending.append((newsize, None))
        super().xTruncate(newsize)

    def xSync(self, flags: int) -> None:
        # The real sync is left out: this disk decides what survives.
        self._disk.io(self._life)
        self._disk.sync(self._content, self._life)
