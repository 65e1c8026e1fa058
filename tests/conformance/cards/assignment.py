"""Assignment, exercise and expiry: positions change without an order, and nothing is made up."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from services.common.contract.pb import accounts_pb2
from services.common.contract.pb import broker_service_pb2 as pb
from tests.conformance.acts import EXPIRY, clock, held, hold, holds, listed, short
from tests.conformance.answers import Answer
from tests.conformance.bench import Bench
from tests.conformance.card import Deck, Group, Mark
from tests.conformance.control import Can, Sends
from tests.conformance.scene import instrument, symbol_of

DECK = Deck(Group.ASSIGNMENT, given="the market is open")
_ACTIVITIES = ("rpc.ListActivities", "rpc.ListPositions")
_EVENTS = (Can.OPTION_EVENTS, Can.TRUTH)


async def _activities(b: Bench, *kinds: str) -> list[accounts_pb2.Activity]:
    types = [accounts_pb2.ActivityType.Value(f"ACTIVITY_TYPE_{kind}") for kind in kinds]
    return await listed(b, "ListActivities", "activities", activity_types=types)


async def _arrived(b: Bench, kind: str, symbol: str) -> accounts_pb2.Activity:
    """The activity of a kind about an instrument, once it is listed."""

    async def found() -> list[accounts_pb2.Activity]:
        own = await _activities(b, kind)
        return [a for a in own if symbol_of(a.instrument) == symbol]

    (activity,) = await b.eventually(found, f"{kind} of {symbol}")
    assert isinstance(activity, accounts_pb2.Activity)
    return activity


async def _exercise(b: Bench, symbol: str) -> Answer:
    request = pb.ExerciseOptionRequest(
        account_id=b.account_id,
        client_order_id=b.key("exercise"),
        instrument=instrument(symbol),
        **b.claim(),
    )
    return await b.call(b.broker.ExerciseOption, request)


def _outcome(answer: Answer) -> str:
    if answer.has_failed:
        return answer.failure.words
    reply: Any = answer.reply
    return {3: "ACCEPTED", 8: "FILLED", 10: "REJECTED"}.get(reply.status, str(reply.status))


@DECK.card(
    "ASG-001",
    "A short put is assigned: the shares come at the strike",
    needs=_ACTIVITIES,
    control=_EVENTS,
    marks=(Mark.SPOILS, Mark.ADAPTER_ONLY),
    given="one put is short",
    expects=("position: 0", "position: 100", "paid 40000"),
)
async def put_is_assigned(b: Bench) -> None:
    """Assign a short put."""
    await short(b, b.scene.put, "1")
    before = await b.venue.cash()
    await b.venue.assign(b.scene.put, "1")
    await holds(b, b.scene.put, "0")
    await holds(b, b.scene.share, "100")
    b.note(f"paid {(before - await b.venue.cash()).normalize():f}")


@DECK.card(
    "ASG-002",
    "A covered call is assigned: the shares go",
    needs=_ACTIVITIES,
    control=_EVENTS,
    marks=(Mark.SPOILS, Mark.ADAPTER_ONLY),
    given="a hundred shares are held, one call on them is short",
    expects=("position: 0", "position: 0", "executions: 2"),
)
async def call_is_assigned(b: Bench) -> None:
    """Assign a covered call; an assignment is no execution."""
    await hold(b, b.scene.share, "100")
    await short(b, b.scene.call, "1")
    await b.venue.assign(b.scene.call, "1")
    await holds(b, b.scene.call, "0")
    await holds(b, b.scene.share, "0")
    b.note(f"executions: {len(await listed(b, 'ListExecutions', 'executions'))}")


@DECK.card(
    "ASG-003",
    "Both halves of an assignment are listed, under one group, at the strike",
    needs=_ACTIVITIES,
    control=_EVENTS,
    marks=(Mark.SPOILS, Mark.ADAPTER_ONLY),
    given="two puts are short",
    expects=(
        "assignment of 2",
        "delivery of 200 at 400 for -80000",
        "one group",
    ),
)
async def halves_are_listed(b: Bench) -> None:
    """Assign two puts; list the activities."""
    await short(b, b.scene.put, "2")
    await b.venue.option_activities(at_once=True)
    await b.venue.assign(b.scene.put, "2")
    assignment = await _arrived(b, "ASSIGNMENT", b.scene.put)
    delivery = await _arrived(b, "OPTION_DELIVERY", b.scene.share)
    b.note(f"assignment of {assignment.qty.value}")
    b.note(
        f"delivery of {delivery.qty.value} at {delivery.price.value}"
        f" for {delivery.net_amount.amount.value}"
    )
    assert assignment.group_id == delivery.group_id != "", (assignment, delivery)
    b.note("one group")


@DECK.card(
    "ASG-004",
    "On paper the activities come a day later: the positions tell at once",
    needs=(*_ACTIVITIES, "activities_a_day_later"),
    control=(*_EVENTS, Can.CLOCK),
    marks=(Mark.SPOILS, Mark.ADAPTER_ONLY),
    given="one put is short",
    expects=("position: 0", "listed on the day: 0", "listed on the next: 1"),
)
async def a_day_later(b: Bench) -> None:
    """Assign a put; list on the same day and on the next."""
    await short(b, b.scene.put, "1")
    await b.venue.assign(b.scene.put, "1")
    await holds(b, b.scene.put, "0")
    b.note(f"listed on the day: {len(await _activities(b, 'ASSIGNMENT'))}")
    await clock(b, 5, 10)
    await _arrived(b, "ASSIGNMENT", b.scene.put)
    b.note(f"listed on the next: {len(await _activities(b, 'ASSIGNMENT'))}")


@DECK.card(
    "ASG-005",
    "A part of a position is assigned",
    needs=_ACTIVITIES,
    control=_EVENTS,
    marks=(Mark.SPOILS, Mark.ADAPTER_ONLY),
    given="three puts are short",
    expects=("position: -2", "position: 100"),
)
async def a_part_is_assigned(b: Bench) -> None:
    """Assign one of three short puts."""
    await short(b, b.scene.put, "3")
    await b.venue.assign(b.scene.put, "1")
    await holds(b, b.scene.put, "-2")
    await holds(b, b.scene.share, "100")


@DECK.card(
    "ASG-006",
    "A long call is exercised on request",
    needs=("rpc.ExerciseOption", "rpc.GetPosition"),
    control=_EVENTS,
    marks=(Mark.SPOILS, Mark.ADAPTER_ONLY),
    given="one call is held",
    expects=("exercise: ACCEPTED|FILLED", "position: 0", "position: 100"),
)
async def call_is_exercised(b: Bench) -> None:
    """Exercise a long call."""
    await hold(b, b.scene.call, "1")
    b.note(f"exercise: {_outcome(await _exercise(b, b.scene.call))}")
    await holds(b, b.scene.call, "0")
    await holds(b, b.scene.share, "100")


@DECK.card(
    "ASG-007",
    "What isn't held can't be exercised, and nothing happens",
    needs=("rpc.ExerciseOption", "rpc.GetPosition"),
    control=_EVENTS,
    expects=("exercise: refused or rejected", "position: 0", "position: 0"),
)
async def nothing_to_exercise(b: Bench) -> None:
    """Exercise a call that isn't held."""
    outcome = _outcome(await _exercise(b, b.scene.call))
    assert outcome == "REJECTED" or "effect NONE" in outcome, outcome
    b.note("exercise: refused or rejected")
    await holds(b, b.scene.call, "0")
    await holds(b, b.scene.share, "0")


