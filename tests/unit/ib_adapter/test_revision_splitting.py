"""One order of IB's told as several: whatever comes in whatever order, the sums are right."""

from __future__ import annotations

from collections import Counter
from decimal import Decimal

import pytest

from services.common.domain.amounts import total
from services.common.domain.order_status import OrderStatus
from tests.unit.ib_adapter.ib_story import Story

SEEDS = 10
STORIES_EACH = 8
STEPS = 40
_ENDED = (OrderStatus.FILLED, OrderStatus.CANCELED, OrderStatus.REPLACED)


@pytest.mark.parametrize("seed", range(SEEDS))
async def test_each_fill_is_told_of_one_revision_and_all_add_up(seed: int) -> None:
    for number in range(seed * STORIES_EACH, (seed + 1) * STORIES_EACH):
        story = Story(number)
        await story.run(STEPS)
        try:
            _check(story)
        except AssertionError as error:
            raise AssertionError(f"story {number}: {error}") from error
        finally:
            await story.process.changes.close()


def _check(story: Story) -> None:
    told, reports = story.told_executions(), story.process.reports()
    assert {word.exec_id for word in story.executions} == set(told), "each fill is told"
    assert all(len(whose) == 1 for whose in told.values()), f"the same each time: {told}"
    places = Counter(whose for [whose] in told.values())
    assert all(count == 1 for count in places.values()), f"no two in one place: {places}"

    by_id = {word.exec_id: word for word in story.executions}
    for report in reports:
        own = [by_id[e].last_qty for e, [whose] in told.items() if whose[0] == report.client_id]
        assert total(own) == report.cum_qty, f"{report.client_id} has {own}"
    assert {whose[0] for [whose] in told.values()} <= {r.client_id for r in reports}
    for exec_id, [whose] in told.items():
        assert story.allowed(whose[0], by_id[exec_id].last_px), f"{exec_id} is beyond {whose[0]}"

    final = {report.client_id: report for report in reports}
    for report in [*story.told.reports(), *story.looked_up]:
        known = final[report.client_id]
        assert report.order_qty, f"{report.client_id} has nothing to work"
        assert report.cum_qty <= known.cum_qty, f"too much was told of {report.client_id}"
        if report.status in _ENDED:
            assert report.status is known.status, f"{report.client_id} ended twice"

    *earlier, last = reports
    assert all(report.status is OrderStatus.REPLACED for report in earlier)
    assert last.order_qty is not None
    assert total(r.cum_qty for r in reports) == story.at_ib.filled
    if not story.at_ib.is_live:
        assert last.status in (OrderStatus.FILLED, OrderStatus.CANCELED)
        return
    assert last.status in (OrderStatus.ACCEPTED, OrderStatus.PARTIALLY_FILLED)
    left = story.at_ib.total - story.at_ib.filled
    assert last.order_qty - last.cum_qty == left > Decimal(0)
    assert last.limit_price == story.at_ib.limit
