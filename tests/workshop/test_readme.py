"""What the README and the docs tell a person to type works, and the example compiles."""

from __future__ import annotations

import ast
import re
import shlex

import pytest
import tandem_client
from tandem_client.command import main
from tandem_client.command.outcomes import UNREACHABLE

from tests.workshop.repository import DOCS, ROOT

NOBODY = "127.0.0.1:1"
README = (ROOT / "README.md").read_text(encoding="utf-8")
PAGES = (README, *(page.read_text(encoding="utf-8") for page in sorted(DOCS.glob("*.md"))))
COMMANDS = re.findall(r"^    (?:\.venv/bin/)?tandem ([a-z].*)$", "\n".join(PAGES), re.MULTILINE)
MAKE_TARGETS = set(re.findall(r"`make ([a-z-]+)", README)) | set(
    re.findall(r"^    make ([a-z-]+)", README, re.MULTILINE)
)


@pytest.mark.parametrize("command", COMMANDS)
def test_every_tandem_command_gets_as_far_as_the_network(command: str) -> None:
    typed = shlex.split(command, comments=True)
    nowhere = ["--address", NOBODY, "--operations-address", NOBODY, "--deadline", "0.2"]
    assert main([*typed, *nowhere]) == UNREACHABLE


def test_every_make_target_exists() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    assert {"demo", "run", "test"} <= MAKE_TARGETS
    assert [t for t in sorted(MAKE_TARGETS) if f".PHONY: {t}\n" not in makefile] == []


def test_the_example_uses_what_the_client_has() -> None:
    [example] = re.findall(r"```python\n(.*?)```", README, re.DOTALL)
    tree = ast.parse(example)
    names = [
        alias.name
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and node.module == "tandem_client"
        for alias in node.names
    ]
    assert names
    assert [name for name in names if not hasattr(tandem_client, name)] == []
    compile(example, "README.md", "exec")
