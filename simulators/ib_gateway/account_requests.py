"""Requests about the account: updates, summary, positions, time, ids."""

from simulators.ib_gateway.account_messages import AccountMessages
from simulators.ib_gateway.call import Call, Handler
from simulators.ib_gateway.gateway import Gateway
from simulators.ib_gateway.problems import invalid

_LEDGER = "$LEDGER"


class AccountRequests:
    """Answers at once, from what the Gateway knows."""

    def __init__(self, gateway: Gateway, messages: AccountMessages) -> None:
        self._gateway = gateway
        self._messages = messages

    def handlers(self) -> dict[int, Handler]:
        """Handlers by the number of their request."""
        return {
            6: self._updates,
            8: self._ids,
            14: _nothing,
            15: _nothing,
            17: self._managed_accounts,
            49: self._current_time,
            61: self._positions,
            62: self._summary,
            63: _nothing,
            64: self._cancel_positions,
            76: self._updates_multi,
            77: _nothing,
        }

    def _updates(self, call: Call) -> None:
        args = call.args(2)
        call.session.wants_account = args.flag()
        self._check_account(args.text())
        if call.session.wants_account:
            self._messages.send_updates(call.session)
            call.session.send(54, 1, self._gateway.account_id)

    def _updates_multi(self, call: Call) -> None:
        args = call.args(3)
        account, model, only_ledger = args.text(), args.text(), args.flag()
        self._check_account(account)
        values = self._messages.ledger()
        if not only_ledger:
            values = {**self._messages.values(), **values}
        for name, (value, currency) in values.items():
            row = (self._gateway.account_id, model, name, value, currency)
            call.session.send(73, 1, call.id, *row)
        call.session.send(74, 1, call.id)

    def _summary(self, call: Call) -> None:
        args = call.args(3)
        group, tags = args.text(), args.text().split(",")
        if group not in ("All", self._gateway.account_id):
            raise invalid(f"Invalid group: {group}")
        values = self._messages.values()
        if any(tag.startswith(_LEDGER) for tag in tags):
            values = {**values, **self._messages.ledger()}
            tags = [*tags, *self._messages.ledger()]
        for tag in tags:
            if tag in values:
                call.session.send(63, 1, call.id, self._gateway.account_id, tag, *values[tag])
        call.session.send(64, 1, call.id)

    def _positions(self, call: Call) -> None:
        call.session.wants_positions = True
        for position in self._gateway.account.positions.values():
            call.session.send(*self._messages.position(position, position.qty))
        call.session.send(62, 1)

    def _cancel_positions(self, call: Call) -> None:
        call.session.wants_positions = False

    def _ids(self, call: Call) -> None:
        call.session.send(9, 1, self._gateway.orders.next_valid_id(call.session.client_id))

    def _managed_accounts(self, call: Call) -> None:
        call.session.send(15, 1, self._gateway.account_id)

    def _current_time(self, call: Call) -> None:
        call.session.send(49, 1, int(self._gateway.venue.now.timestamp()))

    def _check_account(self, account: str) -> None:
        if account not in ("", self._gateway.account_id):
            raise invalid(f"Invalid account code '{account}'")


def _nothing(call: Call) -> None:
    """Asks for nothing that is answered."""
