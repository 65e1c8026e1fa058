"""Which venue an entry tries first: the order's own word, then size, rules, cost, and the account.

Pure. A preference puts venues in an order and takes none away: whether one can be reached, has the
cover or is where the order is pinned is for the plan, so that no rule can send an order where it
must not go. Exits are not asked about: they go where the position is.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from enum import Enum
from typing import Final

from services.common.domain.instruments import Equity
from services.common.domain.order_spec import OrderSpec
from services.common.domain.order_terms import OptionCombo, OrderType, TimeInForce
from services.router.routing.venue import VenueView

LARGE_ORDER_BROKER: Final = "interactive_brokers"
"""Where large orders go if the settings name no venue for them: IB fills them better."""

Costs = Mapping[str, Decimal]
"""What an order would cost at a venue, by its name, all in one currency."""


class AssetClass(Enum):
    """What an order is for; a multi-leg order is a class of its own, counted in its units."""

    EQUITY = "EQUITY"
    OPTION = "OPTION"
    MULTI_LEG = "MULTI_LEG"


@dataclass(frozen=True, slots=True)
class RoutingRule:
    """Entries of a kind try a venue first. An empty set fits all; everything given must fit."""

    venue: str
    asset_classes: frozenset[AssetClass] = frozenset()
    order_types: frozenset[OrderType] = frozenset()
    times_in_force: frozenset[TimeInForce] = frozenset()
    min_qty: Decimal = Decimal(0)

    def fits(self, spec: OrderSpec) -> bool:
        """Whether the rule is for this order. An order by amount has no quantity to compare."""
        return (
            _is_in(asset_class_of(spec), self.asset_classes)
            and _is_in(spec.order_type, self.order_types)
            and _is_in(spec.time_in_force, self.times_in_force)
            and spec.order_qty >= self.min_qty
        )


@dataclass(frozen=True, slots=True)
class Preference:
    """An account's routing. `large_order_qty` says per class from which quantity on an order is
    large; `large_order_venue` empty means the first venue at Interactive Brokers, if any."""

    rules: tuple[RoutingRule, ...] = ()
    large_order_qty: Mapping[AssetClass, Decimal] = field(default_factory=dict)
    large_order_venue: str = ""


def asset_class_of(spec: OrderSpec) -> AssetClass:
    """The class of what the order is for."""
    if isinstance(spec.instrument, OptionCombo):
        return AssetClass.MULTI_LEG
    return AssetClass.EQUITY if isinstance(spec.instrument, Equity) else AssetClass.OPTION


def by_preference(
    spec: OrderSpec,
    views: Sequence[VenueView],
    preference: Preference,
    costs: Costs | None = None,
) -> list[VenueView]:
    """The account's venues, given in its order of preference, in the order that this entry has.

    One venue goes first: that of the order's `venue_preference`, else of a large order, else of
    the first rule that fits. The others follow by `costs`, cheapest first, where they are known;
    what they leave equal, or don't know, stays in the account's order.
    """
    known = costs or {}
    first = _first(spec, views, preference)
    unknown = Decimal("Infinity")
    return sorted(views, key=lambda v: (v.name != first, known.get(v.name, unknown)))


def _first(spec: OrderSpec, views: Sequence[VenueView], preference: Preference) -> str:
    """The name of the venue that goes first, empty if nothing singles one out."""
    names = {view.name for view in views}
    if spec.venue_preference in names:
        return spec.venue_preference
    if _is_large(spec, preference):
        large = preference.large_order_venue or _at_large_order_broker(views)
        if large in names:
            return large
    return next((r.venue for r in preference.rules if r.venue in names and r.fits(spec)), "")


def _is_large(spec: OrderSpec, preference: Preference) -> bool:
    least = preference.large_order_qty.get(asset_class_of(spec))
    return least is not None and spec.order_qty >= least


def _at_large_order_broker(views: Sequence[VenueView]) -> str:
    return next((view.name for view in views if view.broker == LARGE_ORDER_BROKER), "")


def _is_in(value: object, wanted: frozenset[object] | frozenset[AssetClass]) -> bool:
    return not wanted or value in wanted
