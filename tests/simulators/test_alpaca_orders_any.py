"""Any sequence of requests, good and bad: every one is answered, and the books stay right."""

import json
import random
from collections import Counter
from contextlib import suppress
from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest

from simulators.alpaca.http import HttpRequest
from simulators.venue.order_status import REPLACEABLE
from simulators.venue.orders import Fate, Order, OrderClass, OrderStatus
from simulators.venue.refusals import Refusal
from tests.simulators.desk import OrderDesk
from tests.simulators.rest import KEYS

PUTS = ("SPY241115P00390000", "SPY241115P00395000", "SPY241115P00400000")
ODD: tuple[Any, ...] = (
    None, "", 0, -1, True, [], {}, "abc", "1e5", 1e5, "0.0000000001", "99999999999", "NaN", 2.5,
)  # fmt: skip
PRICES = {
    "market": (),
    "limit": ("limit_price",),
    "stop": ("stop_price",),
    "stop_limit": ("stop_price", "limit_price"),
    "trailing_stop": ("trail_price",),
}
STEPS = 60


class Trader:
    """Sends what a seed says to a desk of its own."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)
        self.desk = OrderDesk(
            at=self.pick("10:00:00", "08:00:00", "15:48:00", "21:00:00"),
            seed=seed,
            venue={"partial_fills": self.chance(0.5)},
        )
        self.answers: Counter[tuple[str, int]] = Counter()

    def pick(self, *values: Any) -> Any:
        return self.random.choice(values)

    def chance(self, probability: float) -> bool:
        return self.random.random() < probability

    def send(self, method: str, path: str, content: Any = None, fate: Fate = Fate.WORKED) -> None:
        body = json.dumps(content).encode() if content is not None else b""
        answer = self.desk.simulated.api.handle(HttpRequest(method, path, {}, KEYS, body), fate)
        self.answers[method, answer.status] += 1
        assert answer.status in (200, 204, 207, 400, 403, 404, 422)

    def step(self) -> None:
        """One thing of many."""
        acts = [self.submit] * 6 + [self.replace] * 4 + [self.cancel] * 2
        acts += [self.wait] * 4 + [self.move] * 4 + [self.fill, self.read]
        self.pick(*acts)()

    def submit(self) -> None:
        content = self.pick(self.single, self.single, self.contingent, self.combo)()
        if self.chance(0.1):
            content[self.pick(*content)] = self.pick(*ODD)
        self.send("POST", "/v2/orders", content)

    def single(self) -> dict[str, Any]:
        kind = self.pick("market", "limit", "limit", "stop", "stop_limit", "trailing_stop")
        content: dict[str, Any] = {
            "symbol": self.pick("SPY", "SPY", "SPY", "AAPL", *PUTS),
            "qty": self.pick("1", "3", "10", "0.5"),
            "side": self.pick("buy", "sell"),
            "type": kind,
            "time_in_force": self.pick("day", "day", "gtc", "ioc", "fok", "opg", "cls"),
        }
        for name in PRICES[kind]:
            content[name] = str(self.random.randint(380, 420))
        if self.chance(0.1):
            del content["qty"]
            content["notional"] = self.pick("1", "99.99", "1000")
        return content

    def contingent(self) -> dict[str, Any]:
        order_class = self.pick("bracket", "oco", "oto")
        content: dict[str, Any] = {
            "symbol": "SPY",
            "qty": self.pick("3", "10"),
            "side": "sell" if order_class == "oco" else "buy",
            "type": "limit" if order_class == "oco" else self.pick("market", "limit"),
            "time_in_force": self.pick("day", "gtc"),
            "order_class": order_class,
            "stop_loss": {"stop_price": str(self.random.randint(380, 395))},
        }
        if content["type"] == "limit":
            content["limit_price"] = str(self.random.randint(396, 402))
        if order_class != "oto":
            content["take_profit"] = {"limit_price": str(self.random.randint(403, 420))}
        return content

    def combo(self) -> dict[str, Any]:
        short, long = self.random.sample(PUTS, 2)
        does = self.pick("open", "close")
        return {
            "order_class": "mleg",
            "qty": self.pick("1", "2"),
            "type": "limit",
            "limit_price": self.pick("-1", "-0.50", "4", "0"),
            "time_in_force": "day",
            "legs": [
                {"symbol": short, "ratio_qty": "1", "position_intent": f"sell_to_{does}"},
                {"symbol": long, "ratio_qty": "1", "position_intent": f"buy_to_{does}"},
            ],
        }

    def order(self) -> str:
        """An order's id, more often that of an open one."""
        everything = list(self.desk.simulated.venue.desk)
        working = [order for order in everything if order.is_open]
        chosen = working if working and self.chance(0.9) else everything
        return self.pick(*chosen).venue_order_id if chosen else "none"

    def replace(self) -> None:
        """Mostly what fits an order that can be replaced."""
        fitting = [o for o in self.desk.simulated.venue.desk if o.status in REPLACEABLE]
        if not fitting or self.chance(0.1):
            self.send("PATCH", f"/v2/orders/{self.order()}", {"qty": self.pick(*ODD)})
            return
        order = self.pick(*fitting)
        prices = PRICES[order.asked.order_type.value]
        name = self.pick("qty", *prices)
        changes = {"trail" if name == "trail_price" else name: str(self.random.randint(1, 9))}
        if name in ("limit_price", "stop_price"):
            changes = {name: "-0.75" if order.is_combo else str(self.random.randint(380, 420))}
        fate = self.pick(Fate.WORKED, Fate.WORKED, Fate.WORKED, Fate.REPLACE_REJECTED)
        self.send("PATCH", f"/v2/orders/{order.venue_order_id}", changes, fate)

    def cancel(self) -> None:
        if self.chance(0.1):
            self.send("DELETE", "/v2/orders")
        fate = self.pick(Fate.WORKED, Fate.WORKED, Fate.CANCEL_REJECTED, Fate.CANCEL_IGNORED)
        self.send("DELETE", f"/v2/orders/{self.order()}", fate=fate)

    def wait(self) -> None:
        self.desk.wait(self.pick(0.01, 0.03, 0.05, 0.1, 1, 60, 3600))

    def move(self) -> None:
        self.desk.price(str(self.random.randint(380, 420)))

    def fill(self) -> None:
        with suppress(Refusal):
            self.desk.simulated.control.fill(self.order(), self.pick(None, Decimal(1)))

    def read(self) -> None:
        for path in ("/v2/account", "/v2/positions", "/v2/orders"):
            self.send("GET", path)


