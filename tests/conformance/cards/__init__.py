"""The decks of cards, one module a deck."""

from typing import Final

from tests.conformance.card import Deck
from tests.conformance.cards.scenario_market import DECK as SCENARIO_MARKET
from tests.conformance.cards.venue import DECK as VENUE

DECKS: Final[tuple[Deck, ...]] = (VENUE, SCENARIO_MARKET)
