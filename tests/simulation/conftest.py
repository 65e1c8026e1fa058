"""What the tests of the local channel share: the two ways to act a story."""

from __future__ import annotations

import pytest

from tests.simulation.edges import Act, act_on_local, act_on_real


@pytest.fixture(params=[act_on_real, act_on_local], ids=["grpc", "local"])
def act(request: pytest.FixtureRequest) -> Act:
    chosen: Act = request.param
    return chosen
