"""The manifests as a cluster would get them: rendered by kustomize, read as plain values."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from tests.workshop.repository import ROOT

K8S = ROOT / "k8s"
OVERLAYS = ("overlays/simulated", "overlays/paper")
SETS = ("base", *OVERLAYS)
OURS = "tandem/"
_KUBECTL = Path(sys.executable).with_name("kubectl")
_PLACE = re.compile(r"^(?P<host>.+):(?P<port>\d+)$")

Manifest = Mapping[str, Any]


@dataclass(frozen=True)
class Container:
    """One container of a workload's pod."""

    workload: str
    spec: Manifest

    @property
    def name(self) -> str:
        return str(self.spec["name"])

    @property
    def image(self) -> str:
        """The image without its tag."""
        return str(self.spec["image"]).rpartition(":")[0]

    @property
    def is_ours(self) -> bool:
        return self.image.startswith(OURS)

    @property
    def env(self) -> dict[str, str]:
        """The variables that have a value; those from a Secret are left out."""
        return {v["name"]: v["value"] for v in self.spec.get("env", []) if "value" in v}

    @property
    def ports(self) -> dict[str, int]:
        return {p["name"]: p["containerPort"] for p in self.spec.get("ports", [])}


@dataclass(frozen=True)
class Workload:
    """A StatefulSet and its pod."""

    manifest: Manifest

    @property
    def name(self) -> str:
        return str(self.manifest["metadata"]["name"])

    @property
    def pod(self) -> Manifest:
        pod: Manifest = self.manifest["spec"]["template"]["spec"]
        return pod

    @property
    def labels(self) -> Mapping[str, str]:
        labels: Mapping[str, str] = self.manifest["spec"]["template"]["metadata"]["labels"]
        return labels

    @property
    def claims(self) -> list[Manifest]:
        claims: list[Manifest] = self.manifest["spec"].get("volumeClaimTemplates", [])
        return claims

    def containers(self) -> Iterator[Container]:
        """All of them, the sidecars first."""
        for kind in ("initContainers", "containers"):
            for spec in self.pod.get(kind, []):
                yield Container(self.name, spec)

    def container(self, name: str) -> Container:
        return next(c for c in self.containers() if c.name == name)


@cache
def rendered(name: str) -> tuple[Manifest, ...]:
    """All manifests of `k8s/<name>`."""
    done = subprocess.run(
        [_KUBECTL, "kustomize", K8S / name], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr
    return tuple(manifest for manifest in yaml.safe_load_all(done.stdout) if manifest)


def of_kind(name: str, kind: str) -> list[Manifest]:
    return [m for m in rendered(name) if m["kind"] == kind]


def workloads(name: str) -> dict[str, Workload]:
    """The workloads of a set, by name. There is no kind but StatefulSet, which is checked here."""
    found = [Workload(m) for m in rendered(name) if "template" in m.get("spec", {})]
    assert {w.manifest["kind"] for w in found} == {"StatefulSet"}
    return {w.name: w for w in found}


def containers(name: str) -> list[Container]:
    return [c for workload in workloads(name).values() for c in workload.containers()]


def port_of(address: str) -> int:
    """The port of host:port."""
    match = _PLACE.match(address)
    assert match, address
    return int(match["port"])


def selects(selector: Mapping[str, Any], labels: Mapping[str, str]) -> bool:
    """Whether a selector of equal labels picks these; {} picks all."""
    assert set(selector) <= {"matchLabels"}, "only matchLabels is understood here"
    return all(labels.get(k) == v for k, v in selector.get("matchLabels", {}).items())
