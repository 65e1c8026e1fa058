"""Records as bytes: nothing lost, one form only, and a clear word for what can't be read.

Samples are made from the records' own types, so that a field that is added tomorrow is covered
tomorrow.
"""

from __future__ import annotations

import dataclasses
import json
import types
import typing
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, time, timedelta, timezone
from decimal import Decimal
from enum import Enum
from typing import Any, get_args, get_origin, get_type_hints

import pytest

from services.common.domain.amounts import Money
from services.common.domain.instruments import Equity, OptionContract, OptionRight
from services.router.journal.codec import (
    READER_VERSION,
    UnreadableRecord,
    decode,
    encode,
)
from services.router.journal.records import (
    AlertRaised,
    OrderIntended,
    Record,
    Severity,
    TradingState,
    TradingStateSet,
)
from services.router.journal.replay import read_back
from services.router.journal.store import Entry, JournalCorrupt, check_chain, link
from tests.unit.domain.orders import spec

AT = datetime(2024, 11, 4, 15, 0, 0, 123456, tzinfo=UTC)
KINDS: tuple[type[Any], ...] = get_args(Record)
INSTRUMENTS = (
    Equity("BRK.B", "EUR"),
    OptionContract(
        "SPXW",
        date(2024, 11, 15),
        OptionRight.CALL,
        Decimal("5800.5"),
        underlying="SPX",
        multiplier=Decimal(10),
        last_trade_time=time(16, 15),
        last_trade_zone="America/New_York",
        deliverable="150 SPX",
        currency="EUR",
    ),
)
PLAIN: dict[Any, Any] = {
    str: 'text of ünïcode \u2028 and "quotes"',
    int: 7,
    float: 0.1,  # seconds only
    bool: True,
    Decimal: Decimal("123456789012345678.123456789012345678"),
    datetime: AT,
    date: date(2024, 11, 4),
    time: time(9, 30),
}


def optional_of(hint: Any) -> Any:
    """The type inside `X | None`, None for a type that isn't optional."""
    if get_origin(hint) not in (types.UnionType, typing.Union):
        return None
    inner = [arm for arm in get_args(hint) if arm is not types.NoneType]
    if len(inner) == len(get_args(hint)):
        return None
    return inner[0] if len(inner) == 1 else typing.Union[tuple(inner)]  # noqa: UP007


def values(hint: Any, *, full: bool) -> Any:
    """A value of the type; with `full` all that may be left out is there."""
    inner = optional_of(hint)
    if inner is not None:
        return values(inner, full=True) if full else None
    if get_origin(hint) in (types.UnionType, typing.Union):
        return INSTRUMENTS[full]
    if get_origin(hint) is tuple:
        return (values(get_args(hint)[0], full=True),) * 2 if full else ()
    if dataclasses.is_dataclass(hint):
        return sample(hint, full=full)  # type: ignore[arg-type]
    if issubclass(hint, Enum):
        return list(hint)[-1]
    return PLAIN[hint]


def sample(kind: type[Any], *, full: bool) -> Any:
    if kind in (Equity, OptionContract):
        return INSTRUMENTS[kind is OptionContract]
    if kind is Money:
        return Money(Decimal("-0.65"), "USD")
    hints = get_type_hints(kind)
    given = {}
    for f in dataclasses.fields(kind):
        has_default = f.default is not dataclasses.MISSING
        if full or not has_default:
            given[f.name] = values(hints[f.name], full=full)
    return kind(**given)


def variants(kind: type[Any]) -> Iterator[tuple[str, Any]]:
    """Bare, full, and each field that has a default once alone set and once alone left out."""
    bare, full = sample(kind, full=False), sample(kind, full=True)
    yield f"{kind.__name__} bare", bare
    yield f"{kind.__name__} full", full
    for f in dataclasses.fields(kind):
        if f.default is not dataclasses.MISSING:
            yield f"{kind.__name__} with {f.name}", _with(bare, f.name, getattr(full, f.name))
            yield f"{kind.__name__} without {f.name}", _with(full, f.name, f.default)


def _with(record: Any, name: str, value: Any) -> Any:
    return dataclasses.replace(record, **{name: value})


SAMPLES = [sample for kind in KINDS for sample in variants(kind)]


@pytest.mark.parametrize(("name", "record"), SAMPLES, ids=[name for name, _ in SAMPLES])
def test_a_record_comes_back_as_it_was(name: str, record: Record) -> None:
    data = encode(42, AT, record)
    seq, at, again = decode(data)
    assert (seq, at) == (42, AT)
    assert repr(again) == repr(record)  # equality would not see an option's description
    assert encode(seq, at, again) == data


def test_every_kind_of_record_is_sampled() -> None:
    assert {type(record) for _, record in SAMPLES} == set(KINDS)
    assert len(KINDS) >= 12


def test_equal_values_have_equal_bytes() -> None:
    one = OrderIntended("main", spec(order_qty=Decimal("10.00")), "1:h", AT, "")
    newyork = AT.astimezone(timezone(-timedelta(hours=5)))
    two = OrderIntended("main", spec(order_qty=Decimal(10)), "1:h", newyork, "")
    assert encode(1, AT, one) == encode(1, newyork, two)


