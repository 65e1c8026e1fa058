"""What a caller may conclude from a failed call: "no effect" only by the server's own word."""

import grpc
import pytest
from google.protobuf.message import Message
from google.rpc import (  # type: ignore[import-untyped, unused-ignore]
    code_pb2,
    error_details_pb2,
)
from hypothesis import given
from hypothesis import strategies as st

from services.common.contract.pb import errors_pb2
from services.common.contract.status import from_rpc_error, to_status
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
from tests.unit.contract.messages import nested
from tests.unit.contract.rpc_errors import (
    NONE,
    UNKNOWN,
    failed_call,
    info,
    raw_failure,
    status_of,
)
from tests.unit.contract.strategies import TEXTS, VENUES, optional, unhurried

SENT_NOTHING = (
    VenueCause("alpaca", Reason.VENUE_UNAVAILABLE, "connection refused", Effect.NONE, "a~alp~1.0"),
    VenueCause("interactive_brokers", Reason.CREDENTIALS_REFUSED, "logged out", Effect.NONE),
)
CLAIMS_NOTHING = st.builds(
    VenueCause, VENUES, st.sampled_from(Reason), TEXTS, st.just(Effect.NONE), TEXTS
)


@st.composite
def errors_without_effect(draw: st.DrawFn) -> TandemError:
    """Any error that a mutation may end with, and that says "no effect"."""
    reason, message = draw(st.sampled_from(Reason)), draw(TEXTS)
    cls = draw(st.sampled_from([InvalidRequest, NotFound, Refused, Unavailable]))
    error: TandemError
    if cls is InvalidRequest:
        error = InvalidRequest(draw(VENUES), message, reason=reason)
    else:
        error = cls(reason, message)
    error.retry_after_s = draw(optional(st.integers(0, 86_400_000).map(lambda ms: ms / 1000)))
    error.venue_causes = tuple(draw(st.lists(CLAIMS_NOTHING, max_size=3)))
    return error


def everything_said(error: TandemError) -> tuple[object, ...]:
    field = error.field if isinstance(error, InvalidRequest) else None
    return (
        *(type(error), error.reason, error.message, str(error), field),
        *(error.retry_after_s, error.venue_causes, error.effect),
    )


def over_the_wire(error: TandemError, *, mutation: bool) -> TandemError:
    return from_rpc_error(failed_call(to_status(error)), mutation=mutation)


@unhurried
@given(errors_without_effect())
def test_an_error_without_effect_comes_back_whole(error: TandemError) -> None:
    assert everything_said(over_the_wire(error, mutation=True)) == everything_said(error)


@unhurried
@given(errors_without_effect())
def test_a_failed_read_keeps_what_was_said(error: TandemError) -> None:
    back = over_the_wire(error, mutation=False)
    assert type(back) is ReadFailed
    assert (back.reason, back.message) == (error.reason, error.message)
    assert (back.retry_after_s, back.venue_causes) == (error.retry_after_s, error.venue_causes)
    # So the next server up answers with the same code.
    assert to_status(back).code == to_status(error).code


@pytest.mark.parametrize("reason", Reason)
def test_a_doubt_stays_a_doubt_with_its_reason(reason: Reason) -> None:
    back = over_the_wire(OutcomeUnknown("no answer", reason=reason), mutation=True)
    assert everything_said(back) == everything_said(OutcomeUnknown("no answer", reason=reason))


def test_a_read_that_failed_inside_a_mutation_leaves_it_in_doubt() -> None:
    back = over_the_wire(ReadFailed("the answer was cut short"), mutation=True)
    assert type(back) is OutcomeUnknown
    assert (back.reason, back.message) == (Reason.READ_FAILED, "the answer was cut short")


def test_a_read_that_failed_is_a_failed_read() -> None:
    error = ReadFailed("partial", reason=Reason.RATE_LIMITED, retry_after_s=2.5)
    assert everything_said(over_the_wire(error, mutation=False)) == everything_said(error)


def test_the_causes_of_all_venues_come_back() -> None:
    error = Unavailable(Reason.ALL_VENUES_UNAVAILABLE, "none took it", venue_causes=SENT_NOTHING)
    assert over_the_wire(error, mutation=True).venue_causes == SENT_NOTHING


@pytest.mark.parametrize("code", [c for c in grpc.StatusCode if c is not grpc.StatusCode.OK])
def test_a_code_alone_proves_nothing(code: grpc.StatusCode) -> None:
    for error in (
        raw_failure(code, message="from the library"),
        raw_failure(code, status_of(code=code.value[0]).SerializeToString()),
        raw_failure(code, status_of(info(), code=code.value[0]).SerializeToString()),
        raw_failure(code, status_of(NONE, code=code.value[0]).SerializeToString()),
    ):
        doubt = from_rpc_error(error, mutation=True)
        assert (type(doubt), doubt.reason) == (OutcomeUnknown, Reason.OUTCOME_UNKNOWN)
        assert code.name in doubt.message
        assert type(from_rpc_error(error, mutation=False)) is ReadFailed


GOOD: bytes = status_of(info(), NONE).SerializeToString()


def broken(kind: str) -> bytes:
    """A status whose detail of that type is not a message."""
    detail = nested(1, f"type.googleapis.com/{kind}".encode()) + nested(2, b"\xff\xff")
    return GOOD + nested(3, detail)


HALF = errors_pb2.FailureDetail(
    effect=errors_pb2.EFFECT_NONE,
    venue_causes=[errors_pb2.VenueCause(venue="alpaca", effect=errors_pb2.EFFECT_UNKNOWN)],
)