@DECK.card(
    "ASG-008",
    "An exercise without an answer is in doubt, and isn't sent again",
    needs=("rpc.ExerciseOption", "rpc.GetPosition"),
    control=(*_EVENTS, Can.ERROR_AFTER),
    marks=(Mark.SPOILS, Mark.IN_DOUBT),
    given="two calls are held",
    expects=("exercise: refused OUTCOME_UNKNOWN, effect UNKNOWN", "position: 200", "requests: 1"),
)
async def exercise_in_doubt(b: Bench) -> None:
    """Let the venue exercise and answer 500."""
    await hold(b, b.scene.call, "2")
    await b.venue.error_after(Sends.EXERCISE)
    b.note(f"exercise: {_outcome(await _exercise(b, b.scene.call))}")
    await holds(b, b.scene.share, "200")
    b.note(f"requests: {await b.venue.sends('', Sends.EXERCISE)}")


@DECK.card(
    "ASG-009",
    "What is worthless at its end expires",
    needs=_ACTIVITIES,
    control=(*_EVENTS, Can.CLOCK, Can.QUOTES),
    marks=(Mark.SPOILS, Mark.ADAPTER_ONLY),
    given="one put is short, its share trades far above the strike",
    expects=("position: 0", "held of the share: 0", "expiration of 1"),
)
async def worthless_expires(b: Bench) -> None:
    """Let a put end out of the money."""
    await short(b, b.scene.lower_put, "1")
    await b.venue.option_activities(at_once=True)
    await _over_expiry(b, "450")
    await holds(b, b.scene.lower_put, "0")
    b.note(f"held of the share: {await held(b, b.scene.share)}")
    activity = await _arrived(b, "EXPIRATION", b.scene.lower_put)
    b.note(f"expiration of {activity.qty.value}")


