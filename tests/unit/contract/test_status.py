"""What a server answers for each error: its details, and nothing that does not fit."""

import pytest
from google.protobuf.message import Message
from google.rpc import (  # type: ignore[import-untyped, unused-ignore]
    code_pb2,
    error_details_pb2,
    status_pb2,
)

from services.common.contract.pb import errors_pb2
from services.common.contract.status import (
    ERROR_DOMAIN,
    PRECONDITION_SUBJECTS,
    to_status,
    translate,
    unimplemented,
)
from services.common.domain.errors import (
    Effect,
    InvalidRequest,
    NotFound,
    OutcomeUnknown,
    ReadFailed,
    Reason,
    Refused,
    TandemError,
    Unavailable,
    VenueCause,
)

POOL = (
    error_details_pb2.ErrorInfo,
    error_details_pb2.RetryInfo,
    error_details_pb2.QuotaFailure,
    error_details_pb2.BadRequest,
    error_details_pb2.PreconditionFailure,
    errors_pb2.FailureDetail,
)
# What a gRPC client takes in all its metadata unless it is told otherwise.
METADATA_BYTES_MAX = 8 * 1024


def details(status: status_pb2.Status) -> dict[str, Message]:
    """The details by the name of their type; each type once."""
    found: dict[str, Message] = {}
    for detail in status.details:
        kind = next(kind for kind in POOL if detail.Is(kind.DESCRIPTOR))
        assert kind.DESCRIPTOR.name not in found
        found[kind.DESCRIPTOR.name] = kind.FromString(detail.value)
    return found


def names(error: TandemError) -> set[str]:
    return set(details(to_status(error)))


ALWAYS = {"ErrorInfo", "FailureDetail"}


@pytest.mark.parametrize(
    ("error", "extras"),
    [
        (InvalidRequest("order.side", "required"), {"BadRequest"}),
        (InvalidRequest("page", "stale", reason=Reason.INVALID_TOKEN), {"BadRequest"}),
        (NotFound(Reason.ORDER_NOT_FOUND, "no such order"), set()),
        (Refused(Reason.TRADING_HALTED, "halted"), {"PreconditionFailure"}),
        (Refused(Reason.MARKET_CLOSED, "closed"), {"PreconditionFailure"}),
        (Refused(Reason.STALE_EPOCH, "old epoch"), {"PreconditionFailure"}),
        (Refused(Reason.CLIENT_ORDER_ID_REUSED, "used"), set()),
        (Unavailable(Reason.VENUE_UNAVAILABLE, "down"), set()),
        (Unavailable(Reason.VENUE_UNAVAILABLE, "down", retry_after_s=2), {"RetryInfo"}),
        (Refused(Reason.BUDGET_EXHAUSTED, "none left"), {"QuotaFailure"}),
        (
            Unavailable(Reason.RATE_LIMITED, "429", retry_after_s=0.5),
            {"QuotaFailure", "RetryInfo"},
        ),
        (OutcomeUnknown("no answer"), set()),
        (ReadFailed("partial"), set()),
        (ReadFailed("partial", retry_after_s=1.0), {"RetryInfo"}),
    ],
)
def test_an_error_has_the_details_that_apply(error: TandemError, extras: set[str]) -> None:
    assert names(error) == ALWAYS | extras


def test_a_bad_request_names_its_field_once() -> None:
    status = to_status(InvalidRequest("order.limit_price", "required for a limit order"))
    assert status.message == "order.limit_price: required for a limit order"
    bad = details(status)["BadRequest"]
    assert bad == error_details_pb2.BadRequest(
        field_violations=[
            error_details_pb2.BadRequest.FieldViolation(
                field="order.limit_price", description="required for a limit order"
            )
        ]
    )


def test_the_error_info_has_reason_and_domain() -> None:
    info = details(to_status(Refused(Reason.NO_COVER, "no shares")))["ErrorInfo"]
    assert info == error_details_pb2.ErrorInfo(
        reason="NO_COVER", domain=ERROR_DOMAIN, metadata={"kind": "REFUSED"}
    )


def test_a_precondition_says_what_must_change() -> None:
    for reason, subject in PRECONDITION_SUBJECTS.items():
        failure = details(to_status(Refused(reason, "text")))["PreconditionFailure"]
        assert failure == error_details_pb2.PreconditionFailure(
            violations=[
                error_details_pb2.PreconditionFailure.Violation(
                    type=reason.value, subject=subject, description="text"
                )
            ]
        )


