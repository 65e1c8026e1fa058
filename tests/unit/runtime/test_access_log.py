"""The line that each call leaves in the log."""

from typing import Any

import grpc
import structlog
from grpc_health.v1 import health_pb2, health_pb2_grpc

log = structlog.stdlib.get_logger("tandem.unit")


async def test_each_call_leaves_one_line_with_its_order(
    serve: Any, request_type: Any, order_type: Any, log_lines: Any
) -> None:
    async def handler(request: Any, context: Any) -> Any:
        log.info("inside")
        if request.text == "abort":
            await context.abort(grpc.StatusCode.NOT_FOUND, "")
        return request

    served = await serve(handler)
    order = order_type(client_order_id="o-1", secret_note="s3cret")
    request = request_type(account_id="wheel", text="s3cret", order=order)
    await served.stub("unary_unary")(request)
    inside, line = (x for x in log_lines() if x["event"] in ("inside", "rpc"))
    assert line["rpc"] == "test.Orders/Do"
    assert line["code"] == "OK"
    assert line["peer"].startswith("ipv4:127.0.0.1:")
    assert 0 <= line["duration_s"] < 30
    for each in (inside, line):
        assert (each["account_id"], each["client_order_id"]) == ("wheel", "o-1")
    assert "s3cret" not in str(log_lines())


async def test_failed_call_is_logged_with_its_code(
    serve: Any, request_type: Any, log_lines: Any, eventually: Any
) -> None:
    async def handler(request: Any, context: Any) -> Any:
        if request.text == "abort":
            await context.abort(grpc.StatusCode.NOT_FOUND, "")
        raise ValueError

    served = await serve(handler)
    for text in ("abort", "fail"):
        call = served.stub("unary_unary")(request_type(text=text))
        assert await call.code() is not grpc.StatusCode.OK

    def lines() -> list[Any]:
        return [(x["level"], x["code"]) for x in log_lines() if x["event"] == "rpc"]

    await eventually(lambda: len(lines()) == 2)
    assert lines() == [("info", "NOT_FOUND"), ("error", "INTERNAL")]


async def test_probes_are_logged_at_debug(serve: Any, log_lines: Any) -> None:
    served = await serve()
    stub = health_pb2_grpc.HealthStub(served.channel)  # type: ignore[no-untyped-call]
    await stub.Check(health_pb2.HealthCheckRequest())
    assert [x["level"] for x in log_lines() if x["event"] == "rpc"] == ["debug"]
