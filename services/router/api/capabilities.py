"""What an account can do through this router: what its venues can, less what is not routed."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import structlog

from services.common.contract.convert.enums import ORDER_CLASSES, ORDER_TYPES, TIMES_IN_FORCE
from services.common.contract.pb import broker_service_pb2 as pb
from services.common.contract.pb import types_pb2
from services.common.domain.errors import Reason, Refused, TandemError
from services.common.domain.order_spec import OrderSpec
from services.common.domain.order_terms import OrderClass
from services.router.api.views import account_to_wire, served_methods
from services.router.routing.accounts import AccountLinks
from services.router.routing.link import VenueLink
from services.router.routing.market import VenueCapabilities

_log = structlog.stdlib.get_logger(__name__)
ROUTED_CLASSES: Final = frozenset({OrderClass.SIMPLE, OrderClass.MULTI_LEG})
"""Compositions that this router takes; adapters may take more."""


def require_routable(spec: OrderSpec) -> None:
    """Orders with exits, or by amount, are an adapter's to take until the books know them."""
    if spec.order_class not in ROUTED_CLASSES:
        what = f"order.order_class: {spec.order_class.value}"
    elif spec.notional is not None:
        what = "order.notional"
    else:
        return
    raise Refused(Reason.NOT_IMPLEMENTED, f"{what} is not routed by this release")


@dataclass(frozen=True, slots=True)
class _Asked:
    stated: VenueCapabilities
    until: float


class KnownCapabilities:
    """What each venue has said of itself, asked for again when it is older than `kept_s`.

    While a venue does not answer, what it said before stands; before its first word nothing is
    known of it.
    """

    def __init__(
        self, monotonic: Callable[[], float], *, kept_s: float = 60.0, ask_s: float = 3.0
    ) -> None:
        self._monotonic = monotonic
        self._kept_s = kept_s
        self._ask_s = ask_s
        self._known: dict[tuple[str, str], _Asked] = {}

    async def of(self, account: AccountLinks) -> list[pb.VenueCapabilities]:
        """One for each venue of the account, in its order; nothing but the name if not known."""
        known = await asyncio.gather(*(self._ask(link) for link in account.links))
        venues = account_to_wire(account).venues
        return [
            _to_wire(stated, venue) if stated is not None else pb.VenueCapabilities(venue=venue)
            for stated, venue in zip(known, venues, strict=True)
        ]

    async def _ask(self, link: VenueLink) -> VenueCapabilities | None:
        key = (link.account_id, link.name)
        known = self._known.get(key)
        if known is not None and known.until > self._monotonic():
            return known.stated
        try:
            async with asyncio.timeout(self._ask_s):
                stated = await link.port.capabilities()
        except (TandemError, TimeoutError) as error:
            _log.warning("capabilities_not_known", venue=link.name, error=str(error))
            return None if known is None else known.stated
        self._known[key] = _Asked(stated, self._monotonic() + self._kept_s)
        return stated


def _to_wire(stated: VenueCapabilities, venue: types_pb2.Venue) -> pb.VenueCapabilities:
    """Write them, less what is not routed, and less RPCs that either side does not serve."""
    return pb.VenueCapabilities(
        venue=venue,
        order_types=map(ORDER_TYPES.to_wire, stated.order_types),
        times_in_force=map(TIMES_IN_FORCE.to_wire, stated.times_in_force),
        order_classes=[
            ORDER_CLASSES.to_wire(one) for one in stated.order_classes if one in ROUTED_CLASSES
        ],
        methods=[name for name in served_methods() if name in stated.methods],
        entitlements=stated.entitlements,
        enforces_unique_ids=stated.enforces_unique_ids,
        fractional_quantities=stated.fractional_quantities,
    )
