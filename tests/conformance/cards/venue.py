"""The venue and the account: what a server says of itself before any order."""

from __future__ import annotations

import asyncio
import time
from decimal import Decimal

from services.common.contract.pb import broker_service_pb2 as pb
from services.common.contract.pb import types_pb2
from tests.conformance.bench import CALL_S, Bench
from tests.conformance.card import Deck, Group, Mark
from tests.conformance.control import Can, Reads
from tests.conformance.matrix.compare import differences
from tests.conformance.scene import BUY, LIMIT

DECK = Deck(Group.VENUE)


@DECK.card(
    "VEN-001",
    "A server that is ready says which paper account it has",
    needs=("rpc.GetStatus",),
    marks=(Mark.PAPER,),
    expects=("status: UP, ready, PAPER",),
)
async def says_its_account(b: Bench) -> None:
    """Ask for the status."""
    reply = await b.broker.GetStatus(pb.GetStatusRequest(account_id=b.account_id), timeout=CALL_S)
    for told in reply.venues:
        assert told.venue.venue_account_id, f"no account number: {told}"
        mode = types_pb2.AccountMode.Name(told.venue.mode).removeprefix("ACCOUNT_MODE_")
        state = "UP" if told.state == 1 else f"{told.state}"
        b.note(f"status: {state}, {'ready' if told.ready else 'not ready'}, {mode}")


@DECK.card(
    "VEN-002",
    "An adapter's session is told by status and heartbeats alike",
    needs=("rpc.GetStatus", "rpc.WatchEvents"),
    marks=(Mark.PAPER, Mark.ADAPTER_ONLY),
    expects=("one session",),
)
async def tells_one_session(b: Bench) -> None:
    """Compare the status with the first heartbeat."""
    reply = await b.broker.GetStatus(pb.GetStatusRequest(account_id=b.account_id), timeout=CALL_S)
    heartbeat = b.hearing.kinds("heartbeat")[0]
    assert heartbeat.session_id, "the heartbeat has no session"
    assert heartbeat.session_id == reply.venues[0].session_id
    b.note("one session")


@DECK.card(
    "VEN-003",
    "The account is served, with the venue behind it",
    needs=("rpc.ListAccounts",),
    marks=(Mark.PAPER,),
    expects=("1 account, 1 venue, with a tag",),
)
async def lists_the_account(b: Bench) -> None:
    """List the accounts."""
    reply = await b.broker.ListAccounts(pb.ListAccountsRequest(), timeout=CALL_S)
    (account,) = [a for a in reply.accounts if a.account_id == b.account_id]
    tag = "with a tag" if account.venues[0].account_tag else "without a tag"
    b.note(f"{len(reply.accounts)} account, {len(account.venues)} venue, {tag}")


@DECK.card(
    "VEN-004",
    "An account that isn't served is not found, in every call",
    needs=("rpc.GetAccount", "rpc.ListOrders", "rpc.GetStatus"),
    marks=(Mark.PAPER,),
    expects=(
        "GetAccount: refused ACCOUNT_NOT_FOUND",
        "ListOrders: refused ACCOUNT_NOT_FOUND",
        "GetStatus: refused ACCOUNT_NOT_FOUND",
    ),
)
async def knows_no_other_account(b: Bench) -> None:
    """Ask for a stranger's account, its orders and its status."""
    for name, request in (
        ("GetAccount", pb.GetAccountRequest(account_id="stranger")),
        ("ListOrders", pb.ListOrdersRequest(account_id="stranger")),
        ("GetStatus", pb.GetStatusRequest(account_id="stranger")),
    ):
        await b.refused(name, request)


@DECK.card(
    "VEN-005",
    "What a server claims is what the capability matrix claims for it",
    needs=("rpc.GetCapabilities",),
    marks=(Mark.PAPER,),
    expects=("claims fit",),
)
async def claims_fit(b: Bench) -> None:
    """Compare GetCapabilities with the matrix, both ways."""
    reply = await b.broker.GetCapabilities(
        pb.GetCapabilitiesRequest(account_id=b.account_id), timeout=CALL_S
    )
    found = differences(b.stand.venue, reply.venues[0])
    assert not found, "; ".join(found)
    b.note("claims fit")


@DECK.card(
    "VEN-006",
    "The account's figures are the venue's own, exact to the cent",
    needs=("rpc.GetAccount",),
    control=(Can.TRUTH,),
    expects=("cash is the ledger's", "total is the balance"),
)
async def figures_are_exact(b: Bench) -> None:
    """Read the account and the venue's ledger."""
    reply = await b.broker.GetAccount(pb.GetAccountRequest(account_id=b.account_id), timeout=CALL_S)
    (balance,) = reply.balances
    assert Decimal(balance.cash.amount.value) == await b.venue.cash(), balance
    b.note("cash is the ledger's")
    (total,) = reply.totals
    assert total.cash == balance.cash
    assert total.buying_power == balance.buying_power
    b.note("total is the balance")


