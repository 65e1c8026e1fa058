"""Write the parts of docs/ that say what the code says: settings, and the order's state table.

`python tools/write_docs.py` writes them; `--check` fails if what is committed is not current.
"""

from __future__ import annotations

import argparse
import importlib
import re
import sys
import typing
from collections.abc import Iterator, Sequence
from pathlib import Path

from services.common.domain.order_status import TABLE, OrderStatus, Signal
from services.common.runtime.config import Settings
from services.common.runtime.config_fields import SettingDoc, describe, prefix
from services.common.runtime.service_settings import GLOBAL_VARIABLES

ROOT = Path(__file__).resolve().parent.parent
SETTINGS = ROOT / "docs" / "settings.md"
LIFE_CYCLE = ROOT / "docs" / "order-life-cycle.md"
BEGIN = "<!-- begin: written by `make docs` -->\n"
END = "<!-- end -->\n"

_SHORT = {
    OrderStatus.PENDING_NEW: "new",
    OrderStatus.IN_DOUBT: "doubt",
    OrderStatus.ACCEPTED: "acc",
    OrderStatus.SUSPENDED: "susp",
    OrderStatus.PENDING_CANCEL: "p-can",
    OrderStatus.PENDING_REPLACE: "p-rep",
    OrderStatus.FILLED: "fill",
    OrderStatus.CANCELED: "canc",
    OrderStatus.REJECTED: "rej",
    OrderStatus.EXPIRED: "exp",
    OrderStatus.REPLACED: "repl",
    OrderStatus.UNPLACED: "unpl",
}
_HEAD = """\
# Settings

Written by `make docs` from the settings classes; do not edit it by hand.

Each process reads its own table of one TOML file, named by `TANDEM_CONFIG`, and the environment,
which goes before the file. An unknown key or variable is an error: a misspelled limit would be no
limit. Nested keys are written with dots in the file and with two underscores in the environment;
`[]` is a list of tables: `[[router.accounts]]` in the file, a JSON array in the environment.
What a broker calls its own variables is read as well, after the regular name. Durations are
seconds and end in `_s`; secrets are never shown.

## For every process

| variable | what it does |
|---|---|
"""


def settings_classes() -> list[type[Settings]]:
    """The settings of every service that runs, by section."""
    for path in sorted((ROOT / "services").rglob("settings.py")):
        importlib.import_module(".".join(path.relative_to(ROOT).with_suffix("").parts))
    found = {c.section: c for c in _subclasses(Settings) if _is_of_a_service(c)}
    return [found[section] for section in sorted(found)]


def _is_of_a_service(settings_class: type[Settings]) -> bool:
    is_service = settings_class.__module__.startswith("services.")
    return is_service and "section" in vars(settings_class)


def _subclasses(cls: type[Settings]) -> Iterator[type[Settings]]:
    for subclass in cls.__subclasses__():
        yield subclass
        yield from _subclasses(subclass)


def settings_document() -> str:
    """docs/settings.md as it should be."""
    parts = [_HEAD]
    parts += [f"| `{name}` | {_cell(text)} |\n" for name, text in sorted(GLOBAL_VARIABLES.items())]
    for settings_class in settings_classes():
        parts.append(f"\n## [{settings_class.section}]\n\n")
        parts.append(f"Variables begin with `{prefix(settings_class)}`.\n\n")
        parts.append(
            "| setting | variable | type | default | what it does |\n|---|---|---|---|---|\n"
        )
        parts += [_setting_row(settings_class, row) for row in describe(settings_class)]
    return "".join(parts)


def _setting_row(settings_class: type[Settings], row: SettingDoc) -> str:
    name, variable = row.name, f"`{row.env}`"
    in_list = _list_above(settings_class, name)
    if in_list:  # the environment takes a list as a whole
        name = name.replace(".<name>", "[]")
        variable = f"in `{prefix(settings_class)}{in_list.upper()}`, as JSON"
    if row.second_env:
        variable += f", `{row.second_env}`"
    default = "**required**" if row.default is None else f"`{row.default}`" if row.default else "–"
    # Which module a type is in differs between Pythons.
    kind = re.sub(r"\b(?:[A-Za-z_]\w*\.)+(?=[A-Za-z_])", "", row.type)
    cells = (f"`{name}`", variable, _cell(kind), _cell(default), _cell(row.description))
    return f"| {' | '.join(cells)} |\n"


def _list_above(settings_class: type[Settings], name: str) -> str:
    """The field of the class that is a list of tables and holds this setting; else empty."""
    parts = name.split(".")
    if len(parts) < 3 or parts[2] != "<name>":
        return ""
    annotation = settings_class.model_fields[parts[1]].annotation
    return parts[1] if typing.get_origin(annotation) in (list, tuple) else ""


def _cell(text: str) -> str:
    """Text as one cell of a table."""
    return " ".join(text.replace("|", "\\|").split())


def life_cycle_document(present: str) -> str:
    """docs/order-life-cycle.md as it should be: its own text with the table written anew."""
    before, _, rest = present.partition(BEGIN)
    _, _, after = rest.partition(END)
    return f"{before}{BEGIN}{_state_table()}{END}{after}"


def _state_table() -> str:
    """The state machine as text: a signal's row, a status's column, in it the next status."""
    columns = [status for status in _SHORT if status in TABLE]
    lines = [_line("", [_SHORT[status] for status in columns])]
    for signal in Signal:
        lines.append(_line(signal.value, [_step(status, signal) for status in columns]))
    legend = [f"{short:<6} {status.value}" for status, short in _SHORT.items()]
    half = (len(legend) + 1) // 2
    pairs = zip(legend[:half], [*legend[half:], ""], strict=False)
    key = [f"{left:<26}{right}".rstrip() for left, right in pairs]
    return "\n".join(["```text", *lines, "", *key, "```"]) + "\n"


def _line(head: str, cells: Sequence[str]) -> str:
    return f"{head:<17}" + "".join(f"{cell:<6}" for cell in cells).rstrip()


def _step(status: OrderStatus, signal: Signal) -> str:
    reached = TABLE[status].get(signal)
    if reached is None:
        return "!"
    return "." if reached is status else _SHORT[reached]


def documents() -> dict[Path, str]:
    """Every written document with its text as it should be."""
    return {
        SETTINGS: settings_document(),
        LIFE_CYCLE: life_cycle_document(LIFE_CYCLE.read_text(encoding="utf-8")),
    }


def main(argv: Sequence[str] | None = None) -> int:
    """Write, or with --check compare; the exit code is 1 on a difference."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="compare instead of writing")
    arguments = parser.parse_args(argv)
    stale = []
    for path, text in documents().items():
        if not path.exists() or path.read_text(encoding="utf-8") != text:
            stale.append(path)
            if not arguments.check:
                path.write_text(text, encoding="utf-8")
    if arguments.check:
        for path in stale:
            sys.stderr.write(f"not as the code says, run make docs: {path.relative_to(ROOT)}\n")
    return 1 if arguments.check and stale else 0


if __name__ == "__main__":
    sys.exit(main())
