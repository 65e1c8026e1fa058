"""Positions, closing them, and what an order would cost."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from services.common.contract.pb import broker_service_pb2 as pb
from tests.conformance.acts import hold, holds, listed, short
from tests.conformance.answers import Answer
from tests.conformance.bench import CALL_S, Bench
from tests.conformance.card import Deck, Group, Mark
from tests.conformance.control import Can, Reads
from tests.conformance.scene import BUY, DAY, LIMIT, MARKET, SELL, Ticket, amount, instrument

DECK = Deck(Group.POSITIONS, given="the market is open")
_CLOSE = ("rpc.ClosePosition", "rpc.GetPosition", "type.market")
_ALONE = (Mark.STAND_ALONE,)


async def _close(b: Bench, symbol: str, **given: Any) -> tuple[Ticket, Answer]:
    """Close a position, or a part."""
    ticket = b.ticket(symbol, BUY, MARKET)
    fields = {"order_type": MARKET, "time_in_force": DAY, **b.claim(with_session=False), **given}
    request = pb.ClosePositionRequest(
        account_id=b.account_id,
        client_order_id=ticket.client_id,
        instrument=instrument(symbol),
        **fields,
    )
    answer = await b.call(b.broker.ClosePosition, request)
    if not answer.has_failed:
        ticket.spec.side = answer.order.spec.side
        ticket.spec.order_qty.CopyFrom(answer.order.spec.order_qty)
    words = answer.failure.words if answer.has_failed else "sent"
    b.note(f"close: {words}")
    return ticket, answer


@DECK.card(
    "POS-001",
    "A position's figures are the venue's",
    needs=("rpc.ListPositions", "type.market"),
    control=(Can.TRUTH,),
    marks=(Mark.ADAPTER_ONLY,),
    expects=("2 positions", "long 3, short -1, as at the venue"),
)
async def figures(b: Bench) -> None:
    """Hold shares and be short of a put; list."""
    await hold(b, b.scene.share, "3")
    await short(b, b.scene.put, "1")
    positions = await listed(b, "ListPositions", "positions")
    b.note(f"{len(positions)} positions")
    truth = await b.venue.positions()
    by_symbol = {
        p.instrument.option.occ_symbol or p.instrument.equity.symbol: Decimal(p.qty.value)
        for p in positions
    }
    assert by_symbol == dict(truth), (by_symbol, truth)
    share, put = by_symbol[b.scene.share], by_symbol[b.scene.put]
    b.note(f"long {share}, short {put}, as at the venue")


@DECK.card(
    "POS-002",
    "No position is an empty answer",
    needs=("rpc.GetPosition",),
    expects=("position: 0",),
)
async def none(b: Bench) -> None:
    """Ask for a position that isn't held."""
    await holds(b, b.scene.third_share, "0")


@DECK.card(
    "POS-003",
    "A position that can't be read is an error, never none",
    needs=("rpc.GetPosition", "rpc.ListPositions", "type.market"),
    control=(Can.FAIL_READS,),
    marks=(Mark.ADAPTER_ONLY,),
    given="one share is held",
    expects=(
        "GetPosition: refused READ_FAILED|VENUE_UNAVAILABLE",
        "ListPositions: refused READ_FAILED|VENUE_UNAVAILABLE",
    ),
)
async def failing(b: Bench) -> None:
    """Let reads of positions fail."""
    await hold(b, b.scene.share, "1")
    await b.venue.fail_reads(Reads.POSITIONS)
    one = pb.GetPositionRequest(account_id=b.account_id, instrument=instrument(b.scene.share))
    await b.refused("GetPosition", one)
    request = pb.ListPositionsRequest(account_id=b.account_id)
    await b.refused("ListPositions", request)


@DECK.card(
    "POS-004",
    "A long position is closed by an ordinary order under our id",
    needs=_CLOSE,
    control=(Can.TRUTH,),
    given="two shares are held",
    marks=_ALONE,
    expects=("close: sent", "fills: 2", "position: 0", "ordered as ours"),
)
async def close_long(b: Bench) -> None:
    """Close what is held."""
    await hold(b, b.scene.share, "2")
    ticket, _ = await _close(b, b.scene.share)
    await b.fills(ticket, "2")
    await holds(b, b.scene.share, "0")
    assert await b.venue.sends(ticket.base) == 1
    b.note("ordered as ours")


