"""What the simulators' tests share."""

from collections.abc import Iterator

import pytest

from tests.simulators.process import RunningAlpaca, alpaca_in_thread, running_alpaca


@pytest.fixture
def alpaca() -> Iterator[RunningAlpaca]:
    """A simulated Alpaca of its own for one test, on real ports, with the default market."""
    with alpaca_in_thread() as running:
        yield running


@pytest.fixture
def alpaca_process() -> Iterator[RunningAlpaca]:
    """The same as a process of its own."""
    with running_alpaca() as running:
        yield running
