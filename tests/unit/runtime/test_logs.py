"""Log lines: their shape, their ids, and that no secret gets into them."""

import logging
from typing import Any

import pytest
import structlog

from services.common.runtime import telemetry
from services.common.runtime.redact import is_secret_name, scrubbed

log = structlog.stdlib.get_logger("tandem.unit")


def test_line_has_time_level_logger_service_and_context(log_lines: Any) -> None:
    with structlog.contextvars.bound_contextvars(client_order_id="o-1"):
        log.warning("order_sent", venue="alpaca")
    (line,) = log_lines()
    assert line.pop("timestamp").endswith("+00:00")
    assert line == {
        "level": "warning",
        "logger": "tandem.unit",
        "service": "unit",
        "event": "order_sent",
        "venue": "alpaca",
        "client_order_id": "o-1",
    }


def test_line_has_the_ids_of_the_current_span(log_lines: Any) -> None:
    provider = telemetry.build_tracer_provider("unit")
    with telemetry.span("work", tracer=provider.get_tracer("unit")):
        log.info("inside")
        logging.getLogger("library").warning("inside too")
        traceparent = telemetry.current_traceparent() or ""
    log.info("outside")
    ours, theirs, outside = log_lines()
    for line in (ours, theirs):
        assert [line["trace_id"], line["span_id"]] == traceparent.split("-")[1:3]
    assert "trace_id" not in outside
    provider.shutdown()


def test_field_cannot_pass_itself_off_as_the_lines_own(log_lines: Any) -> None:
    log.info("event", service="router", level="error", timestamp="never")
    (line,) = log_lines()
    assert (line["service"], line["level"]) == ("unit", "info")
    assert line["field_service"] == "router"


def test_secrets_are_taken_out_by_name_at_any_depth(log_lines: Any) -> None:
    log.info(
        "request",
        api_key="s3cret",
        headers=[("Authorization", "Bearer s3cret"), ("Accept", "json")],
        body={"account": {"APCA-API-SECRET-KEY": "s3cret", "list": [{"token": b"s3cret"}]}},
        metadata=(("x-token", "s3cret"),),
        watch_token="kept",
        client_order_id="kept",
    )
    text = str(log_lines())
    assert "s3cret" not in text
    assert text.count("kept") == 2
    assert "json" in text


@pytest.mark.parametrize(
    "text",
    [
        "> APCA-API-SECRET-KEY: s3cret",
        '{"action": "auth", "key": "s3cret", "secret": "s3cret"}',
        "{'key': 's3cret', 'secret': b's3cret'}",
        "Authorization: Bearer s3cret",
        "authorization=Basic s3cret&x=1",
        "GET https://user:s3cret@broker.example/v2",
        "password=s3cret",
        "apiKey: s3cret",
        "APCA-API-KEY-ID: s3cret",
    ],
)
def test_secrets_in_the_texts_of_libraries_are_taken_out(log_lines: Any, text: str) -> None:
    logging.getLogger("websockets.client").warning("sent %s", text)
    log.info("said", text=text)
    assert "s3cret" not in str(log_lines())


def test_secrets_in_tracebacks_are_taken_out(log_lines: Any) -> None:
    try:
        raise ValueError("secret=s3cret and known-secret-value")
    except ValueError:
        log.exception("failed")
        logging.getLogger("library").exception("failed too")
    text = str(log_lines())
    assert "ValueError" in text
    assert text.count("Traceback") == 2
    assert "s3cret" not in text
    assert "known-secret-value" not in text


def test_objects_are_logged_by_their_scrubbed_repr(log_lines: Any) -> None:
    class Session:
        def __repr__(self) -> str:
            return "Session(token='s3cret')"

    log.info("opened", session=Session())
    (line,) = log_lines()
    assert line["session"] == "Session(token='[redacted]')"


def test_one_event_is_one_line_whatever_is_in_it(log_lines: Any) -> None:
    cycle: list[Any] = []
    cycle.append(cycle)
    log.info("two\nlines", cycle=cycle, raw=b"\xff\n", huge="x" * 100_000)
    (line,) = log_lines()
    assert line["event"] == "two\nlines"
    assert len(str(line)) < 20_000


@pytest.mark.parametrize(
    "name", ["key", "apiKey", "API_KEY", "client-secret", "accessToken", "dsn"]
)
def test_secret_names_are_known_in_every_spelling(name: str) -> None:
    assert is_secret_name(name)


@pytest.mark.parametrize("name", ["keyboard", "watch_token", "account_id", "monkey", "venue"])
def test_harmless_names_are_left_alone(name: str) -> None:
    assert not is_secret_name(name)


def test_scrubbing_a_hostile_text_is_quick() -> None:
    import time

    # Of this thread's own time: in the square of the length it would take minutes.
    started = time.thread_time()
    scrubbed("a-" * 200_000 + "=")
    assert time.thread_time() - started < 5