@DECK.card(
    "POS-005",
    "A short option position is bought back",
    needs=_CLOSE,
    given="one put is short",
    marks=_ALONE,
    expects=("close: sent", "fills: 1", "position: 0"),
)
async def close_short(b: Bench) -> None:
    """Close a short put."""
    await short(b, b.scene.put, "1")
    ticket, _ = await _close(b, b.scene.put)
    await b.fills(ticket, "1")
    await holds(b, b.scene.put, "0")


@DECK.card(
    "POS-006",
    "A part of a position, at a limit",
    needs=(*_CLOSE, "type.limit"),
    given="three shares are held",
    marks=_ALONE,
    expects=("close: sent", "fills: 1", "position: 2"),
)
async def close_a_part(b: Bench) -> None:
    """Close one of three at the bid."""
    await hold(b, b.scene.share, "3")
    bid = (await b.prices(b.scene.share)).takes_bid
    ticket, _ = await _close(
        b, b.scene.share, qty=amount(1), order_type=LIMIT, limit_price=amount(bid)
    )
    await b.fills(ticket, "1")
    await holds(b, b.scene.share, "2")


@DECK.card(
    "POS-007",
    "More than is held isn't closed",
    needs=_CLOSE,
    control=(Can.TRUTH,),
    given="one share is held",
    marks=_ALONE,
    expects=("close: refused *, effect NONE", "position: 1", "orders at the venue: 0"),
)
async def close_too_much(b: Bench) -> None:
    """Close two of one."""
    await hold(b, b.scene.share, "1")
    ticket, _ = await _close(b, b.scene.share, qty=amount(2))
    await holds(b, b.scene.share, "1")
    b.note(f"orders at the venue: {len(await b.venue.orders(ticket.base))}")


@DECK.card(
    "POS-008",
    "What isn't held can't be closed",
    needs=_CLOSE,
    control=(Can.TRUTH,),
    marks=_ALONE,
    expects=("close: refused POSITION_NOT_FOUND|INTENT_MISMATCH, effect NONE", "sent: 0"),
)
async def close_nothing(b: Bench) -> None:
    """Close a position that isn't held."""
    ticket, _ = await _close(b, b.scene.other_share)
    b.note(f"sent: {await b.venue.sends(ticket.base)}")


@DECK.card(
    "POS-009",
    "A preview says what an order costs, and by whose figures, and sends nothing",
    needs=("rpc.PreviewOrder", "type.limit"),
    control=(Can.TRUTH,),
    expects=("costs -2400, *", "sent: 0"),
)
async def preview(b: Bench) -> None:
    """Preview a bid for ten at 240."""
    ticket = b.ticket(b.scene.share, BUY, LIMIT, qty="10", limit_price="240")
    ticket.spec.client_order_id = ticket.base
    request = pb.PreviewOrderRequest(account_id=b.account_id, order=ticket.spec)
    reply = await b.broker.PreviewOrder(request, timeout=CALL_S)
    words = "estimated" if reply.estimated else "the venue's word"
    b.note(f"costs {reply.cash_effect.amount.value}, {words}")
    b.note(f"sent: {await b.venue.sends(ticket.base)}")


@DECK.card(
    "POS-010",
    "Open exits hold what they sell: a close takes what is left",
    needs=(*_CLOSE, "type.limit", "positions_less_exits"),
    control=(Can.TRUTH,),
    marks=(*_ALONE, Mark.ADAPTER_ONLY),
    given="three shares are held",
    expects=("close: sent", "fills: 2", "position: 1"),
)
async def close_what_is_free(b: Bench) -> None:
    """Offer one of three far above the market, close the rest."""
    await hold(b, b.scene.share, "3")
    high = (await b.prices(b.scene.share)).high
    exit_ = b.ticket(b.scene.share, SELL, LIMIT, limit_price=high)
    answer = await b.call(b.broker.SubmitOrder, b.submit_request(exit_))
    assert not answer.has_failed, answer.failure
    ticket, _ = await _close(b, b.scene.share)
    await b.fills(ticket, "2")
    await holds(b, b.scene.share, "1")
