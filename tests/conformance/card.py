"""A card: one numbered rule of the contract, with what it needs and what has to be seen.

A card is one function that acts on a `Bench`, and what is written about it beside. Everything that
the bench sees while the card acts becomes a step of its story; the card has passed if the story is
the sequence that the card expects, and the bench's own rules held. Parameters make no cards.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING, Final

from tests.conformance.control import Can

if TYPE_CHECKING:
    from tests.conformance.bench import Bench

Act = Callable[["Bench"], Awaitable[None]]


class Group(Enum):
    """What a card is about; the report is ordered by it."""

    VENUE = "the venue and the account"
    SCENARIOS = "scenarios by order type"
    TERMS = "terms of orders"
    REFUSALS = "what is refused, and how"
    IDENTITY = "one id is one order"
    CANCELS = "cancels"
    REPLACES = "replaces"
    COMPOSED = "bracket, OCO, OTO and legs"
    LISTS = "lists and look-ups"
    MARKET = "market data"
    POSITIONS = "positions"
    FENCES = "fences and tombstones"
    LOST_ORDER = "the life of a lost order"
    DUPLICATES = "duplicates"
    TIME_OUTS = "time-outs"
    REPLAY = "replay"
    RESTART = "restart"
    AMBIGUOUS_SUBMIT = "ambiguous submit"
    AMBIGUOUS_CANCEL = "ambiguous cancel"
    AMBIGUOUS_REPLACE = "ambiguous replace"
    ASSIGNMENT = "assignment"


FAULT_GROUPS: Final = (
    Group.DUPLICATES,
    Group.TIME_OUTS,
    Group.REPLAY,
    Group.RESTART,
    Group.AMBIGUOUS_SUBMIT,
    Group.AMBIGUOUS_CANCEL,
    Group.AMBIGUOUS_REPLACE,
    Group.ASSIGNMENT,
)


class Mark(Enum):
    """What else there is to say of a card."""

    PAPER = "paper"
    """Runs on a real paper account as well: no control, no harm, a few contracts."""
    ADAPTER_ONLY = "adapter only"
    """About what a router asks of an adapter."""
    IN_DOUBT = "in doubt"
    """Ends or passes through a doubt, which the router resolves by the order-safety issue."""
    STAND_ALONE = "stand-alone"
    """About what an adapter does for clients of its own, and leaves to the router behind one."""
    RESTARTS = "restarts"
    """Ends the server and starts it again."""
    SPOILS = "spoils"
    """Leaves behind what no tidying mends (a moved clock): the stand is not used again."""


@dataclass(frozen=True, slots=True)
class Card:
    """One card. `needs` are names of the capability matrix, `control` what the venue must be
    made to do; where one of them is missing the card is skipped with that as the reason."""

    card_id: str
    title: str
    group: Group
    prerequisite: str
    expects: tuple[str, ...]
    act: Act
    needs: tuple[str, ...]
    control: tuple[Can, ...]
    marks: frozenset[Mark]

    @property
    def action(self) -> str:
        """What is done, in words."""
        return " ".join((self.act.__doc__ or "").split())

    def is_marked(self, mark: Mark) -> bool:
        """Whether it has this mark."""
        return mark in self.marks


class Deck:
    """The cards of one module, in the order in which they are written."""

    def __init__(self, group: Group, *, given: str = "an account without orders") -> None:
        self.cards: list[Card] = []
        self._group = group
        self._given = given

    def card(
        self,
        card_id: str,
        title: str,
        *,
        expects: tuple[str, ...],
        needs: tuple[str, ...] = (),
        control: tuple[Can, ...] = (),
        marks: tuple[Mark, ...] = (),
        given: str = "",
    ) -> Callable[[Act], Act]:
        """Make a card of the function that follows; its docstring is the action."""

        def keep(act: Act) -> Act:
            self.cards.append(
                Card(
                    card_id,
                    title,
                    self._group,
                    given or self._given,
                    expects,
                    act,
                    needs,
                    control,
                    frozenset(marks),
                )
            )
            return act

        return keep
