"""Executions that the venue corrects or takes back after it has told them."""

from __future__ import annotations

from services.common.contract.pb import orders_pb2
from tests.conformance.acts import holds
from tests.conformance.bench import Bench
from tests.conformance.card import Deck, Group
from tests.conformance.control import Can
from tests.conformance.hearing import eventually
from tests.conformance.scene import BUY, MARKET, Ticket

DECK = Deck(Group.DUPLICATES, given="the market is open")


async def _filled(b: Bench) -> tuple[Ticket, orders_pb2.Execution]:
    ticket = b.ticket(b.scene.share, BUY, MARKET)
    await b.submit(ticket)
    await b.told(ticket, "FILLED")
    (execution,) = await b.fills(ticket, "1")
    return ticket, execution


async def _follows(b: Bench, ticket: Ticket, first: orders_pb2.Execution, kind: int) -> None:
    """Wait for the execution of a kind that says which one it is about."""

    def told() -> list[orders_pb2.Execution]:
        return [
            later
            for later in b.hearing.executions(ticket)
            if later.exec_type == kind and later.exec_ref_id == first.exec_id
        ]

    name = orders_pb2.ExecType.Name(kind).removeprefix("EXEC_TYPE_")  # type: ignore[arg-type]
    (later, *_) = await eventually(told, f"the {name} of {first.exec_id}")
    assert later.exec_id != first.exec_id, later
    price = f" at {later.last_px.value}" if kind == orders_pb2.EXEC_TYPE_CORRECT else ""
    b.note(f"told: {name}{price}")


@DECK.card(
    "DUP-013",
    "A corrected execution is in the place of the first, and no second trade",
    needs=("type.market", "rpc.GetPosition"),
    control=(Can.CORRECT, Can.TRUTH),
    expects=(
        "submit market: ACCEPTED|FILLED",
        "told: FILLED",
        "fills: 1",
        "told: CORRECT at 398.5",
        "position: 1",
        "books agree",
    ),
)
async def corrected(b: Bench) -> None:
    """Let an order fill, then let the venue say that it was at another price."""
    ticket, first = await _filled(b)
    await b.venue.correct(first.exec_id, "398.5")
    await _follows(b, ticket, first, orders_pb2.EXEC_TYPE_CORRECT)
    await holds(b, b.scene.share, "1")
    await b.agrees(ticket)


@DECK.card(
    "DUP-014",
    "An execution that is taken back leaves no position",
    needs=("type.market", "rpc.GetPosition"),
    control=(Can.CORRECT, Can.TRUTH),
    expects=(
        "submit market: ACCEPTED|FILLED",
        "told: FILLED",
        "fills: 1",
        "told: BUST",
        "position: 0",
    ),
)
async def taken_back(b: Bench) -> None:
    """Let an order fill, then let the venue take the execution back."""
    ticket, first = await _filled(b)
    await b.venue.bust(first.exec_id)
    await _follows(b, ticket, first, orders_pb2.EXEC_TYPE_BUST)
    await holds(b, b.scene.share, "0")
