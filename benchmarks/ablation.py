"""Switch off each plan-building step (maker) of the engine in turn, and compare the results.

    nice -n 19 python -m benchmarks.ablation [rows] [makers]

Separate rows and makers by ``|``. ``all`` means every row, and ``+`` joins makers that are switched
off together. To switch off a maker, its entry is replaced by a function that does nothing; the rest
of the engine does not change. Each run is a separate process with one thread. The engine's clock
counts the CPU seconds of this process, so other work on the machine has little effect. Every row is
first solved with all makers, and the calls of each maker are counted. A maker that a row never
calls is not switched off for this row. If the results of the first seed differ, two more seeds
follow. Runs are stored in `KEPT`, and stored runs are not repeated. The page is written from `KEPT`
after every run.
"""

from __future__ import annotations

import importlib
import json
import math
import multiprocessing
import os
import pickle
import sys
import tempfile
import time
import types
import warnings
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import partial, reduce
from pathlib import Path
from statistics import mean
from typing import Any

from benchmarks.measure import ROOT, SAME_DRIVES, SAME_QUESTION, same_offers

PAGE = ROOT / "docs" / "experiments" / "ablation.md"
KEPT = Path(__file__).with_name("ablation.jsonl")
FOLDER = Path(os.environ.get("ABLATION_FOLDER", Path(tempfile.gettempdir()) / "siting-ablation"))
SEEDS, WORKERS = (1, 2, 3), int(os.environ.get("ABLATION_WORKERS", "2"))
REAL_S, TOWN_S, CITY_S = 25.0, 10.0, 60.0  # CPU seconds at most
VALUE, POINTS = 0.001, 0.2  # smallest difference of values (share) and gaps (points)

REAL = (
    "islamabad", "real-karachi-saddar", "real-karachi-landhi", "real-lahore-central",
    "real-islamabad-sectors",
)  # fmt: skip
# Medium towns of the tests, solved like large programs: blocks, seed, settings.
LARGE: dict[str, Any] = {"WHOLE_FIRST": -1}
TOWNS: dict[str, tuple[str, int, dict[str, Any]]] = {
    "decay": ("decay", 2, LARGE),
    "years": ("years", 3, LARGE),
    "years, many offers": ("years", 3, {**LARGE, "MANY_OFFERS": 1}),
    "class floors": ("class floors", 4, LARGE),
    "class and zone floors": ("class floors, zone floors", 11, LARGE),
    "years, decay": ("years, decay", 2, LARGE),
    "years, gap, floors": ("years, viability gap, zone floors", 3, LARGE),
    "viability gap": ("viability gap", 5, LARGE),
    "need, years": ("years, need", 6, LARGE),
    "concessions": ("concessions", 7, LARGE),
    "scenarios": ("expected", 9, LARGE),
    "worst share": ("worst share", 8, LARGE),
    "least cost": ("city floor, least cost", 8, LARGE),
    "cost to all": ("then cost to all", 2, LARGE),
    "shortest drives": ("shortest drives", 2, LARGE),
    "covering": ("coverage", 2, {**LARGE, "bare": True}),
    "coverage, decay": ("coverage, decay", 2, LARGE),
    "small": ("viability gap, class floors", 3, {}),
    "greedy": ("decay", 2, {**LARGE, "method": "greedy"}),
    "greedy, quick": ("number", 2, {**LARGE, "method": "greedy"}),
}
CITY = "city"  # of rows 13 to 16, a quarter of its size
ROWS = (*TOWNS, *REAL, CITY)


# --- makers ------------------------------------------------------------------------------------


def nothing(*_args: Any, **_given: Any) -> None:
    """Make no plan."""


def no_rounds(*_args: Any) -> Iterator[None]:
    """Return an iterator without rounds."""
    return iter(())


def no_turns(*_args: Any) -> Callable[[], bool]:
    """Return a turn that does nothing."""
    return lambda: False


def as_given(at: int) -> Callable[..., Any]:
    """Return a function that returns one of its arguments unchanged."""
    return lambda *args, **_given: args[at]


def _kept(inc: Any, state: Any) -> None:
    inc.keep_state(state)


