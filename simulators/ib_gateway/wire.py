"""The TWS socket protocol's frames: a length, then fields that each end in a zero byte."""

import struct
from collections.abc import Iterator
from decimal import Decimal, InvalidOperation
from fractions import Fraction

_LENGTH = struct.Struct(">I")
_PLACES = Decimal(10) ** -10
UNSET_DOUBLE = "1.7976931348623157E308"
_INTEGER_MAX = 2**31 - 1
_DIGITS_MAX = 12
_PLACES_MAX = 18
_UNSET = frozenset({"", "2147483647", "9223372036854775807"})

Field = str | int | Decimal | Fraction | bool | float


class BadMessage(ValueError):
    """A message that can't be read; the connection is of no more use if it is a frame."""


def text_of(value: Field) -> str:
    """A field as it is sent: numbers without an exponent and without needless zeros."""
    if isinstance(value, str):
        return value
    if isinstance(value, int):
        return str(int(value))
    if isinstance(value, Fraction):
        value = (Decimal(value.numerator) / Decimal(value.denominator)).quantize(_PLACES)
    if isinstance(value, Decimal):
        text = format(value, "f")
        return (text.rstrip("0").rstrip(".") or "0") if "." in text else text
    return str(value)


def frame(*fields: Field) -> bytes:
    """One message."""
    body = "".join(f"{text_of(field)}\0" for field in fields).encode()
    return _LENGTH.pack(len(body)) + body


class FrameReader:
    """Cuts a stream of bytes into messages.

    Args:
        length_max: A longer frame is an error: it would only be a client out of step.
    """

    def __init__(self, length_max: int = 1_000_000) -> None:
        self._data = bytearray()
        self._length_max = length_max

    def feed(self, data: bytes) -> None:
        """Takes what has arrived."""
        self._data += data

    def head(self, length: int) -> bytes:
        """The next bytes, at most so many; they stay."""
        return bytes(self._data[:length])

    def raw(self, length: int) -> bytes | None:
        """The next bytes as they are; None until there are so many."""
        if len(self._data) < length:
            return None
        head = bytes(self._data[:length])
        del self._data[:length]
        return head

    def frames(self) -> Iterator[bytes]:
        """The bodies of the frames that are complete.

        Raises:
            BadMessage: A length makes no sense.
        """
        while len(self._data) >= _LENGTH.size:
            (length,) = _LENGTH.unpack_from(self._data)
            if length > self._length_max:
                raise BadMessage(f"a frame of {length} bytes")
            if len(self._data) < _LENGTH.size + length:
                return
            self.raw(_LENGTH.size)
            body = self.raw(length)
            assert body is not None
            yield body


def fields_of(body: bytes) -> list[str]:
    """The fields of a frame's body."""
    fields = body.decode(errors="backslashreplace").split("\0")
    if fields and not fields[-1]:
        fields.pop()
    return fields


class Fields:
    """Reads a message's fields in order, with what each client writes for "not set"."""

    def __init__(self, fields: list[str], start: int = 0) -> None:
        self._fields = fields
        self._at = start

    def text(self) -> str:
        """The next field.

        Raises:
            BadMessage: There is none, so the message is too short.
        """
        if self._at >= len(self._fields):
            raise BadMessage(f"the message ends after {len(self._fields)} fields")
        self._at += 1
        return self._fields[self._at - 1]

    def integer(self) -> int:
        """The next field as an integer, 0 if it is not set.

        Raises:
            BadMessage: It is neither, or does not fit into 32 bits.
        """
        text = self.text()
        if text in _UNSET:
            return 0
        try:
            value = int(text)
        except ValueError as error:
            raise BadMessage(f"{text[:40]!r} is not an integer") from error
        if abs(value) > _INTEGER_MAX:
            raise BadMessage(f"{text[:40]!r} has more than 32 bits")
        return value

    def decimal(self) -> Decimal | None:
        """The next field as a decimal, None if it is not set.

        Raises:
            BadMessage: It is neither.
        """
        return decimal_of(self.text())

    def flag(self) -> bool:
        """The next field as a flag; what is not set is false."""
        return self.text() not in ("", "0", "false")

    def skip(self, count: int) -> None:
        """Passes over so many fields."""
        for _ in range(count):
            self.text()


def decimal_of(text: str) -> Decimal | None:
    """A field as a decimal, None if it is not set.

    Raises:
        BadMessage: It is neither, or of a size that no price, quantity or strike has.
    """
    if text in _UNSET:
        return None
    try:
        value = Decimal(text)
    except InvalidOperation as error:
        raise BadMessage(f"{text[:40]!r} is not a number") from error
    if not value.is_finite():
        raise BadMessage(f"{text[:40]!r} is not a finite number")
    if value > Decimal("1e300"):
        return None
    if value.adjusted() >= _DIGITS_MAX or _places(value) > _PLACES_MAX:
        raise BadMessage(f"{text[:40]!r} is out of range")
    return value


def _places(value: Decimal) -> int:
    exponent = value.as_tuple().exponent
    assert isinstance(exponent, int), "a finite number"
    return -exponent
