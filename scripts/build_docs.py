"""Write the pages of docs/ that are made from code; run it after a change of keys or verbs."""

from __future__ import annotations

import ast
import inspect
from pathlib import Path
from typing import Any

import typer.main

import siting
from siting.cli import app
from siting.cli.app import GROUPS
from siting.config import nation_reference, reference
from siting.tables import TABLES

ROOT = Path(__file__).resolve().parent.parent
DOCS = ROOT / "docs"
MADE = "<!-- Made by scripts/build_docs.py from {}; do not edit. -->"


def tables_page() -> str:
    """Return the data dictionary as Markdown: one section a table, one row a column."""
    lines = [
        "# Tables",
        "",
        "Every table that passes between stages. `siting.validate(frame, table)` holds a table of",
        "yours against its specification and lists every fault at once.",
    ]
    for table in TABLES:
        lines += ["", f"## {table.name}", "", f"{table.meaning[0].upper()}{table.meaning[1:]}."]
        lines += ["", f"Named by: {', '.join(f'`{k}`' for k in table.key)}."]
        if table.geometry:
            lines += [f"Geometry: {' or '.join(table.geometry)}."]
        if table.capacity_columns:
            lines += ["Also one column `capacity_<group>_kwh_day` for each charger group."]
        lines += ["", "| column | kind | unit | meaning |", "|---|---|---|---|"]
        for column in table.columns:
            kind = column.kind + (", may be blank" if column.nullable else "")
            lines.append(f"| `{column.name}` | {kind} | {column.unit} | {column.meaning} |")
    return "\n".join(lines) + "\n"


def cli_page() -> str:
    """Return every verb of the command line as Markdown, with its arguments and options."""
    root: Any = typer.main.get_command(app)
    verbs = {name: verb for name, verb in root.commands.items() if not verb.hidden}
    lines = [
        "# Command line",
        "",
        MADE.format("siting/cli"),
        "",
        "`siting VERB --help` says the same in the terminal. Exit codes: 0 done; 1 the",
        "requirements cannot hold together; 2 bad input; 130 stopped by Ctrl-C before there was a",
        "plan. What a verb finds goes to stdout, its progress and errors to stderr.",
        "",
        "A run is asked for by its folder, by its name in `siting runs` or the start of it, or as",
        "`@latest`. A list is written `[A,B]`, or `LOW:HIGH:COUNT` for numbers in even steps.",
    ]
    for group in GROUPS:
        lines += ["", f"**{group}**", "", "| verb | what it does |", "|---|---|"]
        lines += [
            f"| [`{name}`](#siting-{name}) | {_first_line(verb.help)} |"
            for name, verb in verbs.items()
            if verb.rich_help_panel == group
        ]
    for name, verb in verbs.items():
        shown = [p for p in verb.params if not getattr(p, "hidden", False)]
        usage = " ".join(_usage(p) for p in shown if p.opts[0] == p.name)
        lines += ["", f"## siting {name}", "", *(inspect.cleandoc(verb.help).splitlines()), ""]
        lines += ["```text", f"siting {name} {usage} [OPTIONS]".replace("  ", " "), "```", ""]
        lines += [f"Example: `{verb.epilog.partition(': ')[2]}`", ""]
        if shown:
            lines += ["| argument or option | default | meaning |", "|---|---|---|"]
            lines += [_option_row(p) for p in shown]
    return "\n".join(lines) + "\n"


def _first_line(text: str | None) -> str:
    return (text or "").strip().splitlines()[0] if text else ""


def _usage(argument: Any) -> str:
    name = argument.metavar or argument.name.upper()
    return str(name if argument.required else f"[{name}]")


def _option_row(param: Any) -> str:
    value = "" if getattr(param, "is_flag", False) else param.metavar or ""
    if param.opts[0] == param.name:
        name = f"`{param.metavar or param.name.upper()}`"
    else:
        kind = getattr(param.type_descriptor.annotation, "__name__", "value").upper()
        value = value or ("" if getattr(param, "is_flag", False) else kind)
        options = [*param.opts, *param.secondary_opts]
        name = ", ".join(f"`{option} {value}`".replace(" `", "`") for option in options)
    default = param.default
    if param.required:
        shown = "required"
    elif default is None or default is False or default == [] or callable(default):
        shown = ""
    else:
        shown = f"`{default}`"
    return f"| {name} | {shown} | {(param.help or '').replace('|', chr(92) + '|')} |"


