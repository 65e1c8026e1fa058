"""What a call can raise. Every error says whether the mutation may have happened.

    TandemError
    ├── InvalidRequest    the request is wrong; `field` names the part
    ├── NotFound          no such account, order or venue
    ├── AlreadyExists     the client_order_id was used before, with other content
    ├── Refused           a rule forbids it now: gate, cover, intent, limits, permission
    ├── Unavailable       the server's own word that nothing happened; may be sent again
    ├── Unreachable       nothing answers at the address
    ├── OutcomeUnknown    a mutation was sent and nobody said whether it happened
    ├── ReadFailed        a read failed; the caller knows nothing new
    ├── TokenExpired      the watch token is too old: list, then watch from the list's token
    ├── MalformedReply    the server said something that the contract does not allow
    └── WaitTimeout       the wait ended before the order did; the order is as it was

`effect` is NONE only if the server's FailureDetail says so, or if the library itself never began
the call. A gRPC status code proves nothing: UNAVAILABLE is also what a server killed after the
effect looks like. A mutation whose effect is UNKNOWN is an OutcomeUnknown whatever its code: look
the order up by its client_order_id before anything else.
"""

from __future__ import annotations

from tandem_client.orders import Order
from tandem_client.reasons import Effect, Reason, VenueCause


class TandemError(Exception):
    """Root. `code` is the gRPC status name, empty if no server answered.

    `field` is the path in the request that is wrong, `retry_after_s` seconds after which the
    server would like to be asked again; both None if not said.
    """

    def __init__(
        self,
        message: str,
        *,
        reason: Reason = Reason.UNSPECIFIED,
        effect: Effect = Effect.UNKNOWN,
        code: str = "",
        field: str | None = None,
        retry_after_s: float | None = None,
        venue_causes: tuple[VenueCause, ...] = (),
    ) -> None:
        super().__init__(message)
        self.message = message
        self.reason = reason
        self.effect = effect
        self.code = code
        self.field = field
        self.retry_after_s = retry_after_s
        self.venue_causes = venue_causes


class InvalidRequest(TandemError):
    """The request itself is wrong; `field` names the part."""

    @classmethod
    def unsent(cls, field: str, message: str) -> InvalidRequest:
        """One that was found here, before anything was sent."""
        return cls(
            f"{field}: {message}", reason=Reason.INVALID_FIELD, effect=Effect.NONE, field=field
        )


class NotFound(TandemError):
    """Something named in the request is not known there."""


class AlreadyExists(TandemError):
    """The client_order_id was used before for an order with other content."""


class Refused(TandemError):
    """A rule forbids it now."""


class Unavailable(TandemError):
    """The server itself said that nothing happened. Sending the same again is safe."""


class Unreachable(TandemError):
    """Nothing answers at the address, or the connection broke under a read."""


class OutcomeUnknown(TandemError):
    """A mutation that may or may not have happened. Look it up; never send it under a new id."""


class ReadFailed(TandemError):
    """A read failed, was partial or took too long. It is never "empty"."""


class TokenExpired(TandemError):
    """The watch token is too old: list again, then watch from the list's `watch_token`."""


class MalformedReply(TandemError):
    """The server's reply breaks the contract. A mutation may have happened."""


class WaitTimeout(TandemError):
    """The deadline of a wait passed. `order` is the order as last seen; it goes on working."""

    def __init__(self, message: str, order: Order) -> None:
        super().__init__(message)
        self.order = order
