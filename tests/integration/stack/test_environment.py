"""What children inherit."""

from __future__ import annotations

from stack import environment

SECRETS = {
    "APCA_API_KEY_ID": "secret",
    "APCA_API_SECRET_KEY": "secret",
    "ALPACA_API_KEY": "secret",
    "alpaca_secret_key": "secret",
    "TWS_PASSWORD": "secret",
    "TWSUSERID": "secret",
    "IB_USERNAME": "secret",
    "IBKR_PASSWORD": "secret",
}
TANDEM = {
    "TANDEM_ALPACA_API_KEY": "PK1",
    "TANDEM_IB_PORT": "4002",
    "TANDEM_ROUTER_LOG_LEVEL": "debug",
    "TANDEM_CONFIG": "/some/where.toml",
    "TANDEM_INSECURE_LISTEN": "1",
}
PROXIES = {"HTTPS_PROXY": "http://proxy", "http_proxy": "http://proxy"}
HARMLESS = {"PATH": "/bin", "HOME": "/root", "LANG": "C.UTF-8"}
ALL = {**SECRETS, **TANDEM, **PROXIES, **HARMLESS}


def test_a_simulated_stack_inherits_nothing_of_a_broker_of_tandem_or_of_a_proxy() -> None:
    assert environment.for_simulation(ALL) == HARMLESS


def test_a_paper_stack_inherits_its_services_settings_and_no_other_credentials() -> None:
    assert environment.for_paper(ALL) == {
        **HARMLESS,
        **PROXIES,
        "TANDEM_ALPACA_API_KEY": "PK1",
        "TANDEM_IB_PORT": "4002",
        "TANDEM_ROUTER_LOG_LEVEL": "debug",
    }
