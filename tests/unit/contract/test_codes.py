"""Each reason has one gRPC code, and UNAVAILABLE is answered only where nothing happened."""

import grpc
import pytest
from google.rpc import status_pb2  # type: ignore[import-untyped, unused-ignore]

from services.common.contract.pb import errors_pb2
from services.common.contract.status import CODES, PRECONDITION_SUBJECTS, code_of, to_status
from services.common.contract.status.codes import effect_of
from services.common.domain.errors import (
    Effect,
    OutcomeUnknown,
    Reason,
    Refused,
    TandemError,
    Unavailable,
    VenueCause,
)

CLASSES: list[type[TandemError]] = [Refused, Unavailable]


def told_effect(status: status_pb2.Status) -> int:
    detail = errors_pb2.FailureDetail()
    found = [d for d in status.details if d.Unpack(detail)]
    assert len(found) == 1
    return detail.effect


def test_every_reason_has_a_code_and_none_is_ok() -> None:
    assert set(CODES) == set(Reason)
    assert grpc.StatusCode.OK not in CODES.values()


def test_exactly_the_preconditions_say_what_must_change() -> None:
    preconditions = {r for r, code in CODES.items() if code is grpc.StatusCode.FAILED_PRECONDITION}
    assert set(PRECONDITION_SUBJECTS) == preconditions


@pytest.mark.parametrize("reason", Reason)
def test_a_doubt_is_never_unavailable(reason: Reason) -> None:
    status = to_status(OutcomeUnknown("no answer", reason=reason))
    assert status.code == grpc.StatusCode.UNKNOWN.value[0]
    assert told_effect(status) == errors_pb2.EFFECT_UNKNOWN


@pytest.mark.parametrize("cls", CLASSES)
@pytest.mark.parametrize("reason", Reason)
def test_unavailable_says_effect_none(reason: Reason, cls: type[TandemError]) -> None:
    status = to_status(cls(reason, "text"))
    assert status.code == CODES[reason].value[0]
    assert told_effect(status) == errors_pb2.EFFECT_NONE


@pytest.mark.parametrize("reason", Reason)
def test_one_venue_in_doubt_makes_the_whole_a_doubt(reason: Reason) -> None:
    causes = (
        VenueCause("alpaca", Reason.VENUE_UNAVAILABLE, "refused", Effect.NONE),
        VenueCause("interactive_brokers", Reason.OUTCOME_UNKNOWN, "no answer", Effect.UNKNOWN),
    )
    error = Unavailable(reason, "text", venue_causes=causes)
    assert effect_of(error) is Effect.UNKNOWN
    assert code_of(error) is grpc.StatusCode.UNKNOWN
    assert told_effect(to_status(error)) == errors_pb2.EFFECT_UNKNOWN


@pytest.mark.parametrize(
    ("reason", "code"),
    [
        (Reason.INVALID_FIELD, grpc.StatusCode.INVALID_ARGUMENT),
        (Reason.UNSUPPORTED_FIELD, grpc.StatusCode.UNIMPLEMENTED),
        (Reason.NOT_IMPLEMENTED, grpc.StatusCode.UNIMPLEMENTED),
        (Reason.CLIENT_ORDER_ID_REUSED, grpc.StatusCode.ALREADY_EXISTS),
        (Reason.ORDER_NOT_FOUND, grpc.StatusCode.NOT_FOUND),
        (Reason.ORDER_ENDED, grpc.StatusCode.FAILED_PRECONDITION),
        (Reason.STALE_EPOCH, grpc.StatusCode.FAILED_PRECONDITION),
        (Reason.ALL_VENUES_UNAVAILABLE, grpc.StatusCode.UNAVAILABLE),
        (Reason.BUDGET_EXHAUSTED, grpc.StatusCode.RESOURCE_EXHAUSTED),
        (Reason.OUTCOME_UNKNOWN, grpc.StatusCode.UNKNOWN),
        (Reason.TOKEN_EXPIRED, grpc.StatusCode.OUT_OF_RANGE),
    ],
)
def test_the_codes_that_the_contract_names(reason: Reason, code: grpc.StatusCode) -> None:
    assert CODES[reason] is code
