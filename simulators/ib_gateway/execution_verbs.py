"""What the control can do to executions: correct them, or bust them."""

from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from fractions import Fraction
from typing import Any

import msgspec

from simulators.control.control import BadRequest, Verb
from simulators.control.truth import execution_record
from simulators.ib_gateway.account_messages import AccountMessages
from simulators.ib_gateway.announcements import Announcements
from simulators.ib_gateway.forms import taking
from simulators.ib_gateway.gateway import Gateway
from simulators.venue.corrections import Corrections
from simulators.venue.orders import Execution

_EVER = datetime.min.replace(tzinfo=UTC)


class Correcting(msgspec.Struct, forbid_unknown_fields=True):
    """What is left out stays; decimals in strings."""

    exec_id: str
    qty: str | None = None
    px: str | None = None


class Busting(msgspec.Struct, forbid_unknown_fields=True):
    """The execution that never was."""

    exec_id: str


class ExecutionVerbs:
    """Each takes effect at once, and is told once the link to IB is up."""

    def __init__(
        self, gateway: Gateway, announcements: Announcements, accounts: AccountMessages
    ) -> None:
        self._gateway = gateway
        self._announcements = announcements
        self._accounts = accounts
        self._corrections = Corrections(gateway.venue)

    def verbs(self) -> dict[str, Verb]:
        """The verbs by name."""
        return {
            "correct_execution": taking(Correcting, self._correct),
            "bust_execution": taking(Busting, lambda a: self._correct(Correcting(a.exec_id, "0"))),
        }

    def _correct(self, asked: Correcting) -> dict[str, Any]:
        qty, px = _decimal(asked.qty, "qty"), _decimal(asked.px, "px")
        revision = next_revision(asked.exec_id)
        execution = self._corrections.correct(asked.exec_id, revision, qty, px)
        account_id = execution.order.account_id
        self._gateway.news(account_id, lambda: self._tell(asked.exec_id, execution))
        return {**execution_record(execution), "corrects": asked.exec_id}

    def _tell(self, exec_id: str, execution: Execution) -> None:
        known = [fill for fill in self._gateway.orders.fills(_EVER) if fill.exec_id == exec_id]
        for fill in known:
            self._announcements.correct(
                replace(
                    fill,
                    exec_id=execution.exec_id,
                    qty=execution.last_qty,
                    px=execution.last_px,
                    cum_qty=execution.cum_qty,
                    avg_px=execution.order.avg_px or Fraction(0),
                    fee=execution.fee,
                )
            )
        self._accounts.position_changed(execution.order.symbol)


def next_revision(exec_id: str) -> str:
    """The id of the next correction: its last part has grown."""
    stem, _, revision = exec_id.rpartition(".")
    if not stem or not (revision.isascii() and revision.isdigit()):
        raise BadRequest(f"{exec_id!r} is no execution's id")
    return f"{stem}.{int(revision) + 1:02d}"


def _decimal(text: str | None, name: str) -> Decimal | None:
    if text is None:
        return None
    try:
        value = Decimal(text)
    except InvalidOperation as error:
        raise BadRequest(f"{name} is not a decimal") from error
    if not value.is_finite() or abs(value) > Decimal("1e9"):
        raise BadRequest(f"{name} is out of range")
    return value