def _untrimmed(_program: Any, _aim: Any, result: Any, *_args: Any, **_given: Any) -> Any:
    from siting.engine.answer import LeftOut

    return result, LeftOut()


# Entry of each maker, and the function that replaces it.
MAKERS: dict[str, tuple[str, Callable[..., Any]]] = {
    "construction": ("first_plans:construct", nothing),
    "construction at first prices": ("first_plans:construct_at_prices", nothing),
    "small first plan": ("first_plans:_begin_small", nothing),
    "greedy for any money": ("run:_start_greedily", nothing),
    "exchange by values": ("first_plans:improve", _kept),
    "plan by areas": ("root:build", nothing),
    "further plans by areas": ("turns:_building_turns", no_turns),
    "rounding": ("first_plans:round_plans", nothing),
    "plain rounding": ("first_plans:round_plainly", nothing),
    "viable rounding": ("first_plans:round_viable", nothing),
    "dives into the master": ("root:_dive", nothing),
    "dive into the whole relaxation": ("relax:Relaxation.dive", nothing),
    "master programs": ("turns:_program_turns", no_turns),
    "tree": ("turns:_tree_turns", no_turns),
    "plans at nodes": ("turns:_plan_at", nothing),
    "roundings": ("turns:_rounding_turns", no_turns),
    "windows": ("turns:_window_turns", no_turns),
    "crossings": ("turns:_crossing_turns", no_turns),
    "repair of floors": ("root:soften", nothing),
    "whole program": ("run:_whole", nothing),
    "polish": ("run:polish", as_given(1)),
    "moving to nearer sites": ("relocate:relocated", as_given(1)),
    "moving one by one": ("solve:moved", as_given(1)),
    "horizons": ("solve:goes", lambda _frame: False),
    "start without concessions": ("solve:_Solve._begin_alone", nothing),
    "years one at a time": ("solve:_Solve._plan_years", nothing),
    "trim": ("solve:trimmed", _untrimmed),
    "covering: exchange": ("covering.run:exchange", nothing),
    "covering: kicks": ("covering.run:CoveringRun._kick", nothing),
    "covering: plans at nodes": ("covering.run:CoveringRun.plan_at", nothing),
}

# Makers whose only effect is to return another plan.
PURE = {"polish", "moving to nearer sites", "moving one by one", "trim"}
# For entries that are always called: whether they have anything to do.
REACHED: dict[str, Callable[..., Any]] = {
    "horizons": lambda _args, goes: goes,
    "start without concessions": lambda args, _: (
        args[0].whole.gap and args[0].whole.gap.concessions
    ),
    "trim": lambda args, made: made[0] is not args[2],
}


def entry(maker: str) -> tuple[Any, str]:
    """Return the module or class that holds the entry of a maker, and the entry's name."""
    module, _, path = MAKERS[maker][0].partition(":")
    *owners, name = path.split(".")
    return reduce(getattr, owners, importlib.import_module(f"siting.engine.{module}")), name


def replaced(maker: str, make: Callable[[Any], Any]) -> None:
    """Replace the entry of a maker in every module that imported it."""
    owner, name = entry(maker)
    plain = getattr(owner, name)
    modules = [m for n, m in sys.modules.items() if n.startswith("siting.engine.")]
    for one in [owner, *(m for m in modules if vars(m).get(name) is plain)]:
        setattr(one, name, make(plain))


