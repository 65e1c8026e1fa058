"""IB's execution ids: a correction has the id of what it corrects, with a higher last part."""

from __future__ import annotations


def split_exec_id(exec_id: str) -> tuple[str, int]:
    """An execution's id without its last part, and that part: a correction's is higher."""
    stem, _, last = exec_id.rpartition(".")
    if stem and last.isascii() and last.isdigit():
        return stem, int(last)
    return exec_id, 0


def corrected_by_id(exec_id: str) -> str:
    """What a correction is about that comes without it, as after a start of this process: by its
    last part the one before it. "" for what is no correction."""
    stem, revision = split_exec_id(exec_id)
    if revision < 2:
        return ""
    width = len(exec_id) - len(stem) - 1
    return f"{stem}.{revision - 1:0{width}}"
