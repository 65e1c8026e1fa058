"""The READMEs name every flag, call, fault and endpoint that there is."""

import click
import pytest

from simulators.alpaca.__main__ import main as alpaca
from simulators.alpaca.settings import AlpacaSettings
from simulators.alpaca.simulated import build
from simulators.control.control import _ACCOUNT_FLAGS
from simulators.control.faults import Ends, Kind
from simulators.control.server import ControlServer
from simulators.ib_gateway.__main__ import main as ib_gateway
from simulators.ib_gateway.settings import IbGatewaySettings
from simulators.ib_gateway.simulated import build as build_gateway
from simulators.ib_gateway.uplink import TEXTS
from tests.simulators.markets import Base
from tests.simulators.process import ROOT

SIMULATORS = (ROOT / "simulators/README.md").read_text()
IB_GATEWAY = (ROOT / "simulators/ib_gateway/README.md").read_text()
ALPACA = (ROOT / "simulators/alpaca/README.md").read_text()


@pytest.mark.parametrize(("program", "readme"), [(alpaca, ALPACA), (ib_gateway, IB_GATEWAY)])
def test_every_flag_is_documented(program: click.Command, readme: str) -> None:
    flags = [flag for option in program.params for flag in (*option.opts, *option.secondary_opts)]
    assert len(flags) >= 15
    assert [flag for flag in flags if f"`{flag}`" not in readme] == []


def test_every_request_verb_option_and_notice_of_the_gateway_is_documented() -> None:
    simulated = build_gateway(IbGatewaySettings(), Base())
    names = {*simulated.api.served, *simulated.control.verbs(), *simulated.control.options()}
    assert len(names) > 30
    assert [name for name in sorted(names) if f"`{name}`" not in IB_GATEWAY] == []
    assert [code for code in TEXTS if str(code) not in IB_GATEWAY] == []


def test_every_verb_and_switch_of_the_simulated_alpaca_is_documented() -> None:
    control = build(AlpacaSettings(), Base()).control
    names = [*control.verbs(), *control.options()]
    assert len(names) >= 14
    assert [name for name in names if f"`{name}`" not in ALPACA] == []


def test_every_fault_is_documented() -> None:
    names = [member.value for kind in (Kind, Ends) for member in kind]
    assert [name for name in names if f"`{name}`" not in SIMULATORS] == []


def test_every_call_of_the_control_is_documented() -> None:
    simulated = build(AlpacaSettings(), Base())
    calls = set()
    for route in ControlServer(simulated.control).app().router.routes():
        path = route.resource.canonical if route.resource is not None else ""
        if route.method != "HEAD":
            calls.add(f"`{route.method} {path.replace('{fault_id}', '{id}')}`")
    assert len(calls) >= 17
    assert [call for call in sorted(calls) if call not in SIMULATORS] == []


def test_every_account_flag_and_endpoint_is_documented() -> None:
    assert [flag for flag in _ACCOUNT_FLAGS if f"`{flag}`" not in SIMULATORS] == []
    simulated = build(AlpacaSettings(), Base())
    paths = {path for _, path in simulated.api.endpoints}
    assert len(paths) >= 16
    assert [path for path in sorted(paths) if f"`{path}`" not in ALPACA] == []