class Counts:
    """The number of calls of each maker, and of incumbents found during its calls."""

    def __init__(self) -> None:
        self.calls: Counter[str] = Counter()
        self.gains: Counter[str] = Counter()
        self.open: list[str] = []
        from siting.engine.covering.run import CoveringRun
        from siting.engine.incumbent import Incumbent

        self._watch(Incumbent, "keep")
        self._watch(CoveringRun, "weighed")
        for maker in MAKERS:
            replaced(maker, partial(self._counted, maker))

    def _watch(self, owner: Any, name: str) -> None:
        plain = getattr(owner, name)

        def kept(run: Any, *args: Any) -> Any:
            before = run.best
            found = plain(run, *args)
            if run.best > before:
                self.gains.update(set(self.open))
            return found

        setattr(owner, name, kept)

    @contextmanager
    def _within(self, maker: str) -> Iterator[None]:
        self.open.append(maker)
        try:
            yield
        finally:
            self.open.pop()

    def _counted(self, maker: str, plain: Callable[..., Any]) -> Callable[..., Any]:
        def rounds(made: Iterator[None]) -> Iterator[None]:
            while True:
                with self._within(maker):
                    if next(made, "over") is not None:
                        return
                yield

        def call(*args: Any, **given: Any) -> Any:
            with self._within(maker):
                made = plain(*args, **given)
            turns = isinstance(made, types.FunctionType)
            reached: Callable[..., Any] = REACHED.get(maker, lambda _args, _made: not turns)
            self.calls[maker] += bool(reached(args, made))
            if isinstance(made, types.GeneratorType):
                return rounds(made)
            if turns:
                plain_turn: Callable[[], Any] = made

                def turn() -> bool:
                    self.calls[maker] += 1
                    with self._within(maker):
                        return bool(plain_turn())

                return turn
            off = MAKERS[maker][1]
            if off not in (nothing, _kept) and maker != "horizons":
                self.gains[maker] += _changed(off(*args, **given), made)
            return made

        return call


def _changed(before: Any, after: Any) -> bool:
    """Return whether two choices, states or results differ."""
    import numpy as np

    def choice(of: Any) -> Any:
        of = of[0] if isinstance(of, tuple) else of
        return np.sort(getattr(of, "choice", of))

    return not np.array_equal(choice(before), choice(after))


# --- rows --------------------------------------------------------------------------------------


def asked(row: str) -> tuple[Any, dict[str, Any], dict[str, Any]]:
    """Return the program, solve options and settings of a row; programs from files are cached."""
    if row in TOWNS:
        sys.path.append(str(ROOT / "tests"))
        medium_case = importlib.import_module("medium_cases").medium_case
        program_of = importlib.import_module("program_cases").program_of
        blocks, seed, other = TOWNS[row]
        case = medium_case(tuple(blocks.split(", ")), "plain", seed)
        if other.get("bare"):  # without existing stations
            stands = case.offers.groupby("site_id")["existing"].transform("any")
            there = case.offers[~stands].reset_index(drop=True)
            reach = case.reach[case.reach["site_id"].isin(there["site_id"])]
            case = replace(case, offers=there, reach=reach.reset_index(drop=True))
        program = program_of(case)
        given = {"gap": 0.005, "time_limit_s": TOWN_S, "method": other.get("method", "exact")}
        return program, given, {k: v for k, v in other.items() if k.isupper()}
    path = FOLDER / f"{row}.pickle"
    if not path.is_file():
        FOLDER.mkdir(parents=True, exist_ok=True)
        path.write_bytes(pickle.dumps(_of_files(row)))
    return (*pickle.loads(path.read_bytes()), {})


def _of_files(row: str) -> tuple[Any, dict[str, Any]]:
    from benchmarks import made_city, programme
    from siting.study import Study, to_program

    own, limit_s = [f"output.cache_dir={FOLDER / 'cache'}"], REAL_S
    config = ROOT / "configs" / f"{row}.yaml"
    if row == CITY:
        side, places, people = made_city.SIDE // 2, programme.PLACES // 4, programme.PEOPLE / 4
        programme.prepare(str(FOLDER / CITY), side, places, people)
        own += [same_offers(), *SAME_QUESTION, SAME_DRIVES, "program.budget_pkr=125_000_000"]
        config, limit_s = FOLDER / CITY / "city.yaml", CITY_S
    study = Study(str(config), own)
    program, given = study.program, {}
    plain = vars(to_program)["solve"]
    try:
        vars(to_program)["solve"] = lambda _program, **options: given.update(options)
        to_program.answer_of(program, study.config, limit_s)
    finally:
        vars(to_program)["solve"] = plain
    return program, {k: v for k, v in given.items() if k not in ("progress", "start")}


class _CpuTime(types.ModuleType):
    """The module `time`, whose clocks count the CPU seconds of the process."""

    monotonic = perf_counter = time = staticmethod(time.process_time)


