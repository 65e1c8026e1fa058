"""A Dockerfile as its instructions, by stage."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.workshop.repository import ROOT

BUILT = {
    "tandem/router": ("services/router/Dockerfile", ("services.router",)),
    "tandem/alpaca-adapter": ("services/alpaca_adapter/Dockerfile", ("services.alpaca_adapter",)),
    "tandem/ib-adapter": ("services/ib_adapter/Dockerfile", ("services.ib_adapter",)),
    "tandem/simulators": (
        "simulators/Dockerfile",
        ("simulators.alpaca", "simulators.ib_gateway"),
    ),
}
"""Each image with its Dockerfile and the programs that it has to run."""

_CONTINUED = re.compile(r"\\\n")
_PACKAGE = re.compile(r"[a-z][a-z0-9-]*")


@dataclass(frozen=True)
class Instruction:
    """One instruction; `stage` counts the FROMs, the last being the image itself."""

    stage: int
    keyword: str
    text: str


@dataclass(frozen=True)
class Dockerfile:
    """What one Dockerfile says."""

    instructions: tuple[Instruction, ...]

    @property
    def final(self) -> int:
        return max(i.stage for i in self.instructions)

    def said(self, keyword: str, *, stage: int | None = None) -> list[str]:
        return [
            i.text
            for i in self.instructions
            if i.keyword == keyword and (stage is None or i.stage == stage)
        ]

    def exec_form(self, keyword: str) -> list[str]:
        """ENTRYPOINT or CMD of the image; fails if it is a shell's line."""
        (text,) = self.said(keyword, stage=self.final) or ["[]"]
        words: list[str] = json.loads(text)
        return words

    def copied(self) -> list[str]:
        """What comes from the repository."""
        lines = [shlex.split(t) for t in self.said("COPY") if not t.startswith("--from")]
        return [source for *sources, _ in lines for source in sources]

    def installed(self) -> set[str]:
        """The packages that the image asks for by name, without their extras."""
        (line,) = (t for t in self.said("RUN") if "--only-binary" in t)
        words = shlex.split(line.split("--only-binary")[1])
        return {name for w in words if _PACKAGE.fullmatch(name := w.partition("[")[0])}


def read(path: str) -> Dockerfile:
    """Read the Dockerfile at a path in the repository."""
    return Dockerfile(tuple(_instructions(ROOT / path)))


def _instructions(path: Path) -> Iterator[Instruction]:
    lines = path.read_text(encoding="utf-8").splitlines()
    text = "\n".join(line for line in lines if line.strip() and not line.startswith("#"))
    stage = -1
    for line in _CONTINUED.sub(" ", text).splitlines():
        keyword, _, rest = line.strip().partition(" ")
        stage += keyword == "FROM"
        yield Instruction(stage, keyword, " ".join(rest.split()))
