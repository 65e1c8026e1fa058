"""Each pod is kept well, kept small, and keeps what it must not forget."""

from __future__ import annotations

import re
from pathlib import Path

import kubernetes_validate  # type: ignore[import-untyped]
import pytest

from services.common.adapter import hosting
from services.common.runtime import health, shutdown
from services.router import bootstrap, serving
from tests.kubernetes.rendered import (
    OVERLAYS,
    SETS,
    Container,
    containers,
    of_kind,
    rendered,
    selects,
    workloads,
)
from tests.kubernetes.test_environment import load, services
from tests.workshop.repository import ROOT

PROCESS = ""
SERVED = {
    "tandem/router": {serving.BROKER: "trading", serving.OPERATIONS: "operations"},
    "tandem/alpaca-adapter": {hosting.BROKER: "adapter", hosting.ADAPTER: "adapter"},
    "tandem/ib-adapter": {hosting.BROKER: "adapter", hosting.ADAPTER: "adapter"},
}
STATE = {
    "router": {"TANDEM_ROUTER_JOURNAL_PATH"},
    "alpaca-adapter": {"TANDEM_ALPACA_FENCE_STORE_PATH"},
    "ib-adapter": {"TANDEM_IB_FENCE_STORE_PATH", "TANDEM_IB_SEND_LOG_PATH"},
}
# IB's Gateway itself, by its own image's scripts: it is given what the adapter's end leaves.
GATEWAY_STOP_S = 20.0
TAGGED = re.compile(r":(?!latest|stable)[\w.-]+$|@sha256:[0-9a-f]{64}$")


@pytest.mark.parametrize("name", SETS)
def test_every_manifest_is_in_the_schema_of_its_kind(name: str) -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    (version,) = re.findall(r"^K8S_VERSION := (.+)$", makefile, re.MULTILINE)
    (checked,) = re.findall(r"^K8S_SETS := (.+)$", makefile, re.MULTILINE)
    assert tuple(checked.split()) == SETS
    for manifest in rendered(name):
        kubernetes_validate.validate(dict(manifest), version, strict=True)


@pytest.mark.parametrize("name", SETS)
def test_every_service_selects_one_pod_and_names_its_ports(name: str) -> None:
    found = of_kind(name, "Service")
    assert {s["metadata"]["name"] for s in found} == set(workloads(name))
    for service in found:
        selector = {"matchLabels": service["spec"]["selector"]}
        (pod,) = (w for w in workloads(name).values() if selects(selector, w.labels))
        (container,) = (c for c in pod.containers() if c.ports)
        told = {p["name"]: p["port"] for p in service["spec"]["ports"]}
        assert told == container.ports
        assert all(p["targetPort"] == p["name"] for p in service["spec"]["ports"])


@pytest.mark.parametrize("name", SETS)
def test_a_pod_runs_once_and_its_state_outlives_it(name: str) -> None:
    for workload in workloads(name).values():
        spec = workload.manifest["spec"]
        assert spec["replicas"] == 1
        assert "updateStrategy" not in spec, "the default ends the old pod before the new one"
        assert set(spec["persistentVolumeClaimRetentionPolicy"].values()) == {"Retain"}
        assert selects(spec["selector"], workload.labels)
        for claim in workload.claims:
            assert claim["spec"]["accessModes"] == ["ReadWriteOncePod"]


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_state_is_written_to_a_volume_that_stays(overlay: str) -> None:
    for container in services(overlay):
        mounts = {m["name"]: m["mountPath"] for m in container.spec["volumeMounts"]}
        claims = {c["metadata"]["name"] for c in workloads(overlay)[container.workload].claims}
        kept = [Path(path) for name, path in mounts.items() if name in claims]
        paths = {n: Path(v) for n, v in container.env.items() if n in STATE[container.workload]}
        assert set(paths) == STATE[container.workload]
        assert all(any(p.is_relative_to(k) for k in kept) for p in paths.values())


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_every_volume_is_there_and_used(overlay: str) -> None:
    for workload in workloads(overlay).values():
        there = {v["name"] for v in workload.pod["volumes"]}
        there |= {c["metadata"]["name"] for c in workload.claims}
        mounts = [m["name"] for c in workload.containers() for m in c.spec.get("volumeMounts", [])]
        assert set(mounts) == there


