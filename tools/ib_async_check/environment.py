"""The environment of ib_async: made once, and again when its requirements or its Python change."""

from __future__ import annotations

import subprocess
import sys
import venv
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
ENVIRONMENT = ROOT / "build" / "ib-async"
PYTHON = ENVIRONMENT / "bin" / "python"
REQUIREMENTS = HERE / "requirements.txt"
INSTALLED = ENVIRONMENT / "installed.txt"
_INSTALL_S = 900


def make_environment() -> None:
    """Makes the environment unless it is there with what the requirements say.

    Raises:
        SubprocessError: Something can't be installed, or not in time.
    """
    wanted = f"# {sys.version}\n{REQUIREMENTS.read_text(encoding='utf-8')}"
    if INSTALLED.exists() and INSTALLED.read_text(encoding="utf-8") == wanted:
        return
    sys.stderr.write("Installing ib_async into build/ib-async; once ...\n")
    venv.create(ENVIRONMENT, clear=True, symlinks=True, with_pip=True)
    pip = [str(PYTHON), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    subprocess.run([*pip, "-r", str(REQUIREMENTS)], check=True, timeout=_INSTALL_S)
    INSTALLED.write_text(wanted, encoding="utf-8")
