"""The Gateway's session: versions, the start of the API, client ids, pace, what is not served."""

import random
import struct
from typing import Any

import pytest

from simulators.ib_gateway.message_names import REQUESTS
from tests.simulators.gateways import ACCOUNT, Client, MemoryLink, gateway, place_order

ODD = (
    *("", "0", "-1", "abc", "é", "²", "٣", "9" * 20, "9" * 5000, "2147483648", "1_0", "True"),
    *("nan", "sNaN", "-Infinity", "1e28", "1e299", "1e-300", "1e400", "1e-9999999", "-0.0"),
    *("SPY", "OPT", "STK", "SMART", "USD", "P", "20241115", "20241399", "DU1000001", "BUY", "MKT"),
    *("20241104 10:00:00", "20241104 99:00:00", "20241104 10:00:00 Nowhere/At-All"),
)


def offer(simulated: Any, text: bytes) -> MemoryLink:
    link = MemoryLink()
    session = simulated.frontend.connect(link)
    session.receive(b"API\0" + struct.pack(">I", len(text)) + text)
    return link


@pytest.mark.parametrize(
    ("offered", "announced"),
    [(b"v157..176", "176"), (b"v157..178", "178"), (b"v100..226", "178"), (b"v157..160 x", "160")],
)
async def test_the_highest_version_that_both_know_is_announced(
    offered: bytes, announced: str
) -> None:
    async with gateway() as simulated:
        link = offer(simulated, offered)
        assert link.data[4:].split(b"\0")[:2] == [announced.encode(), b"20241104 10:00:00 EST"]


@pytest.mark.parametrize("offered", [b"v100..150", b"v200..226", b"nonsense"])
async def test_a_client_of_other_versions_is_disconnected(offered: bytes) -> None:
    async with gateway() as simulated:
        link = offer(simulated, offered)
        assert (link.data, link.ended) == (b"", "close")


async def test_what_is_no_client_of_the_api_is_cut_off() -> None:
    async with gateway() as simulated:
        link = MemoryLink()
        simulated.frontend.connect(link).receive(b"GET / HTTP/1.1\r\n")
        assert link.ended == "reset"


async def test_bytes_may_come_one_by_one() -> None:
    async with gateway() as simulated:
        link = MemoryLink()
        session = simulated.frontend.connect(link)
        for byte in b"API\0\0\0\0\x09v157..176":
            session.receive(bytes([byte]))
        assert b"176\0" in link.data


async def test_the_start_tells_accounts_next_id_and_farms_and_nothing_comes_before_it() -> None:
    async with gateway() as simulated:
        client = Client(simulated)
        assert len(client.messages) == 1
        await client.start()
        assert client.messages[1:] == [
            ["15", "1", ACCOUNT],
            ["9", "1", "1"],
            ["4", "2", "-1", "2104", "Market data farm connection is OK:usopt", ""],
            ["4", "2", "-1", "2106", "HMDS data farm connection is OK:ushmds", ""],
            ["4", "2", "-1", "2158", "Sec-def data farm connection is OK:secdefil", ""],
        ]


async def test_a_client_id_in_use_is_refused_with_326_and_free_again_afterwards() -> None:
    async with gateway() as simulated:
        first = await Client(simulated).start(7)
        second = await Client(simulated).start(7)
        assert [message[3] for message in second.of("4")] == ["326"]
        assert second.link.ended == "close"
        assert not second.of("15")
        third = await Client(simulated).start(8)
        assert third.of("15")
        first.session.lost()
        await first.until(lambda: 7 not in simulated.gateway.clients)
        again = await Client(simulated).start(7)
        assert again.of("15")


async def test_a_request_before_the_start_ends_the_connection() -> None:
    async with gateway() as simulated:
        client = Client(simulated)
        client.send(49, 1)
        await client.until(lambda: client.link.ended)
        assert client.link.ended == "close"


async def test_time_ids_and_accounts_are_answered() -> None:
    async with gateway() as simulated:
        client = await Client(simulated).start()
        assert await client.answers("49", 49, 1) == [["49", "1", "1730732400"]]
        assert await client.answers("9", 8, 1, 1) == [["9", "1", "1"]]
        assert await client.answers("15", 17, 1) == [["15", "1", ACCOUNT]]


