"""Where a server may listen: on loopback, unless the operator says in so many words otherwise.

Until connections are encrypted and callers are known, anyone who reaches the port can trade.
"""

import errno
import ipaddress
import socket
from collections.abc import Mapping
from dataclasses import dataclass

from services.common.runtime.errors import ListenError

INSECURE_LISTEN = "TANDEM_INSECURE_LISTEN"
"""The environment variable that, set to 1, allows addresses other than loopback."""

_PORT_MAX = 65535


@dataclass(frozen=True, slots=True)
class ListenAddress:
    """A checked address: `host` is an IP address, `port` 0 means any free one."""

    host: str
    port: int

    @property
    def is_loopback(self) -> bool:
        return ipaddress.ip_address(self.host).is_loopback

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{host}:{self.port}"


def parse_listen(text: str, setting: str) -> ListenAddress:
    """Read `host:port`, `[v6]:port` or `localhost:port`; ListenError names `setting`.

    Names other than localhost are refused: what they resolve to may change after this check.
    """
    host, separator, port = text.rpartition(":")
    if not separator or not port.isascii() or not port.isdigit() or int(port) > _PORT_MAX:
        raise ListenError(f"{setting}: {text!r} is not host:port, such as 127.0.0.1:50050")
    bracketed = host.startswith("[") and host.endswith("]")
    if host == "localhost":
        # One address, not two: gRPC is content if it can bind either of ::1 and 127.0.0.1, and
        # a second server could then hide behind the first.
        host = "127.0.0.1"
    try:
        address = ipaddress.ip_address(host[1:-1] if bracketed else host)
    except ValueError:
        raise ListenError(
            f"{setting}: {text!r} doesn't begin with an IP address or localhost"
        ) from None
    if bracketed != (address.version == 6):
        raise ListenError(f"{setting}: {text!r}: write an IPv6 address in brackets, others without")
    return ListenAddress(str(address), int(port))


def insecure_listen_allowed(environ: Mapping[str, str]) -> bool:
    """Whether the operator allows addresses other than loopback: only the value 1 does."""
    return environ.get(INSECURE_LISTEN) == "1"


def require_allowed(address: ListenAddress, setting: str, *, insecure_listen: bool) -> None:
    """Raise ListenError unless `address` is loopback or the operator allows others."""
    if not address.is_loopback and not insecure_listen:
        raise ListenError(
            f"{setting}: {address} is not a loopback address, and connections are neither "
            f"encrypted nor authenticated yet; set {INSECURE_LISTEN}=1 to listen there anyway"
        )


def require_free(address: ListenAddress, setting: str) -> None:
    """Raise ListenError, with the reason, if nobody could listen on `address` now.

    gRPC itself would fail without a reason, and after a line of its own on stderr.
    """
    family = socket.AF_INET6 if ":" in address.host else socket.AF_INET
    with socket.socket(family) as probe:
        # As gRPC does: connections that have just ended don't keep a port.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((address.host, address.port))
        except OSError as error:
            why = _REASONS.get(error.errno or 0, error.strerror)
            raise ListenError(f"{setting}: can't listen on {address}: {why}") from error


_REASONS = {
    errno.EADDRINUSE: "the port is in use",
    errno.EADDRNOTAVAIL: "the address is not one of this machine's",
    errno.EACCES: "this user may not take that port",
}
