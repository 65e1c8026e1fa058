"""How long calls took, by method and status: the conventions' two histograms for RPC."""

from functools import cache

import grpc
from opentelemetry import metrics
from opentelemetry.metrics import Histogram, Meter

from services.common.runtime import telemetry
from services.common.runtime.broker_calls import DURATION_BOUNDS_S

SERVER_DURATION = "rpc.server.call.duration"
CLIENT_DURATION = "rpc.client.call.duration"

# By the conventions only these are the server's failures; the others are answers.
SERVER_FAILURES = frozenset(
    {
        grpc.StatusCode.UNKNOWN,
        grpc.StatusCode.DEADLINE_EXCEEDED,
        grpc.StatusCode.UNIMPLEMENTED,
        grpc.StatusCode.INTERNAL,
        grpc.StatusCode.UNAVAILABLE,
        grpc.StatusCode.DATA_LOSS,
    }
)


class RpcMeter:
    """Counts one side's calls. Labels are methods that exist, and codes: both are few."""

    def __init__(self, histogram: Histogram, *, is_server: bool) -> None:
        self._histogram = histogram
        self._is_server = is_server

    def is_failure(self, code: grpc.StatusCode) -> bool:
        """Whether the call failed, seen from this side: for a client whatever isn't OK."""
        if self._is_server:
            return code in SERVER_FAILURES
        return code is not grpc.StatusCode.OK

    def ended(self, method: str, code: grpc.StatusCode, duration_s: float) -> None:
        """Count a call; `method` is fully qualified, without a leading slash."""
        labels = {
            telemetry.RPC_SYSTEM: "grpc",
            telemetry.RPC_METHOD: method,
            telemetry.RPC_STATUS_CODE: code.name,
        }
        if self.is_failure(code):
            labels[telemetry.ERROR_TYPE] = code.name
        self._histogram.record(duration_s, labels)


def server_meter(meter: Meter | None = None) -> RpcMeter:
    """Of the calls that come in; without `meter` by the process's own."""
    return RpcMeter(_histogram(SERVER_DURATION, meter), is_server=True)


def client_meter(meter: Meter | None = None) -> RpcMeter:
    """Of the calls that go out."""
    return RpcMeter(_histogram(CLIENT_DURATION, meter), is_server=False)


@cache
def _histogram(name: str, meter: Meter | None) -> Histogram:
    return (meter or metrics.get_meter("tandem")).create_histogram(
        name,
        unit="s",
        description=f"How long {name.split('.')[1]} calls took, streams from open to end.",
        explicit_bucket_boundaries_advisory=DURATION_BOUNDS_S,
    )