def test_each_venues_cause_is_told_in_order() -> None:
    causes = (
        VenueCause("alpaca", Reason.RATE_LIMITED, "429", Effect.NONE, "a~alp~1.0"),
        VenueCause("interactive_brokers", Reason.BUDGET_EXHAUSTED, "none", Effect.NONE),
    )
    told = details(to_status(Unavailable(Reason.RATE_LIMITED, "busy", venue_causes=causes)))
    assert told["FailureDetail"] == errors_pb2.FailureDetail(
        effect=errors_pb2.EFFECT_NONE,
        venue_causes=[
            errors_pb2.VenueCause(
                venue="alpaca",
                reason=errors_pb2.ERROR_REASON_RATE_LIMITED,
                message="429",
                effect=errors_pb2.EFFECT_NONE,
                placement_id="a~alp~1.0",
            ),
            errors_pb2.VenueCause(
                venue="interactive_brokers",
                reason=errors_pb2.ERROR_REASON_BUDGET_EXHAUSTED,
                message="none",
                effect=errors_pb2.EFFECT_NONE,
            ),
        ],
    )
    quota = told["QuotaFailure"]
    assert isinstance(quota, error_details_pb2.QuotaFailure)
    assert [v.subject for v in quota.violations] == ["venue:alpaca", "venue:interactive_brokers"]


def test_a_quota_without_a_venue_is_that_of_requests() -> None:
    quota = details(to_status(Refused(Reason.BUDGET_EXHAUSTED, "none left")))["QuotaFailure"]
    assert quota == error_details_pb2.QuotaFailure(
        violations=[
            error_details_pb2.QuotaFailure.Violation(subject="requests", description="none left")
        ]
    )


@pytest.mark.parametrize(
    ("retry_after_s", "seconds", "nanos"),
    [(1.5, 1, 500_000_000), (0.0, 0, 0), (-3.0, 0, 0), (1e12, 86_400, 0)],
)
def test_a_retry_is_advised_within_reason(retry_after_s: float, seconds: int, nanos: int) -> None:
    error = Unavailable(Reason.RATE_LIMITED, "429", retry_after_s=retry_after_s)
    retry = details(to_status(error))["RetryInfo"]
    assert isinstance(retry, error_details_pb2.RetryInfo)
    assert (retry.retry_delay.seconds, retry.retry_delay.nanos) == (seconds, nanos)


@pytest.mark.parametrize("retry_after_s", [float("nan"), float("inf")])
def test_no_retry_is_advised_after_no_time(retry_after_s: float) -> None:
    error = Unavailable(Reason.VENUE_UNAVAILABLE, "down", retry_after_s=retry_after_s)
    assert names(error) == ALWAYS


@pytest.mark.parametrize("letter", ["x", "é", "語", "\U0001f600", "\ud800", "\x00"])
def test_a_long_text_does_not_cost_the_client_the_effect(letter: str) -> None:
    text = letter * 100_000
    cause = VenueCause("alpaca", Reason.VENUE_UNAVAILABLE, text, Effect.NONE)
    error = Refused(Reason.MARKET_CLOSED, text, retry_after_s=1, venue_causes=(cause, cause))
    status = to_status(error)
    # base64 of the details, and the message in up to three bytes for one.
    sent = len(status.SerializeToString()) * 4 / 3 + len(status.message.encode()) * 3
    assert sent < METADATA_BYTES_MAX
    assert status.message.endswith("...")


def test_only_our_errors_are_translated() -> None:
    error = Refused(Reason.NO_COVER, "no shares")
    assert translate(error) == to_status(error)
    assert translate(ValueError("secret")) is None
    assert translate(TimeoutError()) is None


def test_what_is_not_served_says_so() -> None:
    status = to_status(unimplemented("BrokerService.GetBars", "market data history"))
    assert status.code == code_pb2.UNIMPLEMENTED
    assert status.message == (
        "BrokerService.GetBars (market data history) is not served by this release"
    )
    assert unimplemented("GetBars").message == "GetBars is not served by this release"
    assert unimplemented("GetBars").reason is Reason.NOT_IMPLEMENTED
