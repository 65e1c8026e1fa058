"""Some crash schedules: nothing doubled, nothing lost, nothing forgotten."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.crash.fleet import Range, act
from tests.crash.matrix import PAIRS
from tests.crash.report import Report
from tests.crash.schedule import PAIRS_EACH

_QUICK = 3
_ONCE_ROUND = -(-len(PAIRS) // PAIRS_EACH)


async def _acted(folder: Path, end: int, stands: int) -> Report:
    lines: list[str] = []
    asked = Range(0, end, "sqlite", stands, folder / "crash.json", folder / "kept")
    report = await act(asked, lines.append)
    assert not report.failed_seeds, "\n".join(lines)
    return report


@pytest.mark.timeout(300)
async def test_no_crash_doubles_loses_or_forgets_an_order(tmp_path: Path) -> None:
    report = await _acted(tmp_path, _QUICK, 1)
    assert report.hits.total() > 0


@pytest.mark.slow
@pytest.mark.timeout(1800)
async def test_once_round_the_matrix_every_fault_strikes_at_every_boundary(tmp_path: Path) -> None:
    report = await _acted(tmp_path, _ONCE_ROUND, 3)
    never = [pair.name for pair in PAIRS if not report.hits[pair.name]]
    assert not never
