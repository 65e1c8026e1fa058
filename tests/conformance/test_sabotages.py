"""The suite sees what is wrong: with each bug put into an adapter a card fails, without it none."""

from __future__ import annotations

from functools import partial

import pytest

from tests.conformance.catalog import all_cards
from tests.conformance.hearing import PATIENCE_S
from tests.conformance.matrix.alpaca import ALPACA
from tests.conformance.report import Outcome, Result
from tests.conformance.runner import Runner
from tests.conformance.sabotages.known import SABOTAGES
from tests.conformance.sabotages.rig import sabotaged_stand
from tests.conformance.sabotages.sabotage import Sabotage

pytestmark = pytest.mark.slow

_HONEST = Sabotage("nothing", tuple(sorted({card for s in SABOTAGES for card in s.cards})))


async def _results(sabotage: Sabotage, patience_s: float) -> list[Result]:
    cards = [card for card in all_cards() if card.card_id in sabotage.cards]
    assert len(cards) == len(sabotage.cards), "a card that isn't there"
    PATIENCE_S.set(patience_s)
    return await Runner(partial(sabotaged_stand, sabotage), ALPACA).run(cards)


async def test_without_a_bug_every_card_of_the_sabotages_passes() -> None:
    results = await _results(_HONEST, 20.0)
    assert [(r.card.card_id, r.reason) for r in results if r.outcome is not Outcome.PASSED] == []


@pytest.mark.parametrize("sabotage", SABOTAGES, ids=lambda sabotage: sabotage.name)
async def test_a_sabotaged_adapter_fails(sabotage: Sabotage) -> None:
    results = await _results(sabotage, 2.0)
    failed = [result for result in results if result.outcome is Outcome.FAILED]
    assert failed, f"nobody saw that it {sabotage.name}"
    reason = failed[0].reason
    assert "the server takes no orders" not in reason, reason


def test_there_are_at_least_twenty_sabotages_each_of_its_own() -> None:
    assert len(SABOTAGES) >= 20
    assert len({sabotage.name for sabotage in SABOTAGES}) == len(SABOTAGES)
