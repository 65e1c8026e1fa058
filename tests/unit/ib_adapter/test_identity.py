"""Which order a word is about, when references are cut short or shared, or the legs come first."""

from __future__ import annotations

from decimal import Decimal

import pytest

from services.common.domain.instruments import OptionContract
from services.common.domain.order_spec import OrderSpec
from services.ib_adapter import contracts
from services.ib_adapter.evidence import Evidence
from services.ib_adapter.families import Families
from services.ib_adapter.library import ComboLeg, Contract
from services.ib_adapter.revision_rows import Revision
from services.ib_adapter.revision_terms import Terms
from services.ib_adapter.telling import Telling, TellingTerms
from services.ib_adapter.translate import Translator
from services.ib_adapter.waiters import Waiters
from services.ib_adapter.words import ExecutionWord, OrderWord
from tests.integration.ib_adapter.rig import PUT, resting
from tests.integration.ib_adapter.test_combos import LOWER, spread
from tests.unit.ib_adapter.ib_story import PERM, Process
from tests.unit.ib_adapter.scene import (
    NOW,
    OURS,
    A,
    Disk,
    Ticking,
    Told,
    execution_word,
    order_news,
    order_word,
    status_word,
)

LONG = f"{'a' * 60}~sim~1.0"
A1 = "a~sim~1.1"
OLD, NEW = Terms(Decimal(2), Decimal("-9.5")), Terms(Decimal(2), Decimal("-3.4"))


class Scene:
    """News of an order that was sent as number 5."""

    def __init__(self, spec: OrderSpec) -> None:
        self.told, clock = Told(), Ticking()
        self.evidence = Evidence(OURS, clock)
        words = Translator("ib", "main", lambda: NOW, lambda: NOW, Families(self.evidence))
        telling = Telling(self.told, words, clock, TellingTerms(0.0, 5.0))
        telling.open()
        self.news = order_news(self.evidence, telling, Waiters(), words)
        self.evidence.sent(5, spec)


def bag() -> Contract:
    """Two lower puts bought for each upper put sold."""
    legs = [ComboLeg(conId=1, ratio=2, action="BUY"), ComboLeg(conId=2, ratio=1, action="SELL")]
    return Contract(secType="BAG", symbol="SPY", comboLegs=legs)


def leg(con_id: int, option: OptionContract) -> Contract:
    contract = contracts.contract_of(option)
    contract.localSymbol, contract.conId = option.osi, con_id
    return contract


def bought(cum: str, qty: str) -> ExecutionWord:
    return execution_word(
        "x.1.01", cum, contract=leg(1, LOWER), side="BOT", last_qty=Decimal(qty), last_px=Decimal(2)
    )


def sold(cum: str, qty: str) -> ExecutionWord:
    return execution_word(
        "x.2.01", cum, contract=leg(2, PUT), side="SLD", last_qty=Decimal(qty), last_px=Decimal(7)
    )


async def test_a_reference_that_was_cut_short_is_that_of_its_order() -> None:
    scene = Scene(resting(LONG))
    scene.news.on_order(order_word(order_ref=LONG[:40]))
    scene.news.on_order(
        order_word("Cancelled", order_ref=LONG[:40], order_id=0, client_id=0, is_completed=True)
    )
    scene.news.on_execution(execution_word(order_ref=LONG[:40], side="BOT"), is_live=True)
    facts = scene.evidence.of_ref(LONG)
    assert facts is not None
    assert {report.client_id for report in scene.told.reports()} == {LONG}
    assert {execution.client_id for execution in scene.told.executions()} == {LONG}


async def test_another_reference_under_our_number_is_not_made_ours() -> None:
    scene = Scene(resting(LONG))
    scene.news.on_order(order_word(order_ref="b~sim~1.0"))
    assert scene.evidence.of_ref(LONG) is None


async def test_of_two_live_orders_of_one_reference_ours_can_be_canceled() -> None:
    scene = Scene(resting())
    scene.news.on_order(order_word())
    scene.news.on_order(order_word(perm_id=901, client_id=0, order_id=0))
    facts = scene.evidence.of_ref(A)
    assert facts is not None
    assert facts.client_id == OURS


async def test_numbers_under_our_client_id_are_known_whatever_tells_of_them() -> None:
    scene = Scene(resting())
    scene.news.on_order(order_word("PendingSubmit", perm_id=0, order_id=70))
    scene.news.on_status(status_word("Submitted", order_id=71))
    scene.news.on_execution(execution_word(order_id=72), is_live=False)
    scene.news.on_order(order_word(client_id=OURS + 1, order_id=900))
    assert scene.evidence.highest_number == 72


async def test_legs_that_come_before_their_order_do_not_fill_it() -> None:
    scene = Scene(spread("9.80", ratio=2, qty="2"))
    scene.news.on_execution(bought("2", "2"), is_live=True)
    scene.news.on_execution(sold("1", "1"), is_live=True)
    assert scene.told.reports() == [], "two contracts of a leg are one of the order's two units"
    scene.news.on_order(order_word(contract=bag(), action="BUY", order_qty=Decimal(2)))
    scene.news.on_status(status_word("Submitted", "1"))
    assert [r.cum_qty for r in scene.told.reports()][-1] == 1


@pytest.mark.parametrize("first", [0, 1, 2, 3])
async def test_legs_of_a_changed_order_are_of_one_revision_whatever_comes_first(
    first: int,
) -> None:
    def shown(terms: Terms, raw_status: str = "Submitted") -> OrderWord:
        return order_word(
            raw_status,
            contract=bag(),
            action="BUY",
            order_qty=terms.order_qty,
            limit_price=terms.limit_price,
        )

    disk, told = Disk(), Told()
    earlier = Process(disk, Told())
    earlier.hear(shown(OLD))
    sent = Revision(A1, A, 1, 5, PERM, "", OLD, NEW, Decimal(0), 1, "s", NOW, is_combo=True)
    await earlier.changes.revisions.log.begin(sent)
    earlier.hear(shown(NEW))
    await earlier.quiet()
    whole = execution_word(
        "x.00.01", "2", contract=bag(), side="BOT", last_qty=Decimal(2), last_px=Decimal(-3)
    )
    words: list[OrderWord | ExecutionWord] = [
        whole,
        bought("4", "4"),
        sold("2", "2"),
        shown(NEW, "Filled"),
    ]
    later = Process(disk, told)
    for word in (*words[first:], *words[:first]):
        later.hear(word)
    await later.quiet()
    legs = {(e.exec_id, e.client_id, e.cum_qty) for e in told.executions()}
    assert legs == {("x.1.01", A1, 4), ("x.2.01", A1, 2)}
    assert [(r.client_id, r.cum_qty) for r in later.reports()] == [(A, 0), (A1, 2)]
