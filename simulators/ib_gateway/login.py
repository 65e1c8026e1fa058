"""Whether the Gateway is logged in at IB: until it is, nobody is told accounts or order ids."""

import asyncio


class Login:
    """In or out; who connects meanwhile waits, and is greeted once somebody has logged in."""

    def __init__(self) -> None:
        self._is_in = asyncio.Event()
        self._is_in.set()

    @property
    def is_in(self) -> bool:
        return self._is_in.is_set()

    def lose(self) -> None:
        """Logged out, or waiting for the second factor."""
        self._is_in.clear()

    def enter(self) -> None:
        """Logged in: who waits goes on."""
        self._is_in.set()

    async def wait(self) -> None:
        """Returns once it is in; cancellation changes nothing."""
        await self._is_in.wait()
