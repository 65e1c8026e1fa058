"""The story of a card: what was seen, step by step, and whether it is what was expected.

A step is a line such as "submit limit: ACCEPTED". In what is expected, "A|B" stands for either,
and "*" for any words.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import zip_longest

_ALTERNATIVES = re.compile(r"[A-Za-z_]+(?:\|[A-Za-z_]+)+")


class UnexpectedStory(AssertionError):
    """What was seen is not what the card expects; the message shows both."""


class Story:
    """The steps of one card, as they happen."""

    def __init__(self, expected: Sequence[str] = ()) -> None:
        self._expected = expected
        self.steps: list[str] = []

    def tell(self, step: str) -> None:
        """One more step. Raises UnexpectedStory at once if it isn't the expected one: what comes
        after another step than the expected one would only be waited for in vain."""
        self.steps.append(step)
        at = len(self.steps)
        if at > len(self._expected) or not fits(step, self._expected[at - 1]):
            raise self._unexpected()

    def require_whole(self) -> None:
        """Raise UnexpectedStory unless every expected step was told."""
        if len(self.steps) != len(self._expected):
            raise self._unexpected()

    def _unexpected(self) -> UnexpectedStory:
        pairs = list(zip_longest(self._expected, self.steps))
        lines = [
            f"  {'ok ' if want and got and fits(got, want) else '!! '}"
            f"expected {want!r}, seen {got!r}"
            for want, got in pairs
        ]
        return UnexpectedStory("another story:\n" + "\n".join(lines))


def fits(step: str, expected: str) -> bool:
    """Whether a step is what is expected."""
    return re.fullmatch(_pattern(expected), step) is not None


def _pattern(expected: str) -> str:
    parts, at = [], 0
    for found in _ALTERNATIVES.finditer(expected):
        parts.append(re.escape(expected[at : found.start()]).replace(r"\*", ".*"))
        parts.append(f"(?:{found.group()})")
        at = found.end()
    return "".join([*parts, re.escape(expected[at:]).replace(r"\*", ".*")])
