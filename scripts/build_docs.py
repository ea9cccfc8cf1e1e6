"""Write the pages of docs/ that are made from code. Run it after changes of keys or commands."""

from __future__ import annotations

import ast
import inspect
import sys
from functools import partial
from pathlib import Path
from typing import Any

import typer.main

import siting
from siting.cli import app
from siting.cli.app import GROUPS
from siting.study.depends import STAGES
from siting.tables import TABLES

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "scripts"))

from config_pages import nation_reference, reference  # noqa: E402

DOCS = ROOT / "docs"
MADE = "<!-- Made by scripts/build_docs.py from {}; do not edit. -->"


def tables_page() -> str:
    """Return the data dictionary as Markdown, with a section per table and a row per column."""
    lines = [
        "# Tables",
        "",
        "This page describes every table that passes between stages.",
        "`siting.validate(frame, table)` checks a table of yours and lists all faults at once.",
    ]
    for table in TABLES:
        lines += ["", f"## {table.name}", "", f"{table.meaning[0].upper()}{table.meaning[1:]}."]
        lines += ["", f"Key: {', '.join(f'`{k}`' for k in table.key)}."]
        if table.geometry:
            lines += [f"Geometry: {' or '.join(table.geometry)}."]
        if table.capacity_columns:
            lines += ["There is also one column `capacity_<group>_kwh_day` per charger group."]
        lines += ["", "| column | kind | unit | meaning |", "|---|---|---|---|"]
        for column in table.columns:
            kind = column.kind + (", may be blank" if column.nullable else "")
            lines.append(f"| `{column.name}` | {kind} | {column.unit} | {column.meaning} |")
    return "\n".join(lines) + "\n"


def cli_page() -> str:
    """Return all commands of the command line as Markdown, with their arguments and options."""
    root: Any = typer.main.get_command(app)
    verbs = {name: verb for name, verb in root.commands.items() if not verb.hidden}
    lines = [
        "# Command line",
        "",
        MADE.format("siting/cli"),
        "",
        "`siting COMMAND --help` shows the same text in the terminal. Exit codes: 0: done;",
        "1: the requirements contradict each other; 2: bad input; 3: a plan was written whose gap",
        "is above 100 %, which the first line of the output also states; 130: stopped by Ctrl-C",
        "before there was a plan. Results go to stdout; progress and errors go to stderr. With",
        "`--json`, stdout always gets exactly one document. After an error, this document is",
        '`{"error": [{"where": …, "what": …, "fix": …}]}`, and the exit code is the same.',
        "",
        "To name a run, write its folder, its name in `siting runs`, the beginning of that name,",
        "or `@latest`. Write a list as `[A,B]`, or as `LOW:HIGH:COUNT` for numbers in even steps.",
    ]
    for group in GROUPS:
        lines += ["", f"**{group}**", "", "| command | what it does |", "|---|---|"]
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


# Pages of public names: title, and the names on the page.
TOPICS = {
    "study": ("Studies", ("Study",)),
    "running": (
        "Running studies",
        (
            *("run", "check", "fetch", "copy_embedded_city", "load_config", "Config"),
            *("show_progress", "list_studies", "run_batch", "Nation"),
        ),
    ),
    "plan": ("Plans", ("Plan", "make_plan", "side_by_side")),
    "asking": (
        "Asking a plan",
        (
            *("explain_site", "explain_plan", "replan", "what_if", "compare", "evaluate"),
            *("simulate", "frontier", "explore", "trace", "rerun"),
            *("study_from_run", "plan_from_run", "award", "part_into_lots", "write_paper"),
        ),
    ),
    "program": ("The program", ("Program", "Instance", "Limit", "GapRule")),
    "decay": (
        "Decay with distance",
        ("ExponentialDecay", "GaussianDecay", "LinearDecay", "StepDecay"),
    ),
    "solving": ("Solving", ("solve", "Answer", "Proof", "assign", "why_not")),
    "outcome": ("Outcomes", ("Outcome", "outcome_of")),
    "classics": ("Textbook models", ("solve_classic", "PlainInstance")),
    "roads": ("Roads", ("read_roads", "build_network", "Network", "travel_times", "reach")),
    "demand-and-sites": (
        "Demand, sites and money",
        (
            *("read_people", "make_cells", "city_energy", "spread_demand"),
            *("merge_candidates", "make_offers", "business_case"),
        ),
    ),
    "tables-and-errors": ("Tables and errors", ("validate", "data_dictionary", "SitingError")),
}


# The nine most used names, each with its page.
NINE = {
    **{"Study": "study", "Study.with_": "study", "Study.plan": "study"},
    **dict.fromkeys(("Plan.plot", "Plan.explore", "Plan.explain", "Plan.replan"), "plan"),
    **{"side_by_side": "plan", "Plan.export": "plan"},
}


