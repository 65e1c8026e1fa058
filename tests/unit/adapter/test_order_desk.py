"""The order desk: who owns a mutation, what is checked last, what an answer may claim."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from services.common.adapter.feed import EventFeed
from services.common.adapter.fence_store import FenceClaim, FenceStore
from services.common.adapter.order_desk import OrderDesk, Terms
from services.common.adapter.pacer import BudgetTerms, Pacer, Priority
from services.common.domain.errors import (
    Effect,
    InvalidRequest,
    NotFound,
    OutcomeUnknown,
    ReadFailed,
    Reason,
    TandemError,
    Unavailable,
)
from services.common.domain.order_spec import OrderSpec
from services.common.domain.order_status import OrderStatus
from services.common.domain.reports import OrderReport
from services.common.runtime.blocking import BlockingPool
from services.common.runtime.deadlines import deadline_scope, remaining_s
from tests.conformance.fakes.venue_gateway import FakeVenueGateway, OnCancel, OnSubmit
from tests.unit.adapter.desk_world import (
    CLOCK,
    ID,
    Change,
    Desk,
    begin_session,
    order,
    take_higher,
    until,
)
from tests.unit.adapter.recording_vfs import RecordingVfs


@pytest.fixture(
    params=[
        (take_higher, Reason.STALE_EPOCH),
        (begin_session, Reason.STALE_SESSION),
        (lambda world: world.store.bury(ID, "proof"), Reason.PLACEMENT_FENCED),
        (lambda world: asyncio.sleep(0.15), Reason.NOT_AFTER_PASSED),
        (lambda world: asyncio.sleep(0.15), Reason.DEADLINE_TOO_SHORT),
    ],
    ids=lambda param: param[1].value,
)
def changed(request: pytest.FixtureRequest) -> tuple[Change, Reason]:
    param: tuple[Change, Reason] = request.param
    return param


@pytest.fixture
async def world(
    store_path: Path, pool: BlockingPool, claim: Callable[..., FenceClaim]
) -> AsyncIterator[Desk]:
    vfs = RecordingVfs()
    store = FenceStore.open(store_path, CLOCK, pool.run, vfs=vfs.name)
    await store.take(claim(5, head=10))
    gateway = FakeVenueGateway(EventFeed(CLOCK), CLOCK)
    session_id = gateway.begin_session()
    pacer = Pacer(CLOCK, BudgetTerms(limit=100, window_s=60.0))
    desk = OrderDesk(gateway, store, pacer, CLOCK, wait_max_s=2.0)
    yield Desk(desk, gateway, store, pacer, vfs, Terms(claim(5, head=11), session_id))
    await desk.close(finish_s=0.0)
    await gateway.close()
    store.close()


async def test_a_submit_is_answered_with_the_venues_word(world: Desk) -> None:
    world.gateway.on_submit("b~t~1.0", OnSubmit.REJECT)
    assert (await world.submit()).status is OrderStatus.ACCEPTED
    assert (await world.submit(order("b~t~1.0"))).status is OrderStatus.REJECTED


# -- whose the order is ------------------------------------------------------------------------


async def test_a_canceled_rpc_leaves_the_order_going(world: Desk) -> None:
    world.gateway.on_submit(ID, OnSubmit.HANG_BEFORE_WRITE)
    rpc = world.submit()
    await until(lambda: world.gateway.hanging == [ID])
    rpc.cancel()
    with pytest.raises(asyncio.CancelledError):
        await rpc
    world.gateway.release(ID)
    await until(lambda: not world.desk.is_in_flight(ID))
    assert world.gateway.sent == [ID]


async def test_the_task_sees_no_deadline_of_the_rpc(world: Desk) -> None:
    seen: list[float | None] = []
    submit = world.gateway.submit

    async def watched(spec: OrderSpec, last_check: Callable[[], None]) -> OrderReport:
        seen.append(remaining_s())
        return await submit(spec, last_check)

    world.gateway.submit = watched  # type: ignore[method-assign]
    with deadline_scope(CLOCK, 5.0):
        await world.desk.submit(order(), world.terms)
    assert seen == [None]


async def test_the_same_order_again_joins_the_one_under_way(world: Desk) -> None:
    world.gateway.on_submit(ID, OnSubmit.HANG_AFTER_WRITE)
    first = world.submit()
    await until(lambda: world.gateway.sent)
    first.cancel()
    second = world.submit()
    await asyncio.sleep(0)
    world.gateway.release(ID)
    assert (await second).status is OrderStatus.ACCEPTED
    assert world.gateway.sent == [ID]


async def test_other_content_under_an_id_under_way_is_refused(world: Desk) -> None:
    world.gateway.on_submit(ID, OnSubmit.HANG_AFTER_WRITE)
    first = world.submit()
    await until(lambda: world.gateway.sent)
    with pytest.raises(TandemError) as reused:
        await world.desk.submit(order(qty="3"), world.terms)
    assert reused.value.reason is Reason.CLIENT_ORDER_ID_REUSED
    world.gateway.release(ID)
    await first


async def test_an_id_under_way_for_an_older_router_is_in_doubt_for_the_new_one(
    world: Desk, claim: Callable[..., FenceClaim]
) -> None:
    world.gateway.on_submit(ID, OnSubmit.HANG_AFTER_WRITE)
    first = world.submit()
    await until(lambda: world.gateway.sent)
    await world.store.take(claim(6))
    with pytest.raises(OutcomeUnknown):
        await world.desk.submit(order(), replace(world.terms, claim=claim(6)))
    with pytest.raises(TandemError) as stale:
        await world.desk.submit(order(), world.terms)
    assert stale.value.reason is Reason.STALE_EPOCH
    world.gateway.release(ID)
    assert (await first).status is OrderStatus.ACCEPTED


async def test_an_id_that_comes_again_later_goes_to_the_venue(world: Desk) -> None:
    first = await world.submit()
    assert await world.submit() == first
    assert world.gateway.sent == [ID, ID]


# -- the checks --------------------------------------------------------------------------------


async def test_what_may_not_go_is_refused_before_it_takes_budget(
    world: Desk, claim: Callable[..., FenceClaim]
) -> None:
    world.use_up_the_budget()
    terms, at = world.terms, CLOCK.monotonic()
    await world.store.bury("dead~t~1.0", "proof")
    late = replace(order(), not_after=CLOCK.now() - timedelta(seconds=1))
    assert await world.refusal(replace(terms, claim=None)) is Reason.FENCE_REQUIRED
    assert await world.refusal(replace(terms, claim=claim(4))) is Reason.STALE_EPOCH
    assert await world.refusal(replace(terms, claim=claim(6))) is Reason.FENCE_NOT_TAKEN
    assert await world.refusal(replace(terms, expected_session_id="old")) is Reason.STALE_SESSION
    assert await world.refusal(replace(terms, deadline_at=at)) is Reason.DEADLINE_TOO_SHORT
    assert await world.refusal(terms, order("dead~t~1.0")) is Reason.PLACEMENT_FENCED
    assert await world.refusal(terms, late) is Reason.NOT_AFTER_PASSED


async def test_a_fenced_submit_must_name_its_session(world: Desk) -> None:
    with pytest.raises(InvalidRequest) as invalid:
        await world.desk.submit(order(), replace(world.terms, expected_session_id=""))
    assert invalid.value.field == "expected_session_id"


async def test_without_a_session_nothing_new_is_sent(world: Desk) -> None:
    world.gateway.lose_session()
    assert await world.refusal(world.terms) is Reason.STALE_SESSION


async def test_what_changes_while_an_order_waits_stops_it_at_the_last_check(
    world: Desk, changed: tuple[Change, Reason]
) -> None:
    change, reason = changed
    soon_s = 0.1
    world.gateway.on_submit(ID, OnSubmit.HANG_BEFORE_WRITE)
    spec, terms = order(), world.terms
    if reason is Reason.NOT_AFTER_PASSED:
        spec = replace(spec, not_after=CLOCK.now() + timedelta(seconds=soon_s))
    if reason is Reason.DEADLINE_TOO_SHORT:
        terms = replace(terms, deadline_at=CLOCK.monotonic() + soon_s)
    waiting = world.submit(spec, terms)
    await until(lambda: world.gateway.hanging == [ID])
    await change(world)
    world.gateway.release(ID)
    with pytest.raises(TandemError) as refused:
        await waiting
    assert (refused.value.reason, refused.value.effect) == (reason, Effect.NONE)
    assert world.gateway.sent == []


async def test_the_journal_head_is_durable_before_the_order_leaves(world: Desk) -> None:
    world.vfs.log.clear()
    submit = world.gateway.submit

    async def watched(spec: OrderSpec, last_check: Callable[[], None]) -> OrderReport:
        world.vfs.log.append(("sent", spec.client_order_id))
        return await submit(spec, last_check)

    world.gateway.submit = watched  # type: ignore[method-assign]
    await world.submit()
    assert list(dict.fromkeys(world.vfs.log)) == [
        ("write", "fence.db-wal"),
        ("sync", "fence.db-wal"),
        ("sent", ID),
    ]


async def test_a_head_that_can_not_be_made_durable_keeps_the_order_here(world: Desk) -> None:
    world.vfs.sync_fails = True
    assert await world.refusal(world.terms) is Reason.JOURNAL_UNAVAILABLE
    world.vfs.sync_fails = False
    assert await world.refusal(world.terms) is Reason.JOURNAL_UNAVAILABLE


async def test_without_budget_in_time_the_order_is_refused(world: Desk) -> None:
    world.use_up_the_budget()
    assert await world.refusal(world.terms) is Reason.BUDGET_EXHAUSTED


async def test_without_a_fence_an_open_desk_sends_if_there_is_a_session(
    tmp_path: Path, pool: BlockingPool
) -> None:
    store = FenceStore.open(tmp_path / "open.db", CLOCK, pool.run, routed=False)
    gateway = FakeVenueGateway(EventFeed(CLOCK), CLOCK)
    pacer = Pacer(CLOCK, BudgetTerms(limit=100, window_s=60.0))
    desk = OrderDesk(gateway, store, pacer, CLOCK, wait_max_s=2.0)
    with pytest.raises(Unavailable):
        await desk.submit(order("mine"), Terms())
    gateway.begin_session()
    assert (await desk.submit(order("mine"), Terms())).status is OrderStatus.ACCEPTED
    assert (await desk.cancel("mine", Terms())).status is OrderStatus.PENDING_CANCEL
    store.close()


# -- what an answer may claim ------------------------------------------------------------------


@pytest.mark.parametrize(
    ("behaviour", "effect"),
    [
        (OnSubmit.NOT_SENT, Effect.NONE),
        (OnSubmit.DOUBT_TAKEN, Effect.UNKNOWN),
        (OnSubmit.DOUBT_LOST, Effect.UNKNOWN),
        (OnSubmit.FAULT, Effect.UNKNOWN),
    ],
)
async def test_only_the_gateways_own_word_means_no_effect(
    world: Desk, behaviour: OnSubmit, effect: Effect
) -> None:
    world.gateway.on_submit(ID, behaviour)
    with pytest.raises(TandemError) as failed:
        await world.submit()
    assert failed.value.effect is effect


async def test_a_read_that_fails_after_the_write_is_a_doubt(world: Desk) -> None:
    submit = world.gateway.submit

    async def reads_afterwards(spec: OrderSpec, last_check: Callable[[], None]) -> OrderReport:
        await submit(spec, last_check)
        raise world.gateway.read_failure or AssertionError

    world.gateway.read_failure = ReadFailed("no look-up now")
    world.gateway.submit = reads_afterwards  # type: ignore[method-assign]
    with pytest.raises(OutcomeUnknown):
        await world.submit()


# -- cancels -----------------------------------------------------------------------------------


async def test_a_cancel_needs_the_fence_and_no_session(
    world: Desk, claim: Callable[..., FenceClaim]
) -> None:
    await world.submit()
    world.gateway.lose_session()
    with pytest.raises(TandemError) as stale:
        await world.desk.cancel(ID, Terms(claim(4)))
    assert stale.value.reason is Reason.STALE_EPOCH
    with pytest.raises(TandemError) as gone:
        await world.desk.cancel(ID, world.terms)
    assert gone.value.reason is Reason.STALE_SESSION
    report = await world.desk.cancel(ID, replace(world.terms, expected_session_id=""))
    assert report.status is OrderStatus.PENDING_CANCEL


async def test_a_cancel_may_use_what_is_kept_for_it(world: Desk) -> None:
    await world.submit()
    while world.pacer._budget.delay_s(Priority.SUBMIT, CLOCK.monotonic()) == 0:
        await world.pacer.take(Priority.SUBMIT, within_s=0.0)
    with pytest.raises(Unavailable):
        await world.submit(order("b~t~1.0"))
    assert (await world.desk.cancel(ID, world.terms)).status is OrderStatus.PENDING_CANCEL


async def test_a_cancel_beside_its_submit_is_not_answered_with_not_found(world: Desk) -> None:
    world.gateway.on_submit(ID, OnSubmit.HANG_BEFORE_WRITE)
    submit = world.submit()
    await until(lambda: world.gateway.hanging == [ID])
    with pytest.raises(TandemError) as early:
        await world.desk.cancel(ID, world.terms)
    assert early.value.reason is Reason.CHANGE_IN_PROGRESS
    with pytest.raises(NotFound):
        await world.desk.cancel("nobody~t~1.0", world.terms)
    world.gateway.release(ID)
    await submit


async def test_a_doubted_cancel_says_so(world: Desk) -> None:
    await world.submit()
    world.gateway.on_cancel(ID, OnCancel.DOUBT)
    with pytest.raises(OutcomeUnknown):
        await world.desk.cancel(ID, world.terms)


# -- the end -----------------------------------------------------------------------------------


async def test_closing_waits_for_what_is_under_way_and_takes_no_more(world: Desk) -> None:
    world.gateway.on_submit(ID, OnSubmit.HANG_AFTER_WRITE)
    submit = world.submit()
    await until(lambda: world.gateway.sent)
    closing = asyncio.create_task(world.desk.close(finish_s=5.0))
    await asyncio.sleep(0)
    with pytest.raises(Unavailable) as shut:
        await world.desk.submit(order("b~t~1.0"), world.terms)
    assert shut.value.reason is Reason.SHUTTING_DOWN
    world.gateway.release(ID)
    assert await closing == []
    assert (await submit).status is OrderStatus.ACCEPTED


async def test_closing_reports_what_is_left_in_doubt_and_stops_what_was_not_written(
    world: Desk,
) -> None:
    world.gateway.on_submit(ID, OnSubmit.HANG_AFTER_WRITE)
    world.gateway.on_submit("b~t~1.0", OnSubmit.HANG_BEFORE_WRITE)
    written, waiting = world.submit(), world.submit(order("b~t~1.0"))
    await until(lambda: len(world.gateway.hanging) == 2)
    assert await world.desk.close(finish_s=0.02) == [f"submit {ID}"]
    with pytest.raises(OutcomeUnknown):
        await written
    with pytest.raises(Unavailable) as never:
        await waiting
    assert never.value.reason is Reason.SHUTTING_DOWN
    # the gateway's own write goes on, and meets a last check that lets nothing through any more
    world.gateway.release("b~t~1.0")
    await asyncio.sleep(0.01)
    assert world.gateway.sent == [ID]
