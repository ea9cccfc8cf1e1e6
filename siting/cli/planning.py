"""Commands on configurations, such as ``new``, ``check``, ``run`` and ``batch``, and ``rerun``."""

from __future__ import annotations

import functools
import json
import os
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path
from typing import Any

import typer

from siting.cli.app import (
    BEGIN,
    PLAN,
    TRUST,
    Budget,
    ConfigPath,
    Json,
    Overrides,
    Quiet,
    Reply,
    Run,
    asked_of_folder,
    asked_of_solver,
    errors_explained,
    failed,
    flag,
    now,
    option,
    print_json,
    progress,
    stopped,
    verb,
)
from siting.cli.run_folders import run_folder
from siting.errors import InfeasibleError, InputError
from siting.texts import visible

_WORKERS = typer.Option(
    None, min=1, max=1024, help="Number of local processes; by default one per core."
)
_DASK = option("ADDRESS", "Dask cluster to run on: tcp://HOST:PORT.")


@verb(BEGIN, "siting demo", solver=("gap", "time_limit"))
def demo(
    *,
    overrides: Overrides = None,
    budget: Budget = None,
    out: Path = option(
        "DIR", "Folder for configuration, data and runs.", default=Path("siting-demo")
    ),
    files_only: bool = flag("--files-only", "Copy the files for editing, but make no plan."),
    nation: bool = flag("--nation", "Use three schematic cities with one budget."),
) -> Reply:
    """Copy the package's schematic Islamabad to a folder and plan its stations; works offline."""
    from siting.embedded import copy_embedded_city

    config = copy_embedded_city(out, nation)
    if files_only:
        reply = Reply(lambda: {"written": str(config)}, lambda: None)
    elif nation:
        reply = plan_nation(config, overrides, budget)
    else:
        asked = asked_of_folder(asked_of_solver(overrides, budget=budget), out=None)
        reply = plan_city(config, **asked)

    def show() -> None:
        reply.show()
        verb = "nation" if nation else "run"
        typer.echo(f"To continue, edit {config}, and then run: siting {verb} {config}")

    return replace(reply, shown=show)


@verb(BEGIN, "siting cities", quiet=False)
def cities() -> Reply:
    """List the cities in the package, with population, power company and other figures."""
    from siting.cities import library

    def show() -> None:
        from siting.shown import Column
        from siting.terminal.screen import Screen

        columns = [
            Column("City", "city"),
            Column("People 2023", "people_2023", ",.0f"),
            Column("DISCO", "disco"),
            Column("With power", "availability", ".0%"),
            Column("Speeds", "speed_group"),
            Column("Zones", "zones", ",.0f"),
        ]
        Screen().table(columns, library())
        typer.echo("Run `siting new CITY` to write a configuration for one of these cities.")

    return Reply(lambda: json.loads(library().to_json(orient="records")), show)


@verb(BEGIN, "siting new multan --out configs/multan.yaml", quiet=False)
def new(
    city: str = typer.Argument(
        ..., metavar="CITY", help="A city of `siting cities`, or a tehsil of the 2023 census."),
    *,
    like: str | None = option(
        "CITY", "Use the power supply, speeds and vehicles per head of this city."),
    people: int | None = option("N", "The population; by default from the census.", min=1),
    roads: Path | None = option(
        "FILE", "The road file (.osm, .pbf, .graphml) to use; nothing is downloaded.",
        exists=True, dir_okay=False),
    out: Path | None = option("FILE", "The new file; by default CITY.yaml here."),
) -> Reply:  # fmt: skip
    """Write a commented configuration for any city or town, ready for `siting check`."""
    from siting.cities import new_config, slug_of
    from siting.writing import write_text

    path = out or Path(f"{slug_of(city)}.yaml")
    at = None if roads is None else os.path.relpath(roads, path.parent)
    text = new_config(city, like, people, at)
    write_text(path, text)
    what = text.partition(":")[0].removeprefix("# ")
    return Reply(
        lambda: {"written": str(path)},
        lambda: typer.echo(f"{what}. Written to {path}. Next: siting check {path}"),
    )


