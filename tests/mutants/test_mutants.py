"""Every mutant can be read and put into the code as it is, and they cover the promises."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.mutants.detect import Detected, by_simulation, shown
from tests.mutants.mutant import Mutant, NotAMutant, read, read_all
from tests.mutants.workspace import DoesNotApply, Workspace

COUNT_MIN = 40
PROMISES = range(1, 13)
INCIDENTS = (
    "NautilusTrader #4288",
    "NautilusTrader #4228",
    "NautilusTrader #4736",
    "NautilusTrader #4564",
    "LEAN IB #242",
    "LEAN IB #249",
    "LEAN IB #246",
    "OpenAlgo #1991",
)


@pytest.fixture(scope="module")
def workspace(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    return Workspace(tmp_path_factory.mktemp("mutants"))


def test_every_mutant_applies_to_the_code_as_it_is_and_can_be_taken_out(
    workspace: Workspace,
) -> None:
    for mutant in read_all():
        before = {name: (workspace.folder / name).read_bytes() for name in mutant.touched}
        with workspace.holding(mutant):
            assert all((workspace.folder / n).read_bytes() != old for n, old in before.items())
        assert all((workspace.folder / n).read_bytes() == old for n, old in before.items())


def test_a_mutant_is_python_still(workspace: Workspace) -> None:
    for mutant in read_all():
        with workspace.holding(mutant):
            for name in mutant.touched:
                compile((workspace.folder / name).read_text("utf-8"), name, "exec")


def test_there_are_mutants_of_every_promise_and_every_bold_incident() -> None:
    mutants = read_all()
    assert len(mutants) >= COUNT_MIN
    assert {mutant.promise for mutant in mutants} == set(PROMISES)
    told = [mutant.incident for mutant in mutants]
    assert [known for known in INCIDENTS if not any(known in text for text in told)] == []


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("promise: 1\nwhat: x\n", "no line begins with 'diff --git'"),
        ("what: x\ndiff --git a/x b/x\n", "promise: a number"),
        ("promise: 13\nwhat: x\ndiff --git a/x b/x\n", "1 to 12"),
        ("promise: 1\ndiff --git a/x b/x\n", "what are required"),
        ("promise: 1\nwhy: x\ndiff --git a/x b/x\n", ":2: not one of"),
    ],
)
def test_what_is_no_mutant_is_refused_by_line(tmp_path: Path, text: str, complaint: str) -> None:
    path = tmp_path / "odd.patch"
    path.write_text(text, "utf-8")
    with pytest.raises(NotAMutant, match=complaint):
        read(path)


def test_a_patch_that_does_not_fit_is_told_by_name(workspace: Workspace, tmp_path: Path) -> None:
    path = tmp_path / "stale.patch"
    path.write_text(
        "promise: 1\nwhat: x\n\ndiff --git a/Makefile b/Makefile\n"
        "--- a/Makefile\n+++ b/Makefile\n@@ -1,1 +1,1 @@\n-not its first line\n+x\n",
        "utf-8",
    )
    with pytest.raises(DoesNotApply, match="stale"), workspace.holding(read(path)):
        raise AssertionError("it was applied")


def test_evidence_is_the_first_failing_seed_and_what_was_found() -> None:
    output = "12 of 40\nseed 7: 2 findings\n  DUPLICATE x\n  LOSS y\nlast"
    assert shown(output, ended=True) == "seed 7: 2 findings; DUPLICATE x; LOSS y"
    assert shown("Traceback\nBoom", ended=False) == "Traceback; Boom (it ended without a report)"


def test_a_bug_is_seen_by_the_simulation_with_its_seed(workspace: Workspace) -> None:
    mutant: Mutant = next(m for m in read_all() if m.name == "execution_ids_ignored")
    with workspace.holding(mutant):
        found = by_simulation(workspace, "0:6")
    assert isinstance(found, Detected)
    assert found.by == "simulate"
    assert "seed" in found.evidence
