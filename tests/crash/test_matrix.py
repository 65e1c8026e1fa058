"""The matrix and its walk: every fault at every boundary, and each of them often enough."""

from __future__ import annotations

from collections import Counter

from tests.crash.matrix import ADAPTERS, FAULTS, OPS, PAIRS
from tests.crash.report import planned_hits
from tests.crash.schedule import PAIRS_EACH, make_schedule

_FEW = 200
_MANY = 500


def test_every_program_is_killed_and_stopped_on_both_sides_of_every_boundary() -> None:
    points = {pair.point for pair in PAIRS}
    for before in (point for point in points if point.endswith(".before")):
        assert before == "router.send.before" or f"{before.removesuffix('before')}after" in points
    for act in (*OPS, "fill", "recovery"):
        struck = {(pair.fault, pair.victim) for pair in PAIRS if pair.act == act}
        assert struck == {(fault, who) for fault in FAULTS for who in ("router", *ADAPTERS)}


def test_no_two_pairs_have_one_name() -> None:
    names = Counter(pair.name for pair in PAIRS)
    assert set(names.values()) == {1}


def test_two_hundred_schedules_hit_every_pair_three_times() -> None:
    for first in (0, 17, 4711):
        planned = planned_hits(first, first + _FEW)
        assert set(planned) == {pair.name for pair in PAIRS}
        assert min(planned.values()) >= 3


def test_a_schedule_hits_different_pairs_with_orders_of_their_own() -> None:
    for seed in range(_MANY):
        strikes = make_schedule(seed).strikes
        assert len({strike.pair for strike in strikes}) == PAIRS_EACH
        assert len({strike.client_order_id for strike in strikes}) == PAIRS_EACH


def test_no_two_schedules_trade_the_same_symbol() -> None:
    assert len({make_schedule(seed).symbol for seed in range(_MANY)}) == _MANY


def test_a_pair_comes_with_both_venues_both_naps_and_as_an_exit() -> None:
    seen: dict[str, set[tuple[str, float]]] = {}
    exits: set[str] = set()
    for seed in range(_MANY):
        for strike in make_schedule(seed).strikes:
            seen.setdefault(strike.pair.name, set()).add((strike.adapter, strike.nap_s))
            exits.update({strike.pair.name} if strike.is_exit else ())
    for pair in PAIRS:
        adapters = {pair.adapter} if pair.adapter else set(ADAPTERS)
        assert {adapter for adapter, _ in seen[pair.name]} == adapters
        assert len({nap_s for _, nap_s in seen[pair.name]}) == 2, pair.name
        assert pair.act != "submit" or pair.name in exits


def test_the_same_seed_gives_the_same_schedule() -> None:
    assert make_schedule(17) == make_schedule(17)
