"""Settings: where they come from, what is refused, and the line that says so."""

import textwrap
from decimal import Decimal
from pathlib import Path
from typing import Any, ClassVar

import pytest
from pydantic import SecretStr, field_validator

from services.common.runtime.config import Settings, SettingsTable, setting
from services.common.runtime.config_fields import describe, secret_values
from services.common.runtime.errors import SettingsError


class Venue(SettingsTable):
    address: str = setting(description="Where the adapter listens.")
    password: SecretStr | None = setting(default=None, description="What it asks for.")
    weight: Decimal = setting(default=Decimal(1), gt=0, description="Its share.")


class RouterSettings(Settings):
    section: ClassVar[str] = "router"

    listen: str = setting(default="127.0.0.1:50050", description="Trading address.")
    journal: Path = setting(description="The journal's file.")
    budget_wait_s: float = setting(default=2.0, ge=0, description="Longest wait for budget.")
    large_order_qty: Decimal = setting(default=Decimal(100), description="Large from here.")
    paper: bool = setting(default=True, description="Whether only paper is traded.")
    key: SecretStr = setting(description="The broker's key.", env="BROKER_KEY")
    venues: dict[str, Venue] = setting(default_factory=dict, description="The venues.")

    @field_validator("key")
    @classmethod
    def _key_has_a_shape(cls, key: SecretStr) -> SecretStr:
        if " " in key.get_secret_value():
            raise ValueError(f"{key.get_secret_value()} has a blank")
        return key


LEAST = {"TANDEM_ROUTER_JOURNAL": "/j", "TANDEM_ROUTER_KEY": "hunter2hunter2"}


def file_with(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "tandem.toml"
    path.write_text(textwrap.dedent(text))
    return path


def refused(environ: dict[str, str], config_file: Path | None = None) -> list[str]:
    with pytest.raises(SettingsError) as caught:
        RouterSettings.load(environ=environ, config_file=config_file)
    assert caught.value.__cause__ is None
    return list(caught.value.lines)


def test_environment_goes_before_file_and_file_before_default(tmp_path: Path) -> None:
    path = file_with(
        tmp_path,
        """
        [router]
        listen = "127.0.0.1:1"
        journal = "/from/file"
        large_order_qty = 0.12345678901234567890
        key = "file"
        [router.venues.alpaca]
        address = "127.0.0.1:2"
        weight = 0.30
        [alpaca_adapter]
        anything = 1
        """,
    )
    environ = {
        "TANDEM_CONFIG": str(path),
        "TANDEM_ROUTER_LISTEN": "127.0.0.1:9",
        "TANDEM_ROUTER_VENUES__ALPACA__ADDRESS": "127.0.0.1:3",
        "TANDEM_ROUTER_VENUES__IB__ADDRESS": "127.0.0.1:4",
        "TANDEM_ROUTER_JOURNAL": "",
        "UNRELATED": "x",
    }
    settings = RouterSettings.load(environ=environ)
    assert settings.listen == "127.0.0.1:9"
    assert settings.journal == Path("/from/file")
    assert settings.large_order_qty == Decimal("0.12345678901234567890")
    assert settings.budget_wait_s == 2.0
    assert {name: (venue.address, venue.weight) for name, venue in settings.venues.items()} == {
        "alpaca": ("127.0.0.1:3", Decimal("0.3")),
        "ib": ("127.0.0.1:4", Decimal(1)),
    }


def test_argument_goes_before_the_variable_that_names_the_file(tmp_path: Path) -> None:
    path = file_with(tmp_path, '[router]\njournal = "/mine"\nkey = "k"')
    settings = RouterSettings.load(environ={"TANDEM_CONFIG": "/nowhere.toml"}, config_file=path)
    assert settings.journal == Path("/mine")


def test_second_variable_is_taken_unless_the_regular_one_is_set() -> None:
    environ = {"TANDEM_ROUTER_JOURNAL": "/j", "BROKER_KEY": "theirs"}
    assert RouterSettings.load(environ=environ).key.get_secret_value() == "theirs"
    environ["TANDEM_ROUTER_KEY"] = "ours"
    assert RouterSettings.load(environ=environ).key.get_secret_value() == "ours"


def test_tables_may_be_given_as_json() -> None:
    environ = {**LEAST, "TANDEM_ROUTER_VENUES": '{"alpaca": {"address": "127.0.0.1:3"}}'}
    assert RouterSettings.load(environ=environ).venues["alpaca"].address == "127.0.0.1:3"


def test_all_missing_settings_are_named_at_once() -> None:
    assert refused({}) == [
        "TANDEM_ROUTER_JOURNAL (file key router.journal) is missing",
        "TANDEM_ROUTER_KEY (file key router.key) is missing",
    ]


def test_wrong_value_is_named_with_its_variable_and_key() -> None:
    environ = {**LEAST, "TANDEM_ROUTER_BUDGET_WAIT_S": "soon", "TANDEM_ROUTER_PAPER": "perhaps"}
    budget, paper = refused(environ)
    assert budget.startswith("TANDEM_ROUTER_BUDGET_WAIT_S (file key router.budget_wait_s): ")
    assert budget.endswith("not 'soon'")
    assert paper.startswith("TANDEM_ROUTER_PAPER (file key router.paper): ")


@pytest.mark.parametrize("value", ["nan", "inf", "-inf"])
@pytest.mark.parametrize("name", ["BUDGET_WAIT_S", "LARGE_ORDER_QTY"])
def test_numbers_must_be_finite(name: str, value: str) -> None:
    (line,) = refused({**LEAST, f"TANDEM_ROUTER_{name}": value})
    assert line.startswith(f"TANDEM_ROUTER_{name} ")


@pytest.mark.parametrize(
    ("environ", "variable"),
    [
        ({"TANDEM_ROUTER_KEY": "hunter2 hunter2"}, "TANDEM_ROUTER_KEY"),
        (
            {"TANDEM_ROUTER_VENUES": '{"ib": {"address": "x", "password": ["hunter2"]}}'},
            "TANDEM_ROUTER_VENUES__IB__PASSWORD",
        ),
        ({"TANDEM_ROUTER_VENUES": '{"ib": {"password": "hunter2"'}, "TANDEM_ROUTER_VENUES"),
        ({"TANDEM_ROUTER_VENUES": '{"ib": {"address": {"key": "hunter2"}}}'}, "ADDRESS"),
    ],
)
def test_no_message_shows_a_secret(environ: dict[str, str], variable: str) -> None:
    lines = refused({**LEAST, **environ})
    assert "hunter2" not in str(lines)
    assert variable in str(lines)


def test_misspelled_variable_is_an_error_with_the_likely_one() -> None:
    assert refused({**LEAST, "TANDEM_ROUTER_LISTNE": "x"}) == [
        "TANDEM_ROUTER_LISTNE is not a setting; did you mean TANDEM_ROUTER_LISTEN?"
    ]


@pytest.mark.parametrize("name", ["tandem_router_listen", "Tandem_Router_LISTEN"])
def test_variable_in_small_letters_is_an_error_not_ignored(name: str) -> None:
    assert refused({**LEAST, name: "x"}) == [
        f"{name} is not a setting; did you mean TANDEM_ROUTER_LISTEN?"
    ]


def test_service_variables_of_kubernetes_are_left_alone() -> None:
    environ = {
        **LEAST,
        "TANDEM_ROUTER_SERVICE_HOST": "10.0.0.1",
        "TANDEM_ROUTER_SERVICE_PORT_GRPC": "50050",
        "TANDEM_ROUTER_PORT": "tcp://10.0.0.1:50050",
        "TANDEM_ROUTER_PORT_50050_TCP_ADDR": "10.0.0.1",
    }
    assert RouterSettings.load(environ=environ).paper


def test_unknown_keys_in_the_file_are_errors_at_every_depth(tmp_path: Path) -> None:
    path = file_with(
        tmp_path,
        """
        [router]
        journal = "/j"
        key = "k"
        Listen = "127.0.0.1:1"
        [router.venues.ib]
        address = "127.0.0.1:4"
        wieght = 2
        """,
    )
    assert sorted(refused({}, path)) == [
        "router.Listen is not a setting; did you mean router.listen?",
        "router.venues.ib.wieght is not a setting; did you mean router.venues.ib.weight?",
    ]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[ruoter]\n", "there is no table [router] (tables: [ruoter])"),
        ("", "there is no table [router] (tables: none)"),
        ("router = 3\n", "there is no table [router] (tables: [router])"),
        ("[router\n", "the settings file is not TOML"),
    ],
)
def test_unusable_file_is_refused_with_its_name(tmp_path: Path, text: str, said: str) -> None:
    path = file_with(tmp_path, text)
    (line,) = refused({**LEAST, "TANDEM_CONFIG": str(path)})
    assert line.startswith(f"TANDEM_CONFIG={path}: ")
    assert said in line


