"""What clients are told of the account while they listen: figures, positions, profit and loss."""

from collections.abc import Iterable
from datetime import timedelta
from decimal import Decimal

from simulators.ib_gateway.account_messages import AccountMessages, rows_of
from simulators.ib_gateway.gateway import Gateway
from simulators.ib_gateway.order_replies import Message
from simulators.ib_gateway.session import Session
from simulators.ib_gateway.subscriptions import Figures, Profit, Values, changed
from simulators.venue import trading_calendar as calendar
from simulators.venue.accounts import Position

_FIGURES_EACH = timedelta(minutes=3)
_PROFIT_EACH = timedelta(seconds=1)
_ZERO, _CENT = Decimal(0), Decimal("0.01")


class AccountStreams:
    """Positions are told at once, other figures with them and each three minutes if they changed.

    Profit and loss follow what changes them by a second. While the link to IB is down, or the feed
    of the account is frozen, nothing is told.
    """

    def __init__(self, gateway: Gateway, messages: AccountMessages) -> None:
        self._gateway = gateway
        self._messages = messages
        self._is_beating = False
        self._is_profit_due = False
        self._is_stirred = False
        messages.subscribe(self._position_changed)
        gateway.venue.subscribe(lambda event: self._stir())
        gateway.market.events.subscribe(lambda event: self._stir())
        gateway.venue.subscribe_to_quotes(lambda quote: self._stir())
        gateway.venue.repeat(calendar.next_minute, self._stir)

    # What is asked for

    def send_account(self, session: Session) -> None:
        """All that reqAccountUpdates subscribes to."""
        figures = session.subscriptions.account
        figures.told = {}
        self._tell_account(session, figures)
        for position in self._gateway.account.positions.values():
            session.send(*self._messages.portfolio(position, position.qty))
        self._send_time(session)
        self._beat()

    def send_multi(self, session: Session, req_id: int, figures: Figures) -> None:
        """All that reqAccountUpdatesMulti subscribes to."""
        session.subscriptions.accounts_multi[req_id] = figures
        self._tell_multi(session, req_id, figures)
        self._beat()

    def send_summary(self, session: Session, req_id: int, figures: Figures) -> None:
        """The tags of a summary."""
        session.subscriptions.summaries[req_id] = figures
        self._tell_summary(session, req_id, figures)
        self._beat()

    def send_profit(self, session: Session, req_id: int, profit: Profit) -> None:
        """Profit and loss, of the account or of one instrument."""
        session.subscriptions.profits[req_id] = profit
        self._tell_profit(session, req_id, profit)

    # What changes

    def _stir(self) -> None:
        """Figures may be others now: by a quote, an order, a fee, or (options) time alone.

        Profit and loss are told a second later, once for all that happens meanwhile.
        """
        self._is_stirred = True
        if self._is_profit_due or not any(s.subscriptions.profits for s in self._sessions()):
            return
        self._is_profit_due = True
        self._gateway.venue.run_at(self._gateway.venue.now + _PROFIT_EACH, self._tell_profits)

    def _position_changed(self, symbol: str) -> None:
        position = self._gateway.account.positions.get(symbol)
        shown = position or Position(self._gateway.venue.catalog.get(symbol))
        for session in self._sessions():
            if session.wants_positions:
                session.send(*self._messages.position(shown, shown.qty))
            for req_id, model in session.subscriptions.positions_multi.items():
                session.send(*self.position_multi(req_id, model, shown))
            for req_id, figures in session.subscriptions.accounts_multi.items():
                self._tell_multi(session, req_id, figures)
            if session.wants_account:
                if position is None:
                    session.send(*self._messages.portfolio(shown, shown.qty))
                self.send_account(session)
        self._stir()

    def position_multi(self, req_id: int, model: str, position: Position) -> Message:
        """positionMulti."""
        _, _, *rest = self._messages.position(position, position.qty)
        return (71, 1, req_id, *rest, model)

    def _sessions(self) -> list[Session]:
        return list(self._gateway.clients.values())

    @property
    def _is_live(self) -> bool:
        gateway = self._gateway
        return gateway.account is gateway.venue.accounts[gateway.account_id]

    # Each three minutes

    def _beat(self) -> None:
        if not self._is_beating:
            self._is_beating = True
            self._gateway.venue.run_at(self._gateway.venue.now + _FIGURES_EACH, self._tell_figures)

    def _tell_figures(self) -> None:
        self._is_beating = False
        is_listened_to = False
        is_news = self._is_stirred and self._is_live
        self._is_stirred = self._is_stirred and not is_news
        for session in self._sessions():
            told = session.subscriptions
            is_listened_to |= session.wants_account or bool(told.summaries or told.accounts_multi)
            if is_news:
                self._tell_session(session)
        if is_listened_to:
            self._beat()

    def _tell_session(self, session: Session) -> None:
        if session.wants_account and self._tell_account(session, session.subscriptions.account):
            for position in self._gateway.account.positions.values():
                session.send(*self._messages.portfolio(position, position.qty))
            self._send_time(session)
        for req_id, figures in session.subscriptions.summaries.items():
            self._tell_summary(session, req_id, figures)
        for req_id, figures in session.subscriptions.accounts_multi.items():
            self._tell_multi(session, req_id, figures)

    def _tell_account(self, session: Session, figures: Figures) -> bool:
        """Whether there was anything to tell."""
        rows = rows_of(self._changes(figures))
        for name, value, currency in rows:
            session.send(6, 2, name, value, currency, self._gateway.account_id)
        return bool(rows)

    def _tell_multi(self, session: Session, req_id: int, figures: Figures) -> None:
        for row in rows_of(self._changes(figures)):
            session.send(73, 1, req_id, self._gateway.account_id, figures.model, *row)

    def _tell_summary(self, session: Session, req_id: int, figures: Figures) -> None:
        for name, (value, currency) in self._changes(figures).items():
            session.send(63, 1, req_id, self._gateway.account_id, name, value, currency)

    def _changes(self, figures: Figures) -> Values:
        """What is another figure than was told before; takes note of it."""
        values = self._messages.ledger()
        if not figures.ledger_only:
            values = {**self._messages.values(), **values}
        if figures.tags is not None:
            values = {name: value for name, value in values.items() if name in figures.tags}
        news, figures.told = changed(figures.told, values), values
        return news

    def _send_time(self, session: Session) -> None:
        session.send(8, 1, f"{self._gateway.venue.now.astimezone(calendar.NEW_YORK):%H:%M}")

    # Profit and loss

    def _tell_profits(self) -> None:
        self._is_profit_due = False
        if not self._gateway.uplink.is_up:
            self._gateway.uplink.when_up(self._stir)
        if not self._is_live:
            return
        for session in self._sessions():
            for req_id, profit in session.subscriptions.profits.items():
                self._tell_profit(session, req_id, profit)

    def _tell_profit(self, session: Session, req_id: int, profit: Profit) -> None:
        days, account = self._messages.days, self._gateway.account
        if profit.symbol:
            figures = days.of_symbol(account, profit.symbol)
            qty, value = account.position_qty(profit.symbol), self._messages.value_of(profit.symbol)
            told: Message = (95, req_id, qty, *_cents(figures), *_cents((value,)))
        else:
            held = account.positions.values()
            unrealised = sum((days.unrealised(p) for p in held), _ZERO)
            figures = (days.daily(account), unrealised, days.realised(account))
            told = (94, req_id, *_cents(figures))
        if told != profit.told:
            session.send(*told)
            profit.told = told


def _cents(figures: Iterable[Decimal]) -> list[Decimal]:
    return [figure.quantize(_CENT) for figure in figures]