def test_the_gateway_stands_beside_its_adapter_and_ends_after_it() -> None:
    pod = workloads("overlays/paper")["ib-adapter"]
    gateway = pod.container("gateway")
    assert [c["name"] for c in pod.pod["initContainers"]] == ["gateway"]
    assert gateway.spec["restartPolicy"] == "Always"
    assert not any(key.endswith("Probe") for key in gateway.spec), "none would mean anything"
    settings = Path(gateway.env["TWS_SETTINGS_PATH"])
    kept = {m["name"]: Path(m["mountPath"]) for m in gateway.spec["volumeMounts"]}
    assert kept["gateway-settings"] == settings
    assert "gateway-settings" in {c["metadata"]["name"] for c in pod.claims}


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_probes_ask_for_health_that_the_service_publishes(overlay: str) -> None:
    for container in services(overlay):
        published = SERVED[container.image]
        for kind in ("startupProbe", "livenessProbe", "readinessProbe"):
            probe = container.spec[kind]["grpc"]
            asked = probe.get("service", PROCESS)
            assert asked == PROCESS or asked in published
            port = container.ports[published.get(asked, next(iter(published.values())))]
            assert probe["port"] == port


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_no_probe_depends_on_a_broker(overlay: str) -> None:
    for container in services(overlay):
        assert container.spec["livenessProbe"]["grpc"].get("service", PROCESS) == PROCESS
        ready = container.spec["readinessProbe"]["grpc"]["service"]
        assert not ready.startswith("venue.")
        assert ready != health.SERVICE_NAME


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_a_pod_is_given_longer_to_end_than_its_programs_take(overlay: str) -> None:
    for container in services(overlay):
        pod = workloads(overlay)[container.workload].pod
        needed_s = _shutdown_s(container) + shutdown._WATCHDOG_MARGIN_S
        if any(c["name"] == "gateway" for c in pod.get("initContainers", [])):
            needed_s += GATEWAY_STOP_S
        assert pod["terminationGracePeriodSeconds"] > needed_s
        assert "lifecycle" not in container.spec, "the process drains by itself"


def _shutdown_s(container: Container) -> float:
    settings = load(container)
    if container.image == "tandem/router":
        return float(settings.shutdown_limits().overall_s)
    return float(settings.drain_s + settings.close_wait_s + hosting._CLOSING_S)


@pytest.mark.parametrize("name", SETS)
def test_every_container_says_what_it_needs_and_where_it_comes_from(name: str) -> None:
    for container in containers(name):
        resources = container.spec["resources"]
        assert set(resources["requests"]) == {"cpu", "memory"}
        assert "memory" in resources["limits"]
        assert TAGGED.search(container.spec["image"]), container.spec["image"]


def test_our_images_have_this_version() -> None:
    version = bootstrap._version()
    tags = {c.spec["image"].rpartition(":")[2] for n in SETS for c in containers(n) if c.is_ours}
    assert tags == {version}


@pytest.mark.parametrize("name", SETS)
def test_every_pod_keeps_to_the_restricted_profile(name: str) -> None:
    for workload in workloads(name).values():
        pod = workload.pod
        assert pod["automountServiceAccountToken"] is False
        assert pod["serviceAccountName"] == workload.name
        assert pod["securityContext"]["runAsNonRoot"] is True
        assert pod["securityContext"]["runAsUser"] == 10001
        assert pod["securityContext"]["fsGroup"] == 10001
        assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
        assert not {"hostNetwork", "hostPID", "hostIPC"} & set(pod)
        for container in workload.containers():
            context = container.spec["securityContext"]
            assert context["allowPrivilegeEscalation"] is False
            assert context["capabilities"] == {"drop": ["ALL"]}
            assert context["readOnlyRootFilesystem"] is container.is_ours
            assert not {"privileged", "runAsNonRoot"} & set(context)
    accounts = of_kind(name, "ServiceAccount")
    assert {a["metadata"]["name"] for a in accounts} == set(workloads(name))
    assert all(a["automountServiceAccountToken"] is False for a in accounts)


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_everything_is_labeled_and_in_the_overlay_s_namespace(overlay: str) -> None:
    instance = overlay.rpartition("/")[2]
    (namespace,) = of_kind(overlay, "Namespace")
    assert namespace["metadata"]["name"] == f"tandem-{instance}"
    assert namespace["metadata"]["labels"]["pod-security.kubernetes.io/enforce"] == "restricted"
    kinds = ("Namespace", "ServiceAccount", "Service", "StatefulSet", "NetworkPolicy")
    for manifest in (m for kind in kinds for m in of_kind(overlay, kind)):
        labels = {k.removeprefix("app.kubernetes.io/") for k in manifest["metadata"]["labels"]}
        assert {"name", "component", "part-of", "instance", "version"} <= labels
        assert manifest["metadata"]["labels"]["app.kubernetes.io/version"] == bootstrap._version()
        if manifest["kind"] != "Namespace":
            assert manifest["metadata"]["namespace"] == f"tandem-{instance}"
    for workload in workloads(overlay).values():
        assert workload.labels["app.kubernetes.io/instance"] == instance


def test_only_the_login_that_a_person_must_renew_is_kept_from_eviction() -> None:
    budgets = {o: of_kind(o, "PodDisruptionBudget") for o in OVERLAYS}
    assert budgets["overlays/simulated"] == []
    (budget,) = budgets["overlays/paper"]
    picked = [
        w.name
        for w in workloads("overlays/paper").values()
        if selects(budget["spec"]["selector"], w.labels)
    ]
    assert picked == ["ib-adapter"]
    assert budget["spec"]["maxUnavailable"] == 0
