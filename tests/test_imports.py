"""Data flows one way: a room imports only from rooms above it in the list."""

import ast
import itertools
import re
import subprocess
import sys
from collections import Counter
from functools import cache

from conftest import ROOT

ROOMS = [
    "texts",
    "shown",
    "pages",
    "errors",
    "tables",
    "locks",
    "interrupts",
    "writing",
    "files",
    "embedded",
    "folder_cache",
    "reference",
    "cities",
    "config",
    "roads",
    "demand",
    "sites",
    "economics",
    "settings",
    "program",
    "engine",
    "classics",
    "verify",
    "simulation",
    "export",
    "outcome",
    "plan",
    "manifest",
    "report",
    "study",
    "review",
    "awards",
    "lots",
    "papers",
    "batch",
    "nation",
    "terminal",
    "cli",
]
FILES = sorted((ROOT / "siting").rglob("*.py"))


@cache
def nodes_of(path):
    return list(ast.walk(ast.parse(path.read_text(encoding="utf-8"))))


def imported_rooms(path):
    for node in nodes_of(path):
        if isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
            names = [node.module]
            if node.module == "siting":
                names = [f"siting.{alias.name}" for alias in node.names]
        elif isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        else:
            continue
        yield from (name.split(".")[1] for name in names if name.startswith("siting."))


def room_of(path):
    return path.relative_to(ROOT / "siting").parts[0].removesuffix(".py")


def test_every_room_is_on_the_list():
    assert {room_of(path) for path in FILES} - {"__init__"} == set(ROOMS)


def test_imports_go_up_the_list_only():
    offenders = {
        (str(path.relative_to(ROOT)), room)
        for path in FILES
        if (own := room_of(path)) != "__init__"
        for room in set(imported_rooms(path)) - {*ROOMS[: ROOMS.index(own) + 1], "__version__"}
    }
    assert offenders == set()


def imported_files(path):
    """Yield the files of the package that a file imports, in functions and for types too."""
    for node in nodes_of(path):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("siting."):
            place = ROOT.joinpath(*node.module.split("."))
            for name in (place, *(place / alias.name for alias in node.names)):
                if name.with_suffix(".py").is_file():
                    yield name.with_suffix(".py")


def test_no_file_imports_itself_by_way_of_others():
    graph = {path: set(imported_files(path)) for path in FILES}
    before = None
    while before != len(graph):  # until each that is left imports another, and is imported
        before, imported = len(graph), set().union(*graph.values())
        graph = {p: o for p, o in graph.items() if o & graph.keys() and p in imported}
    assert not graph


def test_only_studies_batches_and_the_cli_see_the_configuration():
    seers = {room_of(p) for p in FILES if "config" in set(imported_rooms(p))}
    assert seers <= {"config", "study", "review", "awards", "batch", "nation", "cli"}


HEAVY = ("geopandas", "pandas", "osmnx", "pulp", "scipy", "highspy", "networkx", "matplotlib")
# What takes a quarter of a second each, and a verb on a run needs only where it needs it.
SELDOM = ("networkx", "matplotlib", "osmnx", "scipy.optimize", "scipy.spatial", "scipy.ndimage")
# Statements of one process, one after the other, and what is not loaded yet after each.
STEPS = {
    "import siting": HEAVY,
    "import siting.cli": HEAVY,
    "import siting.config": HEAVY,
    "import siting.terminal.result_tables": HEAVY,
    "import siting.report": SELDOM,
    "import siting.export": SELDOM,
    "import siting.study": SELDOM,
    # A plain run loads nothing that acts on finished runs.
    "siting.run, siting.Study, siting.study_from_run, siting.check, siting.study.run_to_folder": (
        "siting.review",
    ),
    "from siting.terminal.screen import print_result": ("siting.review",),
    "import siting.review": SELDOM,
    "import siting.batch; from siting.cli import after_run, planning": ("siting.classics",),
}