def test_the_stored_form_does_not_drift() -> None:
    """Journals outlive releases: whoever changes these bytes changes them for old journals, too."""
    halted = TradingStateSet("", TradingState.HALTED, "lunch", "me")
    assert encode(3, AT, halted) == (
        b'{"at":"2024-11-04T15:00:00.123456+00:00","body":{"account_id":"","actor":"me",'
        b'"reason":"lunch","state":"HALTED"},"kind":"TradingStateSet","min_reader":1,"seq":3,"v":2}'
    )
    order = OrderIntended("main", spec(), "1:h", AT, "")
    assert encode(4, AT, order) == (
        b'{"at":"2024-11-04T15:00:00.123456+00:00","body":{"account_id":"main",'
        b'"content_hash":"1:h","received":"2024-11-04T15:00:00.123456+00:00",'
        b'"spec":{"client_order_id":"o-1","instrument":{"expiry":"2024-11-15","right":"P",'
        b'"root":"SPY","strike":"400","type":"option"},"limit_price":"8.5","order_qty":"10",'
        b'"order_type":"LIMIT","position_intent":"SELL_TO_OPEN","side":"SELL",'
        b'"time_in_force":"DAY"},"traceparent":""},"kind":"OrderIntended","min_reader":1,'
        b'"seq":4,"v":2}'
    )


def altered(change: Callable[[dict[str, Any]], None]) -> bytes:
    entry = json.loads(encode(5, AT, OrderIntended("main", spec(), "1:h", AT, "")))
    change(entry)
    return json.dumps(entry).encode()


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"{}",
        b"[1]",
        b"\xff\xfe",
        altered(lambda e: e.update(kind="OrderImagined")),
        altered(lambda e: e["body"].update(colour="red")),
        altered(lambda e: e["body"].pop("account_id")),
        altered(lambda e: e["body"]["spec"].update(order_qty="1e400")),
        altered(lambda e: e["body"]["spec"].update(order_qty="NaN")),
        altered(lambda e: e["body"]["spec"].update(side="SIDEWAYS")),
        altered(lambda e: e["body"]["spec"]["instrument"].update(type="future")),
        altered(lambda e: e.update(at="yesterday")),
    ],
)
def test_what_is_no_record_is_refused(data: bytes) -> None:
    with pytest.raises(UnreadableRecord, match="not a journal record"):
        decode(data)


def test_a_record_for_newer_readers_is_refused_by_name() -> None:
    data = altered(lambda e: e.update(min_reader=READER_VERSION + 1))
    with pytest.raises(UnreadableRecord, match="record 5 needs reader version"):
        decode(data)


def test_a_newer_writers_record_that_we_understand_is_read() -> None:
    assert decode(altered(lambda e: e.update(v=99)))[0] == 5


# -- the chain --


def journal() -> list[Entry]:
    entries, last = [], bytes(32)
    for seq in range(1, 6):
        data = encode(seq, AT, AlertRaised("TEST", Severity.INFO, f"number {seq}"))
        last = link(last, data)
        entries.append(Entry(seq, data, last))
    return entries


def flipped(raw: bytes, bit: int) -> bytes:
    changed = bytearray(raw)
    changed[bit // 8] ^= 1 << bit % 8
    return bytes(changed)


def test_an_untouched_chain_passes_whole_or_from_any_head_on() -> None:
    entries = journal()
    assert list(check_chain(iter(entries))) == entries
    heads = [head for head, _, _ in read_back(entries)]
    assert [head.seq for head in heads] == [1, 2, 3, 4, 5]
    assert list(check_chain(iter(entries[2:]), heads[1])) == entries[2:]


@pytest.mark.parametrize("place", range(5))
def test_a_flipped_bit_anywhere_in_an_entry_is_found(place: int) -> None:
    entry = journal()[place]
    for bit in range(len(entry.data) * 8):
        entries = journal()
        entries[place] = Entry(entry.seq, flipped(entry.data, bit), entry.hash)
        with pytest.raises(JournalCorrupt, match=f"entry {place + 1} "):
            list(check_chain(iter(entries)))
    for bit in range(256):
        entries = journal()
        entries[place] = Entry(entry.seq, entry.data, flipped(entry.hash, bit))
        with pytest.raises(JournalCorrupt, match=f"entry {place + 1} "):
            list(check_chain(iter(entries)))


@pytest.mark.parametrize("place", range(4))
def test_a_removed_entry_is_found(place: int) -> None:
    entries = journal()
    del entries[place]
    with pytest.raises(JournalCorrupt, match=f"entry {place + 1} is missing"):
        list(check_chain(iter(entries)))


@pytest.mark.parametrize("place", range(4))
def test_two_entries_that_changed_places_are_found(place: int) -> None:
    entries = journal()
    first, second = entries[place], entries[place + 1]
    entries[place] = Entry(first.seq, second.data, second.hash)
    entries[place + 1] = Entry(second.seq, first.data, first.hash)
    with pytest.raises(JournalCorrupt):
        list(check_chain(iter(entries)))


def test_an_entry_told_twice_is_found() -> None:
    entries = journal()
    with pytest.raises(JournalCorrupt):
        list(check_chain(iter([*entries, entries[-1]])))


def test_an_entry_with_another_number_inside_is_found() -> None:
    data = encode(2, AT, AlertRaised("TEST", Severity.INFO, "the first"))
    with pytest.raises(JournalCorrupt, match="entry 1 says that it is entry 2"):
        list(read_back([Entry(1, data, link(bytes(32), data))]))


def test_times_are_kept_to_the_microsecond() -> None:
    assert decode(encode(1, AT, AlertRaised("TEST", Severity.INFO, "")))[1].microsecond == 123456