@verb(BEGIN, "siting schema > siting.schema.json", bare=True)
def schema() -> None:
    """Print the JSON schema of the configuration file."""
    from siting import config

    print_json(config.schema())


@verb(
    PLAN,
    "siting run configs/islamabad.yaml --budget 5e7 --time-limit 60",
    solver=("budget", "gap", "time_limit"),
)
def run(
    config: ConfigPath,
    *,
    overrides: Overrides = None,
    out: Path | None = option("DIR", "The run folder; by default runs/NAME-TIME."),
    write_lp: Path | None = option(
        "FILE", "Write the whole program as a new .lp file, then solve."),
    robust: bool = flag(
        "--robust", "Make one plan for slow, planned and fast sales (probabilities 0.3, 0.5, 0.2)."
    ),
) -> Reply:  # fmt: skip
    """Make a plan and write its run folder. Exit code 3 means a gap over 100 %."""
    return plan_city(config, write_lp=write_lp, robust=robust, **asked_of_folder(overrides, out))


def plan_city(config: Path, **asked: Any) -> Reply:
    """Make a plan and write its run folder; `asked` are arguments of `study.run_to_folder`."""
    from siting import study

    plan, folder = study.run_to_folder(config, **asked)
    return Reply(lambda: plan.facts, plan, folder, gaps=[plan.outcome.gap])


@verb(PLAN, "siting award configs/islamabad.yaml --bids bids.csv", solver=("budget", "time_limit"))
def award(
    config: ConfigPath,
    *,
    bids: Path = option("CSV", "CSV with one row for each place in a bid.", default=...),
    overrides: Overrides = None,
    gap: float = typer.Option(0.0, min=0, max=0.999, help="Gap at which to stop."),
    asks_limit: float | None = option(
        "S", "Time limit, s, for critical asks; by default 5 times the award's.", min=0),
    nearest: int | None = option(
        "N", "Number of losing bids whose critical asks are computed, cheapest per kWh first; by "
        "default all.", min=0),
    out: Path | None = option("DIR", "The new folder; by default runs/NAME-award-TIME."),
) -> Reply:  # fmt: skip
    """Choose among bids for places, and find the largest ask at which each losing bid would win."""
    from siting import awards

    asked = asked_of_folder(overrides, out)
    made = awards.award_to_folder(
        config, bids, gap=gap, asks_s=asks_limit, asked_of=nearest, **asked
    )
    tables = ("winners", "losers", "payments")
    return Reply(
        lambda: made.plan.facts | {name: getattr(made, name).to_dict("records") for name in tables},
        made,
        made.folder,
        gaps=[made.plan.outcome.gap],
    )


@verb(PLAN, "siting demand configs/islamabad.yaml --sensitivity")
def demand(
    config: ConfigPath,
    *,
    overrides: Overrides = None,
    out: Path | None = option("DIR", "The new folder; by default runs/NAME-demand-TIME."),
    sensitivity: bool = flag(
        "--sensitivity", "Rank the figures by their effect on the total demand and its map."
    ),
    draws: int = typer.Option(
        1000, min=1, max=1_000_000, help="Number of random draws of all figures from their ranges."
    ),
    seed: int = typer.Option(1, min=0, help="Random seed of the draws."),
) -> Reply:
    """Compute only the demand: layers, totals with ranges, and every figure with its source."""
    from siting import study
    from siting.terminal.result_tables import print_demand

    demand_run, folder = study.demand_to_folder(
        config, sensitivity=sensitivity, draws=draws, seed=seed, **asked_of_folder(overrides, out)
    )
    return Reply(
        lambda: json.loads((folder / "demand.json").read_text(encoding="utf-8")),
        lambda: print_demand(demand_run, folder),
    )


