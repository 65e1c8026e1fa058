"""The `tandem` command against a real server: what it prints, and its exit codes."""

from __future__ import annotations

import getpass
import io
import socket
from typing import Any

import pytest
from google.rpc import code_pb2  # type: ignore[import-untyped, unused-ignore]
from rich.console import Console
from tandem_client.command import tables
from tandem_client.pb import (
    accounts_pb2,
    broker_service_pb2,
    errors_pb2,
    events_pb2,
    orders_pb2,
    types_pb2,
)
from tandem_client.wire.events import read_status

from tests.unit.client.running import Tandem
from tests.unit.client.small_server import (
    ACCOUNT,
    SYMBOL,
    SmallBroker,
    SmallServer,
    abort,
    decimal,
    failure,
    option,
)

SUBMIT = ["submit", "sell", "1", SYMBOL, "--limit", "8.50", "--intent", "open"]


def refusing(status: Any) -> Any:
    async def fault(context: Any) -> None:
        await abort(context, status)

    return fault


async def test_submit_shows_the_order_and_its_state(tandem: Tandem, broker: SmallBroker) -> None:
    ran = await tandem(*SUBMIT, "--id", "my-1")
    assert (ran.code, ran.err) == (0, "")
    assert ran.out == f"my-1  ACCEPTED  SELL 1 {SYMBOL} to open  LIMIT 8.50 DAY\n"
    sent = broker.submit_requests[0]
    assert (sent.account_id, sent.order.position_intent) == (
        ACCOUNT,
        types_pb2.POSITION_INTENT_SELL_TO_OPEN,
    )


@pytest.mark.parametrize(
    ("options", "order_type"),
    [
        (["--market"], types_pb2.ORDER_TYPE_MARKET),
        (["--limit", "0"], types_pb2.ORDER_TYPE_LIMIT),
        (["--stop", "3"], types_pb2.ORDER_TYPE_STOP),
        (["--stop", "3", "--limit", "2"], types_pb2.ORDER_TYPE_STOP_LIMIT),
    ],
)
async def test_the_prices_given_say_the_order_type(
    tandem: Tandem, broker: SmallBroker, options: list[str], order_type: int
) -> None:
    assert (await tandem("submit", "buy", "10", "SPY", "--id", "s", *options)).code == 0
    assert broker.submit_requests[0].order.order_type == order_type


async def test_a_minted_id_is_told_before_the_order_leaves(
    tandem: Tandem, broker: SmallBroker, capsys: pytest.CaptureFixture[str]
) -> None:
    told: list[str] = []

    async def look(context: Any) -> None:
        told.append(capsys.readouterr().err)

    broker.before_submit = look
    assert (await tandem(*SUBMIT)).code == 0
    assert told == [f"client_order_id {broker.submit_requests[0].order.client_order_id}\n"]


async def test_json_is_one_document_with_decimals_as_strings(tandem: Tandem) -> None:
    order = (await tandem(*SUBMIT, "--id", "my-1", "--json")).document
    assert order["client_order_id"] == "my-1"
    assert order["spec"]["limit_price"] == "8.5"
    assert order["spec"]["instrument"]["symbol"] == SYMBOL
    assert (order["status"], order["avg_px"]) == ("ACCEPTED", None)


async def test_wait_ends_with_the_order(tandem: Tandem, broker: SmallBroker) -> None:
    async def fill(context: Any) -> None:
        broker.put(
            "my-1", types_pb2.ORDER_STATUS_FILLED, cum_qty=decimal("1"), avg_px=decimal("8.5")
        )

    broker.on_submit = fill
    ran = await tandem(*SUBMIT, "--id", "my-1", "--wait", "20")
    assert ran.code == 0
    assert "FILLED" in ran.out
    assert "filled 1 @ 8.50" in ran.out


async def test_a_wait_that_ends_first_is_told_apart(tandem: Tandem) -> None:
    ran = await tandem(*SUBMIT, "--id", "my-1", "--wait", "1.5")
    assert ran.code == 5
    assert "ACCEPTED" in ran.out
    assert ran.err == "still working: my-1 is ACCEPTED after 1.5 s and goes on as it is\n"


async def test_a_rejected_order_exits_1_with_the_cause(tandem: Tandem, broker: SmallBroker) -> None:
    async def reject(context: Any) -> None:
        cause = orders_pb2.OrderCause(
            reason=errors_pb2.ERROR_REASON_INSUFFICIENT_BUYING_POWER,
            message="not enough\x1b[2J" + " cash" * 60,
        )
        broker.put("my-1", types_pb2.ORDER_STATUS_REJECTED, cause=cause)

    broker.on_submit = reject
    ran = await tandem(*SUBMIT, "--id", "my-1")
    cause = "INSUFFICIENT_BUYING_POWER not enough [2J" + " cash" * 60
    assert (ran.code, ran.err) == (1, f"refused: {cause}\n")
    assert ran.out.endswith(f"{cause}\n")
    assert ran.out.count("\n") == 1


