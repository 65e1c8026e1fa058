"""Requests about the account: figures, positions, profit and loss, time, ids."""

from typing import TypeVar

from simulators.ib_gateway.account_messages import AccountMessages
from simulators.ib_gateway.account_streams import AccountStreams
from simulators.ib_gateway.call import Call, Handler
from simulators.ib_gateway.contracts import Wanted
from simulators.ib_gateway.gateway import Gateway
from simulators.ib_gateway.problems import Problem, invalid
from simulators.ib_gateway.subscriptions import Figures, Profit

_LEDGER = "$LEDGER"
_SUMMARIES_MAX = 2
_S = TypeVar("_S")


class AccountRequests:
    """Answers at once, from what the Gateway knows, and goes on as it changes."""

    def __init__(self, gateway: Gateway, messages: AccountMessages) -> None:
        self._gateway = gateway
        self._messages = messages
        self._streams = AccountStreams(gateway, messages)

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
            63: lambda call: _drop(call.session.subscriptions.summaries, call),
            64: self._cancel_positions,
            74: self._positions_multi,
            75: lambda call: _drop(call.session.subscriptions.positions_multi, call),
            76: self._updates_multi,
            77: lambda call: _drop(call.session.subscriptions.accounts_multi, call),
            92: self._profit,
            93: lambda call: _drop(call.session.subscriptions.profits, call),
            94: self._profit_of_one,
            95: lambda call: _drop(call.session.subscriptions.profits, call),
        }

    def _updates(self, call: Call) -> None:
        args = call.args(2)
        call.session.wants_account = args.flag()
        self._check_account(args.text())
        if call.session.wants_account:
            self._streams.send_account(call.session)
            call.session.send(54, 1, self._gateway.account_id)

    def _updates_multi(self, call: Call) -> None:
        args = call.args(3)
        account, model, ledger_only = args.text(), args.text(), args.flag()
        self._check_account(account)
        figures = Figures(model=model, ledger_only=ledger_only)
        self._streams.send_multi(call.session, call.id, figures)
        call.session.send(74, 1, call.id)

    def _summary(self, call: Call) -> None:
        args = call.args(3)
        group, tags = args.text(), args.text().split(",")
        if group not in ("All", self._gateway.account_id):
            raise invalid(f"Invalid group: {group[:40]}")
        summaries = call.session.subscriptions.summaries
        if call.id not in summaries and len(summaries) >= _SUMMARIES_MAX:
            text = "Maximum number of account summary requests exceeded"
            raise Problem(322, f"Error processing request.-'bM' : cause - {text}")
        names = {tag.strip() for tag in tags}
        if any(name.startswith(_LEDGER) for name in names):
            names |= set(self._messages.ledger())
        self._streams.send_summary(call.session, call.id, Figures(frozenset(names)))
        call.session.send(64, 1, call.id)

    def _positions(self, call: Call) -> None:
        call.session.wants_positions = True
        for position in self._gateway.account.positions.values():
            call.session.send(*self._messages.position(position, position.qty))
        call.session.send(62, 1)

    def _cancel_positions(self, call: Call) -> None:
        call.session.wants_positions = False

    def _positions_multi(self, call: Call) -> None:
        args = call.args(3)
        account, model = args.text(), args.text()
        self._check_account(account)
        for position in self._gateway.account.positions.values():
            call.session.send(*self._streams.position_multi(call.id, model, position))
        call.session.send(72, 1, call.id)
        call.session.subscriptions.positions_multi[call.id] = model

    def _profit(self, call: Call) -> None:
        self._start_profit(call, call.args(2).text(), "")

    def _profit_of_one(self, call: Call) -> None:
        args = call.args(2)
        account, _model, con_id = args.text(), args.text(), args.integer()
        instrument = self._gateway.contract(Wanted(con_id=con_id))
        self._start_profit(call, account, instrument.symbol)

    def _start_profit(self, call: Call, account: str, symbol: str) -> None:
        self._check_account(account)
        if call.id in call.session.subscriptions.profits:
            raise Problem(322, "Error processing request.-'cm' : cause - Duplicate request id")
        self._streams.send_profit(call.session, call.id, Profit(symbol))

    def _ids(self, call: Call) -> None:
        call.session.send(9, 1, self._gateway.orders.next_valid_id(call.session.client_id))

    def _managed_accounts(self, call: Call) -> None:
        call.session.send(15, 1, self._gateway.account_id)

    def _current_time(self, call: Call) -> None:
        call.session.send(49, 1, int(self._gateway.venue.now.timestamp()))

    def _check_account(self, account: str) -> None:
        if account not in ("", self._gateway.account_id):
            raise invalid(f"Invalid account code '{account[:40]}'")


def _drop(subscriptions: dict[int, _S], call: Call) -> None:
    """Ends a subscription; that there is none is nothing to say."""
    subscriptions.pop(call.id, None)


def _nothing(call: Call) -> None:
    """Asks for nothing that is answered."""