@verb(BEGIN, "siting check configs/*.yaml", bare=True)
def check(
    configs: list[Path] = typer.Argument(..., metavar="CONFIG...", help="YAML files."),
    *,
    overrides: Overrides = None,
    as_json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Read a configuration and all its inputs without solving, and report every error."""
    from siting import study

    said = []
    for path in configs:
        with errors_explained(quiet=quiet) as shown:
            today, asked = now().date(), asked_of_solver(overrides)
            report = study.check(path, overrides=asked, today=today, progress=shown)
            faults = [str(fault) for fault in report.faults]
            for fault in faults:
                typer.echo(visible(f"{path}: {fault}"), err=True)
            for line in () if quiet or as_json else report.notes:
                typer.echo(visible(f"{path}: {line}"))
            said.append({"config": str(path), "faults": faults, "notes": report.notes})
    if as_json:
        print_json(said)
    if any(one["faults"] for one in said):
        raise typer.Exit(2)


@verb(BEGIN, "siting fetch configs/lahore.yaml")
def fetch(config: ConfigPath, *, overrides: Overrides = None) -> Reply:
    """Download everything that a configuration needs, so that later commands work offline."""
    from siting import study

    lines = study.fetch(config, overrides=overrides or [], progress=progress())
    return Reply(lambda: {"fetched": lines}, lambda: typer.echo("\n".join(lines)))


@verb(
    PLAN, "siting frontier configs/islamabad.yaml --budgets 2e7:1e8:5", solver=("gap", "time_limit")
)
def frontier(
    config: ConfigPath,
    budgets: str = option(
        "LIST", "Budgets, PKR: 20m,5cr,1e8, or 20m:100m:5 for 5 values.", default=...
    ),
    *,
    overrides: Overrides = None,
    out: Path | None = option("DIR", "The new folder; by default runs/NAME-frontier-TIME."),
) -> Reply:
    """Plan for several budgets, and show how much energy each can serve and where returns diminish.

    Exit code 3 means a gap over 100 %.
    """
    from siting import review
    from siting.terminal.result_tables import print_frontier

    money, asked = review.budgets_of(budgets), asked_of_folder(overrides, out)
    table, folder = review.frontier_to_folder(config, money, **asked)
    return Reply(
        lambda: table.to_dict("records"),
        lambda: print_frontier(table, folder),
        gaps=[*table["gap"]],
    )


@verb(PLAN, "siting nation configs/nation.yaml --budget 3e8", solver=("gap", "time_limit"))
def nation(
    config: Path = typer.Argument(
        ..., metavar="CONFIG", help="The nation's YAML file, or a nation's folder to verify."),
    *,
    overrides: Overrides = None,
    budget: Budget = None,
    out: Path | None = option("DIR", "The new folder; by default runs/NAME-TIME."),
    workers: int | None = _WORKERS,
    dask: str | None = _DASK,
    earlier: Path | None = option(
        "DIR", "Folder of an earlier plan: reuse its city solutions, and show the changes.",
        name="--from"),
    explain: str | None = option(
        "CITY", "For a nation's folder: explain a city's share of the budget."),
    compare: Path | None = option(
        "DIR", "For a nation's folder: show the changes from another folder."),
) -> Reply:  # fmt: skip
    """Divide one budget among cities and prove how good the plan is, or check a nation's folder."""
    if not config.is_dir():
        if explain or compare:
            name = "--explain" if explain else "--compare"
            raise InputError(name, f"{config} is not a folder", "name a nation's folder")
        return plan_nation(config, overrides, budget, out, earlier, workers=workers, dask=dask)
    if explain is None and compare is None:
        from siting.nation import read_nation, verify_nation

        verified = verify_nation(config, progress=progress())
        return Reply(
            lambda: {**({} if verified.faults else read_nation(config)[0]), **verified.plain()},
            verified,
            code=int(bool(verified.faults)),
        )
    from siting.nation import compare_nations, explain_city
    from siting.terminal.result_tables import print_changes, print_city

    said: dict[str, Any] = {}
    shown: list[Callable[[], None]] = []
    if explain is not None:
        lines, plans = explain_city(config, explain)
        said |= {"lines": dict(lines), "plans": plans.to_dict("records")}
        shown.append(lambda: print_city(explain, lines, plans))
    if compare is not None:
        changes = compare_nations(compare, config)
        said["changes"] = changes.to_dict("records")
        shown.append(lambda: print_changes(changes))
    return Reply(lambda: said, lambda: [show() for show in shown])


def plan_nation(
    config: Path, overrides: list[str] | None, budget: float | None, out: Path | None = None,
    earlier: Path | None = None, **workers: Any,
) -> Reply:  # fmt: skip
    """Make the plan of a nation and write its folder."""
    from siting.nation import Nation, compare_nations
    from siting.terminal.result_tables import print_changes
    from siting.terminal.screen import print_result

    asked = asked_of_solver(overrides, budget=budget, budget_key="budget_pkr")
    say = None if progress() is None else functools.partial(typer.echo, err=True)
    nation = Nation(config, asked, progress=say, today=now().date(), earlier=earlier, **workers)
    plan, folder = nation.to_folder(out, now=now())

    def show() -> None:
        print_result(plan, folder / "index.html")
        if earlier is not None:
            print_changes(compare_nations(earlier, folder))

    written = folder / "nation.json"
    return Reply(lambda: json.loads(written.read_text(encoding="utf-8")), show, gaps=[plan.gap])


@verb(
    PLAN,
    "siting batch configs/*.yaml --sweep program.budget_pkr=[4e7,6e7]",
    solver=("budget", "gap", "time_limit"),
)
def batch(
    configs: list[Path] = typer.Argument(..., metavar="CONFIG...", help="YAML files."),
    *,
    overrides: Overrides = None,
    sweep: list[str] | None = option(
        "KEY=LIST", "Try each value of a key: KEY=[4e7,6e7], or KEY=2e7:1e8:5 for 5 evenly "
        "spaced values. If repeated, all combinations are tried."),
    out: Path = option("DIR", "The batch's folder; an unfinished batch in it is continued.",
                       default=Path("runs/batch")),
    workers: int | None = _WORKERS,
    threads: int | None = typer.Option(
        None, min=1, max=1024, help="Solver threads per study; by default cores / workers."),
    dask: str | None = _DASK,
    retry: bool = flag("--retry", "Rerun the studies that failed because of their inputs."),
    dry_run: bool = flag("--dry-run", "List the studies without running them."),
) -> Reply:  # fmt: skip
    """Run many studies, each only once; a restart runs only unfinished studies."""
    from siting import batch as many
    from siting.config import parse_sweeps
    from siting.terminal.batch_tables import BatchLines, print_batch, print_studies

    if dask is not None and workers is not None:
        raise InputError("--workers", "cannot be set with --dask", "start workers in the cluster")
    studies = many.list_studies(configs, overrides or (), parse_sweeps(sweep or []), now().date())
    if dry_run:
        keys = ("config", "name", "sweep", "key", "fault")
        return Reply(
            lambda: [{key: getattr(s, key) for key in keys} for s in studies],
            lambda: print_studies(studies, out),
            code=2 if any(study.fault for study in studies) else 0,
        )
    lines = None if progress() is None else BatchLines()
    try:
        pool = nullcontext((None, None)) if dask is None else many.dask_pool(dask)
        with pool as (executor, cluster_threads):
            result = many.run_batch(
                studies,
                executor,
                out=out,
                workers=workers,
                threads=threads or cluster_threads,
                retry=retry,
                progress=lines,
            )
    except KeyboardInterrupt:
        kept = "\nStopped. Finished studies are kept; run the same command to continue."
        raise stopped(kept) from None
    finally:
        if lines is not None:
            lines.stop()
    done = result.table["served_share"].notna()
    return Reply(
        lambda: json.loads(result.table.to_json(orient="records")),
        lambda: print_batch(result),
        code=int(bool(result.failed)),
        gaps=[*result.table.loc[done, "gap"]],
    )


@verb(TRUST, "siting rerun @latest")
def rerun(
    folder: Run,
    *,
    overrides: list[str] | None = option(
        "KEY=VALUE", "New location of an input, e.g. roads.source.path=…", name="--set"
    ),
    out: Path | None = option("DIR", "Also write the repetition to this run folder."),
) -> Reply:
    """Repeat a run from its folder.

    Exit code 0 means that inputs, objective and plan are the same.
    """
    from siting.review import rerun as repeat

    try:
        repetition = repeat(run_folder(folder), overrides or [], out=out, progress=progress())
    except InfeasibleError as err:
        # The run had a plan, so an infeasible repetition is a difference, not bad input.
        raise failed("Different: the run had a plan, but now there is none", err, 1) from err
    return Reply(repetition.plain, repetition, code=int(not repetition.same))