async def test_every_request_that_is_not_served_is_an_error_under_its_own_id() -> None:
    async with gateway() as simulated:
        client = await Client(simulated).start()
        others = {n: r for n, r in REQUESTS.items() if r.name not in simulated.api.served}
        assert others
        for number, request in others.items():
            fields = [number, *([4711] * request.id_at)]
            (answer,) = await client.answers("4", *fields)
            assert answer[2:4] == ["4711" if request.id_at else "-1", "321"]
            assert answer[4] == f"the simulator does not have this yet: {request.name}"


async def test_a_message_that_is_too_short_is_an_error_and_the_session_goes_on() -> None:
    async with gateway() as simulated:
        client = await Client(simulated).start()
        (answer,) = await client.answers("4", 3, 1, 2, 3)
        assert answer[2:4] == ["1", "320"]
        (answer,) = await client.answers("4", 999999)
        assert answer[3] == "321"
        assert await client.answers("49", 49, 1)


async def test_a_client_that_sends_too_fast_is_told_twice_and_then_disconnected() -> None:
    async with gateway(messages_per_s=5) as simulated:
        client = await Client(simulated).start()
        for _ in range(9):
            client.send(49, 1)
        await client.until(lambda: client.link.ended)
        assert len(client.of("49")) == 4
        assert [m[3] for m in client.of("4")].count("100") == 3
        assert client.link.ended == "close"


async def test_a_frame_of_no_sensible_length_ends_the_connection() -> None:
    async with gateway() as simulated:
        client = await Client(simulated).start()
        client.session.receive(b"\xff\xff\xff\xff")
        assert client.link.ended == "reset"


async def test_a_client_that_never_lets_itself_be_read_is_cut_off() -> None:
    async with gateway() as simulated:
        client = await Client(simulated).start()
        client.link.get_write_buffer_size = lambda: 10**9  # type: ignore[method-assign]
        client.send(49, 1)
        await client.until(lambda: client.link.ended)
        assert client.link.ended == "reset"


@pytest.mark.parametrize(("version", "count"), [(176, 115), (178, 114)])
def test_the_order_that_the_tests_send_is_as_long_as_a_real_one(version: int, count: int) -> None:
    assert len(place_order(1, "8.5", "ref", version)) == count


@pytest.mark.parametrize(
    ("message", "answer"),
    [
        ((), ["-1", "320"]),
        (("9" * 5000,), ["-1", "321"]),
        (("²",), ["-1", "321"]),
        ((9, 8, "9" * 5000, "9" * 5000), ["-1", "320"]),
        (place_order(2**31, "8.5", "ref"), [str(2**31), "320"]),
        (place_order(-(2**31), "8.5", "ref"), [str(-(2**31)), "320"]),
        (place_order(1, "1e28", "ref"), ["1", "320"]),
        (place_order(1, "8.5", "ref", qty="1e299"), ["1", "320"]),
        (place_order(1, "8.5", "ref", qty="1e-28"), ["1", "320"]),
        (place_order(1, "8.5", "ref", qty="NaN"), ["1", "320"]),
    ],
)
async def test_no_message_ends_more_than_its_own_request(
    message: tuple[Any, ...], answer: list[str]
) -> None:
    async with gateway() as simulated:
        client = await Client(simulated).start()
        (error,) = await client.answers("4", *message)
        assert error[2:4] == answer
        assert simulated.gateway.orders.open() == []
        assert await client.answers("49", 49, 1)
        assert not simulated.frontend.stopping.is_set()


async def test_any_message_at_all_leaves_the_gateway_up() -> None:
    """Orders and requests with fields replaced by what no client would send, from one seed."""
    chance = random.Random(20241104)
    numbers = [number for number in REQUESTS if number != 71]
    async with gateway() as simulated:
        client = await Client(simulated).start()
        for order_id in range(1, 400):
            message = place_order(order_id, "8.5", "ref", qty=chance.choice(("1.0", "1e20")))
            if chance.random() < 0.5:
                message = [chance.choice(numbers), *chance.choices(ODD, k=chance.randrange(25))]
            for _ in range(chance.randrange(3)):
                message[chance.randrange(len(message))] = chance.choice(ODD)
            if client.link.ended:
                client = await Client(simulated).start(order_id)
            client.send(*message[: chance.choice((None, chance.randrange(30)))])
        await client.until(lambda: client.link.ended or client.session.inbox.empty())
        assert not simulated.frontend.stopping.is_set()
