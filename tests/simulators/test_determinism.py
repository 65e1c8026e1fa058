"""The same seed and the same requests give the same market, to the last id."""

from simulators.control.truth import ledger_json
from tests.simulators.markets import PUT, Market, new_york


def story(seed: int) -> object:
    market = Market(seed=seed, partial_fills=True, price_walk=True)
    for _ in range(20):
        market.trade("sell", PUT, "2")
        market.trade("buy", PUT, "2")
    return ledger_json(market.venue, with_entries=True)


def test_a_seed_repeats_everything() -> None:
    assert story(7) == story(7)


def test_another_seed_is_another_market() -> None:
    assert story(7) != story(8)


def test_switching_partial_fills_on_changes_no_order_id() -> None:
    ids = []
    for partial in (False, True):
        market = Market(partial_fills=partial)
        ids.append([market.send("sell", PUT, "2", price="20.00") for _ in range(1)])
    assert ids[0] == ids[1]


def test_the_walk_moves_quotes_only_in_the_session_and_keeps_them_sound() -> None:
    market = Market(price_walk=True)
    seen = set()
    for _ in range(200):
        market.wait(1)
        quote = market.venue.quotes.find(PUT)
        assert quote is not None
        assert 0 < quote.bid < quote.ask
        seen.add(quote.bid)
    assert len(seen) > 20
    market.wait(6 * 3600)
    closed = market.venue.quotes.find(PUT)
    market.wait(3600)
    assert market.venue.quotes.find(PUT) == closed


def test_the_walk_goes_on_after_the_clock_was_set_back() -> None:
    market = Market(price_walk=True)
    market.venue.set_clock(new_york("2024-11-04", "20:00:00"))
    market.venue.set_clock(new_york("2024-11-04", "12:00:00"))
    seen = {market.venue.quotes.find(PUT)}
    for _ in range(20):
        market.wait(1)
        seen.add(market.venue.quotes.find(PUT))
    assert len(seen) > 10
