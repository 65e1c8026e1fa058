"""Unit tests of orders with legs and exits in the session: whose they are, and told once."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from services.common.domain.executions import Execution
from services.common.domain.reports import OrderReport
from tests.unit.alpaca_adapter.order_scene import bracket_json, spread_json
from tests.unit.alpaca_adapter.scene import DATE, LISTENING, Scene, scene
from tests.unit.alpaca_adapter.wire import CLIENT_ID, VENUE_ID, Asked, Reply, fill_json

PRICES = {"leg-1": "3.0", "leg-2": "1.5"}


def filled_spread() -> dict[str, Any]:
    """The spread with both legs filled."""
    legs = [
        leg | {"status": "filled", "filled_qty": "2", "updated_at": "2024-11-04T15:00:02Z"}
        for leg in spread_json()["legs"]
    ]
    return spread_json(
        legs=legs, status="filled", filled_qty="2", updated_at="2024-11-04T15:00:02Z"
    )


def filled() -> dict[str, Any]:
    """The event of its fill: an execution for each leg, and no id of its own."""
    legs = [
        {"execution_id": f"e-{leg}", "order_id": leg, "symbol": "x", "qty": "2", "price": price}
        for leg, price in PRICES.items()
    ]
    data = {"event": "fill", "order": filled_spread(), "legs": legs, "price": "-1.5", "qty": "2"}
    return {"stream": "trade_updates", "data": data}


def fills() -> list[dict[str, Any]]:
    """The same as the venue lists it."""
    return [
        fill_json(n, order_id=leg, price=price, symbol=f"SPY241115P00{strike}000", side=side)
        for n, (leg, price, strike, side) in enumerate(
            [("leg-1", "3.0", 400, "sell"), ("leg-2", "1.5", 390, "buy")]
        )
    ]


async def in_session(it: Scene) -> None:
    it.stream.says(LISTENING)
    await it.until(lambda: it.updates.session_id)
    it.events.clear()


def told(it: Scene) -> list[str]:
    """What was told, in order: executions by their order, reports by id and parent."""
    found = []
    for event in it.events:
        if isinstance(event, Execution):
            found.append(f"fill of {event.venue_order_id}")
        elif isinstance(event, OrderReport):
            found.append(f"{event.venue_order_id} in {event.parent or 'nothing'}")
    return found


async def test_legs_are_told_to_be_legs_before_their_fills() -> None:
    async with scene() as it:
        await in_session(it)
        it.stream.says(filled())
        assert told(it) == [
            f"leg-1 in {VENUE_ID}",
            f"leg-2 in {VENUE_ID}",
            "fill of leg-1",
            "fill of leg-2",
            f"{VENUE_ID} in nothing",
        ]
        assert it.quantities() == [Decimal(2), Decimal(2)]
        assert {e.client_id for e in it.events if isinstance(e, Execution)} == {CLIENT_ID}


async def test_a_filled_spread_that_was_told_is_no_news_to_a_recovery() -> None:
    async with scene(silence_s=0.01) as it:
        it.venue.orders[VENUE_ID] = spread_json()
        await in_session(it)
        it.venue.shows(filled_spread(), fills())
        it.stream.says(filled())
        reads = len(it.desk.venue.asked)
        it.desk.clock.at += 1.0
        await it.until(lambda: len(it.desk.venue.asked) >= reads + 3)
        it.desk.clock.at += 1.0
        await it.until(lambda: len(it.desk.venue.asked) >= reads + 6)
        assert it.updates.session_id == "session-1"
        assert it.quantities() == [Decimal(2), Decimal(2)]
        assert 0.25 not in it.desk.clock.slept  # no fills of the spread itself are waited for


async def test_a_lost_fill_of_a_spread_is_recovered_leg_by_leg() -> None:
    async with scene(silence_s=0.01) as it:
        it.venue.orders[VENUE_ID] = spread_json()
        await in_session(it)
        it.venue.shows(filled_spread(), fills())
        it.desk.clock.at += 1.0
        await it.until(lambda: it.updates.session_id == "session-2")
        assert [line for line in told(it) if line.startswith("fill")] == [
            "fill of leg-1",
            "fill of leg-2",
        ]


async def test_an_exit_that_fills_by_itself_is_known_as_one() -> None:
    async with scene() as it:
        it.venue.orders[VENUE_ID] = bracket_json()
        await in_session(it)
        exit_ = bracket_json()["legs"][0] | {"status": "filled", "filled_qty": "2"}
        data = {"event": "fill", "execution_id": "e", "price": "410", "qty": "2", "order": exit_}
        it.stream.says({"stream": "trade_updates", "data": data})
        assert told(it) == ["fill of exit-1", f"exit-1 in {VENUE_ID}"]
        (execution,) = (e for e in it.events if isinstance(e, Execution))
        assert (execution.client_id, execution.venue_order_id) == (CLIENT_ID, "exit-1")


async def test_a_fill_of_an_exit_whose_order_is_not_known_is_recovered_with_it() -> None:
    """The order had filled before, so no list of open orders shows it."""
    exit_ = bracket_json()["legs"][0] | {"status": "filled", "filled_qty": "2"}
    parent = bracket_json(status="filled", filled_qty="2")
    parent["legs"][0] = exit_
    async with scene() as it:
        await in_session(it)
        answers = it.desk.venue.answers

        def with_parent(asked: Asked) -> Reply | Exception:
            reply = answers(asked)
            made_then = asked.query.get("after", "").startswith("2024-11-04T14:59:58")
            if asked.path == "/v2/orders" and made_then and asked.query["nested"] == "true":
                return Reply(200, [parent], headers=DATE)
            return reply

        it.desk.venue.answers = with_parent
        it.venue.orders["exit-1"] = exit_
        it.venue.fills = [fill_json(order_id="exit-1", price="410", side="sell")]
        data = {"event": "fill", "execution_id": "e", "price": "410", "qty": "2", "order": exit_}
        it.stream.says({"stream": "trade_updates", "data": data})
        assert it.updates.session_id == ""
        await it.until(lambda: it.updates.session_id == "session-2")
        (execution,) = (e for e in it.events if isinstance(e, Execution))
        assert (execution.client_id, execution.venue_order_id) == (CLIENT_ID, "exit-1")
        again = exit_ | {"updated_at": "2024-11-04T16:00:00Z"}
        it.stream.says({"stream": "trade_updates", "data": data | {"order": again}})
        assert it.updates.session_id == "session-2"


async def test_an_exit_whose_order_nobody_finds_is_an_order_of_its_own() -> None:
    exit_ = bracket_json()["legs"][0] | {"status": "filled", "filled_qty": "2"}
    async with scene() as it:
        await in_session(it)
        it.venue.orders["exit-1"] = exit_
        it.venue.fills = [fill_json(order_id="exit-1", price="410", side="sell")]
        it.stream.says("garbage")
        await it.until(lambda: it.updates.session_id == "session-2")
        (execution,) = (e for e in it.events if isinstance(e, Execution))
        assert (execution.client_id, execution.venue_order_id) == ("made-1", "exit-1")
        looked = len(it.desk.venue.asked)
        told_again = exit_ | {"updated_at": "2024-11-04T16:00:00Z"}
        data = {"event": "fill", "execution_id": "e", "price": "410", "qty": "2"}
        it.stream.says({"stream": "trade_updates", "data": data | {"order": told_again}})
        assert it.updates.session_id == "session-2"
        assert len(it.desk.venue.asked) == looked
