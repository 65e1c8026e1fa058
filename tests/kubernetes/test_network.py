"""Every pod is closed, and exactly the connections that are needed are let through."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from tests.kubernetes.rendered import OVERLAYS, Workload, of_kind, selects, workloads

NAMESPACE = "kubernetes.io/metadata.name"
DNS = {("dns", 53, "UDP"), ("dns", 53, "TCP")}
PROMETHEUS = "prometheus"
INTERNET = "internet"
# What a pod lets in, and where it goes: (who, port, protocol). Nothing else is.
INGRESS = {
    "router": {
        ("tandem/trading", 50050, "TCP"),
        ("tandem/operations", 50060, "TCP"),
        (PROMETHEUS, 9464, "TCP"),
    },
    "alpaca-adapter": {("router", 50051, "TCP"), (PROMETHEUS, 9465, "TCP")},
    "ib-adapter": {("router", 50052, "TCP"), (PROMETHEUS, 9466, "TCP")},
}
ROUTER_OUT = {("alpaca-adapter", 50051, "TCP"), ("ib-adapter", 50052, "TCP"), *DNS}
EGRESS: dict[str, dict[str, set[tuple[str, int, str]]]] = {
    # Simulators are in their adapters' pods: nothing leaves those.
    "overlays/simulated": {"router": ROUTER_OUT, "alpaca-adapter": set(), "ib-adapter": set()},
    "overlays/paper": {
        "router": ROUTER_OUT,
        "alpaca-adapter": {(INTERNET, 443, "TCP"), *DNS},
        "ib-adapter": {(INTERNET, 4000, "TCP"), (INTERNET, 4001, "TCP"), *DNS},
    },
}
PRIVATE = {"10.0.0.0/8", "100.64.0.0/10", "169.254.0.0/16", "172.16.0.0/12", "192.168.0.0/16"}
PEERS = {
    json.dumps({"matchLabels": {NAMESPACE: "monitoring"}}): (
        PROMETHEUS,
        {"matchLabels": {"app.kubernetes.io/name": "prometheus"}},
    ),
    json.dumps({"matchLabels": {NAMESPACE: "kube-system"}}): (
        "dns",
        {"matchLabels": {"k8s-app": "kube-dns"}},
    ),
}


@pytest.fixture(params=OVERLAYS)
def overlay(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def test_every_pod_is_closed_both_ways(overlay: str) -> None:
    (closed,) = (p for p in of_kind(overlay, "NetworkPolicy") if p["spec"]["podSelector"] == {})
    assert closed["spec"] == {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]}


def test_exactly_the_needed_connections_are_let_in(overlay: str) -> None:
    found = {name: set(let(overlay, w, "ingress")) for name, w in workloads(overlay).items()}
    assert found == INGRESS


def test_exactly_the_needed_connections_are_let_out(overlay: str) -> None:
    found = {name: set(let(overlay, w, "egress")) for name, w in workloads(overlay).items()}
    assert found == EGRESS[overlay]


def test_what_one_pod_sends_to_another_is_let_in_there(overlay: str) -> None:
    pods = workloads(overlay)
    for name, workload in pods.items():
        for peer, port, protocol in let(overlay, workload, "egress"):
            if peer in pods:
                assert (name, port, protocol) in set(let(overlay, pods[peer], "ingress"))
                assert port in {p for c in pods[peer].containers() for p in c.ports.values()}


def test_every_policy_is_about_a_pod_of_ours(overlay: str) -> None:
    for policy in of_kind(overlay, "NetworkPolicy"):
        picked = [w for w in workloads(overlay).values() if applies(policy, w)]
        assert picked, policy["metadata"]["name"]


def applies(policy: Any, workload: Workload) -> bool:
    return selects(policy["spec"]["podSelector"], workload.labels)


def let(overlay: str, workload: Workload, way: str) -> Iterator[tuple[str, int, str]]:
    """All that the policies together let a pod do, as (who, port, protocol)."""
    side = "from" if way == "ingress" else "to"
    for policy in of_kind(overlay, "NetworkPolicy"):
        if not applies(policy, workload):
            continue
        assert way not in policy["spec"] or way.capitalize() in policy["spec"]["policyTypes"]
        for rule in policy["spec"].get(way, []):
            assert rule[side], "an empty list means anyone"
            assert rule["ports"], "an empty list means any port"
            for peer in rule[side]:
                for port in rule["ports"]:
                    yield who(peer), port["port"], port.get("protocol", "TCP")


def who(peer: Any) -> str:
    """The one who is meant by a peer of a rule; fails for any other."""
    if "ipBlock" in peer:
        assert peer == {"ipBlock": {"cidr": "0.0.0.0/0", "except": sorted(PRIVATE)}}
        return INTERNET
    if "namespaceSelector" in peer:
        name, pods = PEERS[json.dumps(peer["namespaceSelector"])]
        assert peer["podSelector"] == pods
        return name
    ((key, value),) = peer["podSelector"]["matchLabels"].items()
    assert set(peer) == {"podSelector"}
    if key == "app.kubernetes.io/name":
        return str(value)
    assert value == "allowed"
    return str(key)
