"""Bars of seconds: each minute of the tape taken apart, the same way each time it is asked for."""

import random
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from itertools import groupby, pairwise

from simulators.venue.bars import Bar
from simulators.venue.tape import Minute

_SECONDS = 60


def second_bars(name: str, minutes: Iterable[Minute], size_s: int) -> Iterator[Bar]:
    """The bars of those minutes, each of so many seconds.

    Joined they are the minutes again: the prices go from the open over both extremes to the
    close, and the volume is spread. Args: name: what the way through a minute is drawn from.
    """
    for minute in minutes:
        points = _points(name, minute)
        volumes = _spread(minute.volume, _SECONDS)
        for index, group in groupby(range(_SECONDS), key=lambda second: second // size_s):
            seconds = list(group)
            path = points[seconds[0] : seconds[-1] + 2]
            yield _bar(minute, index * size_s, path, volumes[seconds[0] : seconds[-1] + 1])


def _bar(minute: Minute, start: int, points: list[int], volumes: list[int]) -> Bar:
    volume = sum(volumes)
    return Bar(
        at=datetime.fromtimestamp(minute.minute * _SECONDS + start, UTC),
        open=points[0],
        high=max(points),
        low=min(points),
        close=points[-1],
        volume=volume,
        trades=min(volume, 1 + volume // _SECONDS),
        value=volume * sum(points) / len(points),
    )


def _points(name: str, minute: Minute) -> list[int]:
    """The price at the beginning of each second, and at the end of the last."""
    draw = random.Random(f"{name}/{minute.minute}/seconds")
    one, other = sorted(draw.sample(range(1, _SECONDS), 2))
    turns = [minute.low, minute.high]
    if minute.close < minute.open:
        turns.reverse()
    knots = [(0, minute.open), (one, turns[0]), (other, turns[1]), (_SECONDS, minute.close)]
    points: list[int] = []
    for (start, begins), (end, ends) in pairwise(knots):
        length = end - start
        points += [begins + (ends - begins) * n // length for n in range(length)]
    return [*points, minute.close]


def _spread(volume: int, parts: int) -> list[int]:
    return [volume * (n + 1) // parts - volume * n // parts for n in range(parts)]