def test_imports_load_no_more_than_they_need():
    code = "import sys\nfor step, unwanted in STEPS.items():\n    exec(step)\n"
    code += "    if loaded := sorted(set(unwanted) & set(sys.modules)): print(step, loaded)"
    code = f"STEPS = {STEPS!r}\n{code}"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines() == []


# Functions with so many parameters, `self` aside, and how many of them there may be.
LONG, MOST_LONG = 7, 40


def test_few_functions_have_seven_parameters_or_more():
    """What belongs together is one object; the number only falls."""
    long = [
        f"{path.relative_to(ROOT)}:{node.lineno} {node.name}"
        for path in FILES
        for node in nodes_of(path)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and len({a.arg for a in (*node.args.args, *node.args.kwonlyargs)} - {"self", "cls"}) >= LONG
    ]
    assert len(long) <= MOST_LONG, "\n".join(long)


# Rooms whose numeric constants are settings, and how many there may be.
SET, MOST_SETTINGS = ("program", "engine", "classics"), 102
SETTINGS = ROOT / "siting" / "settings.py"


def constants_of(path):
    """Yield names and lines of the numeric constants of a file, several in one statement too."""
    for node in nodes_of(path)[0].body:
        if not isinstance(node, ast.Assign | ast.AnnAssign) or node.value is None:
            continue
        for target in node.targets if isinstance(node, ast.Assign) else [node.target]:
            pairs = [(target, node.value)]
            if isinstance(target, ast.Tuple) and isinstance(node.value, ast.Tuple):
                pairs = list(zip(target.elts, node.value.elts, strict=True))
            yield from ((ast.unparse(t), node.lineno) for t, value in pairs if is_number(value))


def is_number(value):
    """Return whether an expression is made of numbers: `-1`, `2**30`, `(0.5, 1.0)`."""
    parts = [n for n in ast.walk(value) if isinstance(n, ast.expr)]
    numbers = [n for n in parts if isinstance(n, ast.Constant) and type(n.value) in (int, float)]
    made = ast.Constant | ast.UnaryOp | ast.BinOp | ast.Tuple | ast.List
    return bool(numbers) and all(
        n in numbers if isinstance(n, ast.Constant) else isinstance(n, made) for n in parts
    )


def test_numeric_constants_stand_among_the_settings():
    elsewhere = [
        f"{path.relative_to(ROOT)}:{line} {name}"
        for path in FILES
        if room_of(path) in SET
        for name, line in constants_of(path)
    ]
    assert not elsewhere, "\n".join(elsewhere)


def test_settings_are_read_when_a_function_is_called():
    """A default is read at import, where no test and no measurement can change it any more."""
    offenders = [
        f"{path.relative_to(ROOT)}:{node.lineno}"
        for path in FILES
        for node in nodes_of(path)
        if isinstance(node, ast.arguments)
        for default in filter(None, [*node.defaults, *node.kw_defaults])
        if ast.unparse(default).startswith("settings.")
    ]
    assert offenders == []


def test_settings_are_few_used_and_each_says_what_was_measured():
    """The number only falls."""
    lines = SETTINGS.read_text(encoding="utf-8").splitlines()
    settings = list(constants_of(SETTINGS))
    assert len(settings) <= MOST_SETTINGS
    used = set(re.findall(r"settings\.([A-Z_]+)", "".join(p.read_text("utf-8") for p in FILES)))
    assert sorted(used) == sorted(name for name, _ in settings)  # each once
    for name, line in settings:
        above = itertools.takewhile(lambda one: one.startswith("#"), reversed(lines[: line - 1]))
        comment = lines[line - 1].partition("  # ")[2] or " ".join(above)
        assert "measured" in comment.lower(), name


def test_few_file_names_stand_in_several_rooms():
    """A name says what the file holds, so that a search for it finds one; the number only falls."""
    names = Counter(path.name for path in FILES if path.name != "__init__.py")
    assert len([name for name, count in names.items() if count > 1]) <= 8