@DECK.card(
    "ASG-010",
    "What is short and in the money at its end is assigned",
    needs=_ACTIVITIES,
    control=(*_EVENTS, Can.CLOCK, Can.QUOTES),
    marks=(Mark.SPOILS, Mark.ADAPTER_ONLY),
    given="one put is short, its share trades below the strike",
    expects=("position: 0", "position: 100", "assignment of 1"),
)
async def assigned_at_expiry(b: Bench) -> None:
    """Let a put end in the money."""
    await short(b, b.scene.put, "1")
    await b.venue.option_activities(at_once=True)
    await _over_expiry(b, "380")
    await holds(b, b.scene.put, "0")
    await holds(b, b.scene.share, "100")
    activity = await _arrived(b, "ASSIGNMENT", b.scene.put)
    b.note(f"assignment of {activity.qty.value}")


@DECK.card(
    "ASG-011",
    "What is long and in the money at its end is exercised",
    needs=_ACTIVITIES,
    control=(*_EVENTS, Can.CLOCK, Can.QUOTES),
    marks=(Mark.SPOILS, Mark.ADAPTER_ONLY),
    given="one call is held, its share trades above the strike",
    expects=("position: 0", "position: 100", "exercise of -1"),
)
async def exercised_at_expiry(b: Bench) -> None:
    """Let a call end in the money."""
    await hold(b, b.scene.call, "1")
    await b.venue.option_activities(at_once=True)
    await _over_expiry(b, "420")
    await holds(b, b.scene.call, "0")
    await holds(b, b.scene.share, "100")
    activity = await _arrived(b, "EXERCISE", b.scene.call)
    b.note(f"exercise of {activity.qty.value}")


@DECK.card(
    "ASG-012",
    "By instruction it expires although it is in the money",
    needs=("rpc.DoNotExercise", *_ACTIVITIES),
    control=(*_EVENTS, Can.CLOCK, Can.QUOTES),
    marks=(Mark.SPOILS, Mark.ADAPTER_ONLY),
    given="one call is held, its share trades above the strike",
    expects=("instruction: *ACCEPTED|FILLED|UNKNOWN", "position: 0", "position: 0"),
)
async def not_exercised(b: Bench) -> None:
    """Say that a call is not to be exercised, then let it end in the money."""
    await hold(b, b.scene.call, "1")
    request = pb.DoNotExerciseRequest(
        account_id=b.account_id,
        client_order_id=b.key("keep"),
        instrument=instrument(b.scene.call),
        **b.claim(),
    )
    answer = await b.call(b.broker.DoNotExercise, request)
    b.note(f"instruction: {_outcome(answer)}")
    await _over_expiry(b, "420")
    await holds(b, b.scene.call, "0")
    await holds(b, b.scene.share, "0")


@DECK.card(
    "ASG-013",
    "Fees and dividends are listed with their amounts, each kind by itself",
    needs=_ACTIVITIES,
    control=(Can.DIVIDENDS, Can.TRUTH),
    marks=(Mark.SPOILS, Mark.ADAPTER_ONLY),
    given="ten shares are held",
    expects=("dividend 12.5", "fee -0.07", "cash is the ledger's"),
)
async def fees_and_dividends(b: Bench) -> None:
    """Pay 1.25 a share, charge seven cents; list both."""
    await hold(b, b.scene.share, "10")
    await b.venue.pay_dividend(b.scene.share, "1.25")
    await b.venue.charge_fee("0.07")
    (dividend,) = await _activities(b, "DIVIDEND")
    (fee,) = await _activities(b, "FEE")
    b.note(f"dividend {dividend.net_amount.amount.value}")
    b.note(f"fee {fee.net_amount.amount.value}")
    balance = (await b.broker.GetAccount(pb.GetAccountRequest(account_id=b.account_id))).balances
    assert Decimal(balance[0].cash.amount.value) == await b.venue.cash()
    b.note("cash is the ledger's")


async def _over_expiry(b: Bench, share: str) -> None:
    """Move the share, then the clock past the options' end."""
    await b.venue.quote(b.scene.share, share, str(Decimal(share) + Decimal("0.05")))
    await clock(b, EXPIRY, 15)
    await b.venue.quote(b.scene.share, share, str(Decimal(share) + Decimal("0.05")))
    await clock(b, EXPIRY, 17)
