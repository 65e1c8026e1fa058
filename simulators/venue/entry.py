"""How orders come in: checked, numbered, with all that belongs to them; replaced, canceled."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from decimal import ROUND_DOWN, Decimal

from simulators.venue import checks, combo_checks, order_rules, refusals
from simulators.venue import trading_calendar as calendar
from simulators.venue.accounts import Account
from simulators.venue.floor import Floor
from simulators.venue.instruments import Catalog, Instrument, OptionContract
from simulators.venue.matching import trailed
from simulators.venue.order_desk import Acceptance, OrderDesk
from simulators.venue.order_lives import expiry_of, links_of
from simulators.venue.orders import (
    CANCELABLE,
    Fate,
    Links,
    NewLeg,
    NewOrder,
    Order,
    OrderClass,
    OrderStatus,
    PositionIntent,
    TimeInForce,
)
from simulators.venue.quotes import Quote
from simulators.venue.replacing import Changes, asked_anew
from simulators.venue.reservations import asked_price
from simulators.venue.settings import VenueSettings

_NINE_PLACES = Decimal("1e-9")
_EXIT_OF = {
    PositionIntent.BUY_TO_OPEN: PositionIntent.SELL_TO_CLOSE,
    PositionIntent.SELL_TO_OPEN: PositionIntent.BUY_TO_CLOSE,
}


class OrderEntry:
    """Takes orders, replaces and cancels for the floor, or refuses them and changes nothing."""

    def __init__(
        self,
        desk: OrderDesk,
        floor: Floor,
        catalog: Catalog,
        accounts: Mapping[str, Account],
        settings: VenueSettings,
    ) -> None:
        self._desk = desk
        self._floor = floor
        self._catalog = catalog
        self._accounts = accounts
        self._settings = settings

    def submit(self, asked: NewOrder, fate: Fate) -> Order:
        """Takes an order; raises a Refusal if it can't be taken."""
        order, legs = self.drawn_up(asked)
        if fate is Fate.VANISHED:
            return order
        entered = self._desk.enter(order, legs)[0]
        self._floor.expect_acknowledgement(entered, fate)
        self._floor.expect_end(entered)
        return self._desk.get(entered.venue_order_id)

    def drawn_up(self, asked: NewOrder, *, with_means: bool = True) -> tuple[Order, list[Order]]:
        """The order as it would be taken, and its legs; raises a Refusal if it can't be.

        Args:
            with_means: False leaves out whether the account has the means for it.
        """
        if asked.legs:
            return self._combo(asked, with_means=with_means)
        order = self._single(asked, with_means=with_means)
        return order, self._exits(order)

    def cancel(self, order: Order, fate: Fate) -> Order:
        """Asks for a cancel; raises NotCancelable."""
        if order.status not in CANCELABLE:
            raise refusals.NotCancelable(order.status.value)
        if order.is_combo_leg:
            raise refusals.BadOrder("a leg of a multi-leg order cannot be canceled by itself")
        if fate is Fate.CANCEL_IGNORED:
            return order
        was = order.status
        order = self._desk.change(order, OrderStatus.PENDING_CANCEL, self._floor.now)
        if fate is Fate.CANCEL_REJECTED:
            self._floor.expect_refused_cancel(order, was)
        else:
            self._floor.expect_cancel(order)
        return order

    def replace(self, old: Order, changes: Changes, fate: Fate) -> Order:
        """Asks for a replace; returns the new order.

        Raises:
            Refusal: Nothing was changed.
        """
        asked = asked_anew(old, changes, fate)
        others = [
            order
            for order in self._desk.open_orders(old.account_id)
            if order.claim != old.claim and order.links.parent_id != old.venue_order_id
        ]
        if asked.legs:
            self._check_combo(asked, others)
        else:
            self._check_anew(asked, old, changes, others, fate)
        self._check_unique(asked)
        links = replace(old.links, claim=old.claim, replaces=old.venue_order_id, leg_ids=())
        new = self._desk.draw_up(
            asked,
            self._acceptance(
                asked, old.instrument, old.position_intent, OrderStatus.PENDING_NEW, links
            ),
        )
        legs = self._combo_legs(new, old.links.leg_ids) if new.is_combo else []
        now = self._floor.now
        entered = self._floor.replacements.begin(old, replace(new, hwm=old.hwm), legs, now, fate)
        self._floor.expect_replacement(entered)
        return entered

    def _check_anew(
        self, asked: NewOrder, old: Order, changes: Changes, others: list[Order], fate: Fate
    ) -> None:
        self._check_form(asked, old.instrument)
        if changes.stop_price is not None:
            self._check_prices(replace(asked, exits=None))
        if old.status is OrderStatus.HELD or fate is Fate.OVERFILLED:
            return  # a held exit needs nothing yet; the fault is to strike exits, too
        if self._settings.refuses_wash_trades:
            checks.check_wash_trade(asked, others)
        self._check_means(asked, old.instrument, old.position_intent, others)

    def _check_form(self, asked: NewOrder, instrument: Instrument) -> None:
        strictly = self._settings.refuses_kinds_of_orders
        checks.check_form(asked, instrument, self._floor.now, strictly=strictly)

    def _check_prices(self, asked: NewOrder) -> None:
        if self._settings.refuses_stops_beyond_market:
            order_rules.check_prices(asked, self._quote(asked.symbol))

    def check_amended(self, order: Order, asked: NewOrder) -> PositionIntent:
        """What the order would do to the position as `asked`; raises a Refusal if it may not."""
        others = [
            other
            for other in self._desk.open_orders(order.account_id)
            if other.claim != order.claim and other.links.parent_id != order.venue_order_id
        ]
        left = replace(asked, order_qty=asked.order_qty - order.cum_qty)
        if asked.legs:
            self._check_combo(left, others)
            return order.position_intent
        self._check_form(asked, order.instrument)
        self._check_prices(asked)
        intent = checks.infer_intent(asked, self._accounts[order.account_id])
        if order.status is OrderStatus.HELD:
            return intent
        return self._check_means(left, order.instrument, intent, others)

    def _quote(self, symbol: str) -> Quote | None:
        return self._floor.quotes.find(symbol)

    def _single(self, asked: NewOrder, *, with_means: bool) -> Order:
        instrument = self._catalog.get(asked.symbol)
        asked = self._sized(asked)
        status = self._first_status(asked)
        with_means = with_means and status is not OrderStatus.HELD
        intent = self._check(asked, instrument, with_means=with_means)
        acceptance = self._acceptance(asked, instrument, intent, status, links_of(asked))
        order = self._desk.draw_up(asked, acceptance)
        if status is OrderStatus.HELD:
            return order
        if asked.order_class is OrderClass.OCO:
            order = order.linked(exits=True, claim=order.venue_order_id)
        return trailed(order, self._quote(asked.symbol))

    def _sized(self, asked: NewOrder) -> NewOrder:
        """An order for so many dollars, with the quantity that they buy at the present price."""
        if asked.notional is None:
            return asked
        px = asked_price(asked, self._floor.quotes)
        qty = (asked.notional / px).quantize(_NINE_PLACES, ROUND_DOWN) if px else Decimal(0)
        return replace(asked, order_qty=qty)

    def _exits(self, parent: Order) -> list[Order]:
        """The exits of an entry, or the other exit of an oco, drawn up and held."""
        asked_exits = order_rules.exit_orders(parent)
        is_oco = parent.asked.order_class is OrderClass.OCO
        intent = parent.position_intent if is_oco else _EXIT_OF.get(parent.position_intent)
        pair = is_oco or len(asked_exits) > 1
        links = Links(claim=parent.venue_order_id if is_oco else "", exits=pair)
        legs: list[Order] = []
        for asked in asked_exits:
            assert intent is not None, "exits belong to orders that open or to ocos"
            acceptance = self._acceptance(asked, parent.instrument, intent, OrderStatus.HELD, links)
            leg = self._desk.draw_up(asked, acceptance)
            if pair and not is_oco:
                leg = leg.linked(claim=legs[0].claim if legs else leg.venue_order_id)
            legs.append(leg)
        return legs

    def _combo(self, asked: NewOrder, *, with_means: bool) -> tuple[Order, list[Order]]:
        asked = replace(
            asked,
            legs=tuple(
                replace(leg, contract=combo_checks.contract_of(leg, self._catalog))
                for leg in asked.legs
            ),
        )
        status, links = self._first_status(asked), links_of(asked)
        open_orders = self._desk.open_orders(asked.account_id)
        if self._settings.unique_client_order_ids == "first":
            self._check_unique(asked)
        asked = self._check_combo(
            asked, open_orders, with_means=with_means and status is not OrderStatus.HELD
        )
        if self._settings.unique_client_order_ids == "last":
            self._check_unique(asked)
        contracts = [leg.contract for leg in asked.legs if leg.contract is not None]
        # The one that ends first stands for all: the order ends with it.
        first = min(contracts, key=lambda contract: contract.expiry)
        acceptance = self._acceptance(asked, first, asked.legs[0].position_intent, status, links)
        order = self._desk.draw_up(asked, acceptance)
        return order, self._combo_legs(order)

    def _check_combo(
        self, asked: NewOrder, open_orders: list[Order], *, with_means: bool = True
    ) -> NewOrder:
        """The order with what its legs do to the positions."""
        account = self._accounts[asked.account_id]
        strictly = self._settings.refuses_uncovered_combos
        if not strictly:
            asked = combo_checks.with_intents(asked, account, open_orders)
        combo_checks.check_form(asked, self._floor.now, strictly=strictly)
        for leg in asked.legs:
            if leg.contract is not None:
                self._check_last_day(leg.contract, leg.position_intent)
        checks.check_account(account)
        if with_means:
            combo_checks.check_positions(asked, account, open_orders, strictly=strictly)
            combo_checks.check_means(
                asked, account, open_orders, self._floor.quotes, strictly=strictly
            )
        return asked

    def _combo_legs(self, parent: Order, replaced: Sequence[str] = ()) -> list[Order]:
        """The orders of its legs, drawn up; each may replace one of an older order."""
        legs = [self._combo_leg(parent, leg, i) for i, leg in enumerate(parent.asked.legs)]
        if not replaced:
            return legs
        return [leg.linked(replaces=old) for leg, old in zip(legs, replaced, strict=True)]

    def _combo_leg(self, parent: Order, leg: NewLeg, index: int) -> Order:
        assert leg.contract is not None
        intent = leg.position_intent
        asked = replace(
            parent.asked,
            symbol=leg.symbol,
            side=intent.side,
            order_qty=parent.asked.order_qty * leg.ratio_qty,
            limit_price=None,
            position_intent=intent,
            client_order_id="",
            legs=(),
        )
        links = Links(claim=f"{parent.claim}/{index}", ratio_qty=leg.ratio_qty)
        acceptance = self._acceptance(asked, leg.contract, intent, parent.status, links)
        return self._desk.draw_up(asked, acceptance)

    def _acceptance(
        self,
        asked: NewOrder,
        instrument: Instrument,
        intent: PositionIntent,
        status: OrderStatus,
        links: Links,
    ) -> Acceptance:
        now = self._floor.now
        return Acceptance(instrument, intent, status, now, expiry_of(asked, instrument, now), links)

    def _first_status(self, asked: NewOrder) -> OrderStatus:
        if asked.ties.parent_id and self._must_wait(asked.ties.parent_id):
            return OrderStatus.HELD
        now = self._floor.now
        is_open = calendar.session_at(now) is not None
        if asked.extended_hours:
            is_open = calendar.extended_hours_at(now) is not None
        if asked.time_in_force is TimeInForce.OPG:
            is_open = False
        return OrderStatus.PENDING_NEW if is_open else OrderStatus.ACCEPTED

    def _must_wait(self, parent_id: str) -> bool:
        """Whether a parent has yet to fill; raises BadOrder if it never will."""
        parent = self._desk.get(parent_id)
        if parent.status is not OrderStatus.FILLED and not parent.is_open:
            raise refusals.BadOrder("Parent order is being cancelled.")
        return parent.is_open

    def _check(
        self, asked: NewOrder, instrument: Instrument, *, with_means: bool
    ) -> PositionIntent:
        account, now = self._accounts[asked.account_id], self._floor.now
        claim = links_of(asked).claim
        open_orders = [
            order
            for order in self._desk.open_orders(asked.account_id)
            if not claim or order.claim != claim
        ]
        quote = self._quote(asked.symbol)
        self._check_form(asked, instrument)
        order_rules.check_minimum(asked, instrument, quote)
        if self._settings.refuses_option_market_orders_off_hours:
            checks.check_market_order(asked, instrument, now)
        if self._settings.unique_client_order_ids == "first":
            self._check_unique(asked)
        checks.check_account(account)
        intent = checks.infer_intent(asked, account)
        order_rules.check_opening(asked, instrument, intent)
        if isinstance(instrument, OptionContract):
            self._check_last_day(instrument, intent)
        self._check_prices(asked)
        if not with_means:
            return intent
        if self._settings.refuses_wash_trades:
            checks.check_wash_trade(asked, open_orders)
        intent = self._check_means(asked, instrument, intent, open_orders)
        if self._settings.unique_client_order_ids == "last":
            self._check_unique(asked)
        return intent

    def _check_last_day(self, contract: OptionContract, intent: PositionIntent) -> None:
        if self._settings.refuses_to_open_on_last_afternoon:
            order_rules.check_last_day(contract, intent, self._floor.now)

    def _check_means(
        self,
        asked: NewOrder,
        instrument: Instrument,
        intent: PositionIntent,
        open_orders: list[Order],
    ) -> PositionIntent:
        account = self._accounts[asked.account_id]
        needs = asked
        if not self._settings.refuses_to_cross_zero:
            intent, needs = checks.split_at_zero(asked, intent, account, open_orders)
        checks.check_means(needs, instrument, intent, account, open_orders, self._floor.quotes)
        return intent

    def _check_unique(self, asked: NewOrder) -> None:
        wanted = asked.client_order_id
        if wanted and self._desk.find_by_client_id(asked.account_id, wanted) is not None:
            raise refusals.DuplicateClientOrderId(wanted)