@pytest.mark.parametrize(
    "details",
    [
        [],
        [b""],
        [b"\xff\xff\xff"],
        [GOOD[:-1]],
        [GOOD, GOOD],
        [status_of(info(), NONE, code=code_pb2.INTERNAL).SerializeToString()],
        [status_of(info(), info(), NONE).SerializeToString()],
        [status_of(info(domain="example.com"), NONE).SerializeToString()],
        [status_of(info(domain=""), NONE).SerializeToString()],
        [status_of(info(), errors_pb2.FailureDetail()).SerializeToString()],
        [status_of(info(), NONE, UNKNOWN).SerializeToString()],
        [status_of(info(), HALF).SerializeToString()],
        [status_of(info("OUTCOME_UNKNOWN"), NONE).SerializeToString()],
        [broken("tandem.v1.FailureDetail")],
        [broken("google.rpc.ErrorInfo")],
        [broken("google.rpc.RetryInfo")],
        [broken("google.rpc.BadRequest")],
    ],
)
def test_details_that_are_missing_broken_or_at_odds_prove_nothing(details: list[bytes]) -> None:
    error = raw_failure(grpc.StatusCode.UNAVAILABLE, *details)
    assert type(from_rpc_error(error, mutation=True)) is OutcomeUnknown
    assert type(from_rpc_error(error, mutation=False)) is ReadFailed


def test_those_details_would_be_proof_if_they_were_whole() -> None:
    error = from_rpc_error(raw_failure(grpc.StatusCode.UNAVAILABLE, GOOD), mutation=True)
    assert everything_said(error) == everything_said(Unavailable(Reason.VENUE_UNAVAILABLE, "told"))


@pytest.mark.parametrize(
    ("code", "reason", "cls"),
    [
        (code_pb2.INVALID_ARGUMENT, "INVALID_FIELD", InvalidRequest),
        (code_pb2.NOT_FOUND, "ORDER_NOT_FOUND", NotFound),
        (code_pb2.UNAVAILABLE, "VENUE_UNAVAILABLE", Unavailable),
        (code_pb2.RESOURCE_EXHAUSTED, "RATE_LIMITED", Unavailable),
        (code_pb2.FAILED_PRECONDITION, "STALE_EPOCH", Refused),
        (code_pb2.ALREADY_EXISTS, "CLIENT_ORDER_ID_REUSED", Refused),
        (code_pb2.UNAVAILABLE, "READ_FAILED", OutcomeUnknown),
    ],
)
def test_a_server_that_does_not_say_the_kind_is_read_by_reason_and_code(
    code: int, reason: str, cls: type[TandemError]
) -> None:
    back = from_rpc_error(failed_call(status_of(info(reason), NONE, code=code)), mutation=True)
    assert (type(back), back.reason.value, back.message) == (cls, reason, _shown(cls))


def _shown(cls: type[TandemError]) -> str:
    # Without a BadRequest it is the request as a whole.
    return "request: told" if cls is InvalidRequest else "told"


def test_a_reason_of_a_later_release_is_unspecified() -> None:
    status = status_of(info("A_NEW_REASON"), NONE, code=code_pb2.FAILED_PRECONDITION)
    back = from_rpc_error(failed_call(status), mutation=True)
    assert everything_said(back) == everything_said(Refused(Reason.UNSPECIFIED, "told"))


@pytest.mark.parametrize("number", [0, 2, 77])
def test_an_effect_other_than_none_is_unknown(number: int) -> None:
    detail = errors_pb2.FailureDetail.FromString(bytes([0x08, number]))
    status = status_of(info("NO_COVER"), detail, code=code_pb2.FAILED_PRECONDITION)
    back = from_rpc_error(failed_call(status), mutation=True)
    assert (type(back), back.reason) == (OutcomeUnknown, Reason.NO_COVER)


def test_details_of_others_do_not_disturb() -> None:
    link: Message = error_details_pb2.Help(links=[error_details_pb2.Help.Link(url="x")])
    back = from_rpc_error(failed_call(status_of(link, info(), NONE, link)), mutation=True)
    assert type(back) is Unavailable


def test_an_error_without_anything_proves_nothing() -> None:
    error = grpc.RpcError("channel gone")
    assert type(from_rpc_error(error, mutation=True)) is OutcomeUnknown
    assert "channel gone" in from_rpc_error(error, mutation=False).message


@pytest.mark.parametrize(
    ("code", "details", "message"),
    [
        (
            grpc.StatusCode.UNAVAILABLE,
            "failed to connect to all addresses; last error: UNKNOWN: ipv4:127.0.0.1:50051: "
            "Failed to connect to remote host: Connection refused",
            "nothing answers at 127.0.0.1:50051 (Connection refused)",
        ),
        (
            grpc.StatusCode.UNAVAILABLE,
            "failed to connect to all addresses; last error: UNKNOWN: ipv6:%5B::1%5D:50051: "
            "Failed to connect to remote host: No route to host",
            "nothing answers at [::1]:50051 (No route to host)",
        ),
        (
            grpc.StatusCode.UNAVAILABLE,
            "Stream removed (Socket closed)",
            "the connection was lost (Socket closed)",
        ),
        (grpc.StatusCode.UNAVAILABLE, "Socket closed", "the connection was lost (Socket closed)"),
        (grpc.StatusCode.UNAVAILABLE, "something new", "UNAVAILABLE: something new"),
        (grpc.StatusCode.CANCELLED, "Socket closed", "CANCELLED: Socket closed"),
    ],
)
def test_what_grpc_says_of_connections_is_put_into_words_for_a_person(
    code: grpc.StatusCode, details: str, message: str
) -> None:
    assert from_rpc_error(raw_failure(code, message=details), mutation=False).message == message