def test_missing_file_is_refused(tmp_path: Path) -> None:
    (line,) = refused({**LEAST, "TANDEM_CONFIG": str(tmp_path / "none.toml")})
    assert line.endswith("the settings file can't be read: No such file or directory")


def test_each_setting_needs_a_description() -> None:
    with pytest.raises(TypeError, match=r"Silent\.quiet has no description"):

        class Silent(Settings):
            section: ClassVar[str] = "silent"
            quiet: int = 1


def test_settings_are_described_for_the_reference() -> None:
    assert RouterSettings.variable("listen") == "TANDEM_ROUTER_LISTEN"
    rows = {row.name: row for row in describe(RouterSettings)}
    assert list(rows)[:2] == ["router.listen", "router.journal"]
    assert rows["router.journal"].default is None
    assert rows["router.paper"].default == "true"
    key = rows["router.key"]
    assert (key.env, key.second_env, key.type) == ("TANDEM_ROUTER_KEY", "BROKER_KEY", "secret")
    nested = rows["router.venues.<name>.weight"]
    assert nested.env == "TANDEM_ROUTER_VENUES__<NAME>__WEIGHT"
    assert (nested.type, nested.default, nested.description) == ("Decimal", "1", "Its share.")


def test_secrets_are_found_at_any_depth_for_the_log() -> None:
    environ: dict[str, Any] = {
        **LEAST,
        "TANDEM_ROUTER_VENUES": '{"ib": {"address": "x", "password": "p4ss"}}',
    }
    settings = RouterSettings.load(environ=environ)
    assert secret_values(settings) == {"hunter2hunter2", "p4ss"}
    assert "hunter2" not in repr(settings)