def _nine(name: str) -> str:
    """Return the first line of the docstring of one of the nine names."""
    found: Any = siting
    for part in name.split("."):
        found = getattr(found, part)
    return _first_line(found.__doc__)


def api_pages() -> dict[str, str]:
    """Return Markdown pages of the public names, one for each topic, and their first page."""
    there = [name for name in siting.__all__ if not name.startswith("_")]
    told = sorted(name for _, names in TOPICS.values() for name in names)
    if told != sorted(there):
        lost = sorted(set(told) ^ set(there))
        raise SystemExit(f"TOPICS in scripts/build_docs.py: once each, no other: {lost}")
    made = MADE.format("siting.__all__")
    first = [
        *(
            "# Python",
            "",
            made,
            "",
            "Most work needs only these nine names. The pages below list all names.",
        ),
        *("", "| name | what it is |", "|---|---|"),
        *(f"| [`{name}`](api/{page}.md) | {_nine(name)} |" for name, page in NINE.items()),
        *("", "```{toctree}", ":maxdepth: 1", ""),
        *(f"api/{topic}" for topic in TOPICS),
        *(
            "```",
            "",
            "`import siting` provides these names; each is loaded on first use.",
        ),
        "Submodules have more names: see `help(siting.roads)`.",
    ]
    pages = {}
    for topic, (title, names) in TOPICS.items():
        table = ["| name | what it is |", "|---|---|"]
        table += [f"| {{py:obj}}`siting.{name}` | {_summary(name)} |" for name in names]
        body = [line for name in names for line in _directive(name)]
        lines = [f"# {title}", "", made, "", *table, "", "```{eval-rst}", *body, "```"]
        if "Study" in names:
            lines += ["", "## Stages", ""]
            lines += ["Each stage is an attribute of a study. This is the order of the stages.", ""]
            lines += ["| stage | result | reads the stages |", "|---|---|---|"]
            lines += [
                f"| `{stage.name}` | {_first_line(stage.__doc__)} | {', '.join(stage.reads)} |"
                for stage in STAGES.values()
            ]
        pages[f"api/{topic}.md"] = "\n".join(lines) + "\n"
    return {"api.md": "\n".join(first) + "\n", **pages}


def _summary(name: str) -> str:
    text = inspect.getdoc(getattr(siting, name)) or ""
    return " ".join(text.split("\n\n")[0].split()).replace("|", "\\|")


def _directive(name: str) -> list[str]:
    thing = getattr(siting, name)
    if not inspect.isclass(thing):
        return [f".. autofunction:: siting.{name}", ""]
    # Members inherited from siting's classes are shown; those of pydantic and Python are not.
    strangers = [c.__name__ for c in thing.__mro__[1:] if not c.__module__.startswith("siting")]
    # The stages of a study have a separate table.
    hidden = ["model_config", *(STAGES if name == "Study" else ())]
    inherited = f"   :inherited-members: {', '.join(strangers)}"
    return [
        f".. autoclass:: siting.{name}",
        "   :members:",
        inherited,
        f"   :exclude-members: {', '.join(hidden)}",
        "",
    ]


def formulations_page() -> str:
    """Return as Markdown the module docstrings that state the programs."""
    lines = [
        "# The programs, written out",
        "",
        MADE.format("siting/program, siting/engine and siting/classics"),
        "",
        "This page repeats the docstring of each file that states a program, with its symbols and",
        "source. [The mathematics](../models.md) lists which block answers which question.",
    ]
    for room, paths in _formulated().items():
        lines += ["", f"## {room}"]
        for path in paths:
            text = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or ""
            head, _, rest = text.partition("\n")
            name = path.parent.name if path.stem == path.parent.name else path.stem
            lines += ["", f"### {name}", "", head, "", "```text", rest.strip("\n"), "```"]
    return "\n".join(lines) + "\n"


# A file with a shorter docstring does not state a program.
LEAST_LINES = 6


def _formulated() -> dict[str, list[Path]]:
    siting = ROOT / "siting"
    # In the order of `siting.program.program`; decisions come first.
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
    **{place: partial(reference().get, place) for place in reference()},
    "nation-keys.md": nation_reference,
    "tables.md": tables_page,
    "cli.md": cli_page,
    **{place: partial(api_pages().get, place) for place in api_pages()},
    "models/formulations.md": formulations_page,
}

if __name__ == "__main__":
    for place, make in PAGES.items():
        (DOCS / place).parent.mkdir(exist_ok=True)
        (DOCS / place).write_text(make(), encoding="utf-8")
