"""What is numbered and noted outlives restarts, the venue's and the server's."""

from __future__ import annotations

from tests.conformance.acts import resting
from tests.conformance.bench import Bench
from tests.conformance.card import Deck, Group, Mark
from tests.conformance.control import Can, Sends
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


@DECK.card(
    "RST-013",
    "What may have been sent before a restart is not sent after it, though nobody has it",
    needs=("type.limit", "sends_once"),
    control=(Can.LOSE_REQUEST, Can.TRUTH),
    marks=(Mark.ADAPTER_ONLY, Mark.RESTARTS, Mark.SPOILS),
    given="an account without orders",
    expects=(
        "submit limit: refused OUTCOME_UNKNOWN, effect UNKNOWN",
        "submit limit: refused OUTCOME_UNKNOWN, effect UNKNOWN",
        "sent: 1",
    ),
)
async def not_sent_again(b: Bench) -> None:
    """Lose an order on its way, end the server, start it, and send the order again."""
    price = (await b.prices(b.scene.share)).low
    ticket = b.ticket(b.scene.share, BUY, LIMIT, limit_price=price)
    await b.venue.lose_request(Sends.SUBMIT, ticket.base, hang=True)
    await b.submit(ticket)
    await b.process.kill()
    await b.process.start()
    await b.ready()
    await b.submit(ticket)
    b.note(f"sent: {await b.venue.sends(ticket.base)}")
