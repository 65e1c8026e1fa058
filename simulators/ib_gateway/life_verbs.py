"""What the control can do to the Gateway's life: restarts, nights, logins, doors, days, pace."""

from datetime import time
from typing import Annotated, Any

import msgspec

from simulators.control.control import BadRequest, Verb
from simulators.ib_gateway.forms import Nothing, check_times, taking
from simulators.ib_gateway.frontend import Frontend
from simulators.ib_gateway.gateway import Gateway
from simulators.ib_gateway.restart import Restart
from simulators.ib_gateway.restarts import Restarts
from simulators.ib_gateway.uplink import RESTORED

_ACCOUNT_LEN_MAX = 20


class Closing(msgspec.Struct, forbid_unknown_fields=True):
    """Refuse connections for so long, then accept them and stay silent for so long."""

    refuse_s: float = 0.0
    silent_s: float = 0.0


class Restarting(msgspec.Struct, forbid_unknown_fields=True):
    """See `restart.Restart`."""

    refuse_s: float = 5.0
    silent_s: float = 0.0
    login_s: float = 0.0
    link_s: float = 0.0
    restored: int = 0
    roll_back_ids: int = 0

    def read(self) -> Restart:
        """The restart that is meant; raises BadRequest if it makes no sense."""
        check_times(self.refuse_s, self.silent_s, self.login_s, self.link_s)
        if self.roll_back_ids < 0:
            raise BadRequest("roll_back_ids must be at least 0")
        if self.restored not in (0, *RESTORED):
            raise BadRequest("restored is 0, 1101 or 1102")
        if self.link_s and not self.restored:
            raise BadRequest("link_s needs restored")
        return Restart(**{name: getattr(self, name) for name in Restart.__slots__})


class Nights(Restarting):
    """The same, each day at that time in New York, such as 23:45; "" ends it."""

    at: str = ""


class AwaitLogin(msgspec.Struct, forbid_unknown_fields=True):
    """For so many seconds; until the verb `login` if it is left out."""

    seconds: float | None = None


class LoggingIn(msgspec.Struct, forbid_unknown_fields=True):
    """The account, "" for the present one."""

    account: str = ""


class Pacing(msgspec.Struct, forbid_unknown_fields=True):
    """What is left out stays as it is."""

    messages_per_s: Annotated[int, msgspec.Meta(ge=0)] | None = None
    excesses_max: Annotated[int, msgspec.Meta(ge=1)] | None = None


class RollBack(msgspec.Struct, forbid_unknown_fields=True):
    """How many order ids to forget."""

    by: int


class LifeVerbs:
    """Each takes effect at once; what makes no sense is a BadRequest and changes nothing."""

    def __init__(self, gateway: Gateway, frontend: Frontend, restarts: Restarts) -> None:
        self._gateway = gateway
        self._frontend = frontend
        self._restarts = restarts

    def verbs(self) -> dict[str, Verb]:
        """The verbs by name."""
        return {
            "restart": taking(Restarting, lambda asked: self._restarts.restart(asked.read())),
            "restart_nightly": taking(Nights, self._restart_nightly),
            "doors": taking(Closing, self._close_doors),
            "await_login": taking(AwaitLogin, self._await_login),
            "login": taking(LoggingIn, self._log_in),
            "roll_back_ids": taking(RollBack, self._roll_back_ids),
            "forget_day": taking(Nothing, self._forget_day),
            "pacing": taking(Pacing, self._pace),
        }

    def _restart_nightly(self, asked: Nights) -> dict[str, Any]:
        try:
            at = time.fromisoformat(asked.at) if asked.at else None
        except ValueError as error:
            raise BadRequest("at is a time of day such as 23:45") from error
        if at is not None and at.tzinfo is not None:
            raise BadRequest("at is a time in New York, without a zone")
        self._restarts.schedule(at, asked.read())
        return {"at": at.isoformat("minutes") if at is not None else ""}

    def _close_doors(self, asked: Closing) -> dict[str, Any]:
        check_times(asked.refuse_s, asked.silent_s)
        self._frontend.doors.close(asked.refuse_s, asked.silent_s)
        return {"refuse_s": asked.refuse_s, "silent_s": asked.silent_s}

    def _await_login(self, asked: AwaitLogin) -> dict[str, Any]:
        if asked.seconds is not None:
            check_times(asked.seconds)
        return {"disconnected": self._restarts.await_login(asked.seconds)}

    def _log_in(self, asked: LoggingIn) -> dict[str, Any]:
        account = asked.account or self._gateway.account_id
        if not account.isalnum() or not account.isascii() or len(account) > _ACCOUNT_LEN_MAX:
            raise BadRequest(f"account is letters and digits, at most {_ACCOUNT_LEN_MAX}")
        return {"disconnected": self._restarts.log_in(account), "account": account}

    def _roll_back_ids(self, asked: RollBack) -> dict[str, Any]:
        if asked.by < 0:
            raise BadRequest("by must be at least 0")
        self._gateway.orders.roll_back_ids(asked.by)
        clients = self._gateway.clients
        return {str(client): self._gateway.orders.next_valid_id(client) for client in clients}

    def _forget_day(self, asked: Nothing) -> dict[str, Any]:
        self._gateway.venue.advance()
        self._gateway.orders.forgotten_before = self._gateway.venue.now
        return {"before": self._gateway.venue.now.isoformat()}

    def _pace(self, asked: Pacing) -> dict[str, Any]:
        pace = self._frontend.pace
        if asked.messages_per_s is not None:
            pace.messages_per_s = asked.messages_per_s
        if asked.excesses_max is not None:
            pace.excesses_max = asked.excesses_max
        return {"messages_per_s": pace.messages_per_s, "excesses_max": pace.excesses_max}
