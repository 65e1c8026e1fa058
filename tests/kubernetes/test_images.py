"""Each image holds what its program needs, nothing else, and runs it as it should be run."""

from __future__ import annotations

import tomllib
from pathlib import Path

import click
import pytest

from simulators.alpaca.__main__ import main as simulated_alpaca
from simulators.ib_gateway.__main__ import main as simulated_gateway
from tests.kubernetes.dockerfile import BUILT, Dockerfile, read
from tests.kubernetes.programs import distributions_of, modules_of
from tests.kubernetes.rendered import port_of
from tests.workshop.repository import ROOT, tracked_files
from tools.write_docs import settings_classes

SETTINGS = {settings.section: settings for settings in settings_classes()}
STATE = "/var/lib/tandem"
BASE = "docker.io/library/python:"


def default(section: str, field: str = "listen") -> int:
    """The port that a service listens on unless it is told another."""
    return port_of(SETTINGS[section].model_fields[field].default)


def simulator_ports(command: click.Command) -> set[int]:
    options = {option.name: option.default for option in command.params}
    return {int(str(options["port"])), int(str(options["control_port"]))}


def default_ports(image: str) -> set[int]:
    """What an image's programs listen on unless they are told otherwise; metrics by custom."""
    match image:
        case "tandem/router":
            return {default("router"), default("router", "operations_listen"), 9464}
        case "tandem/alpaca-adapter":
            return {default("alpaca"), 9465}
        case "tandem/ib-adapter":
            return {default("ib"), 9466}
        case _:
            return simulator_ports(simulated_alpaca) | simulator_ports(simulated_gateway)


@pytest.fixture(params=BUILT)
def image(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def file(image: str) -> Dockerfile:
    return read(BUILT[image][0])


def test_every_dockerfile_is_known_here() -> None:
    found = {str(p.relative_to(ROOT)) for p in tracked_files() if p.name == "Dockerfile"}
    assert found == {path for path, _ in BUILT.values()}


def test_an_image_starts_its_program_as_the_first_process(image: str, file: Dockerfile) -> None:
    python, dash_m, *module = [*file.exec_form("ENTRYPOINT"), *file.exec_form("CMD")]
    assert (python, dash_m) == ("/opt/tandem/bin/python", "-m")
    assert module == [BUILT[image][1][0]]
    for program in BUILT[image][1]:
        assert (ROOT.joinpath(*program.split(".")) / "__main__.py").is_file()


def test_an_image_exposes_the_default_ports(image: str, file: Dockerfile) -> None:
    (exposed,) = file.said("EXPOSE", stage=file.final)
    assert {int(port) for port in exposed.split()} == default_ports(image)


def test_an_image_holds_every_module_of_its_programs_and_no_other_room(
    image: str, file: Dockerfile
) -> None:
    copied = [Path(source) for source in file.copied()]
    assert all((ROOT / source).exists() for source in copied)
    code = {source for source in copied if source.parts[0] in ("services", "simulators")}
    modules = {module for program in BUILT[image][1] for module in modules_of(program)}
    paths = {Path(*module.split(".")) for module in modules}
    covered = {p for p in paths if any(_holds(source, p) for source in code)}
    assert paths - covered == set()
    unneeded = {source for source in code if not any(_holds(source, p) for p in paths)}
    assert unneeded == set()


def _holds(source: Path, module: Path) -> bool:
    if source.name == "__init__.py":
        return module == source.parent
    return module.is_relative_to(source)


def test_an_image_installs_what_its_programs_import_and_nothing_else(
    image: str, file: Dockerfile
) -> None:
    imported = {d for program in BUILT[image][1] for d in distributions_of(program)}
    assert file.installed() == imported


def test_packages_come_at_the_pinned_versions(file: Dockerfile) -> None:
    pins = {
        line.partition("==")[0].lower().replace("_", "-")
        for line in (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
        if "==" in line
    }
    assert file.installed() <= pins
    installs = [t for t in file.said("RUN") if "pip install" in t or "python install" in t]
    assert installs
    assert all("-c constraints.txt" in t or "--no-index" in t for t in installs)


def test_an_image_runs_as_a_numbered_user_that_can_write_its_state_alone(
    file: Dockerfile,
) -> None:
    assert file.said("USER", stage=file.final) == ["10001:10001"]
    assert file.said("WORKDIR", stage=file.final) == [STATE]
    writes = [t for t in file.said("RUN", stage=file.final) if "chown" in t]
    assert writes == [f"mkdir -p {STATE} && chown 10001:10001 {STATE}"]
    (env,) = file.said("ENV", stage=file.final)
    assert {"PYTHONUNBUFFERED=1", "PYTHONDONTWRITEBYTECODE=1"} <= set(env.split())


def test_the_base_is_pinned_and_the_build_stays_behind(file: Dockerfile) -> None:
    assert file.said("FROM") == ["${PYTHON_IMAGE} AS build", "${PYTHON_IMAGE}"]
    (base,) = (text for text in file.said("ARG") if text.startswith("PYTHON_IMAGE="))
    version = base.removeprefix(f"PYTHON_IMAGE={BASE}").partition("-")[0]
    assert version.count(".") == 2
    assert all(part.isdigit() for part in version.split("."))
    copies = file.said("COPY", stage=file.final)
    assert copies == ["--from=build /opt/tandem /opt/tandem"]


def test_an_image_is_labeled_with_this_version(image: str, file: Dockerfile) -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    (labels,) = file.said("LABEL", stage=file.final)
    assert f'org.opencontainers.image.version="{project["version"]}"' in labels
    assert f'org.opencontainers.image.title="{image.replace("/", "-")}"' in labels


def test_the_build_sees_nothing_but_what_images_are_made_of() -> None:
    lines = (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines()
    rules = [line for line in lines if line and not line.startswith("#")]
    assert rules[0] == "*"
    let_in = {rule[1:] for rule in rules if rule.startswith("!")}
    copied = {Path(s).parts[0] for path, _ in BUILT.values() for s in read(path).copied()}
    assert let_in == copied