def run(task: tuple[str, str, int]) -> dict[str, Any]:
    """Solve a row without a maker (empty: with all makers), and return the results."""
    row, maker, seed = task
    warnings.simplefilter("ignore")
    from siting import settings
    from siting.engine import clock
    from siting.engine.solve import solve
    from siting.errors import SitingError

    program, given, other = asked(row)
    for name, value in other.items():
        setattr(settings, name, value)
    vars(clock)["time"] = _CpuTime("time")
    counts = None
    if maker:
        for one in maker.split("+"):
            replaced(one, lambda _plain, off=MAKERS[one][1]: off)
    else:
        counts = Counts()
    out: dict[str, Any] = {"row": row, "off": maker, "seed": seed}
    began = time.process_time()
    try:
        answer = solve(program, **{**given, "threads": 1, "seed": seed})
        out["aims"] = [
            [one.aim, one.proof.objective, one.proof.bound, 100 * one.proof.gap, aim.less_is_better]
            for one, aim in zip(answer.proofs, answer.program.aims, strict=True)
        ]
    except (SitingError, AssertionError, IndexError, TypeError) as error:
        out |= {"aims": [], "error": f"{type(error).__name__}: {error}"[:200]}
    out["cpu_s"] = round(time.process_time() - began, 2)
    if counts:
        out |= {"calls": dict(counts.calls), "gains": dict(counts.gains)}
    return out


# --- the table ---------------------------------------------------------------------------------

Runs = dict[tuple[str, str], list[dict[str, Any]]]
# By seed and aim: change of value (share) and gap (points), and whether both runs prove the gap.
Changes = list[list[tuple[float, float, bool]]]
ASKED = {"most worth": 0.5, "best worst share": 0.5, "least money": 0.5}  # requested, %; others 5


def kept() -> Runs:
    """Return the stored runs by row and by the maker switched off ("" for none)."""
    lines = KEPT.read_text(encoding="utf-8").splitlines() if KEPT.is_file() else []
    found = {(one["row"], one["off"], one["seed"]): one for one in map(json.loads, lines)}
    runs: Runs = {}
    for row, off, seed in sorted(found):
        runs.setdefault((row, off), []).append(found[row, off, seed])
    return runs


def changes(runs: Runs, row: str, maker: str) -> Changes | None:
    """Return the change of value and gap without a maker, by seed and aim.

    A negative change of value is worse for every aim. Returns None if a run found no plan.
    """
    base = {one["seed"]: one for one in runs.get((row, ""), [])}
    out = []
    for one in runs.get((row, maker), []):
        if one["seed"] not in base:
            continue
        if not one["aims"]:
            return None
        pairs = zip(base[one["seed"]]["aims"], one["aims"], strict=True)
        out.append(
            [
                (
                    (-1 if less else 1) * (new - old) / max(abs(old), 1e-9),
                    gap - old_gap,
                    max(gap, old_gap) <= ASKED.get(aim, 5.0) + 1e-6,
                )
                for (aim, old, _, old_gap, less), (_, new, _, gap, _) in pairs
            ]
        )
    return out


def differs(found: Changes | None) -> bool:
    """Return whether the first seed differs enough to run more seeds."""
    return found is None or any(
        abs(value) > VALUE or abs(points) > POINTS for one in found for value, points, _ in one
    )


def verdict(found: Changes | None) -> str:
    """Return whether the mean over seeds is worse, better or alike without a maker."""
    if found is None:
        return "worse"
    for aim in zip(*found, strict=True):  # the first aim that differs decides
        if all(proven for *_, proven in aim):
            continue
        value, points = (mean(one[k] for one in aim) for k in (0, 1))
        if value < -VALUE or (points > POINTS and value < VALUE):
            return "worse"
        if value > VALUE or points < -POINTS:
            return "better"
    return "alike"


