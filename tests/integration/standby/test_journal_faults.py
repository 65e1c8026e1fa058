"""Routers that start at once, on a journal that is taken, or whose PostgreSQL goes away."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.integration.standby.routers import Pair, Router, pair, rests
from tests.integration.system.parts import eventually
from tests.postgres import PostgresServer

pytestmark = pytest.mark.timeout(150)
SECRET = "correct-horse"


def said(router: Router) -> list[str]:
    """The lines for its operator."""
    text = router.logs[-1].read_text("utf-8")
    return [line for line in text.splitlines() if line.startswith("tandem-router:")]


async def test_a_server_that_does_not_answer_is_one_clear_line_without_the_password(
    tmp_path: Path,
) -> None:
    dsn = f"postgresql://u:{SECRET}@127.0.0.1:1/books?connect_timeout=2"
    async with pair(tmp_path, TANDEM_JOURNAL_DSN=dsn) as routers:
        routers.first.begin()
        assert await routers.first.ended() == 1
        (line,) = said(routers.first)
        assert "TANDEM_JOURNAL_DSN: postgresql://u@127.0.0.1:1/books: can't be reached" in line
        whole = routers.first.logs[-1].read_text("utf-8")
        assert SECRET not in whole
        assert "Traceback" not in whole


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["sqlite", "postgres"])
async def test_of_two_that_start_at_once_one_leads_and_a_third_that_will_not_wait_ends(
    request: pytest.FixtureRequest, tmp_path: Path, kind: str
) -> None:
    async with pair(tmp_path, **journal(request, tmp_path, kind)) as routers:
        both = (routers.first, routers.second)
        for router in both:
            router.begin()
        for router in both:
            await router.up()
        standbys = [(await router.fleet()).standby for router in both]
        await eventually(lambda: _serving(both), lambda serving: sum(serving) == 1)
        standbys = [(await router.fleet()).standby for router in both]
        assert sorted(standbys) == [False, True]
        assert {(await router.fleet()).epoch for router in both} == {1}

        third = Router("third", tmp_path, {**routers.settings, "TANDEM_ROUTER_STANDBY": "false"})
        third.begin()
        assert await third.ended() == 1
        (line,) = said(third)
        assert "another router has this journal open" in line
        assert sum(await _serving(both)) == 1


def journal(request: pytest.FixtureRequest, folder: Path, kind: str) -> dict[str, str]:
    if kind == "postgres":
        return {"TANDEM_JOURNAL_DSN": request.getfixturevalue("journal_dsn")}
    return {"TANDEM_ROUTER_JOURNAL_PATH": str(folder / "journal" / "j.db")}


async def _serving(routers: tuple[Router, ...]) -> list[bool]:
    return [await router.serves() for router in routers]


@pytest.mark.slow
async def test_a_router_whose_server_is_restarted_stops_and_the_standby_goes_on(
    postgres: PostgresServer, journal_dsn: str, tmp_path: Path
) -> None:
    async with pair(tmp_path, TANDEM_JOURNAL_DSN=journal_dsn) as routers:
        await routers.lead_by_first()
        await routers.client.submit(rests("before"))
        postgres.restart()  # on this thread: its end would be the end of the server, too
        assert await routers.first.ended() == 1
        log = routers.first.logs[-1].read_text("utf-8")
        assert "the connection was lost during a commit" in log or "seat_lost" in log
        await routers.taken_over()
        assert (await routers.client.order("before")).order is not None
        await routers.client.submit(rests("after"))
        assert await has_been_sent(routers, "after")


async def has_been_sent(routers: Pair, client_order_id: str) -> bool:
    return f"{client_order_id}~t1~1.0" in routers.venue.gateway.sent
