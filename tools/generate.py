"""Generate the Python stubs of protos/ for the services and for the client.

`python tools/generate.py` writes them; `--check` fails if what is committed is not what the
protos say. protoc writes absolute imports (`from tandem.v1 import …`) that do not resolve inside
a package, so they are made relative.
"""

from __future__ import annotations

import argparse
import filecmp
import re
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PROTOS = ROOT / "protos"
TARGETS = (
    ROOT / "services" / "common" / "contract" / "pb",
    ROOT / "clients" / "python" / "src" / "tandem_client" / "pb",
)
DOCSTRING = '"""Stubs generated from protos/tandem/v1 by `make generate`; never edited."""\n'
_IMPORT = re.compile(r"^from tandem\.v1 import (\w+)", re.MULTILINE)


def compile_protos(target: Path) -> None:
    """Write stubs and their types, flat, into `target`."""
    with tempfile.TemporaryDirectory() as scratch:
        subprocess.run(
            [
                *(sys.executable, "-m", "grpc_tools.protoc", f"-I{PROTOS}"),
                f"--python_out={scratch}",
                f"--grpc_python_out={scratch}",
                f"--mypy_out=quiet:{scratch}",
                f"--mypy_grpc_out=quiet:{scratch}",
                *sorted(str(p) for p in (PROTOS / "tandem" / "v1").glob("*.proto")),
            ],
            check=True,
            env={"PATH": str(Path(sys.executable).parent)},
        )
        for made in sorted((Path(scratch) / "tandem" / "v1").iterdir()):
            text = _IMPORT.sub(r"from . import \1", made.read_text(encoding="utf-8"))
            (target / made.name).write_text(text, encoding="utf-8")
    (target / "__init__.py").write_text(DOCSTRING, encoding="utf-8")


def write(target: Path) -> None:
    """Put fresh stubs in the place of the old ones; if protoc fails, those stay."""
    target.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as scratch:
        fresh = Path(scratch)
        compile_protos(fresh)
        made = {p.name: p.read_bytes() for p in fresh.iterdir()}
    for name, content in made.items():
        (target / name).write_bytes(content)
    for old in target.glob("*.py*"):
        if old.name not in made:
            old.unlink()


def differences(committed: Path) -> list[str]:
    """Name each stub in `committed` that is missing, extra or not what the protos say."""
    with tempfile.TemporaryDirectory() as scratch:
        fresh = Path(scratch)
        compile_protos(fresh)
        names = {p.name for p in fresh.iterdir()}
        found = {p.name for p in committed.glob("*.py*") if p.is_file()}
        same, _, _ = filecmp.cmpfiles(fresh, committed, sorted(names & found), shallow=False)
        return sorted((names | found) - set(same))


def main(argv: Sequence[str] | None = None) -> int:
    """Generate, or with --check compare; the exit code is 1 on a difference."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="compare instead of writing")
    arguments = parser.parse_args(argv)
    wrong = []
    for target in TARGETS:
        if arguments.check:
            wrong += [f"{target.relative_to(ROOT)}/{name}" for name in differences(target)]
            continue
        write(target)
    for name in wrong:
        sys.stderr.write(f"not as the protos say, run make generate: {name}\n")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
