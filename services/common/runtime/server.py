"""A gRPC server as every process has it: options, layers, health, reflection, a checked address."""

from collections.abc import Iterable
from dataclasses import dataclass

import grpc
import structlog
from grpc_reflection.v1alpha import reflection
from opentelemetry.metrics import Meter
from opentelemetry.trace import Tracer

from services.common.runtime import health
from services.common.runtime.clock import Clock, SystemClock
from services.common.runtime.errors import ListenError
from services.common.runtime.health import HealthBoard
from services.common.runtime.interceptors import (
    ErrorTranslator,
    client_interceptors,
    server_interceptors,
)
from services.common.runtime.interceptors.outgoing import OutgoingCalls
from services.common.runtime.listen import (
    INSECURE_LISTEN,
    ListenAddress,
    parse_listen,
    require_allowed,
    require_free,
)

_MIB = 1024 * 1024
# A ping each 30 s keeps paths through NATs open and finds dead peers in 40 s. A server that
# allows fewer pings than its clients send answers GOAWAY too_many_pings, so both are set here.
_KEEPALIVE = [
    ("grpc.keepalive_time_ms", 30_000),
    ("grpc.keepalive_timeout_ms", 10_000),
    ("grpc.keepalive_permit_without_calls", 1),
    ("grpc.http2.max_pings_without_data", 0),
]
# Statuses with details travel as metadata, for which 8 KiB is gRPC's default limit.
_METADATA = [("grpc.max_metadata_size", 64 * 1024)]

_log = structlog.stdlib.get_logger(__name__)


@dataclass(frozen=True, kw_only=True, slots=True)
class ServerOptions:
    """What may differ between servers.

    `listen` is host:port, `listen_setting` the setting it comes from (for messages). Over
    `concurrent_rpcs_max` calls at once, further ones are answered RESOURCE_EXHAUSTED.
    `connection_age_max_s` makes clients reconnect, so that they find new replicas.
    """

    listen: str
    listen_setting: str
    default_deadline_s: float = 30.0
    message_bytes_max: int = 4 * _MIB
    concurrent_rpcs_max: int = 1000
    connection_age_max_s: float | None = None
    insecure_listen: bool = False


class RpcServer:
    """One listening gRPC server. Made by `build_server`, inside a running event loop."""

    def __init__(
        self, server: grpc.aio.Server, address: ListenAddress, setting: str, board: HealthBoard
    ) -> None:
        self.grpc = server
        """To be given to the generated `add_…Servicer_to_server` functions."""
        self._address = address
        self._setting = setting
        self._board = board
        self._port: int | None = None

    @property
    def port(self) -> int:
        """The bound port; only after `start`."""
        if self._port is None:
            raise RuntimeError("the server is not bound yet")
        return self._port

    @property
    def address(self) -> str:
        """host:port as a client can dial it on this machine; only after `start`."""
        return str(ListenAddress(self._address.host, self.port))

    async def start(self) -> None:
        """Bind and serve. ListenError if the port is taken or the address isn't this machine's."""
        require_free(self._address, self._setting)
        try:
            self._port = self.grpc.add_insecure_port(str(self._address))
        except RuntimeError as error:
            raise ListenError(
                f"{self._setting}: can't listen on {self._address}: gRPC was refused"
            ) from error
        await self.grpc.start()
        _log.info("listening", address=self.address, setting=self._setting)

    async def stop(self, grace_s: float) -> None:
        """Refuse new calls, let running ones finish for `grace_s`, then cancel them."""
        self._board.close()
        await self.grpc.stop(grace_s)


def build_server(
    options: ServerOptions,
    *,
    clock: Clock,
    board: HealthBoard,
    service_names: Iterable[str],
    translate: ErrorTranslator | None = None,
    tracer: Tracer | None = None,
    meter: Meter | None = None,
) -> RpcServer:
    """Make a server with all layers, health and reflection; the caller adds its servicers.

    Raises ListenError for an address that may not be listened on. Nothing is bound yet.
    """
    address = parse_listen(options.listen, options.listen_setting)
    require_allowed(address, options.listen_setting, insecure_listen=options.insecure_listen)
    if not address.is_loopback:
        _log.warning("insecure_listen", address=str(address), allowed_by=INSECURE_LISTEN)
    server = grpc.aio.server(
        interceptors=server_interceptors(
            clock, options.default_deadline_s, translate=translate, tracer=tracer, meter=meter
        ),
        options=_server_options(options),
        maximum_concurrent_rpcs=options.concurrent_rpcs_max,
    )
    board.attach(server)
    reflection.enable_server_reflection(  # type: ignore[no-untyped-call]
        [*service_names, health.SERVICE_NAME, reflection.SERVICE_NAME], server
    )
    return RpcServer(server, address, options.listen_setting, board)


def open_channel(
    target: str,
    *,
    margin_s: float,
    default_timeout_s: float,
    message_bytes_max: int = 4 * _MIB,
    calls: OutgoingCalls | None = None,
) -> grpc.aio.Channel:
    """Open a channel to another Tandem process; it connects in the background, with back-off.

    Trace context and deadline travel with each call (see `client_interceptors`), and each is in
    the process's telemetry, by `calls` if there is more to tell of this channel. No call is
    sent again by a policy, none is configured and none is taken from DNS; gRPC's own transparent
    retry is only of calls that the server has not looked at.
    """
    options = [
        *_KEEPALIVE,
        *_METADATA,
        ("grpc.service_config_disable_resolution", 1),
        # A proxy in the environment is meant for the web, not for our own processes.
        ("grpc.enable_http_proxy", 0),
        ("grpc.max_receive_message_length", message_bytes_max),
        ("grpc.max_send_message_length", message_bytes_max),
    ]
    return grpc.aio.insecure_channel(
        target,
        options=options,
        interceptors=client_interceptors(
            margin_s, default_timeout_s, calls or OutgoingCalls(SystemClock())
        ),
    )


def _server_options(options: ServerOptions) -> list[tuple[str, int]]:
    given = [
        # Off: with it a second server on the port starts without a word and takes half of the
        # connections.
        ("grpc.so_reuseport", 0),
        *_KEEPALIVE,
        *_METADATA,
        ("grpc.http2.min_ping_interval_without_data_ms", 20_000),
        ("grpc.http2.min_recv_ping_interval_without_data_ms", 20_000),
        ("grpc.max_receive_message_length", options.message_bytes_max),
        ("grpc.max_send_message_length", options.message_bytes_max),
    ]
    if options.connection_age_max_s is not None:
        given.append(("grpc.max_connection_age_ms", int(options.connection_age_max_s * 1000)))
    return given
