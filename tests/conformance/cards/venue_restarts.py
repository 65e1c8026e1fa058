"""The venue itself starts anew: what it held is there again, what it numbers is never mixed up."""

from __future__ import annotations

from tests.conformance.acts import resting
from tests.conformance.bench import Bench
from tests.conformance.card import Deck, Group, Mark
from tests.conformance.control import Can
from tests.conformance.scene import BUY, LIMIT

DECK = Deck(Group.RESTART, given="an order rests")


@DECK.card(
    "RST-012",
    "The venue restarts and gives out its numbers again: each order keeps its own",
    needs=("type.limit", "rpc.GetOrder"),
    control=(Can.RESTART, Can.FILL, Can.TRUTH),
    marks=(Mark.ADAPTER_ONLY,),
    expects=(
        "submit limit: ACCEPTED",
        "another session",
        "look-up: FOUND ACCEPTED",
        "submit limit: ACCEPTED",
        "fills: 1",
        "told: FILLED",
        "fills of the first: 0",
        "look-up: FOUND ACCEPTED",
    ),
)
async def numbers_are_given_again(b: Bench) -> None:
    """Restart the venue below a working order, send another one, and fill that."""
    first = await resting(b)
    before = b.session_id
    await b.venue.restart()

    async def is_new() -> bool:
        await b.ready()
        return b.session_id != before

    await b.eventually(is_new, "another session")
    b.note("another session")
    await b.look_up(first)
    price = (await b.prices(b.scene.share)).low
    second = b.ticket(b.scene.share, BUY, LIMIT, limit_price=price)
    await b.works(second)
    await b.venue.fill(b.at_venue(second), "1", price)
    await b.fills(second, "1")
    await b.told(second, "FILLED")
    b.note(f"fills of the first: {len(b.hearing.executions(first))}")
    await b.look_up(first)
