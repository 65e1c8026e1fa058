"""What the simulators' tests share."""

from collections.abc import Iterator

import pytest

from tests.simulators.process import RunningAlpaca, running_alpaca


@pytest.fixture
def alpaca() -> Iterator[RunningAlpaca]:
    """A simulated Alpaca of its own for one test, with the default market."""
    with running_alpaca() as running:
        yield running