def filled_of(order: Order, everything: dict[str, Order]) -> Decimal:
    """What the order and all those before it in its chain have filled."""
    before = order.links.replaces
    return order.cum_qty + (filled_of(everything[before], everything) if before else Decimal(0))


def check(desk: OrderDesk) -> None:
    """What holds after every step."""
    venue = desk.simulated.venue
    (account,) = venue.accounts.values()
    everything = {order.venue_order_id: order for order in venue.desk}
    booked: Counter[str] = Counter()
    cash = Fraction(account.starting_cash)
    for execution in venue.ledger.executions:
        order = execution.order
        signed = order.side.sign * execution.last_qty
        booked[order.symbol] += signed  # type: ignore[assignment]
        cash -= Fraction(signed * execution.last_px * order.instrument.multiplier)
    assert {s: q for s, q in booked.items() if q} == {
        symbol: position.qty for symbol, position in account.positions.items()
    }
    assert Fraction(account.cash) == cash
    for order in everything.values():
        check_order(order, everything)


def check_order(order: Order, everything: dict[str, Order]) -> None:
    assert order.cum_qty <= order.asked.order_qty
    assert (order.ended_at is None) is order.is_open
    legs = [everything[leg_id] for leg_id in order.links.leg_ids]
    if order.is_combo:
        for leg in legs:
            assert leg.status is order.status
            assert leg.cum_qty == order.cum_qty * (leg.links.ratio_qty or 0)
    elif order.asked.order_class is OrderClass.OCO and legs:
        assert filled_of(order, everything) + sum(leg.cum_qty for leg in legs) <= 10
    elif legs:
        entered = filled_of(order, everything)
        assert sum(filled_of(leg, everything) for leg in legs) <= entered
        if order.status is not OrderStatus.FILLED and order.asked.order_class is OrderClass.BRACKET:
            assert all(not leg.cum_qty for leg in legs)
    by = order.links.replaced_by
    assert (by is not None) is (order.status is OrderStatus.REPLACED)
    assert by is None or everything[by].links.replaces == order.venue_order_id


@pytest.mark.parametrize("seed", range(12))
def test_whatever_is_sent_is_answered_and_booked_right(seed: int) -> None:
    trader = Trader(seed)
    for _ in range(STEPS):
        trader.step()
        check(trader.desk)
    trader.desk.simulated.control.advance_clock(86400 * 9)
    check(trader.desk)
    trader.desk.simulated.control.ledger(with_entries=True)


def test_the_same_seed_gives_the_same_books() -> None:
    books = []
    for _ in range(2):
        trader = Trader(7)
        for _ in range(STEPS):
            trader.step()
        books.append(trader.desk.simulated.control.ledger(with_entries=True))
    assert books[0] == books[1]
