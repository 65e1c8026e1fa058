"""How orders live at the venue: acknowledgement, fills, cancels, sessions and the moved clock."""

from datetime import timedelta
from decimal import Decimal

import pytest

from simulators.venue import refusals
from simulators.venue.orders import FOLLOWS, OPEN, TERMINAL, Fate, NewOrder, OrderStatus, Side
from simulators.venue.orders import TimeInForce as Tif
from tests.simulators.markets import ACCOUNT, PUT, Market, new_york


def test_every_status_is_open_or_terminal_and_has_its_row() -> None:
    assert set(OrderStatus) == OPEN | TERMINAL == set(FOLLOWS)
    assert not OPEN & TERMINAL
    assert all(not FOLLOWS[status] for status in TERMINAL)


def test_a_marketable_limit_order_fills_at_the_best_price_of_the_other_side() -> None:
    market = Market()
    sold = market.send("sell", PUT, price="8.00")
    market.wait(1)
    assert market.events == ["pending_new", "new", "fill"]
    assert market.venue.desk.get(sold).avg_px == Decimal("8.50")
    bought = market.send("buy", PUT, price="12.00")
    market.wait(1)
    assert market.venue.desk.get(bought).avg_px == Decimal("9.00")


def test_an_unmarketable_order_rests_until_the_quote_reaches_it() -> None:
    market = Market()
    order = market.send("sell", PUT, price="8.60")
    market.wait(60)
    assert market.status(order) == "new"
    market.quote(PUT, "8.59", "9.00")
    assert market.status(order) == "new"
    market.quote(PUT, "8.65", "9.00")
    assert market.status(order) == "filled"
    assert market.venue.desk.get(order).avg_px == Decimal("8.65")


def test_a_fill_while_a_cancel_is_pending_wins() -> None:
    market = Market()
    order = market.send("sell", PUT, price="9.50")
    market.wait(1)
    market.venue.cancel(order)
    market.quote(PUT, "9.50", "9.60")
    market.wait(1)
    assert market.events == ["pending_new", "new", "pending_cancel", "fill"]
    assert market.status(order) == "filled"


def test_a_part_filled_while_a_cancel_is_pending_stays_filled_after_it() -> None:
    market = Market()
    order = market.send("sell", PUT, "2", price="9.50")
    market.wait(1)
    market.venue.cancel(order)
    market.venue.force_fill(order, Decimal(1))
    assert market.status(order) == "pending_cancel"
    market.wait(1)
    canceled = market.venue.desk.get(order)
    assert (canceled.status, canceled.cum_qty) == (OrderStatus.CANCELED, Decimal(1))


def test_what_has_ended_or_is_being_canceled_cannot_be_canceled() -> None:
    market = Market()
    order = market.send("sell", PUT, price="9.50")
    market.venue.cancel(order)
    with pytest.raises(refusals.NotCancelable):
        market.venue.cancel(order)
    market.wait(1)
    with pytest.raises(refusals.NotCancelable):
        market.venue.cancel(order)
    with pytest.raises(refusals.NoSuchOrder):
        market.venue.cancel("none")


def test_an_order_outside_the_session_waits_for_the_opening() -> None:
    market = Market(start=new_york("2024-11-04", "08:00:00"))
    order = market.send("sell", PUT, price="8.50")
    market.wait(3600)
    assert market.events == ["accepted"]
    market.wait(1800 + 1)
    assert market.events == ["accepted", "new", "fill"]
    assert market.venue.desk.get(order).filled_at is not None


def test_a_day_order_expires_at_the_close_and_a_gtc_order_does_not() -> None:
    market = Market()
    day = market.send("sell", PUT, price="20.00")
    gtc = market.send("sell", PUT, price="21.00", time_in_force=Tif.GTC)
    market.wait(6 * 3600 - 1)
    assert (market.status(day), market.status(gtc)) == ("new", "new")
    market.wait(2)
    assert (market.status(day), market.status(gtc)) == ("expired", "new")
    expired = market.venue.desk.get(day)
    assert expired.ended_at == expired.expires_at == new_york("2024-11-04", "16:00:00")


def test_a_day_order_after_the_close_is_for_the_next_trading_day() -> None:
    market = Market(start=new_york("2024-11-27", "17:00:00"))
    order = market.send("buy", "SPY", price="300.00")
    assert market.venue.desk.get(order).expires_at == new_york("2024-11-29", "13:00:00")


def test_a_gtc_order_ends_with_its_contract() -> None:
    market = Market()
    order = market.send("sell", PUT, price="20.00", time_in_force=Tif.GTC)
    assert market.venue.desk.get(order).expires_at == new_york("2024-11-15", "16:00:00")
    market.venue.set_clock(new_york("2024-11-18"))
    assert market.status(order) == "expired"