async def test_an_order_in_doubt_exits_3_and_says_where_to_look(
    tandem: Tandem, broker: SmallBroker
) -> None:
    broker.accepted_status = types_pb2.ORDER_STATUS_IN_DOUBT
    ran = await tandem(*SUBMIT, "--id", "my-1")
    assert ran.code == 3
    assert ran.err == "in doubt: it may be live; look it up: tandem order my-1\n"


async def test_a_refusal_is_one_line_that_names_the_field(
    tandem: Tandem, broker: SmallBroker
) -> None:
    broker.before_submit = refusing(
        failure(code_pb2.INVALID_ARGUMENT, "INVALID_FIELD", "off tick", field="order.limit_price")
    )
    ran = await tandem(*SUBMIT, "--id", "my-1")
    assert (ran.code, ran.out) == (1, "")
    assert ran.err == "invalid: INVALID_FIELD: order.limit_price: off tick\n"


async def test_venues_that_did_not_take_it_are_each_named(
    tandem: Tandem, broker: SmallBroker
) -> None:
    cause = errors_pb2.VenueCause(
        venue="alpaca", reason=errors_pb2.ERROR_REASON_VENUE_UNAVAILABLE, message="down"
    )
    broker.before_submit = refusing(
        failure(
            code_pb2.UNAVAILABLE,
            "ALL_VENUES_UNAVAILABLE",
            "no venue took it",
            venue_causes=(cause,),
            retry_after_s=2,
        )
    )
    ran = await tandem(*SUBMIT, "--id", "my-1")
    assert ran.code == 1
    assert ran.err == (
        "unavailable, nothing happened: ALL_VENUES_UNAVAILABLE: no venue took it; "
        "alpaca: VENUE_UNAVAILABLE down (try again in 2 s)\n"
    )


async def test_what_the_message_says_of_a_venue_is_not_said_twice(
    tandem: Tandem, broker: SmallBroker
) -> None:
    cause = errors_pb2.VenueCause(
        venue="alpaca", reason=errors_pb2.ERROR_REASON_VENUE_UNAVAILABLE, message="down"
    )
    told = "no venue took it: alpaca: down"
    broker.before_submit = refusing(
        failure(code_pb2.UNAVAILABLE, "ALL_VENUES_UNAVAILABLE", told, venue_causes=(cause,))
    )
    ran = await tandem(*SUBMIT, "--id", "my-1")
    assert ran.err == (
        f"unavailable, nothing happened: ALL_VENUES_UNAVAILABLE: {told}; "
        "alpaca: VENUE_UNAVAILABLE\n"
    )


async def test_times_of_updates_are_all_by_one_clock(tandem: Tandem, broker: SmallBroker) -> None:
    """Ours: a venue's may stand elsewhere, and not every update comes of a venue."""
    broker.put("my-1", types_pb2.ORDER_STATUS_ACCEPTED)
    updated = broker.orders["my-1"].updated
    updated.venue_time.FromJsonString("2024-11-04T15:00:19Z")
    updated.journal_time.FromJsonString("2026-11-22T17:13:08Z")
    listed, shown = (await tandem("orders")).out, (await tandem("order", "my-1")).out
    assert "2026-11-22 17:13:08Z" in listed
    assert "2024-11-04" not in listed
    assert "2026-11-22 17:13:08Z" in shown
    assert "2024-11-04 15:00:19Z" in shown  # by its own name


async def test_what_is_not_known_of_a_venue_is_left_open() -> None:
    venue = events_pb2.VenueStatus(venue=types_pb2.Venue(name="alpaca"))
    report = broker_service_pb2.GetStatusResponse(venues=[venue])
    console = Console(width=120, file=io.StringIO())
    console.print(tables.status(read_status(report)))
    assert isinstance(console.file, io.StringIO)
    assert "unspecified" not in console.file.getvalue()


async def test_an_unknown_effect_exits_3_and_says_where_to_look(
    tandem: Tandem, broker: SmallBroker
) -> None:
    broker.before_submit = refusing(failure(code_pb2.UNAVAILABLE, "OUTCOME_UNKNOWN", "", effect=0))
    ran = await tandem(*SUBMIT, "--id", "my-1")
    assert ran.code == 3
    assert ran.err.endswith("look it up: tandem order my-1\n")
    assert ran.err.count("\n") == 1


async def test_where_nothing_answers_exits_4(tandem: Tandem) -> None:
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{bound.getsockname()[1]}"
        ran = await tandem("status", "--address", address)
    assert (ran.code, ran.out) == (4, "")
    assert ran.err.startswith(f"unreachable: {address}: ")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["submit", "sell", "NaN", SYMBOL, "--market"], "QUANTITY"),
        (["submit", "sell", "0", SYMBOL, "--market"], "above 0"),
        (["submit", "sell", "1", "SPY241115X00400000", "--market"], "SYMBOL"),
        (["submit", "sell", "1", SYMBOL, "--limit", "1e400"], "--limit"),
        (["submit", "sell", "1", SYMBOL], "--limit PRICE"),
        (["submit", "sell", "1", SYMBOL, "--limit", "1", "--market"], "--market"),
        (["submit", "sell", "1", SYMBOL, "--limit", "1"], "--intent open or --intent close"),
        (["submit", "sell", "1", SYMBOL, "--market", "--not-after", "2024-11-04"], "time zone"),
        (["halt"], "--reason"),
        (["no-such-command"], "no-such-command"),
        (["status", "--deadline", "0"], "--deadline"),
    ],
)
async def test_wrong_usage_exits_2_on_one_line_and_sends_nothing(
    tandem: Tandem, broker: SmallBroker, arguments: list[str], words: str
) -> None:
    ran = await tandem(*arguments)
    assert (ran.code, ran.out, broker.submits) == (2, "", 0)
    assert words in ran.err
    assert ran.err.count("\n") == 1