@DECK.card(
    "VEN-007",
    "A balance that can't be read is an error, never zero",
    needs=("rpc.GetAccount",),
    control=(Can.FAIL_READS,),
    marks=(Mark.ADAPTER_ONLY,),
    expects=("GetAccount: refused READ_FAILED|VENUE_UNAVAILABLE",),
)
async def no_balance_is_not_zero(b: Bench) -> None:
    """Let reads of the account fail, then ask for it."""
    await b.venue.fail_reads(Reads.ACCOUNT)
    await b.refused("GetAccount", pb.GetAccountRequest(account_id=b.account_id))


@DECK.card(
    "VEN-008",
    "A blocked account shows, and its orders are refused without effect",
    needs=("rpc.GetAccount", "rpc.SubmitOrder", "type.limit", "account_flags"),
    control=(Can.ACCOUNT, Can.TRUTH),
    expects=("account: trading blocked", "submit limit: *", "placed: 0"),
)
async def blocked_account_shows(b: Bench) -> None:
    """Block trading at the venue, read the account, send an order."""
    prices = await b.prices(b.scene.share)
    await b.venue.account(trading_blocked=True)
    reply = await b.broker.GetAccount(pb.GetAccountRequest(account_id=b.account_id), timeout=CALL_S)
    b.note(f"account: trading {'blocked' if reply.balances[0].trading_blocked else 'free'}")
    ticket = b.ticket(b.scene.share, BUY, LIMIT, limit_price=prices.low)
    answer = await b.submit(ticket)
    if answer.has_failed:
        assert answer.failure.effect == "NONE", answer.failure
    else:
        assert answer.order.status == types_pb2.ORDER_STATUS_REJECTED, answer.order
        assert answer.order.cause.reason, "a rejection without a reason"
    b.note(f"placed: {len(await b.venue.orders(ticket.base))}")


@DECK.card(
    "VEN-009",
    "The venue's request limit is reported as it said it",
    needs=("requests_limit", "rpc.GetStatus"),
    marks=(Mark.PAPER, Mark.ADAPTER_ONLY),
    expects=("limit and remainder are told",),
)
async def request_limit_is_told(b: Bench) -> None:
    """Ask for the account, then for the status."""
    await b.broker.GetAccount(pb.GetAccountRequest(account_id=b.account_id), timeout=CALL_S)
    reply = await b.broker.GetStatus(pb.GetStatusRequest(account_id=b.account_id), timeout=CALL_S)
    told = reply.venues[0]
    assert told.HasField("requests_limit"), told
    assert told.HasField("requests_remaining"), told
    assert 0 <= told.requests_remaining < told.requests_limit
    b.note("limit and remainder are told")


@DECK.card(
    "VEN-010",
    "While the venue's own link is lost nothing is sent, and after it orders are again",
    needs=("type.limit",),
    control=(Can.OWN_LINK, Can.TRUTH),
    marks=(Mark.ADAPTER_ONLY,),
    expects=("submit limit: refused *, effect NONE", "sent: 0", "submit limit: ACCEPTED"),
)
async def link_is_lost(b: Bench) -> None:
    """Let the venue lose its link, send an order; let it come back, send another."""
    price = (await b.prices(b.scene.share)).low
    await b.venue.lose_link()

    async def is_down() -> bool:
        status = await b.broker.GetStatus(pb.GetStatusRequest(account_id=b.account_id))
        return not status.venues[0].ready

    await b.eventually(is_down, "the word of the lost link")
    ticket = b.ticket(b.scene.share, BUY, LIMIT, limit_price=price)
    await b.submit(ticket)
    b.note(f"sent: {await b.venue.sends(ticket.base)}")
    await b.venue.restore_link()
    await b.ready()
    await b.submit(b.ticket(b.scene.share, BUY, LIMIT, limit_price=price))


@DECK.card(
    "VEN-011",
    "A live account where there was a paper one: nothing is sent any more",
    needs=("type.limit",),
    control=(Can.RELOGIN, Can.TRUTH),
    marks=(Mark.ADAPTER_ONLY, Mark.SPOILS),
    expects=("refused for 3 seconds", "sent: 0"),
)
async def live_where_paper_was(b: Bench) -> None:
    """Let the venue be logged in to a live account from one moment to the next; send an order
    again and again."""
    price = (await b.prices(b.scene.share)).low
    await b.venue.become("U7654321")
    ticket = b.ticket(b.scene.share, BUY, LIMIT, limit_price=price)
    ends_at = time.monotonic() + 3.0
    while time.monotonic() < ends_at:
        status = await b.call(b.broker.GetStatus, pb.GetStatusRequest(account_id=b.account_id))
        if not status.has_failed:  # the server may be gone by now
            b.session_id = status.reply.venues[0].session_id or b.session_id
        answer = await b.call(b.broker.SubmitOrder, b.submit_request(ticket))
        assert answer.has_failed, f"a live account was sent an order: {answer.reply}"
        await asyncio.sleep(0.05)
    b.note("refused for 3 seconds")
    b.note(f"sent: {await b.venue.sends(ticket.base)}")
