"""The same seed gives the same schedule, step by step, in this process and in any other."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.simulation.outcome import Outcome
from tests.simulation.run import run_seed

_ROOT = Path(__file__).parents[2]
_SEEDS = (5, 11, 17, 46)


@pytest.fixture(scope="module")
def outcomes() -> list[Outcome]:
    return [run_seed(seed) for seed in _SEEDS]


def test_the_same_seed_twice_gives_the_same_digest(outcomes: list[Outcome]) -> None:
    for first in outcomes:
        second = run_seed(first.seed)
        assert first.digest == second.digest
        assert (first.steps, first.virtual_s) == (second.steps, second.virtual_s)
        assert first.story == second.story


def test_other_seeds_give_other_digests(outcomes: list[Outcome]) -> None:
    assert len({outcome.digest for outcome in outcomes}) == len(_SEEDS)


def test_a_process_with_another_hash_seed_gives_the_same_digests(outcomes: list[Outcome]) -> None:
    program = (
        "from tests.simulation.run import run_seed\n"
        f"print(*(run_seed(seed).digest for seed in {_SEEDS}))"
    )
    ours = os.environ.get("PYTHONHASHSEED", "random")
    told = subprocess.run(
        [sys.executable, "-c", program],
        cwd=_ROOT,
        env=os.environ | {"PYTHONHASHSEED": "1" if ours != "1" else "2"},
        capture_output=True,
        text=True,
        timeout=50,
        check=True,
    )
    assert told.stdout.split() == [outcome.digest for outcome in outcomes]
