"""The capability matrix: what each server claims to do, and why it doesn't do the rest."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Claimed:
    """It is served: cards that need it must pass."""


@dataclass(frozen=True, slots=True)
class BrokersRule:
    """The broker doesn't do it; `source` says where that is written."""

    rule: str
    source: str


@dataclass(frozen=True, slots=True)
class Later:
    """This release doesn't do it yet; `reason` says what it waits for."""

    reason: str


Claim = Claimed | BrokersRule | Later
Matrix = Mapping[str, Claim]

YES = Claimed()


def claimed(*needs: str) -> dict[str, Claim]:
    """These are claimed."""
    return dict.fromkeys(needs, YES)


def later(reason: str, *needs: str) -> dict[str, Claim]:
    """These wait for something."""
    return dict.fromkeys(needs, Later(reason))


def rule(words: str, source: str, *needs: str) -> dict[str, Claim]:
    """These the broker doesn't do."""
    return dict.fromkeys(needs, BrokersRule(words, source))


def why_not(matrix: Matrix, need: str) -> str:
    """Why a card that needs this is skipped; empty if it is claimed.

    KeyError for a need that the matrix doesn't know: nothing is skipped by a slip of the pen.
    """
    claim = matrix[need]
    if isinstance(claim, Claimed):
        return ""
    if isinstance(claim, BrokersRule):
        return f"{need}: {claim.rule} ({claim.source})"
    return f"{need}: {claim.reason}"
