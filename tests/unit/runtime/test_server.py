"""Where a server listens, that it listens there alone, and what it shows."""

from typing import Any

import grpc
import pytest
from grpc_reflection.v1alpha import reflection_pb2, reflection_pb2_grpc

from services.common.runtime.clock import SystemClock
from services.common.runtime.errors import ListenError
from services.common.runtime.health import HealthBoard
from services.common.runtime.listen import (
    ListenAddress,
    insecure_listen_allowed,
    parse_listen,
    require_allowed,
)
from services.common.runtime.server import RpcServer, ServerOptions, build_server


def server_at(listen: str, **options: Any) -> RpcServer:
    clock = SystemClock()
    return build_server(
        ServerOptions(listen=listen, listen_setting="TANDEM_ROUTER_LISTEN", **options),
        clock=clock,
        board=HealthBoard(clock, []),
        service_names=[],
    )


async def test_second_server_on_a_port_fails_with_a_clear_line() -> None:
    first = server_at("127.0.0.1:0")
    await first.start()
    for host in ("127.0.0.1", "localhost"):
        second = server_at(f"{host}:{first.port}")
        with pytest.raises(ListenError) as caught:
            await second.start()
        (line,) = caught.value.lines
        assert line.startswith(f"TANDEM_ROUTER_LISTEN: can't listen on 127.0.0.1:{first.port}")
    await first.stop(0)


async def test_second_server_on_all_addresses_fails_too() -> None:
    first = server_at("127.0.0.1:0")
    await first.start()
    second = server_at(f"0.0.0.0:{first.port}", insecure_listen=True)
    with pytest.raises(ListenError):
        await second.start()
    await first.stop(0)


async def test_an_address_of_another_machine_is_told_apart_from_a_port_in_use() -> None:
    elsewhere = server_at("192.0.2.1:50050", insecure_listen=True)
    with pytest.raises(ListenError, match="the address is not one of this machine's"):
        await elsewhere.start()


async def test_port_is_free_again_after_stop() -> None:
    first = server_at("127.0.0.1:0")
    await first.start()
    await first.stop(0)
    second = server_at(f"127.0.0.1:{first.port}")
    await second.start()
    assert second.port == first.port
    await second.stop(0)


@pytest.mark.parametrize("listen", ["0.0.0.0:0", "192.0.2.1:50050", "[::]:0", "[2001:db8::1]:1"])
async def test_other_addresses_than_loopback_are_refused(listen: str) -> None:
    with pytest.raises(ListenError, match="TANDEM_INSECURE_LISTEN=1"):
        server_at(listen)


async def test_insecure_listen_is_warned_of_at_each_start(log_lines: Any) -> None:
    server = server_at("0.0.0.0:0", insecure_listen=True)
    await server.start()
    warnings = [line for line in log_lines() if line["level"] == "warning"]
    assert [line["event"] for line in warnings] == ["insecure_listen"]
    await server.stop(0)


@pytest.mark.parametrize("value", ["", "0", "true", "yes", "1 "])
def test_only_the_value_1_allows_insecure_listen(value: str) -> None:
    assert not insecure_listen_allowed({"TANDEM_INSECURE_LISTEN": value})
    assert insecure_listen_allowed({"TANDEM_INSECURE_LISTEN": "1"})


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("127.0.0.1:50050", "127.0.0.1:50050"),
        ("127.9.8.7:1", "127.9.8.7:1"),
        ("localhost:0", "127.0.0.1:0"),
        ("[::1]:65535", "[::1]:65535"),
    ],
)
def test_loopback_addresses_are_read_and_allowed(text: str, expected: str) -> None:
    address = parse_listen(text, "X")
    require_allowed(address, "X", insecure_listen=False)
    assert str(address) == expected


@pytest.mark.parametrize(
    "text",
    ["", "50050", ":50050", "127.0.0.1", "127.0.0.1:", "127.0.0.1:65536", "127.0.0.1:-1",
     "127.0.0.1:+1", "127.0.0.1:٣", "::1:50050", "[127.0.0.1]:1", "example.com:1", "127.1:1",
     "unix:/tmp/x", "127.0.0.1:1_0", "127.0.0.1: 1", "127.0.0.01:1", "[::1]"],
)  # fmt: skip
def test_malformed_addresses_are_refused_with_the_settings_name(text: str) -> None:
    with pytest.raises(ListenError, match="TANDEM_X_LISTEN"):
        parse_listen(text, "TANDEM_X_LISTEN")


def test_mapped_wildcard_is_not_loopback() -> None:
    assert not ListenAddress("::ffff:0.0.0.0", 1).is_loopback


async def test_reflection_lists_the_services(serve: Any) -> None:
    served = await serve()
    stub = reflection_pb2_grpc.ServerReflectionStub(served.channel)  # type: ignore[no-untyped-call]
    call = stub.ServerReflectionInfo()
    await call.write(reflection_pb2.ServerReflectionRequest(list_services=""))
    answer = await call.read()
    await call.done_writing()
    names = [service.name for service in answer.list_services_response.service]
    assert "test.Orders" in names
    assert "grpc.health.v1.Health" in names
    await call.code()


async def test_unknown_method_is_unimplemented(serve: Any, request_type: Any) -> None:
    served = await serve()
    call = served.stub("unary_unary", "Nothing")(request_type())
    assert await call.code() is grpc.StatusCode.UNIMPLEMENTED
