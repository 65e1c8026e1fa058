"""All cards, in the order of the report."""

from __future__ import annotations

from collections.abc import Iterable

from tests.conformance.card import Card
from tests.conformance.cards import DECKS


def all_cards() -> list[Card]:
    """Every card there is."""
    return [card for deck in DECKS for card in deck.cards]


def chosen(patterns: Iterable[str]) -> list[Card]:
    """The cards whose ids begin with one of these; all of them without any."""
    wanted = tuple(pattern.upper() for pattern in patterns)
    return [card for card in all_cards() if not wanted or card.card_id.startswith(wanted)]
