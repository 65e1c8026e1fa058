"""The suite sees what is wrong: with each bug put into an adapter a card fails, without it none."""

from __future__ import annotations

from functools import partial

import pytest

from tests.conformance.catalog import all_cards
from tests.conformance.hearing import PATIENCE_S
from tests.conformance.matrix.alpaca import ALPACA
from tests.conformance.matrix.ib import IB
from tests.conformance.report import Outcome, Result
from tests.conformance.runner import Runner
from tests.conformance.sabotages.known import SABOTAGES
from tests.conformance.sabotages.known_ib import IB_SABOTAGES
from tests.conformance.sabotages.rig_alpaca import sabotaged_stand
from tests.conformance.sabotages.rig_ib import sabotaged_ib_stand
from tests.conformance.sabotages.sabotage import Sabotage

pytestmark = pytest.mark.slow

_STANDS = {"alpaca": (sabotaged_stand, ALPACA), "ib": (sabotaged_ib_stand, IB)}
_OF = {"alpaca": SABOTAGES, "ib": IB_SABOTAGES}
_EACH = [(venue, sabotage) for venue, known in _OF.items() for sabotage in known]


async def _results(venue: str, sabotage: Sabotage, patience_s: float) -> list[Result]:
    cards = [card for card in all_cards() if card.card_id in sabotage.cards]
    assert len(cards) == len(sabotage.cards), "a card that isn't there"
    PATIENCE_S.set(patience_s)
    opens, matrix = _STANDS[venue]
    return await Runner(partial(opens, sabotage), matrix).run(cards)


@pytest.mark.parametrize("venue", sorted(_OF))
async def test_without_a_bug_every_card_of_the_sabotages_passes(venue: str) -> None:
    honest = Sabotage("nothing", tuple(sorted({card for s in _OF[venue] for card in s.cards})))
    results = await _results(venue, honest, 20.0)
    assert [(r.card.card_id, r.reason) for r in results if r.outcome is not Outcome.PASSED] == []


@pytest.mark.parametrize(
    ("venue", "sabotage"), _EACH, ids=[f"{venue}: {made.name}" for venue, made in _EACH]
)
async def test_a_sabotaged_adapter_fails(venue: str, sabotage: Sabotage) -> None:
    results = await _results(venue, sabotage, 2.0)
    failed = [result for result in results if result.outcome is Outcome.FAILED]
    assert failed, f"nobody saw that it {sabotage.name}"
    reason = failed[0].reason
    assert "the server takes no orders" not in reason, reason


def test_there_are_at_least_twenty_sabotages_each_of_its_own() -> None:
    assert len(SABOTAGES) >= 20
    for known in _OF.values():
        assert len({sabotage.name for sabotage in known}) == len(known)
