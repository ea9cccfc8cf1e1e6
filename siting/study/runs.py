"""Whole runs: make a plan and its folder, check a configuration, or download its inputs."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from functools import partial
from pathlib import Path
from typing import Any

from siting import sites
from siting.config import Config, load, to_yaml
from siting.errors import Fault, InputError, Override, SitingError, SolveError
from siting.export import credit_line, noted, write_csv, write_json, write_run_tables
from siting.interrupts import seen_through
from siting.manifest import REPORT
from siting.plan import Plan
from siting.report import why_no_report
from siting.shown import Block, Display, Shown
from siting.study.depends import STAGES, upto
from siting.study.facts import with_facts
from siting.study.other_plans import Effort, best_by_scenario
from siting.study.pipeline import Study
from siting.study.plausibility import doubts_of
from siting.study.python_inputs import copied
from siting.study.read_sources import outline
from siting.study.report_page import page_of, record_of_plan, shown_beside
from siting.study.stages import Report
from siting.study.stored_run import seal_again, study_of, write_stages
from siting.texts import counted
from siting.writing import claimed_folder, require_free, write_plain_csv, write_text

# Slow, planned and fast vehicle sales. The probabilities are assumed.
ROBUST = (
    "program.scenarios={of: {slow: {probability: 0.3, fleet: slow}, planned: {probability: 0.5}, "
    "fast: {probability: 0.2, fleet: fast}}}"
)

NO_REPORT = "no report.html was written: "  # the reason follows


@dataclass(repr=False)
class CheckReport(Shown):
    """The result of `check`: problems to correct, and notes on the inputs of a run."""

    faults: list[Fault] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def _shown(self) -> Display:
        faults = [(one.where, one.what, one.fix) for one in self.faults]
        notes = [(one,) for one in self.notes]
        title = counted(len(self.faults), "problem") if self.faults else "Inputs checked"
        named = (("faults", faults), ("notes", notes))
        return Display(title, "", [Block((), rows, name) for name, rows in named if rows])


def run(
    config: Config | Path | str | Study | Plan,
    overrides: Sequence[str] = (),
    *,
    out: Path | str | None = None,
    write_lp: Path | str | None = None,
    progress: Report | None = None,
) -> Plan:
    """Return the plan of a configuration, checked independently; write its folder if `out` is set.

    Parameters
    ----------
    config
        The configuration, its YAML file, a study, or a study's plan.
    overrides
        ``key.path=value`` strings that replace keys of the file.
    out
        The run folder to write, new or empty.
    write_lp
        File for the whole program in LP format, written before the solve.
    progress
        Called with an `Event` when a stage is done, and at intervals while solving.

    Raises
    ------
    SitingError
        A subclass that lists every problem found.

    Examples
    --------
    >>> plan = run("configs/islamabad.yaml")  # doctest: +SKIP
    >>> plan.sites[["name", "chargers", "subsidy_pkr"]]  # doctest: +SKIP
    """
    now = datetime.now().astimezone()
    if isinstance(config, Study | Plan):
        study = study_of(config)
        if overrides:
            what = "cannot be applied to a study or a plan"
            raise InputError("overrides", what, "change the study with Study.with_")
    else:
        study = Study(config, overrides, progress=progress, today=now.date())
    if out is None:
        if write_lp is not None:
            write_program(study, Path(write_lp))
        return with_facts(study, study.plan, now)
    return write_run(study, Path(out), now, write_lp=write_lp)[0]


def robust_override(config: Config) -> str:
    """Return the override that makes a plan robust to slow, planned and fast vehicle sales.

    Raises `InputError` if the configuration names scenarios, or if its fleet comes from a table.
    """
    if config.program.scenarios is not None:
        what = "program.scenarios names scenarios already"
        raise InputError("robust", what, "leave out robust or program.scenarios")
    if config.demand.fleet_csv is not None:
        what = "slow and fast sales are not defined if demand.fleet_csv sets the fleet"
        raise InputError("robust", what, "name scenarios with cases in program.scenarios")
    return Override(ROBUST, "robust")


def write_program(study: Study, path: Path) -> None:
    """Write a study's whole program in LP format, with the first aim as its objective.

    If the first aim is regret, the best plan of each scenario is solved first. Raises `SolveError`
    if one of these plans is not found in time.
    """
    require_free(path)
    if not path.parent.is_dir():
        raise InputError("write_lp", f"no such folder: {path.parent}", "create the folder first")
    program = study.program
    aim = program.all_aims[0]
    if aim.lacks_best:
        best_plans = best_by_scenario(program, Effort(study.config, study.solve_progress), ())
        if best_plans is None:
            what = "a scenario's best plan, from which regret is measured, was not found in time"
            raise SolveError("write_lp", what, "raise solver.time_limit_s")
        aim = aim.with_best(tuple(one.proof.objective for one in best_plans))
    program.write_lp(path, aim)


def run_to_folder(
    config: Path,
    *,
    overrides: Sequence[str] = (),
    out: Path | None = None,
    write_lp: Path | None = None,
    robust: bool = False,
    now: datetime,
    progress: Report | None = None,
) -> tuple[Plan, Path]:
    """Write the run folder of a plan (by default ``runs_dir/NAME-TIME``); return plan and folder.

    If `robust` is set, the plan is made for slow, planned and fast sales together (`ROBUST`).
    """
    if robust:
        overrides = [*overrides, robust_override(load(config, overrides, now.date()))]
    study = Study(config, overrides, progress=progress, today=now.date())
    usual = study.config.output.runs_dir / f"{study.config.name}-{now:%Y%m%d-%H%M%S}"
    return write_run(study, out, now, usual=usual, write_lp=write_lp)


PHASES = ("facts", "files", "report")  # the phases of writing a run, timed like stages


def write_run(
    study: Study,
    out: Path | None,
    now: datetime,
    *,
    usual: Path | None = None,
    write_lp: Path | str | None = None,
    facts: Mapping[str, Any] | None = None,
    warnings: Sequence[str] = (),
    also: Callable[[Path, Plan], None] | None = None,
) -> tuple[Plan, Path]:
    """Write a study's run folder, completely or not at all; return the plan and the folder.

    `out` is a new or empty folder; by default, the first free name of `usual`, ``usual-2``,
    ``usual-3`` … If Ctrl-C is pressed after a plan is found, the folder is still completed; a
    second Ctrl-C ends the run. `write_lp` is the file to which the whole program is written in LP
    format before the solve. `facts` and `warnings` are added to ``run.json``. `also` is called with
    the folder and the plan, to write further files.
    """
    # A file or folder that already exists is refused before the solve.
    if write_lp is not None:
        require_free(Path(write_lp))
    with seen_through(by_solve=True) as wish, claimed_folder(out, usual) as (folder, place):
        if write_lp is not None:
            write_program(study, Path(write_lp))
        wish.at_stake = False  # plans found while writing the LP file need not be saved
        plan = study.plan
        wish.at_stake = True
        with study.timed("facts") as told:
            plan = with_facts(study, plan, now)
            plan.facts.update(facts or {})
            plan.facts["warnings"][:0] = warnings
            told.append(f"{len(plan.facts['warnings'])} warnings")
        with study.timed("files") as told:
            if also is not None:
                also(folder, plan)
            _write_files(study, plan, folder, now)
            told.append("layers and tables")
            if no_page := why_no_report():
                plan.facts["warnings"].append(f"{NO_REPORT}{no_page}")
            _write_facts(study, plan, folder)
            write_stages(study, folder)
        if not no_page:
            with study.timed("report") as told:
                write_text(folder / REPORT, page_of(record_of_plan(study, plan)))
                told.append("one page")
        # The facts are written again, because only now are the run times of all stages known.
        _write_facts(study, plan, folder)
        seal_again(folder)
    return plan, place


def _write_facts(study: Study, plan: Plan, folder: Path) -> None:
    plan.facts["seconds"] = dict(study.seconds)
    write_json(plan.facts, folder / "run.json", replace=True)


def _write_files(study: Study, plan: Plan, folder: Path, now: datetime) -> None:
    """Write layers, tables and the configuration of a plan into a run folder."""
    write_run_tables(
        folder, plan, **shown_beside(study, plan), credit=credit_line(study.inputs), made=now.date()
    )
    for name, table in plan.tables.items():
        write_csv(table, folder / f"{name}.csv", note=noted(plan))
    write_plain_csv(study.assumptions, folder / "figures.csv")
    (folder / "config.yaml").write_text(to_yaml(copied(study.config, folder)), encoding="utf-8")


def check(
    config: Path,
    *,
    overrides: Sequence[str] = (),
    today: date | None = None,
    progress: Report | None = None,
) -> CheckReport:
    """Return every problem in a configuration and in its inputs, without solving.

    Parameters
    ----------
    config, overrides, progress
        As in `run`.
    today
        The current date. The target year must not be before this date.
    """
    report = CheckReport()
    try:
        study = Study(load(config, overrides, today), progress=progress)
    except SitingError as err:
        report.faults.extend(err.faults)
        return report

    def attempt(read: Callable[[], object]) -> bool:
        try:
            read()
        except SitingError as err:
            report.faults.extend(f for f in err.faults if f not in report.faults)
            return False
        return True

    # The tables that do not depend on the roads are checked first.
    attempt(lambda: sites.charger_catalogue(study.config.offers.chargers_csv))
    attempt(lambda: sites.grid_figures(study.config.offers.grid_csv))
    good: set[str] = set()
    for name in upto("instance", "cell_zones"):
        if good.issuperset(STAGES[name].reads) and attempt(partial(getattr, study, name)):
            good.add(name)
    if not report.faults:
        report.notes.append(
            f"no problems; {len(study.candidates):,} candidates, {len(study.offers):,} offers, "
            f"{study.demand['demand_kwh_day'].sum():,.0f} kWh/day of demand"
        )
        network = study.network
        hours = float(network.edges["travel_min"].sum()) / 60
        kmh = float(network.edges["length_m"].sum()) / 1000 / hours if hours else math.inf
        doubts = doubts_of(study.config, study.cells, study.zones, outline(network), kmh)
        report.notes.extend(f"doubtful: {line}" for line in doubts)
    return report


def fetch(
    config: Path | str, *, overrides: Sequence[str] = (), progress: Report | None = None
) -> list[str]:
    """Download all inputs of a configuration, for offline runs; return one line for each download.

    Parameters
    ----------
    config, overrides, progress
        As in `run`.
    """
    study = Study(config, overrides, progress=progress)
    settings, surfaces, lines = study.config, study.config.demand.surfaces, list[str]()
    if settings.roads.source.kind != "file":
        network = study.network
        lines.append(f"roads: {len(network.nodes):,} nodes, {len(network.edges):,} directed edges")
    if any(source.kind == "osm_download" for source in settings.candidates.sources):
        lines.append(f"points of interest: {len(study.candidates):,} candidate sites")
    wanted = None if surfaces is None else surfaces.places
    if wanted is not None and wanted.kind == "osm_download" and study.places is not None:
        lines.append(f"destinations: {len(study.places):,} places that attract vehicles")
    return lines or ["nothing to download, because every input is a file"]