def page(runs: Runs) -> str:
    """Return the page as Markdown."""
    from benchmarks.page import _table

    short, long = [], []
    others = {off for _, off in runs} - {"", *MAKERS}  # joined or former makers
    for maker in (*MAKERS, *sorted(others)):
        rows = [row for row in ROWS if any(b["calls"].get(part) for part in maker.split("+")
                                           for b in runs.get((row, ""), []))]  # fmt: skip
        gained = sum(any(b["gains"].get(maker) for b in runs[row, ""]) for row in rows)
        tally: dict[str, list[str]] = {"worse": [], "better": [], "alike": []}
        off_s = all_s = 0.0
        for row in rows:
            base = runs[row, ""]
            with_all = {b["seed"] for b in base}
            off = [one for one in runs.get((row, maker), []) if one["seed"] in with_all]
            if not off:
                continue
            found = changes(runs, row, maker)
            tally[verdict(found)].append(row)
            off_s += mean(one["cpu_s"] for one in off)
            all_s += mean(one["cpu_s"] for one in base[: len(off)])
            seconds = (
                f"{mean(o['cpu_s'] for o in base[: len(off)]):.1f}",
                f"{mean(o['cpu_s'] for o in off):.1f}",
            )
            gains = str(max(b["gains"].get(maker, 0) for b in base))
            if found is None:
                long.append([maker, row, gains, str(len(off)), "", "no plan", "", *seconds])
                continue
            for a, (name, *_) in enumerate(base[0]["aims"]):
                value = [100 * one[a][0] for one in found]
                points = [one[a][1] for one in found]
                cells = [gains, str(len(off)), name, _spread(value), _spread(points)]
                long.append([maker, row, *cells, *seconds])
        ran = sum(map(len, tally.values()))
        worse, better = ("; ".join(tally[k]) or "-" for k in ("worse", "better"))
        times = f"{off_s / all_s:.2f}" if all_s else ""
        cells = [str(n) for n in (len(rows), gained, ran, worse, better, len(tally["alike"]))]
        short.append([maker, *cells, times])
    noise = []
    for row in ROWS:
        base = runs.get((row, ""), [])
        for a in range(min((len(b["aims"]) for b in base), default=0)):
            values = [b["aims"][a][1] for b in base]
            apart = 100 * (max(values) / min(values) - 1) if min(values) > 0 else math.nan
            gaps = ", ".join(f"{b['aims'][a][3]:.2f}" for b in base)
            took = f"{mean(b['cpu_s'] for b in base):.1f}"
            cells = [base[0]["aims"][a][0], f"{values[0]:,.1f}", str(len(base))]
            noise.append([row, *cells, f"{apart:.2f}", gaps, took])
    return "\n\n".join([
        "# Ablation: plan-building steps switched off one at a time",
        INTRODUCTION,
        "## With all steps",
        _table(["row", "aim", "value, first seed", "seeds", "values apart, %", "gaps, %", "CPU s"],
               noise),
        "## By step",
        SUMMARY,
        _table(["switched off", "rows that call it", "rows where it found an incumbent",
                "rows run without it", "worse without it", "better without it", "alike",
                "CPU s, without / with"], short),
        "## By step and row",
        DETAIL,
        _table(["switched off", "row", "incumbents", "seeds", "aim", "value, %", "gap, points",
                "CPU s with", "without"], long),
    ]) + "\n"  # fmt: skip


def _spread(values: list[float]) -> str:
    apart = f" ± {(max(values) - min(values)) / 2:.2f}" if len(values) > 1 else ""
    return f"{mean(values):+.2f}{apart}"