def api_page() -> str:
    """Return the public names of the package as Markdown, grouped by the module they live in."""
    names = [name for name in siting.__all__ if not name.startswith("_")]
    homes: dict[str, list[str]] = {}
    for name in names:
        homes.setdefault(siting._HOMES[name], []).append(name)
    order = [home for home in _rooms() if home in homes]
    lines = [
        "# Python",
        "",
        MADE.format("siting.__all__"),
        "",
        "`import siting` gives these names; each loads on first use. The modules hold more, with",
        "the same kind of documentation: `help(siting.roads)`.",
    ]
    for home in order:
        lines += ["", f"## {home}", "", f"{_first_line(inspect.getdoc(_module(home)))}", ""]
        lines += ["| name | what it is |", "|---|---|"]
        lines += [f"| `siting.{name}` | {_summary(name)} |" for name in homes[home]]
        lines += ["", "```{eval-rst}"]
        lines += [line for name in homes[home] for line in _directive(name)]
        lines += ["```"]
    return "\n".join(lines) + "\n"


def _module(name: str) -> Any:
    return __import__(name, fromlist=["x"])


def _rooms() -> list[str]:
    found = [f"siting.{p.stem}" for p in (ROOT / "siting").iterdir() if p.stem[0] != "_"]
    flow = list(dict.fromkeys(siting._HOMES.values()))
    first = ["siting.study", "siting.plan", "siting.config", "siting.embedded", "siting.terminal"]
    return list(dict.fromkeys([*first, *sorted(set(flow) | set(found))]))


def _summary(name: str) -> str:
    text = inspect.getdoc(getattr(siting, name)) or ""
    return " ".join(text.split("\n\n")[0].split()).replace("|", "\\|")


def _directive(name: str) -> list[str]:
    thing = getattr(siting, name)
    if not inspect.isclass(thing):
        return [f".. autofunction:: siting.{name}", ""]
    # What a parent of ours gives counts; what pydantic and Python give does not.
    strangers = [c.__name__ for c in thing.__mro__[1:] if not c.__module__.startswith("siting")]
    inherited = f"   :inherited-members: {', '.join(strangers)}"
    return [
        f".. autoclass:: siting.{name}",
        "   :members:",
        inherited,
        "   :exclude-members: model_config",
        "",
    ]


def formulations_page() -> str:
    """Return the text at the top of each file with a program, where it is written down."""
    lines = [
        "# The programs, written out",
        "",
        MADE.format("siting/program, siting/engine and siting/classics"),
        "",
        "The top of each file with a program, as it stands there: symbols, program, source.",
        "[The mathematics](../models.md) says which block answers which question.",
    ]
    for room, paths in _formulated().items():
        lines += ["", f"## {room}"]
        for path in paths:
            text = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or ""
            head, _, rest = text.partition("\n")
            name = path.parent.name if path.stem == path.parent.name else path.stem
            lines += ["", f"### {name}", "", head, "", "```text", rest.strip("\n"), "```"]
    return "\n".join(lines) + "\n"


# A file whose text at the top is shorter serves the programs, and has none of its own.
LEAST_LINES = 6


def _formulated() -> dict[str, list[Path]]:
    siting = ROOT / "siting"
    # In the order in which `siting.program.program` names them: what is chosen comes first.
    first = ("program", "options", "resources", "limits", "spacing")
    then = ("earmarks", "density", "service", "objective", "floors", "money", "slices")
    places = {f"{name}.py": n for n, name in enumerate((*first, *then))}
    blocks = sorted(
        (siting / "program").glob("*.py"), key=lambda p: (places.get(p.name, 99), p.name)
    )
    rooms = {
        "The blocks": blocks,
        "The engine": sorted((siting / "engine").glob("*.py")),
        "Large coverings": [siting / "engine" / "covering" / "covering.py"],
        "The classics": [siting / "classics" / "programs.py"],
    }
    return {room: [p for p in paths if _tells(p)] for room, paths in rooms.items()}


def _tells(path: Path) -> bool:
    text = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or ""
    return path.stem != "__init__" and len(text.splitlines()) >= LEAST_LINES


PAGES = {
    "config.md": reference,
    "nation-keys.md": nation_reference,
    "tables.md": tables_page,
    "cli.md": cli_page,
    "api.md": api_page,
    "models/formulations.md": formulations_page,
}

if __name__ == "__main__":
    for place, make in PAGES.items():
        (DOCS / place).write_text(make(), encoding="utf-8")
