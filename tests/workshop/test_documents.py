"""The documents say what the code says: reasons, statuses, settings, alerts."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

from services.common.contract.pb import errors_pb2
from services.common.contract.status import CODES
from services.common.domain.errors import Reason
from services.common.domain.order_status import OPEN, OrderStatus
from services.router.journal import records
from tests.workshop.repository import DOCS, ROOT, codes, parsed, rows, section, tracked_files
from tools import write_docs

_LINK = re.compile(r"\]\(([^)#]+)(?:#([^)]+))?\)")


def test_every_error_reason_is_documented_with_its_code() -> None:
    documented = {
        codes(row[0])[0]: row[1] for row in rows(section(DOCS / "protocol.md", "Reasons"))
    }
    assert documented == {reason.value: code.name for reason, code in CODES.items()}
    on_the_wire = {
        name.removeprefix("ERROR_REASON_")
        for name in errors_pb2.ErrorReason.keys()  # noqa: SIM118
    }
    assert on_the_wire == {reason.value for reason in Reason}


def test_every_order_status_is_documented_and_said_to_be_live_or_not() -> None:
    table = rows(section(DOCS / "order-life-cycle.md", "What the statuses promise"))
    live = {codes(row[0])[0]: row[1] in ("yes", "maybe") for row in table}
    assert live == {status.value: status in OPEN for status in OrderStatus}


@pytest.mark.parametrize("document", ["settings.md", "order-life-cycle.md"])
def test_written_documents_are_current(document: str) -> None:
    path = DOCS / document
    assert path.read_text(encoding="utf-8") == write_docs.documents()[path], "run make docs"


def test_every_decision_is_listed_and_has_a_status() -> None:
    folder = DOCS / "decisions"
    pages = sorted(p.name for p in folder.glob("0*.md"))
    listed = [link for link, _ in _LINK.findall((folder / "README.md").read_text("utf-8"))]
    assert listed == pages
    assert [int(name[:4]) for name in pages] == list(range(1, len(pages) + 1))
    for name in pages:
        assert re.search(r"^Status: (accepted|superseded by )", (folder / name).read_text(), re.M)


def test_every_test_that_is_named_exists() -> None:
    named = {c for c in codes((DOCS / "testing.md").read_text("utf-8")) if c.startswith("test_")}
    written = {
        name
        for path in (ROOT / "tests").rglob("test_*.py")
        for name in re.findall(r"^(?:async )?def (test_\w+)", path.read_text("utf-8"), re.M)
    }
    assert named
    assert named - written == set()


def test_every_ring_is_described() -> None:
    rings = {codes(row[0])[0] for row in rows(section(DOCS / "testing.md", "Rings"))}
    holders = {p.parent.relative_to(ROOT) for p in tracked_files() if p.name.startswith("test_")}
    assert {h for h in holders if not any(h.is_relative_to(ring) for ring in rings)} == set()
    assert {ring for ring in rings if not any(h.is_relative_to(ring) for h in holders)} == set()


def test_every_alert_is_in_the_runbook() -> None:
    raised = {kind for path in (ROOT / "services").rglob("*.py") for kind in _alerts(path)}
    table = rows(section(DOCS / "operations.md", "Alerts"))
    assert {codes(row[0])[0] for row in table} == raised


def _alerts(path: Path) -> set[str]:
    """Kinds of alerts in a module: what `AlertRaised` is called with, and (kind, Severity.X)."""
    kinds = set()
    for node in ast.walk(parsed(path)):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            parts = node.args if node.func.id == "AlertRaised" else []
        elif isinstance(node, ast.Tuple):
            parts = node.elts if any("Severity." in ast.unparse(e) for e in node.elts) else []
        else:
            continue
        if parts and isinstance(parts[0], ast.Constant) and isinstance(parts[0].value, str):
            kinds.add(parts[0].value)
        elif parts and isinstance(parts[0], ast.Name) and hasattr(records, parts[0].id):
            kinds.add(getattr(records, parts[0].id))
    return kinds


@pytest.mark.parametrize(
    "document", [p for p in tracked_files() if p.suffix == ".md"], ids=lambda p: p.name
)
def test_links_lead_somewhere(document: Path) -> None:
    for target, anchor in _LINK.findall(document.read_text(encoding="utf-8")):
        if re.match(r"[a-z]+:", target):
            continue
        path = (document.parent / target).resolve()
        assert path.exists(), f"{document.name} links to {target}"
        if anchor:
            assert anchor in _anchors(path), f"{document.name} links to {target}#{anchor}"


def _anchors(document: Path) -> set[str]:
    headings = re.findall(r"^#+ (.+)$", document.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^a-z0-9 -]", "", h.lower()).replace(" ", "-") for h in headings}
