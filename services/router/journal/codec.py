"""Records to bytes and back: canonical JSON, exact decimals, one version per record.

The bytes of an entry are what the hash chain covers: `{"at", "body", "kind", "min_reader", "seq",
"v"}`, keys sorted, no spaces. `v` is the version that wrote it, `min_reader` the lowest reader
that understands it: a router that is older than a record's `min_reader` may not lead. Of a newer
writer's record that we may read, what we don't know changes nothing for us, by its own word.
"""

from __future__ import annotations

import json
from datetime import UTC, date, datetime, time
from decimal import Decimal
from functools import cache
from typing import Any, Final, TypeVar, get_args

from cattrs import Converter

from services.common.domain.amounts import format_decimal, parse_decimal
from services.common.domain.instruments import Equity, Instrument, OptionContract
from services.common.domain.order_terms import OptionCombo, Tradable
from services.router.journal.records import Record, UnknownRecord
from services.router.journal.versions import min_reader_of

WRITER_VERSION: Final = 2
READER_VERSION: Final = 2

_KINDS: Final[dict[str, type[Any]]] = {kind.__name__: kind for kind in get_args(Record)}
_INSTRUMENTS: Final[dict[str, type[Any]]] = {
    "equity": Equity,
    "option": OptionContract,
    "combo": OptionCombo,
}
_TAGS: Final = {kind: tag for tag, kind in _INSTRUMENTS.items()}


T = TypeVar("T")


class UnreadableRecord(Exception):
    """A record that this release can't read; the router may not lead on such a journal."""


@cache
def _converter(*, strict: bool = True) -> Converter:
    """Built at first use: exact decimals, ISO times, tagged instruments; no defaults stored.

    `strict`: a key that is not known is an error.
    """
    made = Converter(omit_if_default=True, forbid_extra_keys=strict)
    made.register_unstructure_hook(Decimal, format_decimal)
    made.register_structure_hook(Decimal, lambda text, _: parse_decimal(text))
    made.register_unstructure_hook(datetime, lambda moment: moment.astimezone(UTC).isoformat())
    made.register_structure_hook(datetime, lambda text, _: datetime.fromisoformat(text))
    made.register_unstructure_hook(date, lambda day: day.isoformat())
    made.register_structure_hook(date, lambda text, _: date.fromisoformat(text))
    made.register_unstructure_hook(time, lambda moment: moment.isoformat())
    made.register_structure_hook(time, lambda text, _: time.fromisoformat(text))

    def unstructure_instrument(instrument: Tradable) -> dict[str, Any]:
        tag = _TAGS[type(instrument)]
        return {"type": tag, **made.unstructure(instrument, type(instrument))}

    def structure_instrument(stored: dict[str, Any], _: object) -> Tradable:
        fields = dict(stored)
        instrument: Tradable = made.structure(fields, _INSTRUMENTS[fields.pop("type")])
        return instrument

    for union in (Instrument, Tradable):
        made.register_unstructure_hook(union, unstructure_instrument)
        made.register_structure_hook(union, structure_instrument)
        optional = union | None
        made.register_unstructure_hook(optional, lambda i: i and unstructure_instrument(i))
        made.register_structure_hook(optional, lambda i, _: i and structure_instrument(i, _))
    return made


def encode(seq: int, at: datetime, record: Record) -> bytes:
    """The entry's bytes. `at` is aware; the same arguments always give the same bytes."""
    entry = {
        "seq": seq,
        "at": at.astimezone(UTC).isoformat(),
        "kind": type(record).__name__,
        "v": WRITER_VERSION,
        "min_reader": min_reader_of(record, WRITER_VERSION),
        "body": _converter().unstructure(record),
    }
    return json.dumps(entry, sort_keys=True, separators=(",", ":")).encode()


def decode(data: bytes) -> tuple[int, datetime, Record]:
    """Read an entry. Raises UnreadableRecord if it is newer than we are, or not one at all."""
    try:
        entry = json.loads(data)
        if entry["min_reader"] > READER_VERSION:
            raise UnreadableRecord(
                f"record {entry['seq']} needs reader version {entry['min_reader']}, "
                f"this release reads {READER_VERSION}"
            )
        is_newer = entry["v"] > WRITER_VERSION
        if is_newer and entry["kind"] not in _KINDS:
            record: Record = UnknownRecord(str(entry["kind"]))
        else:
            converter = _converter(strict=not is_newer)
            record = converter.structure(entry["body"], _KINDS[entry["kind"]])
        return entry["seq"], datetime.fromisoformat(entry["at"]), record
    except UnreadableRecord:
        raise
    except Exception as error:  # cattrs raises exception groups of many kinds
        raise UnreadableRecord(f"not a journal record: {data[:120]!r}: {error}") from error


def structure(content: Any, kind: type[T]) -> T:
    """What `unstructure` made of a value of that type, as it was."""
    return _converter().structure(content, kind)


def unstructure(value: object) -> Any:
    """Any value made of journal types as plain JSON types, for digests and exports."""
    return _converter().unstructure(value)
