"""The Gateway's core: the clients that are connected, the link to IB, and what it knows."""

from collections.abc import Callable
from copy import deepcopy

from simulators.ib_gateway import uplink as codes
from simulators.ib_gateway.contracts import ConflictingConId, ContractFinder, Wanted
from simulators.ib_gateway.login import Login
from simulators.ib_gateway.order_book import ApiOrder, GatewayOrders
from simulators.ib_gateway.problems import (
    Problem,
    ambiguous,
    con_id_conflict,
    invalid,
    no_definition,
)
from simulators.ib_gateway.restrictions import Restrictions, client_id_in_use
from simulators.ib_gateway.session import Session
from simulators.ib_gateway.settings import IbGatewaySettings
from simulators.ib_gateway.timers import Timers
from simulators.ib_gateway.uplink import Uplink
from simulators.venue.accounts import Account
from simulators.venue.instruments import Instrument
from simulators.venue.market import Market
from simulators.venue.refusals import NoSuchOrder

_CLIENTS_MAX = 32


class Gateway:
    """Clients by id, each id once; everything they are told goes through here."""

    def __init__(self, market: Market, settings: IbGatewaySettings) -> None:
        self.market = market
        self.venue = market.venue
        self.settings = settings
        self.account_id = settings.account
        self.market_data = settings.market_data
        self.fill_events = settings.fill_events
        self.orders = GatewayOrders()
        self.finder = ContractFinder(market.catalog)
        self.uplink = Uplink()
        self.login = Login()
        self.restrictions = Restrictions()
        self.timers = Timers()
        self.clients: dict[int, Session] = {}
        self.ghosts: set[int] = set()
        """Client ids whose connections are gone, which the Gateway has not noticed (a fault)."""
        self._account_when_lost: Account | None = None
        self._frozen_account: Account | None = None
        self._others: dict[str, GatewayOrders] = {}
        self._unheard: dict[str, list[Callable[[], None]]] = {}

    @property
    def account(self) -> Account:
        """The account as the Gateway knows it: while the link is down, as it was before."""
        known = self._frozen_account or self._account_when_lost
        return known or self.venue.accounts[self.account_id]

    @property
    def account_feed(self) -> str:
        """ "live", or "frozen": positions and figures stay as they were when it became so."""
        return "frozen" if self._frozen_account is not None else "live"

    def set_account_feed(self, word: str) -> list[str]:
        """Turns it; returns the symbols whose positions are now known to be others."""
        if word == "frozen":
            self._frozen_account = self._frozen_account or deepcopy(self.account)
            return []
        before, self._frozen_account = self._frozen_account, None
        if before is None:
            return []
        symbols = dict.fromkeys((*before.positions, *self.account.positions))
        now = self.account.position_qty
        return [symbol for symbol in symbols if before.position_qty(symbol) != now(symbol)]

    def start(self, session: Session, client_id: int) -> None:
        """startApi: the session is that client from now on, or is refused and ended."""
        if session.is_ended:
            return
        if client_id < 0:
            self._refuse(session, invalid("Invalid client id"))
            return
        try:
            self.restrictions.check_start(self.account_id)
        except Problem as problem:
            self._refuse(session, problem)
            return
        in_use = {*self.clients, *self.ghosts}
        if client_id in in_use or len(in_use) >= _CLIENTS_MAX:
            self._refuse(session, client_id_in_use())
            return
        session.client_id = client_id
        self.clients[client_id] = session
        session.send(15, 1, self.account_id)
        session.send(9, 1, self.orders.next_valid_id(client_id))
        for code in self.uplink.notices():
            session.error(code, codes.TEXTS[code])

    def _refuse(self, session: Session, problem: Problem) -> None:
        session.error(problem.code, problem.text)
        session.end()

    def left(self, session: Session) -> None:
        """The session has ended; its client id is free again."""
        if self.clients.get(session.client_id) is session:
            del self.clients[session.client_id]

    def news(self, account_id: str, act: Callable[[], None]) -> None:
        """Does what news from IB call for: now, or once the link is up and that account logged in.

        What waits happens in the order in which it came.
        """
        if account_id == self.account_id:
            self.uplink.when_up(act)
        else:
            self._unheard.setdefault(account_id, []).append(act)

    def log_in(self, account_id: str) -> None:
        """The Gateway is logged in at that account, which IB opens if there is none yet.

        Orders, executions and ids are those of the account: of another one nothing is known.
        """
        if account_id != self.account_id:
            self._change_account(account_id)
        self.login.enter()

    def _change_account(self, account_id: str) -> None:
        self.venue.advance()
        before, settings = self.account_id, self.settings
        self.forget_sent()
        self._unheard.setdefault(before, []).extend(self.uplink.take_waiting())
        self._others[before] = self.orders
        known = self._others.get(account_id)
        self.orders = GatewayOrders() if known is None else known
        opened = Account(account_id, settings.cash, options_level=settings.options_level)
        self.venue.accounts.setdefault(account_id, opened)
        self.account_id = account_id
        self._frozen_account = None
        for act in self._unheard.pop(account_id, []):
            act()  # IB tells a Gateway that logs in how everything stands
        if not self.uplink.is_up:
            self._account_when_lost = deepcopy(self.venue.accounts[account_id])

    def tell_all(self, code: int) -> None:
        """Sends a notice to every client."""
        for session in list(self.clients.values()):
            session.error(code, codes.TEXTS[code])

    def lose_link(self, code: int) -> None:
        """The link to IB goes down: lists stay as they are, news and orders wait."""
        if self.uplink.is_up:
            self._account_when_lost = deepcopy(self.venue.accounts[self.account_id])
        self.uplink.lose(code)
        self.tell_all(code)

    def restore_link(self, code: int) -> None:
        """It is back; after 1101 clients have to subscribe to market data again."""
        self._account_when_lost = None
        if code == 1101:
            for session in self.clients.values():
                session.subscriptions.lose_market_data()
        self.tell_all(code)
        self.uplink.restore()

    def stall(self) -> None:
        """The link to IB takes and gives nothing any more, and nobody is told so."""
        if self.uplink.is_up:
            self._account_when_lost = deepcopy(self.venue.accounts[self.account_id])
        self.uplink.is_stalled = True

    def unstall(self) -> None:
        """It is back, unless a notice has told of its loss meanwhile."""
        self.uplink.is_stalled = False
        if self.uplink.is_up:
            self.venue.advance()
            self._account_when_lost = None
            self.uplink.restore()

    def forget_sent(self) -> int:
        """Loses what clients have sent and IB has not got yet; returns how many messages."""
        lost = self.uplink.forget_held() + self.timers.forget()
        lost += len(self.orders.untransmitted.take_all())
        self.orders.forget_echoes()
        if self.uplink.is_stalled:
            self.unstall()
        return lost

    def listeners(self, client_id: int) -> list[Session]:
        """Who is told of a client's orders: the client, and the master client if there is one."""
        wanted = dict.fromkeys((client_id, self.settings.master_client_id))
        return [self.clients[c] for c in wanted if c is not None and c in self.clients]

    def order(self, order: str) -> ApiOrder:
        """The newest order with that orderRef or permId; raises NoSuchOrder."""
        for api_order in reversed(list(self.orders)):
            if order in (api_order.perm_id, api_order.order.client_order_id):
                return api_order
        raise NoSuchOrder(order)

    def contract(self, wanted: Wanted) -> Instrument:
        """The one contract that a client means.

        Raises:
            Problem: There is none, or more than one.
        """
        found = self.contracts(wanted)
        if not found:
            raise no_definition()
        if len(found) > 1:
            raise ambiguous(wanted.symbol or wanted.local_symbol)
        return found[0]

    def contracts(self, wanted: Wanted, *, with_expired: bool = False) -> list[Instrument]:
        """All contracts that fit; raises Problem if the conId contradicts the rest."""
        if not (wanted.con_id or wanted.symbol or wanted.local_symbol or wanted.trading_class):
            raise Problem(321, "Error validating request.-'bJ' : cause - Please enter a symbol")
        try:
            return self.finder.find(wanted, self.venue.now, with_expired=with_expired)
        except ConflictingConId as conflict:
            raise con_id_conflict() from conflict
