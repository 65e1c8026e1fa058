"""Unit tests of "paper is paper": host, key and account must all fit the mode."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from services.alpaca_adapter.account_mode import (
    DATA_URL,
    LIVE_URL,
    PAPER_URL,
    Admission,
    Identity,
    WrongMode,
    check_account,
    check_settings,
    trading_url,
)
from services.alpaca_adapter.settings import AlpacaSettings, stream_url
from services.common.domain.errors import ReadFailed, Reason, Refused, Unavailable
from services.common.domain.reports import AccountMode
from services.common.runtime.errors import SettingsError
from tests.unit.alpaca_adapter.wire import Desk, Reply, problem

PAPER, LIVE = AccountMode.PAPER, AccountMode.LIVE


@pytest.mark.parametrize(
    ("mode", "base_url", "url"),
    [
        (PAPER, "", PAPER_URL),
        (LIVE, "", LIVE_URL),
        (PAPER, "http://127.0.0.1:8081", "http://127.0.0.1:8081"),
        (PAPER, "http://localhost:8081/", "http://localhost:8081"),
        (PAPER, "http://[::1]:8081", "http://[::1]:8081"),
        (PAPER, "https://alpaca.staging.test", "https://alpaca.staging.test"),
        (PAPER, PAPER_URL, PAPER_URL),
    ],
)
def test_orders_go_to_the_host_of_the_mode_or_to_a_simulator(
    mode: AccountMode, base_url: str, url: str
) -> None:
    assert trading_url(mode, base_url) == url


@pytest.mark.parametrize(
    ("mode", "base_url"),
    [
        (LIVE, "http://127.0.0.1:8081"),
        (LIVE, LIVE_URL),
        (PAPER, LIVE_URL),
        (PAPER, "https://API.alpaca.markets."),
        (PAPER, "https://api.alpaca.markets:443"),
        (PAPER, "http://alpaca.staging.test"),
        (PAPER, "http://127.0.0.1.evil.test"),
        (PAPER, "ftp://127.0.0.1"),
        (PAPER, "127.0.0.1:8081"),
        (PAPER, "http://127.0.0.1:8081/v2"),
        (PAPER, "http://user:word@127.0.0.1:8081"),
        (PAPER, "http://"),
    ],
)
def test_any_other_host_is_refused(mode: AccountMode, base_url: str) -> None:
    with pytest.raises(WrongMode):
        trading_url(mode, base_url)


@pytest.mark.parametrize(
    "identity",
    [
        Identity(PAPER, PAPER_URL, "AKLIVE", ""),
        Identity(PAPER, PAPER_URL, "CKSOMETHING", ""),
        Identity(PAPER, LIVE_URL, "PKPAPER", ""),
        Identity(LIVE, LIVE_URL, "PKPAPER", "123"),
        Identity(LIVE, LIVE_URL, "AKLIVE", ""),
        Identity(LIVE, PAPER_URL, "AKLIVE", "123"),
        Identity(LIVE, "http://127.0.0.1:8081", "AKLIVE", "123"),
    ],
)
def test_settings_that_do_not_fit_the_mode_are_refused(identity: Identity) -> None:
    with pytest.raises(WrongMode):
        check_settings(identity)


def test_settings_that_fit_are_taken() -> None:
    check_settings(Identity(PAPER, PAPER_URL, "PKPAPER", ""))
    check_settings(Identity(LIVE, LIVE_URL, "AKLIVE", "123456789"))


@pytest.mark.parametrize("account", [{}, None, {"account_number": ""}, {"account_number": "PA2"}])
def test_an_account_other_than_the_one_set_is_refused(account: Any) -> None:
    with pytest.raises(WrongMode):
        check_account(Identity(PAPER, PAPER_URL, "PKPAPER", "PA1"), account)


def test_a_number_is_required_of_the_account_even_if_none_is_set() -> None:
    identity = Identity(PAPER, PAPER_URL, "PKPAPER", "")
    assert check_account(identity, {"account_number": "PA7"}) == "PA7"
    with pytest.raises(WrongMode):
        check_account(identity, {"status": "ACTIVE"})


def admission(*replies: Reply, number: str = "PA1") -> Admission:
    left = list(replies)
    desk = Desk(lambda _: left.pop(0) if len(left) > 1 else left[0])
    return Admission(Identity(PAPER, PAPER_URL, "PKPAPER", number), desk.reader)


async def test_nothing_is_sent_before_the_account_was_checked() -> None:
    gate = admission(Reply(200, {"account_number": "PA1"}))
    with pytest.raises(Unavailable) as error:
        gate.require()
    assert error.value.reason is Reason.VENUE_NOT_READY
    await gate.check()
    gate.require()
    assert gate.account_number == "PA1"


async def test_a_wrong_account_shuts_the_gate_for_good() -> None:
    gate = admission(
        Reply(200, {"account_number": "123456789"}), Reply(200, {"account_number": "PA1"})
    )
    for _ in range(2):
        with pytest.raises(Refused) as error:
            await gate.check()
        assert error.value.reason is Reason.WRONG_ACCOUNT_MODE
        with pytest.raises(Refused):
            gate.require()
    assert "123456789" in gate.why_not


async def test_an_account_that_changes_behind_the_key_shuts_the_gate() -> None:
    gate = admission(
        Reply(200, {"account_number": "PA1"}), Reply(200, {"account_number": "123456789"})
    )
    await gate.check()
    with pytest.raises(Refused):
        await gate.check()
    with pytest.raises(Refused):
        gate.require()


async def test_refused_credentials_are_told_apart_from_what_may_pass() -> None:
    gate = admission(problem(401, 40110000, "request is not authorized"))
    with pytest.raises(Unavailable) as error:
        await gate.check()
    assert error.value.reason is Reason.CREDENTIALS_REFUSED
    with pytest.raises(ReadFailed):
        await admission(Reply(500)).check()


# -- settings -----------------------------------------------------------------------------------


def environ(**more: str) -> dict[str, str]:
    values = {
        "ACCOUNT_ID": "main",
        "ACCOUNT_TAG": "sim",
        "FENCE_STORE_PATH": "/nowhere/fence.db",
        "API_KEY": "PKPAPER",
        "SECRET_KEY": "very-secret",
        **more,
    }
    return {f"TANDEM_ALPACA_{name}": value for name, value in values.items() if value}


def loaded(**more: str) -> AlpacaSettings:
    return AlpacaSettings.load(environ=environ(**more))


def test_the_defaults_are_paper_at_alpaca() -> None:
    settings = loaded()
    access = settings.access()
    assert (access.trading_url, access.data_url) == (PAPER_URL, DATA_URL)
    assert stream_url(access.trading_url) == "wss://paper-api.alpaca.markets/stream"
    assert settings.quote_stream_url(access) == "wss://stream.data.alpaca.markets"
    assert settings.identity(access).mode is PAPER


def test_a_simulator_serves_everything_from_its_own_host() -> None:
    access = loaded(BASE_URL="http://127.0.0.1:8081").access()
    assert (access.trading_url, access.data_url) == ("http://127.0.0.1:8081",) * 2
    assert stream_url(access.trading_url) == "ws://127.0.0.1:8081/stream"
    assert loaded().quote_stream_url(access) == "ws://127.0.0.1:8081"


def test_quotes_can_be_streamed_from_another_host() -> None:
    access = loaded().access()
    for given, used in (
        ("wss://quotes.test/", "wss://quotes.test"),
        ("ws://127.0.0.1:9", "ws://127.0.0.1:9"),
    ):
        assert loaded(DATA_STREAM_URL=given).quote_stream_url(access) == used
    for refused in ("ws://quotes.test", "https://quotes.test"):
        with pytest.raises(SettingsError, match="TANDEM_ALPACA_DATA_STREAM_URL"):
            loaded(DATA_STREAM_URL=refused).quote_stream_url(access)


def test_no_repr_shows_the_secret() -> None:
    settings = loaded()
    access = settings.access()
    shown = repr(settings) + repr(access) + repr(settings.identity(access))
    assert "very-secret" not in shown
    assert "PKPAPER" not in shown


def test_secrets_come_from_files(tmp_path: Path) -> None:
    for name, value in (("key", "PKFROMFILE\n"), ("secret", "from-file\n")):
        (tmp_path / name).write_text(value)
    access = loaded(
        API_KEY="",
        SECRET_KEY="",
        API_KEY_FILE=str(tmp_path / "key"),
        SECRET_KEY_FILE=str(tmp_path / "secret"),
    ).access()
    assert (access.key, access.secret) == ("PKFROMFILE", "from-file")


def test_alpacas_own_variables_are_read_too() -> None:
    values = environ(API_KEY="", SECRET_KEY="")
    values |= {"APCA_API_KEY_ID": "PKOTHER", "APCA_API_SECRET_KEY": "other"}
    access = AlpacaSettings.load(environ=values).access()
    assert (access.key, access.secret) == ("PKOTHER", "other")


@pytest.mark.parametrize(
    ("more", "named"),
    [
        ({"API_KEY": ""}, "TANDEM_ALPACA_API_KEY"),
        ({"SECRET_KEY": ""}, "TANDEM_ALPACA_SECRET_KEY"),
        ({"SECRET_KEY_FILE": "/nowhere/secret"}, "TANDEM_ALPACA_SECRET_KEY"),
        ({"SECRET_KEY": "", "SECRET_KEY_FILE": "/nowhere/secret"}, "can't be read"),
        ({"API_KEY": "two\nlines"}, "TANDEM_ALPACA_API_KEY"),
        ({"BASE_URL": LIVE_URL}, "TANDEM_ALPACA_BASE_URL"),
        ({"BASE_URL": "http://elsewhere.test"}, "TANDEM_ALPACA_BASE_URL"),
        ({"DATA_URL": "http://elsewhere.test"}, "TANDEM_ALPACA_DATA_URL"),
        ({"API_KEY": "AKLIVE"}, "WRONG_ACCOUNT_MODE"),
        ({"MODE": "live"}, "WRONG_ACCOUNT_MODE"),
        ({"MODE": "live", "API_KEY": "AKLIVE"}, "account_number is required"),
        ({"MODE": "live", "BASE_URL": "http://127.0.0.1:1"}, "TANDEM_ALPACA_BASE_URL"),
    ],
)
def test_what_is_missing_or_does_not_fit_is_named_and_no_secret_shown(
    more: dict[str, str], named: str
) -> None:
    settings = loaded(**more)
    with pytest.raises(SettingsError) as error:
        settings.identity(settings.access())
    text = "\n".join(error.value.lines)
    assert named in text
    assert "very-secret" not in text
    assert "AKLIVE" not in text
