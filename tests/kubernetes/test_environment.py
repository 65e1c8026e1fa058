"""What the manifests set is what the programs take: names, values, and how they fit together."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

import click
import pytest

from services.alpaca_adapter.settings import AlpacaSettings
from services.common.runtime.listen import insecure_listen_allowed
from services.common.runtime.service_settings import GLOBAL_VARIABLES
from simulators.alpaca.__main__ import main as simulated_alpaca
from simulators.alpaca.settings import SIMULATED_KEY, SIMULATED_SECRET
from simulators.ib_gateway.__main__ import main as simulated_gateway
from tests.kubernetes.rendered import (
    OVERLAYS,
    Container,
    containers,
    of_kind,
    port_of,
    selects,
    workloads,
)
from tools.write_docs import settings_classes

SETTINGS = {settings.section: settings for settings in settings_classes()}
SECTIONS = {"tandem/router": "router", "tandem/alpaca-adapter": "alpaca", "tandem/ib-adapter": "ib"}
SIMULATORS = {
    "simulators.alpaca": simulated_alpaca,
    "simulators.ib_gateway": simulated_gateway,
}
# What the image's own documents name.
GATEWAY = {
    *("TWS_USERID", "TWS_PASSWORD_FILE", "TWS_SETTINGS_PATH", "TRADING_MODE", "READ_ONLY_API"),
    *("AUTO_RESTART_TIME", "TIME_ZONE", "TWOFA_TIMEOUT_ACTION", "RELOGIN_AFTER_TWOFA_TIMEOUT"),
    "EXISTING_SESSION_DETECTED_ACTION",
}


def services(overlay: str) -> list[Container]:
    return [c for c in containers(overlay) if c.image in SECTIONS]


def load(container: Container) -> Any:
    """The settings as the service itself would read them; SettingsError for what it refuses."""
    return SETTINGS[SECTIONS[container.image]].load(environ=container.env)


def settings_of(overlay: str, workload: str) -> Any:
    return next(load(c) for c in services(overlay) if c.workload == workload)


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_every_service_takes_what_it_is_given(overlay: str) -> None:
    found = services(overlay)
    assert {c.image for c in found} == set(SECTIONS)
    for container in found:
        load(container)


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_every_variable_is_for_the_program_that_it_is_given_to(overlay: str) -> None:
    for container in services(overlay):
        prefix = f"TANDEM_{SECTIONS[container.image].upper()}_"
        names = {variable["name"] for variable in container.spec["env"]}
        assert {n for n in names if not n.startswith(prefix)} <= set(GLOBAL_VARIABLES)


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_every_container_is_a_service_a_simulator_or_the_gateway(overlay: str) -> None:
    for container in containers(overlay):
        if container.name == "gateway":
            assert {variable["name"] for variable in container.spec["env"]} == GATEWAY
        elif container.name == "simulator":
            assert container.spec["args"][0] in SIMULATORS
        else:
            assert container.image in SECTIONS


def test_simulators_take_what_they_are_given(monkeypatch: pytest.MonkeyPatch) -> None:
    started = [c for c in containers("overlays/simulated") if c.name == "simulator"]
    assert {c.spec["args"][0] for c in started} == set(SIMULATORS)
    for container in started:
        command = SIMULATORS[container.spec["args"][0]]
        prefix = command.context_settings["auto_envvar_prefix"]
        known = {f"{prefix}_{str(option.name).upper()}" for option in command.params}
        assert set(container.env) <= known
        with monkeypatch.context() as environment:
            for name, value in container.env.items():
                environment.setenv(name, value)
            context = command.make_context("simulator", container.spec["args"][1:])
        given = {n for n in context.params if context.get_parameter_source(n) != _DEFAULT}
        assert {f"{prefix}_{name.upper()}" for name in given} == set(container.env)


_DEFAULT = click.core.ParameterSource.DEFAULT


def test_a_simulator_is_probed_where_its_control_api_is() -> None:
    for container in (c for c in containers("overlays/simulated") if c.name == "simulator"):
        command = SIMULATORS[container.spec["args"][0]]
        (port,) = (option.default for option in command.params if option.name == "control_port")
        for kind in ("startupProbe", "livenessProbe"):
            *_, program = container.spec[kind]["exec"]["command"]
            assert f'"http://127.0.0.1:{port}/health"' in program


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_the_router_knows_each_adapter_by_its_service_account_and_tag(overlay: str) -> None:
    (account,) = settings_of(overlay, "router").accounts
    ports = {
        f"{service['metadata']['name']}:{port['port']}": service
        for service in of_kind(overlay, "Service")
        for port in service["spec"]["ports"]
    }
    adapters = [c for c in services(overlay) if c.image != "tandem/router"]
    assert len(account.venues) == len(adapters)
    for venue in account.venues:
        service = ports[venue.address]
        (pod,) = (
            w
            for w in workloads(overlay).values()
            if selects({"matchLabels": service["spec"]["selector"]}, w.labels)
        )
        told = settings_of(overlay, pod.name)
        assert (told.venue, told.account_tag) == (venue.name, venue.account_tag)
        assert told.account_id == account.account_id
        assert port_of(told.listen) == port_of(venue.address)


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_no_overlay_trades_real_money(overlay: str) -> None:
    adapters = [load(c) for c in services(overlay) if c.image != "tandem/router"]
    assert {settings.mode for settings in adapters} == {"paper"}
    assert all(not settings.stand_alone for settings in adapters)
    modes = [c.env["TRADING_MODE"] for c in containers(overlay) if c.name == "gateway"]
    assert modes == (["paper"] if overlay == "overlays/paper" else [])


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_what_listens_beyond_loopback_says_so(overlay: str) -> None:
    for container in services(overlay):
        assert insecure_listen_allowed(container.env)
        listening = {
            port_of(value)
            for name, value in container.env.items()
            if name.endswith("_LISTEN") and name not in GLOBAL_VARIABLES
        }
        assert listening == set(container.ports.values())
    for container in containers(overlay):
        if container.name in ("simulator", "gateway"):
            assert not container.ports, "on the pod's loopback alone"


def test_brokers_are_reached_on_loopback_where_nothing_is_encrypted() -> None:
    for overlay in OVERLAYS:
        ib = settings_of(overlay, "ib-adapter")
        assert (ib.host, ib.port) == ("127.0.0.1", 4002), "4002: a paper login's port"
    defaults = {option.name: option.default for option in simulated_gateway.params}
    assert defaults["port"] == 4002
    alpaca = settings_of("overlays/simulated", "alpaca-adapter")
    defaults = {option.name: option.default for option in simulated_alpaca.params}
    assert alpaca.base_url == f"http://127.0.0.1:{defaults['port']}"


def test_the_simulated_key_opens_the_simulated_alpaca(tmp_path: Path) -> None:
    """By files, as the pod has them: the adapter's own checks of host and key pass."""
    (secret,) = of_kind("overlays/simulated", "Secret")
    for name, value in secret["data"].items():
        (tmp_path / name).write_bytes(base64.b64decode(value))
    (container,) = (c for c in services("overlays/simulated") if c.workload == "alpaca-adapter")
    (mount,) = (m for m in container.spec["volumeMounts"] if m["name"] == "credentials")
    environ = {n: v.replace(mount["mountPath"], str(tmp_path)) for n, v in container.env.items()}
    settings = AlpacaSettings.load(environ=environ)
    access = settings.access()
    assert (access.key, access.secret) == (SIMULATED_KEY, SIMULATED_SECRET)
    settings.identity(access)


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_no_secret_stands_in_a_manifest(overlay: str) -> None:
    published = {base64.b64encode(v.encode()).decode() for v in (SIMULATED_KEY, SIMULATED_SECRET)}
    for secret in of_kind(overlay, "Secret"):
        assert overlay == "overlays/simulated"
        assert set(secret["data"].values()) == published
    for container in containers(overlay):
        for variable in container.spec["env"]:
            name = variable["name"]
            if any(word in name for word in ("KEY", "SECRET", "PASSWORD", "TOKEN", "USERID")):
                assert name.endswith("_FILE") or "secretKeyRef" in variable.get("valueFrom", {})
    assert SIMULATED_SECRET not in json.dumps(of_kind(overlay, "StatefulSet"))