INTRODUCTION = f"""\
`python -m benchmarks.ablation` writes this page. A *plan-building step* (below: *step*) is a part
of the engine that makes plans. One step at a time is replaced by a function that does nothing, and
the programs that call this step are solved again. In the tables below, each program is one row.
Each run uses one thread. All seconds, including those of the time limits, are CPU seconds of the
process. The limit is {TOWN_S:.0f} s for the medium towns of the tests, {REAL_S:.0f} s for the five
places with a configuration file, and {CITY_S:.0f} s for *city*. *City* is a quarter of the
synthetic city of rows 13 to 16 of [Performance](../performance.md). The towns, except *small*, are
solved by the method for large programs (`WHOLE_FIRST = -1`). In *years, many offers* the offers are
also priced in (`MANY_OFFERS = 1`). The *cost to all* is the combined yearly cost of stations and
drivers' time, and *construction* is the construction heuristic.

The machine was busy, which lengthens CPU times. Two runs with the same seed therefore differ if the
time limit ends them. A step of the second aim cannot affect the first aim. When such a step was
switched off, the value of the first aim still changed by 0.4 % in central Lahore and by 0.3 % in
Islamabad. In the five places with a configuration file, changes of this size mean nothing. A row
that is missing from the first table was not run.

**Concluded**: four steps were removed from the engine: programs near the incumbent, exchange by
cuts, construction at root prices, and resizing. Removing any one of them worsened the first aim by
at most 0.02 %. Resizing returned the plan unchanged on all six rows that call it.

If two steps can replace each other, switching off only one of them does not show that one of the
two is needed. An example is row 16 with decaying coverage (Saddar, PKR 60 m). A gap of 1 % is
proven after 32 s without the dives into the master problem, and after 47 s without exchange by
cuts. Without both steps it is not proven within 120 s. The dives therefore remain in the engine,
and the gap of 1 % is proven after 39 s. Of rows 13 to 16, no other row was run at full size. Steps
whose names are joined by + were switched off together."""
SUMMARY = f"""\
A row is *worse* or *better* without a step if two conditions hold. First, at least one of the two
runs (with and without the step) does not prove the requested gap (0.5 %; 5 % for costs and drives).
Second, for at least one aim, the mean values over the seeds differ by more than {VALUE:.1%}, or the
mean gaps by more than {POINTS} points. The first aim that differs decides. If both runs prove the
requested gap, the row is *alike*, whatever the values are, and the run times show which run was
faster.

If the results with the first seed differed by this much, two more seeds were run as far as time
allowed. A step that finds incumbents can still be unnecessary, if other steps find equally good
plans. A step that only changes a given plan was not tested on rows where it always returned this
plan unchanged. All other missing runs were left out for lack of time."""
DETAIL = """\
*Value* and *gap* are changes caused by switching the step off: the mean over the seeds, ± half the
range. A negative change of the value is worse, and so is a positive change of the gap. *Incumbents*
is the largest number of incumbents that any run found inside the step. For a step that only changes
given plans, this column counts the plans that the step changed. Incumbents of the dive into the
whole relaxation and of exchange in coverings are not counted, because these plans are evaluated
later."""


def main(rows: str = "all", makers: str = "") -> None:
    """Run the missing runs, and write the page."""
    chosen = list(ROWS) if rows == "all" else rows.split("|")
    some = makers.split("|") if makers else list(MAKERS)
    plan: list[Callable[[Runs], list[tuple[str, str, int]]]] = [
        lambda _runs: [(row, "", SEEDS[0]) for row in chosen],
        lambda runs: [(r, m, SEEDS[0]) for m in some for r in chosen if _calls(runs, r, m)],
        lambda runs: [
            (r, m, seed)
            for r in chosen
            for m in some
            if _calls(runs, r, m) and differs(changes(runs, r, m))
            for seed in SEEDS[1:]
        ],
    ]
    for step in plan:
        runs = kept()
        tasks = step(runs)
        # Each run is compared with the run with all makers and the same seed.
        tasks = list(dict.fromkeys([*((r, "", seed) for r, _, seed in tasks), *tasks]))
        done = {(o["row"], o["off"], o["seed"]) for many in runs.values() for o in many}
        tasks = [one for one in tasks if one not in done]
        for row in {row for row, *_ in tasks}:
            asked(row)  # the time of making programs is not measured
        with multiprocessing.get_context("fork").Pool(WORKERS, maxtasksperchild=1) as pool:
            for one in pool.imap_unordered(run, tasks):
                with KEPT.open("a", encoding="utf-8") as file:
                    file.write(json.dumps(one) + "\n")
                PAGE.write_text(page(kept()), encoding="utf-8")
                print(one["row"], "without", one["off"] or "nothing", one["seed"], flush=True)


def _calls(runs: Runs, row: str, maker: str) -> bool:
    base = runs.get((row, ""), [])
    if maker in PURE and not any(one["gains"].get(maker) for one in base):
        return False  # it always returned the plan it was given
    return any(one["calls"].get(part) for one in base for part in maker.split("+"))


if __name__ == "__main__":
    main(*sys.argv[1:])