def test_nothing_fills_while_the_market_is_closed() -> None:
    market = Market(start=new_york("2024-11-04", "15:59:00"))
    order = market.send("sell", PUT, price="20.00", time_in_force=Tif.GTC)
    market.wait(120)
    market.quote(PUT, "25.00", "26.00")
    assert market.status(order) == "new"
    market.venue.set_clock(new_york("2024-11-05", "09:31:00"))
    assert market.status(order) == "filled"


def test_skipping_the_night_goes_on_at_the_next_opening_with_everything() -> None:
    market = Market(start=new_york("2024-11-27", "15:59:00"), skip_closed=True)
    market.trade("buy", "SPY")
    resting = market.send("buy", "SPY", price="300.00", time_in_force=Tif.GTC)
    expiring = market.send("buy", "SPY", price="301.00", time_in_force=Tif.DAY)
    market.wait(60)
    now = market.venue.clock.now()
    assert now - new_york("2024-11-29", "09:30:00") < timedelta(seconds=2)
    assert (market.status(resting), market.status(expiring)) == ("new", "expired")
    assert market.held("SPY") == 1
    market.wait(3.5 * 3600)
    assert market.venue.clock.now() >= new_york("2024-12-02", "09:30:00")


def test_moving_the_clock_forward_lets_everything_between_happen_in_order() -> None:
    market = Market()
    market.send("sell", PUT, price="20.00")
    market.venue.set_clock(new_york("2024-11-06", "12:00:00"))
    assert market.events == ["pending_new", "new", "expired"]
    assert market.venue.clock.now() == new_york("2024-11-06", "12:00:00")


def test_moving_the_clock_back_keeps_what_is_under_way_and_the_close() -> None:
    market = Market(start=new_york("2024-11-06"))
    order = market.send("sell", PUT, price="20.00")
    market.venue.set_clock(new_york("2024-11-05", "15:00:00"))
    market.wait(1)
    assert market.status(order) == "new"
    later = market.send("sell", PUT, price="21.00")
    market.wait(3600)
    assert (market.status(order), market.status(later)) == ("new", "expired")


def test_a_stalled_order_is_in_the_books_and_never_comes_to_market() -> None:
    market = Market()
    asked = NewOrder(ACCOUNT, PUT, Side.SELL, Decimal(1))
    stalled = market.venue.submit(asked, Fate.STALLED).venue_order_id
    market.wait(60)
    market.quote(PUT, "8.70", "9.00")
    assert market.events == ["pending_new"]
    market.venue.cancel(stalled)
    market.wait(1)
    assert market.status(stalled) == "canceled"


def test_a_vanished_order_leaves_no_trace() -> None:
    market = Market()
    asked = NewOrder(ACCOUNT, PUT, Side.SELL, Decimal(1), client_order_id="gone")
    gone = market.venue.submit(asked, Fate.VANISHED)
    market.wait(1)
    assert market.events == []
    assert market.venue.desk.find_by_client_id(ACCOUNT, "gone") is None
    with pytest.raises(refusals.NoSuchOrder):
        market.venue.desk.get(gone.venue_order_id)
    assert market.venue.submit(asked).client_order_id == "gone"


def test_a_client_order_id_stays_taken_after_a_cancel() -> None:
    market = Market()
    order = market.send("sell", PUT, price="20.00", client_order_id="once")
    market.venue.cancel(order)
    market.wait(1)
    with pytest.raises(refusals.DuplicateClientOrderId):
        market.send("sell", PUT, price="20.00", client_order_id="once")


@pytest.mark.parametrize(
    ("when", "refusal"),
    [
        ("first", refusals.DuplicateClientOrderId),
        ("last", refusals.InsufficientOptionsBuyingPower),
    ],
)
def test_which_check_of_a_resend_comes_first_is_a_setting(
    when: str, refusal: type[refusals.Refusal]
) -> None:
    market = Market(cash="50000", unique_client_order_ids=when)
    market.send("sell", PUT, price="20.00", client_order_id="once")
    with pytest.raises(refusal):
        market.send("sell", PUT, price="20.00", client_order_id="once")


def test_a_late_fill_of_a_canceled_order_can_be_forced() -> None:
    market = Market()
    order = market.send("sell", PUT, price="9.50")
    market.wait(1)
    market.venue.cancel(order)
    market.wait(1)
    with pytest.raises(refusals.NotCancelable):
        market.venue.force_fill(order)
    market.venue.force_fill(order, even_if_ended=True)
    assert market.events[-2:] == ["canceled", "fill"]
    assert market.held(PUT) == -1


def test_an_order_is_never_overfilled_by_force() -> None:
    market = Market()
    order = market.send("sell", PUT, price="9.50")
    with pytest.raises(refusals.BadQuantity):
        market.venue.force_fill(order, Decimal(2))


def test_a_rejection_can_follow_the_acceptance() -> None:
    market = Market()
    order = market.send("sell", PUT, price="9.50")
    market.venue.reject(order)
    market.wait(1)
    assert market.events == ["pending_new", "rejected"]
    assert market.status(order) == "rejected"
