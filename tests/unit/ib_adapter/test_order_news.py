"""Who is told of what was heard about an order: whoever waits for it, and nobody else."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from services.common.domain.order_status import OrderStatus
from services.ib_adapter.codes import Said
from services.ib_adapter.contracts import instrument_of
from services.ib_adapter.evidence import Evidence, OrderFacts
from services.ib_adapter.figures import Unreadable
from services.ib_adapter.library import Contract
from services.ib_adapter.preview_ids import PREVIEW_REF
from services.ib_adapter.telling import Telling, TellingTerms
from services.ib_adapter.translate_account import read_positions
from services.ib_adapter.waiters import Lost, Purpose, Waiter, Waiters
from tests.integration.ib_adapter.rig import resting
from tests.unit.ib_adapter.scene import (
    OURS,
    A,
    Ticking,
    Told,
    execution_word,
    order_news,
    order_word,
    put_contract,
    status_word,
    translator,
)


class Scene:
    """News of account DU1, with a wait for order 5."""

    def __init__(self, purpose: Purpose = Purpose.SUBMIT) -> None:
        self.told, clock = Told(), Ticking()
        self.evidence = Evidence(OURS, clock)
        telling = Telling(self.told, translator(), clock, TellingTerms(0.0, 5.0))
        telling.open()
        self.waiters = Waiters()
        self.news = order_news(self.evidence, telling, self.waiters, translator())
        self.evidence.sent(5, resting(A))
        self.waiter: Waiter = self.waiters.open(5, purpose)

    @property
    def word(self) -> object:
        return self.waiter.word.result() if self.waiter.word.done() else None


async def test_the_order_itself_settles_a_wait() -> None:
    scene = Scene()
    scene.news.on_order(order_word("PendingSubmit"))
    assert scene.word is None
    scene.news.on_status(status_word("Submitted"))
    assert isinstance(scene.word, OrderFacts)
    assert scene.told.short() == ["ACCEPTED 0"]


async def test_an_order_of_another_client_with_the_same_number_does_not() -> None:
    scene = Scene()
    scene.news.on_order(order_word(client_id=OURS + 1, order_ref="x~t~1.0"))
    assert scene.word is None
    assert scene.told.short() == ["ACCEPTED 0"]


async def test_orders_and_executions_of_another_account_are_nobodys() -> None:
    scene = Scene()
    scene.news.on_status(status_word("Submitted", perm_id=77, client_id=OURS + 1))
    scene.news.on_order(order_word(account="DU2", perm_id=77))
    scene.news.on_execution(execution_word(account="DU2"), is_live=True)
    assert scene.told.short() == []
    assert scene.word is None


async def test_inactive_neither_settles_nor_is_forgotten() -> None:
    scene = Scene()
    scene.news.on_order(order_word("Inactive"))
    assert scene.word is None
    assert scene.waiter.held is not None
    scene.news.on_said(Said(5, 201, "Order rejected"))
    facts = scene.word
    assert isinstance(facts, OrderFacts)
    assert facts.standing[0] is OrderStatus.REJECTED
    assert scene.told.short() == ["SUSPENDED 0", "REJECTED 0"]


@pytest.mark.parametrize(
    ("code", "settles"), [(201, True), (10328, True), (161, False), (399, False)]
)
async def test_a_code_settles_a_submit_if_it_is_about_the_order(code: int, settles: bool) -> None:
    scene = Scene()
    scene.news.on_said(Said(5, code, "text"))
    assert (scene.word is not None) == settles


@pytest.mark.parametrize(("code", "settles"), [(161, True), (10148, True), (399, False)])
async def test_a_code_settles_a_cancel_if_it_refuses_it(code: int, settles: bool) -> None:
    scene = Scene(Purpose.CANCEL)
    scene.news.on_said(Said(5, code, "text"))
    assert (scene.word is not None) == settles


async def test_a_cancel_waits_for_the_cancel_and_not_for_other_news() -> None:
    scene = Scene(Purpose.CANCEL)
    scene.news.on_order(order_word("Submitted"))
    assert scene.word is None
    scene.news.on_status(status_word("Cancelled", "1"))
    facts = scene.word
    assert isinstance(facts, OrderFacts)
    assert (facts.standing[0], facts.filled) == (OrderStatus.CANCELED, Decimal(1))


async def test_a_lost_connection_settles_every_wait() -> None:
    scene = Scene()
    scene.waiters.lost("reset")
    assert scene.word == Lost("reset")


async def test_a_refusal_that_nobody_waits_for_is_passed_on_to_be_looked_up() -> None:
    scene = Scene()
    late: list[tuple[str, int]] = []
    scene.news.on_late_refusal = lambda spec, said: late.append((spec.client_order_id, said.code))
    scene.waiters.close(scene.waiter)
    for code in (399, 10147, 10328, 201):
        scene.news.on_said(Said(5, code, "text"))
    scene.news.on_said(Said(6, 201, "of nobody's order"))
    assert late == [(A, 201)]
    assert scene.told.short() == []


async def test_an_execution_that_is_due_is_told_before_its_order_is_shown() -> None:
    scene = Scene()
    scene.news.on_execution(execution_word(perm_id=77, order_id=0, order_ref=""), is_live=True)
    assert scene.told.short() == ["TRADE x.1.01"]


def nameless_contract(**changed: Any) -> Contract:
    """An option that OCC symbols have no room for."""
    terms: dict[str, Any] = {
        "secType": "OPT",
        "symbol": "BANKNIFTY",
        "lastTradeDateOrContractMonth": "20241128",
        "strike": 51000.0,
        "right": "P",
        "multiplier": "15",
        "currency": "INR",
        "localSymbol": "BANKNIFTY24NOV51000PE",
        "tradingClass": "BANKNIFTY",
    }
    return Contract(**(terms | changed))


@pytest.mark.parametrize("changed", [{}, {"secType": "FUT"}, {"lastTradeDateOrContractMonth": ""}])
async def test_what_others_trade_and_has_no_name_here_is_left_out(
    changed: dict[str, Any],
) -> None:
    scene = Scene()
    others: dict[str, Any] = {
        "perm_id": 77,
        "client_id": OURS + 1,
        "order_ref": "by hand",
        "order_id": 0,
    }
    contract = nameless_contract(**changed)
    scene.news.on_order(order_word(contract=contract, order_qty=Decimal(2), **others))
    scene.news.on_status(status_word("Submitted", "1", perm_id=77, client_id=OURS + 1, order_id=0))
    scene.news.on_execution(execution_word(contract=contract, **others), is_live=False)
    scene.news.on_execution(execution_word("x.2.01"), is_live=True)
    assert scene.told.short() == [
        "ACCEPTED 0",
        "PARTIALLY_FILLED 1",
        "TRADE x.2.01",
        "FILLED 1",
    ]


@pytest.mark.parametrize(
    "changed", [{"client_id": OURS, "order_ref": ""}, {"client_id": 3, "order_ref": A}]
)
async def test_an_execution_of_ours_that_has_no_name_is_not_left_out(
    changed: dict[str, Any],
) -> None:
    scene = Scene()
    word = execution_word(contract=nameless_contract(), **changed)
    with pytest.raises(Unreadable):
        scene.news.on_execution(word, is_live=False)


def test_a_position_that_no_order_here_can_be_for_is_left_out() -> None:
    rows = [("DU1", nameless_contract(), 15.0, 1.0), ("DU1", put_contract(), 2.0, 550.0)]
    found = read_positions(rows, [], "ib", "main")
    assert [p.instrument for p in found] == [instrument_of(put_contract())]


@pytest.mark.parametrize(
    "missing",
    [{"right": ""}, {"lastTradeDateOrContractMonth": "202411"}, {"strike": 0.0}],
)
def test_a_position_that_is_told_in_part_may_be_anything(missing: dict[str, Any]) -> None:
    rows = [("DU1", nameless_contract(**missing), 15.0, 1.0)]
    with pytest.raises(Unreadable):
        read_positions(rows, [], "ib", "main")


async def test_of_two_orders_under_one_id_neither_has_ended_before_both_have() -> None:
    """Whoever heard "canceled" of one would think that nothing is live under the id any more."""
    scene = Scene()
    for perm_id in (900, 901):
        scene.news.on_order(order_word("Submitted", perm_id=perm_id))
    scene.news.on_status(status_word("Cancelled"))
    assert scene.told.short() == ["ACCEPTED 0", "ACCEPTED 0"]
    scene.news.on_status(status_word("Cancelled", perm_id=901))
    assert scene.told.short() == ["ACCEPTED 0", "ACCEPTED 0", "CANCELED 0", "CANCELED 0"]
    ended = {event.venue_order_id for event in scene.told.events[2:]}  # type: ignore[union-attr]
    assert ended == {"900", "901"}


def previews_seen(scene: Scene) -> list[int]:
    seen: list[int] = []
    scene.news.on_preview_worked = seen.append
    scene.news.previews.add(8)
    return seen


async def test_a_preview_that_is_shown_as_an_order_is_known_by_its_number() -> None:
    scene = Scene()
    seen = previews_seen(scene)
    scene.news.on_status(status_word("Submitted", perm_id=901, order_id=8))
    scene.news.on_execution(execution_word(perm_id=901, order_id=8), is_live=True)
    scene.news.on_order(order_word("Submitted"))
    assert seen == [8, 8]


async def test_after_a_restart_it_is_known_by_its_reference() -> None:
    scene = Scene()
    seen = previews_seen(scene)
    scene.news.on_order(order_word("Submitted", perm_id=901, order_id=7, order_ref=PREVIEW_REF))
    assert seen == [7]


async def test_another_clients_preview_costs_no_order_of_ours() -> None:
    """Its number may be that of an order of this client."""
    scene = Scene()
    seen = previews_seen(scene)
    stray = order_word("Submitted", perm_id=901, client_id=99, order_ref=PREVIEW_REF)
    scene.news.on_order(stray)
    scene.news.on_status(status_word("Submitted", perm_id=901, client_id=99, order_id=8))
    assert seen == [0]


async def test_what_is_said_of_a_family_is_passed_on_unless_the_order_was_accepted() -> None:
    scene = Scene()
    refused: list[str] = []
    scene.news.on_refused = lambda spec, _said: refused.append(spec.client_order_id)
    scene.news.on_said(Said(5, 201, "no"))
    assert refused == [A]
    scene.news.on_order(order_word("Submitted"))
    scene.news.on_said(Said(5, 201, "a change of it was refused"))
    assert refused == [A]
