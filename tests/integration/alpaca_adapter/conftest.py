"""What the integration tests of the Alpaca adapter share."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.simulators.process import RunningAlpaca, alpaca_in_thread


@pytest.fixture
def alpaca() -> Iterator[RunningAlpaca]:
    """A simulated Alpaca of its own for one test, on real ports."""
    with alpaca_in_thread() as running:
        yield running
