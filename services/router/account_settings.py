"""The tables of an account: its venues, when its orders fail over, where entries go first."""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated, Literal, Self

from pydantic import StringConstraints, field_validator, model_validator

from services.common.domain.errors import Reason
from services.common.domain.order_rules import VENUE_NAME
from services.common.domain.order_spec import ACCOUNT_ID, ACCOUNT_TAG
from services.common.domain.order_terms import OrderType, TimeInForce
from services.common.runtime.config import SettingsTable, setting
from services.router.routing.policy import NEVER, REJECTIONS, AccountPolicy, FailoverPolicy
from services.router.routing.preference import AssetClass, Preference, RoutingRule

AccountId = Annotated[str, StringConstraints(pattern=f"^{ACCOUNT_ID.pattern}$")]
AccountTag = Annotated[str, StringConstraints(pattern=f"^{ACCOUNT_TAG.pattern}$")]
VenueName = Annotated[str, StringConstraints(pattern=f"^{VENUE_NAME.pattern}$", min_length=1)]

_DEFAULT = FailoverPolicy()


class VenueSettings(SettingsTable):
    """One venue account behind an account."""

    name: VenueName = setting(description="Name of the venue, such as alpaca.")
    address: str = setting(description="host:port of its adapter.")
    account_tag: AccountTag = setting(
        description="Marks this venue account in placement ids: 1 to 8 of a-z and 0-9, "
        "unique among all venue accounts, never changed while orders are open."
    )


class FailoverSettings(SettingsTable):
    """When entries may go to the next venue. Exits and pinned orders never do."""

    allowed: bool = setting(
        default=_DEFAULT.is_allowed,
        description="Whether entries may go to another venue than the one they try first. Without "
        "it they wait for that venue: they are answered with ALL_VENUES_UNAVAILABLE.",
    )
    on_rejections: list[Reason] = setting(
        default=sorted(_DEFAULT.on_rejections, key=lambda reason: reason.value),
        description="Reasons of a venue's rejection that let the next venue try; for all others "
        "the rejection is the answer. A rejection after the acceptance is always the answer.",
    )
    not_on: list[Reason] = setting(
        default=[],
        description="Reasons of an order that was provably not sent that keep it from the next "
        "venue, such as RATE_LIMITED; none by default. PLACEMENT_FENCED stands for an order in "
        "doubt that was proven absent.",
    )
    attempts_max: int = setting(
        default=_DEFAULT.attempts_max,
        ge=1,
        le=20,
        description="How many venues are asked to take one order, the first included.",
    )
    failback_after_s: float = setting(
        default=_DEFAULT.failback_after_s,
        ge=0,
        le=86_400,
        description="How long a venue that was down must be well again before entries prefer it. "
        "Until then others go first; if they can't take an order, it is used at once.",
    )

    @field_validator("on_rejections")
    @classmethod
    def _check_rejections(cls, reasons: list[Reason]) -> list[Reason]:
        """Refuse what no venue rejects an order for: it would never have an effect."""
        for reason in reasons:
            if reason not in REJECTIONS:
                known = ", ".join(sorted(one.value for one in REJECTIONS))
                raise ValueError(f"no venue rejects an order for {reason.value}, but for {known}")
        return reasons

    @field_validator("not_on")
    @classmethod
    def _check_not_on(cls, reasons: list[Reason]) -> list[Reason]:
        for reason in reasons:
            if reason in NEVER:
                raise ValueError(f"after {reason.value} the next venue is never tried anyway")
            if reason is Reason.OUTCOME_UNKNOWN:
                raise ValueError("an order in doubt goes nowhere anyway; see PLACEMENT_FENCED")
        return reasons

    def policy(self) -> FailoverPolicy:
        """The same for routing."""
        return FailoverPolicy(
            is_allowed=self.allowed,
            on_rejections=frozenset(self.on_rejections),
            not_on=frozenset(self.not_on),
            attempts_max=self.attempts_max,
            failback_after_s=self.failback_after_s,
        )


