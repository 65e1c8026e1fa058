"""What every simulator's process does: bind to loopback, tell the ports, run until a signal."""

import asyncio
import errno
import ipaddress
import json
import logging
import os
import signal
import socket
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from aiohttp import web

_SHUTDOWN_S = 0.2
_STOP_SIGNALS = (signal.SIGTERM, signal.SIGINT)

logger = logging.getLogger(__name__)


class CannotListen(Exception):
    """An address or port can't be used; the message is for the user."""


def check_host(host: str, environment: Mapping[str, str]) -> None:
    """Only loopback, since nothing here is encrypted and the control has no password.

    Raises:
        CannotListen: The address is another one and TANDEM_INSECURE_LISTEN is not 1.
    """
    if host == "localhost":
        return
    try:
        is_loopback = ipaddress.ip_address(host).is_loopback
    except ValueError as error:
        raise CannotListen(f"{host!r} is not an IP address") from error
    if is_loopback:
        return
    if environment.get("TANDEM_INSECURE_LISTEN") != "1":
        raise CannotListen(
            f"{host} is not a loopback address; set TANDEM_INSECURE_LISTEN=1 to listen there "
            "without encryption and without a password for the control port"
        )
    logger.warning("listening on %s: no encryption, no password for the control port", host)


class Listener:
    """Applications on ports, ended together."""

    def __init__(self, host: str) -> None:
        self._host = host
        self._runners: list[web.AppRunner] = []

    async def listen(self, app: web.Application, port: int) -> int:
        """Binds an application and returns its port, which the system chooses if given 0.

        Raises:
            CannotListen: The port is in use, or the address is not this machine's.
        """
        # A handler whose client has left is canceled; what it asked for goes on by itself.
        runner = web.AppRunner(
            app, access_log=None, handler_cancellation=True, shutdown_timeout=_SHUTDOWN_S
        )
        await runner.setup()
        self._runners.append(runner)
        bound = _bound_socket(self._host, port)
        await web.SockSite(runner, bound).start()
        return int(bound.getsockname()[1])

    async def close(self) -> None:
        """Stops listening and ends all connections within a second."""
        await asyncio.gather(*(runner.cleanup() for runner in self._runners))


def _bound_socket(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    bound = socket.socket(family, socket.SOCK_STREAM)
    # Lets a restart have the port at once; never SO_REUSEPORT, which would share it in silence.
    bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    bound.settimeout(0)
    try:
        bound.bind((host, port))
        bound.listen(128)
    except OSError as error:
        bound.close()
        raise not_bound(host, port, error) from error
    return bound


def not_bound(host: str, port: int, error: OSError) -> CannotListen:
    """Says why a port can't be had."""
    in_use = error.errno == errno.EADDRINUSE
    reason = "is in use" if in_use else f"can't be bound: {error.strerror}"
    return CannotListen(f"port {port} on {host} {reason}")


@contextmanager
def set_by_signals(stop: asyncio.Event) -> Iterator[None]:
    """SIGTERM and SIGINT set the event; to be entered before anyone is told that we are ready."""
    loop = asyncio.get_running_loop()
    for number in _STOP_SIGNALS:
        loop.add_signal_handler(number, stop.set)
    try:
        yield
    finally:
        for number in _STOP_SIGNALS:
            loop.remove_signal_handler(number)


def ready_line(**facts: Any) -> str:
    """The line of JSON by which a parent process learns the ports."""
    return json.dumps({"event": "ready", "pid": os.getpid(), **facts})
