"""The settings that every adapter has: described, checked, read from the environment."""

from __future__ import annotations

from pathlib import Path

import pytest

from services.common.adapter.budget import BudgetTerms
from services.common.domain.reports import AccountMode
from services.common.runtime.config_fields import describe
from services.common.runtime.errors import SettingsError
from tests.unit.adapter.served import FakeAdapterSettings

REQUIRED = {
    "TANDEM_FAKE_ADAPTER_LISTEN": "127.0.0.1:0",
    "TANDEM_FAKE_ADAPTER_ACCOUNT_ID": "main",
    "TANDEM_FAKE_ADAPTER_VENUE": "fake",
    "TANDEM_FAKE_ADAPTER_ACCOUNT_TAG": "t1",
    "TANDEM_FAKE_ADAPTER_FENCE_STORE_PATH": "/var/lib/fence.db",
    "TANDEM_FAKE_ADAPTER_SETTLING_S": "60",
}


def test_what_is_safe_has_a_default() -> None:
    settings = FakeAdapterSettings.load(environ=REQUIRED)
    assert settings.account_mode is AccountMode.PAPER
    assert not settings.stand_alone
    assert settings.fence_store_path == Path("/var/lib/fence.db")
    assert settings.pacing.terms() == BudgetTerms(200, 60.0, 0.95, 10)


def test_every_setting_is_described() -> None:
    rows = describe(FakeAdapterSettings)
    assert {"account_tag", "pacing.share", "stream.capacity", "lists.kept_s"} <= {
        row.name.removeprefix("fake_adapter.") for row in rows
    }
    assert all(row.description.endswith(".") for row in rows)


@pytest.mark.parametrize("name", sorted(REQUIRED))
def test_a_missing_setting_is_one_clear_line(name: str) -> None:
    environ = {key: value for key, value in REQUIRED.items() if key != name}
    with pytest.raises(SettingsError, match=f"{name} .* is missing"):
        FakeAdapterSettings.load(environ=environ)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("ACCOUNT_TAG", "Upper"),
        ("ACCOUNT_TAG", "toolongtag"),
        ("ACCOUNT_ID", "a~b"),
        ("VENUE", "Alpaca!"),
        ("MODE", "demo"),
        ("SETTLING_S", "0"),
        ("PACING__SHARE", "1.5"),
        ("PACING__LIMIT", "10"),
        ("STREAM__READER_LAG_MAX", "20000"),
        ("STREAM__HEARTBEAT_S", "0.5"),
    ],
)
def test_a_setting_that_can_not_work_is_refused(name: str, value: str) -> None:
    with pytest.raises(SettingsError, match="TANDEM_FAKE_ADAPTER_"):
        FakeAdapterSettings.load(environ=REQUIRED | {f"TANDEM_FAKE_ADAPTER_{name}": value})
