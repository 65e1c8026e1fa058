"""What hardly any venue does: refused here, and overridden by the control of one that does."""

from __future__ import annotations

from tests.conformance.control import Can


class Beyond(Exception):
    """The control was asked for what it can't do; a card that asks must say so beside."""

    def __init__(self, what: Can) -> None:
        super().__init__(f"this venue can't {what.value}")


class Rarities:
    """See `VenueControl`; `limits` of a venue that leaves one of these as it is must name it."""

    async def cut_after(self, count: int) -> None:
        """Cut the connection with changes in it."""
        raise Beyond(Can.CUT_AFTER)

    async def suspend(self, order: str) -> None:
        """Suspend an order."""
        raise Beyond(Can.SUSPEND)

    async def resume(self, order: str) -> None:
        """Let a suspended order work again."""
        raise Beyond(Can.SUSPEND)

    async def remark(self, of: str = "") -> None:
        """Say something of an order that is taken."""
        raise Beyond(Can.NOTICE)

    async def correct(self, exec_id: str, px: str) -> None:
        """Correct an execution."""
        raise Beyond(Can.CORRECT)

    async def bust(self, exec_id: str) -> None:
        """Take an execution back."""
        raise Beyond(Can.CORRECT)

    async def double_replace(self) -> None:
        """Leave both orders of a change live."""
        raise Beyond(Can.DOUBLE_REPLACE)

    async def lose_link(self) -> None:
        """Lose the venue's own link."""
        raise Beyond(Can.OWN_LINK)

    async def restore_link(self) -> None:
        """Have the venue's own link back."""
        raise Beyond(Can.OWN_LINK)

    async def restart(self) -> None:
        """Restart the venue."""
        raise Beyond(Can.RESTART)

    async def become(self, account: str) -> None:
        """Be another account."""
        raise Beyond(Can.RELOGIN)

    async def delay_data(self, *, delayed: bool) -> None:
        """Give delayed data."""
        raise Beyond(Can.DELAYED_DATA)
