"""What the control can do to a Gateway that no other simulator has, by theme."""

from typing import Any

from simulators.control.control import Verb
from simulators.ib_gateway.api import GatewayApi
from simulators.ib_gateway.execution_verbs import ExecutionVerbs
from simulators.ib_gateway.forms import OneOrder, taking
from simulators.ib_gateway.frontend import Frontend
from simulators.ib_gateway.gateway import Gateway
from simulators.ib_gateway.life_verbs import LifeVerbs
from simulators.ib_gateway.link_verbs import LinkVerbs
from simulators.ib_gateway.loss_verbs import LossVerbs
from simulators.ib_gateway.position_verbs import PositionVerbs
from simulators.ib_gateway.restarts import Restarts


class GatewayVerbs:
    """All of them, and those that put single orders aside and back."""

    def __init__(
        self,
        gateway: Gateway,
        api: GatewayApi,
        frontend: Frontend,
        restarts: Restarts,
    ) -> None:
        self._gateway = gateway
        self._announcements = api.announcements
        self._themes = (
            LifeVerbs(gateway, frontend, restarts),
            LinkVerbs(gateway),
            LossVerbs(gateway, frontend),
            ExecutionVerbs(gateway, api.announcements, api.accounts),
            PositionVerbs(gateway),
        )

    def verbs(self) -> dict[str, Verb]:
        """The verbs by name."""
        found: dict[str, Verb] = {
            "inactivate": taking(OneOrder, lambda asked: self._put_aside(asked, aside=True)),
            "activate": taking(OneOrder, lambda asked: self._put_aside(asked, aside=False)),
        }
        for theme in self._themes:
            found |= theme.verbs()
        return found

    def _put_aside(self, asked: OneOrder, *, aside: bool) -> dict[str, Any]:
        api_order = self._gateway.order(asked.order)
        venue = self._gateway.venue
        change = venue.suspend if aside else venue.resume
        change(api_order.perm_id)
        api_order.is_inactive = aside
        self._gateway.uplink.when_up(lambda: self._announcements.standing(api_order))
        return {"permId": api_order.perm_id, "status": api_order.status}
