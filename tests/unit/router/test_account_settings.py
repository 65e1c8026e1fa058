"""What an account's tables say, and that a wrong one is refused by the name of its field."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pytest

from services.common.domain.errors import Reason
from services.common.domain.order_terms import OrderType
from services.common.runtime.errors import SettingsError
from services.router.routing.policy import DEFAULT_POLICY, AccountPolicy
from services.router.routing.preference import AssetClass, RoutingRule
from services.router.settings import RouterSettings

VENUES = """
[router]
[[router.accounts]]
account_id = "main"
{account}
[[router.accounts.venues]]
name = "alpaca"
address = "127.0.0.1:50051"
account_tag = "al"
[[router.accounts.venues]]
name = "ib"
address = "127.0.0.1:50052"
account_tag = "ib"
{tables}
"""


def loaded(tmp_path: Path, account: str = "", tables: str = "") -> AccountPolicy:
    """The policy of an account with these settings."""
    path = tmp_path / "tandem.toml"
    path.write_text(VENUES.format(account=account, tables=tables), encoding="utf-8")
    return RouterSettings.load(environ={}, config_file=path).accounts[0].policy()


def test_an_account_that_says_nothing_has_the_policy_of_the_failure_table(tmp_path: Path) -> None:
    assert loaded(tmp_path) == DEFAULT_POLICY


def test_each_setting_reaches_the_policy(tmp_path: Path) -> None:
    policy = loaded(
        tmp_path,
        'large_order_qty = {OPTION = 100, EQUITY = 0.5}\nlarge_order_venue = "ib"',
        """
        [router.accounts.failover]
        allowed = false
        on_rejections = ["INVALID_PRICE"]
        not_on = ["RATE_LIMITED"]
        attempts_max = 2
        failback_after_s = 0
        [[router.accounts.rules]]
        venue = "ib"
        asset_classes = ["MULTI_LEG"]
        order_types = ["LIMIT"]
        min_qty = 10
        """,
    )
    assert not policy.failover.is_allowed
    assert policy.failover.on_rejections == {Reason.INVALID_PRICE}
    assert policy.failover.not_on == {Reason.RATE_LIMITED}
    assert (policy.failover.attempts_max, policy.failover.failback_after_s) == (2, 0)
    large = {AssetClass.OPTION: Decimal(100), AssetClass.EQUITY: Decimal("0.5")}
    assert policy.preference.large_order_qty == large
    assert policy.preference.large_order_venue == "ib"
    assert policy.preference.rules == (
        RoutingRule(
            "ib",
            frozenset({AssetClass.MULTI_LEG}),
            frozenset({OrderType.LIMIT}),
            min_qty=Decimal(10),
        ),
    )


FAILOVER = "[router.accounts.failover]\n"
RULE = "[[router.accounts.rules]]\n"


@pytest.mark.parametrize(
    ("account", "tables", "named"),
    [
        ("", RULE + 'venue = "other"', "rules[0].venue: main has no venue 'other'"),
        (
            'large_order_qty = {OPTION = 1}\nlarge_order_venue = "other"',
            "",
            "large_order_venue: main has no venue 'other'",
        ),
        ('large_order_venue = "ib"', "", "large_order_venue: without large_order_qty"),
        ("large_order_qty = {OPTION = 0}", "", "accounts.0.large_order_qty): a large OPTION order"),
        ("large_order_qty = {BOND = 1}", "", "accounts.0.large_order_qty.BOND"),
        ("", FAILOVER + "failback_after_s = -1", "accounts.0.failover.failback_after_s"),
        ("", FAILOVER + "attempts_max = 0", "accounts.0.failover.attempts_max"),
        ("", FAILOVER + 'on_rejections = ["RATE_LIMITED"]', "accounts.0.failover.on_rejections"),
        ("", FAILOVER + 'on_rejections = ["BLOCKED"]', "accounts.0.failover.on_rejections.0"),
        ("", FAILOVER + 'not_on = ["OUTCOME_UNKNOWN"]', "accounts.0.failover.not_on"),
        ("", FAILOVER + 'not_on = ["STALE_EPOCH"]', "accounts.0.failover.not_on"),
        ("", FAILOVER + "allow = true", "accounts.0.failover.allow is not a setting"),
        ("", RULE + 'venue = "ib"\nmin_qty = -1', "accounts.0.rules.0.min_qty"),
        ("", RULE + 'venue = "ib"\norder_types = ["PEG"]', "accounts.0.rules.0.order_types.0"),
        ("", RULE + "min_qty = 1", "accounts.0.rules.0.venue) is missing"),
        ("", '[[router.accounts.venues]]\nname="ib"\naddress="x"\naccount_tag="c"', "venue twice"),
    ],
)
def test_a_wrong_setting_is_refused_by_its_name(
    tmp_path: Path, account: str, tables: str, named: str
) -> None:
    with pytest.raises(SettingsError) as refused:
        loaded(tmp_path, account, tables)
    assert named in str(refused.value)


def test_the_example_in_the_documentation_is_one(tmp_path: Path) -> None:
    page = Path(__file__).parents[3] / "docs" / "routing.md"
    example = page.read_text(encoding="utf-8").split("```toml\n")[1].split("```")[0]
    path = tmp_path / "tandem.toml"
    path.write_text(f"[router]\n{example}", encoding="utf-8")
    policy = RouterSettings.load(environ={}, config_file=path).accounts[0].policy()
    assert policy.failover.failback_after_s == 120
    assert policy.preference.rules[0].venue == "interactive_brokers"
    assert policy.preference.large_order_qty[AssetClass.OPTION] == 100