class RuleSettings(SettingsTable):
    """Entries of a kind try a venue first; everything given must fit. The first rule that fits
    counts."""

    venue: VenueName = setting(description="The venue to try first, one of the account's.")
    asset_classes: list[AssetClass] = setting(
        default=[], description="EQUITY, OPTION (one contract), MULTI_LEG; none means any."
    )
    order_types: list[OrderType] = setting(
        default=[], description="MARKET, LIMIT, STOP, STOP_LIMIT, TRAILING_STOP; none means any."
    )
    times_in_force: list[TimeInForce] = setting(
        default=[], description="DAY, GTC, IOC, FOK, OPG, CLS; none means any."
    )
    min_qty: Decimal = setting(
        default=Decimal(0),
        ge=0,
        description="Only orders of at least this quantity: shares, contracts, or units of a "
        "multi-leg order. Orders by amount have none.",
    )

    def rule(self) -> RoutingRule:
        """The same for routing."""
        return RoutingRule(
            self.venue,
            frozenset(self.asset_classes),
            frozenset(self.order_types),
            frozenset(self.times_in_force),
            self.min_qty,
        )


class AccountSettings(SettingsTable):
    """One logical account."""

    account_id: AccountId = setting(description="The id that clients use.")
    venues: list[VenueSettings] = setting(
        min_length=1, description="Its venue accounts, in order of preference."
    )
    allow_uncovered: bool = setting(
        default=False,
        description="Whether orders may open short options without cover "
        "(shares for a call, strike in cash for a put) at the venue they go to.",
    )
    unknown_orders: Literal["quarantine", "adopt"] = setting(
        default="quarantine",
        description="What becomes of orders that others place at a venue, by hand or with another "
        "program: they wait in quarantine for a person, or are adopted into the books at once.",
    )
    failover: FailoverSettings = setting(
        default_factory=FailoverSettings, description="When entries may go to the next venue."
    )
    large_order_qty: dict[AssetClass, Decimal] = setting(
        default={},
        description="From which quantity on an entry is large, by class (EQUITY, OPTION, "
        "MULTI_LEG); a class that is not there has no large orders.",
    )
    large_order_venue: str = setting(
        default="",
        description="The venue that large entries try first; empty means the account's first "
        "venue at Interactive Brokers, if it has one.",
    )
    rules: list[RuleSettings] = setting(
        default=[], description="Which venue entries try first, by kind."
    )

    @field_validator("large_order_qty")
    @classmethod
    def _check_large(cls, least: dict[AssetClass, Decimal]) -> dict[AssetClass, Decimal]:
        for asset_class, qty in least.items():
            if qty <= 0:
                raise ValueError(f"a large {asset_class.value} order must have a quantity above 0")
        return least

    @model_validator(mode="after")
    def _check_venues(self) -> Self:
        names = [venue.name for venue in self.venues]
        if len(set(names)) < len(names):
            raise ValueError(f"venues: {self.account_id} has a venue twice")
        named = [(f"rules[{n}].venue", rule.venue) for n, rule in enumerate(self.rules)]
        if self.large_order_venue:
            named.append(("large_order_venue", self.large_order_venue))
        for field, venue in named:
            if venue not in names:
                raise ValueError(
                    f"{field}: {self.account_id} has no venue {venue!r}, only {', '.join(names)}"
                )
        if self.large_order_venue and not self.large_order_qty:
            raise ValueError("large_order_venue: without large_order_qty no order is large")
        return self

    def policy(self) -> AccountPolicy:
        """The same for routing."""
        return AccountPolicy(
            self.failover.policy(),
            Preference(
                tuple(rule.rule() for rule in self.rules),
                dict(self.large_order_qty),
                self.large_order_venue,
            ),
            adopts_unknown=self.unknown_orders == "adopt",
        )