async def test_a_bad_client_order_id_is_named_and_not_sent(
    tandem: Tandem, broker: SmallBroker
) -> None:
    ran = await tandem(*SUBMIT, "--id", "a~b")
    assert (ran.code, broker.submits) == (2, 0)
    assert "client_order_id" in ran.err


async def test_of_several_accounts_one_must_be_said(tandem: Tandem, broker: SmallBroker) -> None:
    broker.account_ids = ["main", "ira"]
    ran = await tandem(*SUBMIT, "--id", "my-1")
    assert (ran.code, broker.submits) == (2, 0)
    assert "main, ira" in ran.err
    assert (await tandem(*SUBMIT, "--id", "my-1", "--account", "ira")).code == 0


async def test_shared_options_stand_before_or_after_the_command(
    tandem: Tandem, server: SmallServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TANDEM_ADDRESS", "127.0.0.1:1")
    before = await tandem("--address", server.address, "--json", "status")
    after = await tandem("status", "--json", "--address", server.address)
    assert before.document["trading_state"]["state"] == "ACTIVE"
    assert before.out == after.out


async def test_a_look_up_shows_every_placement(tandem: Tandem, broker: SmallBroker) -> None:
    order = broker.put("my-1", types_pb2.ORDER_STATUS_ACCEPTED)
    broker.orders["my-1"].placements.append(
        orders_pb2.Placement(placement_id="my-1~a~0.0", venue="alpaca", status=order.status)
    )
    ran = await tandem("order", "my-1")
    assert ran.code == 0
    assert "my-1~a~0.0" in ran.out


async def test_an_order_that_is_not_there_exits_1(tandem: Tandem) -> None:
    ran = await tandem("order", "my-1")
    assert (ran.code, ran.out) == (1, "")
    assert ran.err == "not found: my-1: no such order is known there\n"
    assert (await tandem("order", "my-1", "--json")).document["lookup"] == "ABSENT"


async def test_a_cancel_of_an_ended_order_exits_1(tandem: Tandem, broker: SmallBroker) -> None:
    broker.put("my-1", types_pb2.ORDER_STATUS_ACCEPTED)
    assert "PENDING_CANCEL" in (await tandem("cancel", "my-1")).out
    broker.put("my-1", types_pb2.ORDER_STATUS_FILLED)
    ran = await tandem("cancel", "my-1")
    assert (ran.code, ran.err) == (1, "refused: ORDER_ENDED: the order has ended\n")


async def test_lists_are_tables_or_one_document(tandem: Tandem, broker: SmallBroker) -> None:
    broker.put("my-1", types_pb2.ORDER_STATUS_ACCEPTED)
    broker.positions.append(
        accounts_pb2.Position(
            venue="alpaca", instrument=option(), qty=decimal("-1"), avg_entry_price=decimal("8.5")
        )
    )
    broker.executions.append(
        orders_pb2.Execution(
            exec_id="e1", instrument=option(), last_qty=decimal("1"), last_px=decimal("8.5")
        )
    )
    for command, words in [
        (["orders"], "my-1"),
        (["orders", "--open", "--symbol", "SPY"], "my-1"),
        (["positions"], "8.50"),
        (["executions"], "e1"),
        (["account"], "100,000.00 USD"),
        (["status"], "trading is ACTIVE"),
        (["quarantine"], "by-hand"),
    ]:
        ran = await tandem(*command)
        assert (ran.code, ran.err) == (0, "")
        assert words in ran.out
        assert (await tandem(*command, "--json")).document
    assert "unrealised" not in (await tandem("positions")).out  # no price, no column
    listed = (await tandem("positions", "--json")).document
    assert listed["positions"][0]["qty"] == "-1"


@pytest.mark.parametrize(
    ("command", "state"), [("halt", "HALTED"), ("reduce", "REDUCING"), ("resume", "ACTIVE")]
)
async def test_the_trading_state_is_set_for_all_unless_an_account_is_named(
    tandem: Tandem, server: SmallServer, command: str, state: str
) -> None:
    ran = await tandem(command, "--reason", "news")
    user = getpass.getuser()
    assert (ran.code, ran.out) == (0, f"trading is {state} for all accounts: news ({user})\n")
    await tandem(command, "--reason", "news", "--account", "ira", "--actor", "me")
    first, second = server.operations.requests
    assert (first.account_id, second.account_id, second.actor) == ("", "ira", "me")
    assert events_pb2.TradingState.Name(first.state) == f"TRADING_STATE_{state}"
