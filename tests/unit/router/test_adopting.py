"""Orders found at a venue as orders of the books: ids, terms, and what can't be one."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from services.common.domain.amounts import Money
from services.common.domain.external_orders import ExternalId
from services.common.domain.order_spec import CLIENT_ORDER_ID, PlacementId
from services.common.domain.order_status import OrderStatus, Signal
from services.common.domain.order_terms import (
    OptionCombo,
    OrderClass,
    OrderType,
    PositionIntent,
    TimeInForce,
)
from services.common.domain.reports import OrderReport
from services.router.books.books import Books
from services.router.journal import codec
from services.router.journal.records import OrderAdopted
from services.router.routing.adopting import (
    NotAdoptable,
    external_order,
    is_repeat,
    own_order,
    rough_spec,
    shown_hash,
    spec_of,
)
from tests.unit.domain.orders import NOW, spec
from tests.unit.router.scripted_port import report
from tests.unit.router.test_combos import CREDIT


def found(**changes: Any) -> OrderReport:
    """A stranger's order as a venue shows it."""
    shown = report(spec(), OrderStatus.ACCEPTED, Signal.ACKNOWLEDGED)
    told = {
        "venue": "alpaca",
        "client_id": "by-hand",
        "venue_order_id": "v-7",
        "order_type": OrderType.LIMIT,
        "time_in_force": TimeInForce.DAY,
        "limit_price": Decimal("8.50"),
    }
    return replace(shown, **{**told, **changes})


def adopted(shown: OrderReport, **more: Any) -> OrderAdopted:
    return external_order(shown, at=NOW, reason="it is mine", actor="me", **more)


@pytest.mark.parametrize(
    ("venue", "venue_order_id", "is_plain"),
    [
        ("alpaca", "61e69015-8549-4bfd-b9c3-01e75843f47d", True),
        ("interactive_brokers", "1234567890", True),
        ("alpaca", "an id with blanks", False),
        ("interactive_brokers", "9" * 50, False),
    ],
)
def test_an_external_order_has_an_id_that_only_its_venue_id_makes(
    venue: str, venue_order_id: str, *, is_plain: bool
) -> None:
    placed = ExternalId("main", venue, venue_order_id)
    assert CLIENT_ORDER_ID.fullmatch(placed.client_order_id)
    assert (placed.client_order_id == f"external-{venue}-{venue_order_id}") is is_plain
    assert ExternalId.parse(str(placed)) == placed
    assert PlacementId.parse(str(placed)) is None
    assert ExternalId.parse("o-1~al~1.0") is None


def test_an_external_order_stands_in_the_books_as_the_venue_showed_it() -> None:
    shown = found(status=OrderStatus.PARTIALLY_FILLED, cum_qty=Decimal(4), raw_status="partly")
    record = adopted(shown)
    books = Books()
    data = codec.encode(1, NOW, record)
    books.apply(*codec.decode(data))
    order = books.get("main", "external-alpaca-v-7").order
    assert (order.external, order.status) == (True, OrderStatus.ACCEPTED)
    assert (order.cum_qty, order.leaves_qty, order.asked_qty) == (0, 10, 10)
    assert order.missing_fills(order.placements[0]) == 4
    assert list(books.open_orders) == [("main", "external-alpaca-v-7")]
    assert books.by_venue_order["main", "alpaca", "v-7"] == ("main", "external-alpaca-v-7")


def test_an_order_that_is_filled_is_adopted_with_all_its_fills_missing() -> None:
    shown = found(status=OrderStatus.FILLED, signal=Signal.FILLED, cum_qty=Decimal(10))
    books = Books()
    books.apply(1, NOW, adopted(shown))
    order = books.get("main", "external-alpaca-v-7").order
    assert (order.is_open, order.missing_fills(order.placements[0])) == (True, 10)


def test_terms_that_their_owner_changes_take_the_place_of_the_old_ones() -> None:
    books = Books()
    books.apply(1, NOW, adopted(found()))
    books.apply(2, NOW + timedelta(seconds=1), adopted(found(order_qty=Decimal(12))))
    entry = books.get("main", "external-alpaca-v-7")
    assert (entry.order.asked_qty, entry.first_seq, entry.seq) == (12, 1, 2)
    assert len(entry.order.placements) == 1


def test_an_order_of_ours_that_the_journal_lost_comes_back_under_its_own_ids() -> None:
    shown = found(client_id="o-1~al~2.1", position_intent=PositionIntent.SELL_TO_OPEN)
    record = own_order(shown, at=NOW, reason="restored", actor="tandem")
    assert (record.spec.client_order_id, record.placement.placement_id) == ("o-1", "o-1~al~2.1")
    assert not record.external
    assert record.content_hash == shown_hash(spec())
    assert is_repeat(record.content_hash, replace(spec(), strategy_tag="wheel", venue_pin="alpaca"))
    assert not is_repeat(record.content_hash, replace(spec(), order_qty=Decimal(11)))
    assert not is_repeat("", spec())
    with pytest.raises(NotAdoptable, match="no placement id"):
        own_order(found(), at=NOW, reason="restored", actor="tandem")


@pytest.mark.parametrize(
    ("closes", "told", "intent"),
    [
        (False, None, PositionIntent.SELL_TO_OPEN),
        (True, None, PositionIntent.SELL_TO_CLOSE),
        (False, PositionIntent.SELL_TO_CLOSE, PositionIntent.SELL_TO_CLOSE),
    ],
)
def test_what_the_venue_does_not_tell_of_an_intent_is_taken_as_opening(
    closes: bool,
    told: PositionIntent | None,
    intent: PositionIntent,
) -> None:
    assert adopted(found(position_intent=told), closes=closes).spec.position_intent is intent


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"venue_order_id": ""}, "no id of it"),
        ({"instrument": None}, "instrument"),
        ({"side": None}, "side"),
        ({"order_qty": None, "notional": Money(Decimal(500), "USD")}, "quantity"),
        ({"order_type": None}, "order type"),
        ({"time_in_force": None}, "time in force"),
        ({"limit_price": None}, "limit price"),
        ({"order_class": OrderClass.MULTI_LEG, "parent": "v-6"}, "multi-leg"),
        ({"instrument": CREDIT.instrument, "side": None}, "multi-leg"),
    ],
)
def test_what_the_books_cannot_express_is_refused_with_its_reason(
    changes: dict[str, Any], why: str
) -> None:
    with pytest.raises(NotAdoptable, match=why):
        adopted(found(**changes))


def test_an_order_by_amount_is_one_of_its_fills_once_it_has_ended() -> None:
    money = {"order_qty": None, "notional": Money(Decimal(500), "USD")}
    done = {"status": OrderStatus.FILLED, "signal": Signal.FILLED, "cum_qty": Decimal("1.25")}
    assert adopted(found(**money, **done)).spec.order_qty == Decimal("1.25")


def test_what_is_reckoned_with_needs_no_price() -> None:
    rough = rough_spec(found(order_type=None, time_in_force=None, limit_price=None))
    assert rough is not None
    assert (rough.order_type, rough.order_qty) == (OrderType.MARKET, 10)
    assert rough_spec(found(order_qty=None)) is None
    combo = rough_spec(found(instrument=CREDIT.instrument, side=None))
    assert combo is not None
    assert isinstance(combo.instrument, OptionCombo)
    assert spec_of(found(), "any").limit_price == Decimal("8.50")
