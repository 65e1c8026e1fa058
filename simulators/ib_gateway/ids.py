"""Ids as IB makes them: permIds are numbers, execIds end in the number of their revision."""

from simulators.venue.randomness import Randomness

_PERM_ID_LOWEST = 100_000_000
_PERM_ID_SPAN = 1_000_000_000


class IbIds:
    """permIds and execIds of one Gateway, from its seed."""

    def __init__(self, randomness: Randomness) -> None:
        self._perm_ids = randomness.stream("perm_id")
        self._exec_ids = randomness.stream("exec_id")
        self._perm_id = _PERM_ID_LOWEST + self._perm_ids.randrange(_PERM_ID_SPAN)
        self._exec_prefix = f"{self._exec_ids.getrandbits(32):08x}"
        self._exec_count = self._exec_ids.getrandbits(24)

    def venue_order_id(self) -> str:
        """The next permId, above all earlier ones."""
        self._perm_id += self._perm_ids.randint(1, 9)
        return str(self._perm_id)

    def client_order_id(self) -> str:
        """Nothing: an order without an orderRef stays without one."""
        return ""

    def exec_id(self) -> str:
        """The next execId; `.01` at its end says that it was never corrected."""
        self._exec_count += 1
        return f"{self._exec_prefix}.{self._exec_count:08x}.01.01"
