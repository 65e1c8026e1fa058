"""What an adapter writes to the Gateway, read along: which order leaves under which number."""

from __future__ import annotations

import struct
from collections.abc import Callable
from typing import Final

from tests.simulation.adapter_process import Places

_HELLO: Final = b"API\0"
_LENGTH: Final = struct.Struct(">I")
_PLACE_ORDER: Final = b"3"
_CANCEL_ORDER: Final = b"4"
_ORDER_ID_AT: Final = 1
_ORDER_REF_AT: Final = 26
_CANCELED_ID_AT: Final = 2


class WrittenOrders:
    """One connection, from its first byte on; call it with what is written."""

    def __init__(self, places: Places, cancels: Callable[[str], None] = lambda _: None) -> None:
        self._places = places
        self._cancels = cancels
        self._data = b""

    def __call__(self, data: bytes) -> None:
        self._data = (self._data + data).removeprefix(_HELLO)
        while len(self._data) >= _LENGTH.size:
            (length,) = _LENGTH.unpack_from(self._data)
            end = _LENGTH.size + length
            if len(self._data) < end:
                return
            fields = self._data[_LENGTH.size : end].split(b"\0")
            self._data = self._data[end:]
            if fields[0] == _PLACE_ORDER:
                self._places(fields[_ORDER_REF_AT].decode(), fields[_ORDER_ID_AT].decode())
            elif fields[0] == _CANCEL_ORDER:
                self._cancels(fields[_CANCELED_ID_AT].decode())
