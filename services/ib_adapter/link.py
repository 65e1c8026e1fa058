"""Whether the Gateway reaches IB, by what the Gateway says of it.

Each loss has its own end: one that 1100 told of is over with 1101 or 1102, one that 2110 told of
also when a farm is well again, and after a reset of the API's port only a new connection is good.
"""

from __future__ import annotations

from typing import Final

from services.ib_adapter.codes import Kind, Said

_ENDS_WITH_A_FARM: Final = 2110
_KEEPS_CONNECTION: Final = frozenset({1100, 2110})


class Link:
    """The Gateway's link to IB over one connection of ours. It is up until something is said."""

    def __init__(self) -> None:
        self._lost_by: set[int] = set()
        self._was_confirmed = False

    @property
    def is_confirmed(self) -> bool:
        """Whether the Gateway has said that it reaches IB, or a farm of IB's, and nothing against
        it since: it need not repeat to a new connection that it has lost IB."""
        return self._was_confirmed and self.is_up

    @property
    def is_up(self) -> bool:
        """Whether, as far as was told, the Gateway reaches IB."""
        return not self._lost_by

    def lost(self, code: int) -> bool:
        """That code told of a loss: whether our connection is good all the same."""
        self._lost_by.add(code)
        self._was_confirmed = False
        return code in _KEEPS_CONNECTION

    def restored(self, said: Said) -> bool:
        """The Gateway says that something works again: whether the link is back by that."""
        was_up = self.is_up
        if said.kind is Kind.FARM_OK:
            self._lost_by.discard(_ENDS_WITH_A_FARM)
        else:
            self._lost_by -= _KEEPS_CONNECTION
        self._was_confirmed = self.is_up
        return self.is_up and not was_up
