"""The link between the Gateway and IB: whether it is up, and what waits while it is down."""

from collections.abc import Callable

LOST = (1100, 2110)
RESTORED = (1101, 1102)
_BREAKS = {2104: 2103, 2106: 2105, 2158: 2157}
"""Farms by the code that says that they are OK, with the one that says that they are broken."""
_FARMS_OK = tuple(_BREAKS)
TEXTS = {
    1100: "Connectivity between IB and Trader Workstation has been lost.",
    1101: "Connectivity between IB and Trader Workstation has been restored - data lost.",
    1102: "Connectivity between IB and Trader Workstation has been restored - data maintained.",
    1300: "TWS socket port has been reset and this connection is being dropped.",
    2103: "Market data farm connection is broken:usopt",
    2104: "Market data farm connection is OK:usopt",
    2105: "HMDS data farm connection is broken:ushmds",
    2106: "HMDS data farm connection is OK:ushmds",
    2110: "Connectivity between Trader Workstation and server is broken. It will be restored "
    "automatically.",
    2157: "Sec-def data farm connection is broken:secdefil",
    2158: "Sec-def data farm connection is OK:secdefil",
}
ORDERS_WHILE_LOST = ("hold", "drop")


class Uplink:
    """Up or down; what is given to `when_up` happens at once or when the link is back, in order.

    `orders` says what becomes of orders and cancels that clients send meanwhile: "hold" keeps them
    in the Gateway until then, "drop" loses them.
    """

    def __init__(self) -> None:
        self.lost_by = 0
        """The code that told of the loss, 0 while the link is up."""
        self.orders = "hold"
        self.is_stalled = False
        """Down without a word: clients are told nothing of it."""
        self._broken: set[int] = set()
        self._waiting: list[Callable[[], None]] = []
        self._held: list[Callable[[], None]] = []

    @property
    def is_up(self) -> bool:
        return not self.lost_by and not self.is_stalled

    @property
    def held_count(self) -> int:
        """How many orders and cancels wait in the Gateway."""
        return len(self._held)

    def notices(self) -> tuple[int, ...]:
        """The codes that a client is told right after it has connected."""
        if self.lost_by:
            return (self.lost_by,)
        return tuple(broken if broken in self._broken else ok for ok, broken in _BREAKS.items())

    def heard(self, code: int) -> None:
        """Notes what a notice says about a farm: who connects later is told the same."""
        if code in _BREAKS.values():
            self._broken.add(code)
        self._broken.discard(_BREAKS.get(code, 0))

    def is_broken(self, code: int) -> bool:
        """Whether that notice (2103, 2105 or 2157) was the last that was said of its farm."""
        return code in self._broken

    def ends_with(self, code: int) -> bool:
        """Whether that notice says that a loss told by 2110 is over."""
        return self.lost_by == 2110 and code in _FARMS_OK

    def lose(self, code: int) -> None:
        """The link goes down; code is one of LOST. What 1100 has told of 2110 does not lessen."""
        assert code in LOST
        if self.lost_by != 1100:
            self.lost_by = code

    def restore(self) -> None:
        """The link is up again: what IB had to tell comes first, then what clients had sent."""
        self.lost_by, self.is_stalled = 0, False
        self._broken.clear()
        waiting, self._waiting = self._waiting, []
        held, self._held = self._held, []
        for act in (*waiting, *held):
            act()

    def when_up(self, act: Callable[[], None]) -> None:
        """Does it now, or when the link is back: news from IB."""
        if self.is_up:
            act()
        else:
            self._waiting.append(act)

    def take_waiting(self) -> list[Callable[[], None]]:
        """The news that wait, which are no longer waited with here."""
        waiting, self._waiting = self._waiting, []
        return waiting

    def hold(self, act: Callable[[], None]) -> bool:
        """Keeps what a client sent while the link is down; false if it is dropped."""
        if self.orders == "drop":
            return False
        self._held.append(act)
        return True

    def forget_held(self) -> int:
        """Loses what clients had sent (a restart of the Gateway); returns how many."""
        held, self._held = self._held, []
        return len(held)
