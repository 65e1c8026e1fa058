"""Who sees a bug: the simulation, the crash matrix, or else a test; in that order."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from tests.mutants.mutant import Mutant
from tests.mutants.workspace import Workspace

# Few at first: most bugs show at once.
SIMULATED: Final = ("0:40", "40:160", "160:600")
CRASHED: Final = ("0:12", "12:48")
TESTED: Final = ("tests/unit", "tests/simulators")
_CHUNK_TIMEOUT_S: Final = 900.0
_EVIDENCE_LEN_MAX: Final = 300


@dataclass(frozen=True, slots=True)
class Detected:
    """By whom a bug was seen ("simulate", "crash", a test's id), and how it showed."""

    by: str
    evidence: str


def detect(workspace: Workspace, mutant: Mutant, *, with_crash: bool) -> Detected | None:
    """Look for a bug that is in the workspace's code now; None if nobody sees it."""
    found = _by_simulation(workspace, mutant)
    if found is None and with_crash:
        found = _by_crashes(workspace, mutant)
    return found or _by_tests(workspace, mutant)


def by_simulation(workspace: Workspace, seeds: str) -> Detected | None:
    """Act schedules, in one process; what they find."""
    return _act(workspace, "simulate", "tests.simulation", [f"--seeds={seeds}", "--workers=1"])


def by_crashes(workspace: Workspace, seeds: str) -> Detected | None:
    """Act crash schedules; what they find."""
    return _act(workspace, "crash", "tests.crash", [f"--seeds={seeds}"])


def _by_simulation(workspace: Workspace, mutant: Mutant) -> Detected | None:
    likely = [f"{seed}:{seed + 1}" for seed in mutant.seeds]
    found = (by_simulation(workspace, seeds) for seeds in (*likely, *SIMULATED))
    return next(filter(None, found), None)


def _by_crashes(workspace: Workspace, mutant: Mutant) -> Detected | None:
    likely = [f"{seed}:{seed + 1}" for seed in mutant.crash_seeds]
    found = (by_crashes(workspace, seeds) for seeds in (*likely, *CRASHED))
    return next(filter(None, found), None)


def _act(workspace: Workspace, by: str, module: str, arguments: list[str]) -> Detected | None:
    report = workspace.folder / "build" / f"{by}.json"
    report.unlink(missing_ok=True)
    arguments = ["-m", module, *arguments, f"--json={report}"]
    code, output = workspace.run(arguments, _CHUNK_TIMEOUT_S)
    if code == 0:
        return None
    return Detected(by, shown(output, ended=report.exists()))


def shown(output: str, *, ended: bool) -> str:
    """What was found, in a line: the first failing seed with its findings, or the last words."""
    lines = [line.strip() for line in output.splitlines() if line.strip()]
    number = next((n for n, line in enumerate(lines) if line.startswith("seed ")), -2)
    told = "; ".join(lines[number : number + 3] if number >= 0 else lines[number:])
    return (told + ("" if ended else " (it ended without a report)"))[:_EVIDENCE_LEN_MAX]


def _by_tests(workspace: Workspace, mutant: Mutant) -> Detected | None:
    wanted = mutant.tests or TESTED
    options = ["-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", "--no-header"]
    code, output = workspace.run([*options, *wanted], _CHUNK_TIMEOUT_S)
    failed = [line for line in output.splitlines() if line.startswith(("FAILED ", "ERROR "))]
    if code == 0 or not failed:
        return None
    return Detected(failed[0].split()[1].split("[")[0], failed[0][:_EVIDENCE_LEN_MAX])
