"""Verbs that work from a configuration: run, award, demand, check, fetch, frontier."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

import typer

from siting.cli.app import (
    BEGIN,
    PLAN,
    ConfigPath,
    Json,
    Overrides,
    Quiet,
    Reply,
    errors_explained,
    option,
    print_json,
    progress,
    to_folder,
    verb,
)
from siting.texts import visible


@verb(
    PLAN,
    "siting run configs/islamabad.yaml --budget 5e7 --time-limit 60",
    solver=("budget", "gap", "time_limit"),
)
def run(
    config: ConfigPath,
    *,
    overrides: Overrides = None,
    out: Path | None = to_folder("The run folder itself; by default runs/NAME-TIME."),
    write_lp: Path | None = option(
        "--write-lp", "FILE", "Write the whole program as a new .lp file, then solve."
    ),
    robust: bool = typer.Option(
        False, "--robust", help="One plan for slow, planned and fast sales (0.3, 0.5, 0.2) at once."
    ),
) -> Reply:
    """Make a plan: read, solve, recount, write the run folder. Exit 3: a gap over 100 %."""
    from siting import study
    from siting.terminal.plan_tables import print_plan

    plan, folder = study.run_to_folder(
        config,
        overrides=overrides or (),
        out=out,
        write_lp=write_lp,
        robust=robust,
        now=datetime.now(UTC).astimezone(),
        progress=progress(),
    )
    return Reply(lambda: plan.facts, lambda: print_plan(plan, folder), gaps=[plan.outcome.gap])


@verb(PLAN, "siting award configs/islamabad.yaml --bids bids.csv", solver=("budget", "time_limit"))
def award(
    config: ConfigPath,
    *,
    bids: Path = option("--bids", "CSV", "A line for each place that is bid for.", default=...),
    overrides: Overrides = None,
    gap: float = typer.Option(
        0.0, "--gap", min=0, max=0.999, help="Prove the award within this share."
    ),
    asks: float | None = option(
        "--asks-limit", "S", "Seconds for critical asks; by default five times the award's.", min=0
    ),
    asked_of: int | None = option(
        "--nearest",
        "N",
        "Critical asks of so many losers, the cheapest by energy; default all.",
        min=0,
    ),
    out: Path | None = to_folder("By default runs/NAME-award-TIME."),
) -> Reply:
    """Choose among bids for places, and tell each loser the most it could have asked for."""
    from siting import awards
    from siting.terminal.plan_tables import print_award

    made = awards.award_to_folder(
        config,
        bids,
        overrides=overrides or (),
        now=datetime.now(UTC).astimezone(),
        gap=gap,
        asks_s=asks,
        asked_of=asked_of,
        out=out,
        progress=progress(),
    )
    tables = ("winners", "losers", "payments")
    return Reply(
        lambda: made.plan.facts | {name: getattr(made, name).to_dict("records") for name in tables},
        lambda: print_award(made),
        gaps=[made.plan.outcome.gap],
    )


@verb(PLAN, "siting demand configs/islamabad.yaml --sensitivity")
def demand(
    config: ConfigPath,
    *,
    overrides: Overrides = None,
    out: Path | None = to_folder("The folder; by default runs/NAME-demand-TIME."),
    sensitivity: bool = typer.Option(
        False, "--sensitivity", help="Rank the figures by what moves the total and the map."
    ),
    draws: int = typer.Option(
        1000, "--draws", min=1, max=1_000_000, help="Random draws of all ranges."
    ),
    seed: int = typer.Option(1, "--seed", min=0, help="Seed of the draws."),
) -> Reply:
    """Work out the demand alone: its layers, totals with ranges, and every figure with source."""
    from siting import study
    from siting.terminal.plan_tables import print_demand

    demand_run, folder = study.demand_to_folder(
        config,
        overrides=overrides or [],
        out=out,
        sensitivity=sensitivity,
        draws=draws,
        seed=seed,
        now=datetime.now(UTC).astimezone(),
        progress=progress(),
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
    """Read a configuration and all its inputs without solving, and list every fault."""
    from siting import study

    failed = False
    said = []
    for path in configs:
        with errors_explained(quiet=quiet) as shown:
            report = study.check(
                path,
                overrides=overrides or [],
                today=datetime.now(UTC).astimezone().date(),
                progress=shown,
            )
            for fault in report.faults:
                typer.echo(visible(f"{path}: {fault}"), err=True)
            if not (quiet or as_json):
                for line in report.notes:
                    typer.echo(visible(f"{path}: {line}"))
            failed = failed or bool(report.faults)
            faults = [str(fault) for fault in report.faults]
            said.append({"config": str(path), "faults": faults, "notes": report.notes})
    if as_json:
        print_json(said)
    if failed:
        raise typer.Exit(2)


@verb(BEGIN, "siting fetch configs/lahore.yaml")
def fetch(config: ConfigPath, *, overrides: Overrides = None) -> Reply:
    """Download what a configuration needs ahead of time, for work without internet."""
    from siting import study

    lines = study.fetch(config, overrides=overrides or [], progress=progress())
    return Reply(lambda: {"fetched": lines}, lambda: typer.echo("\n".join(lines)))


@verb(
    PLAN, "siting frontier configs/islamabad.yaml --budgets 2e7:1e8:5", solver=("gap", "time_limit")
)
def frontier(
    config: ConfigPath,
    budgets: str = option(
        "--budgets", "LIST", "Budgets, PKR: 20m,5cr,1e8, or 20m:100m:5 for five.", default=...
    ),
    *,
    overrides: Overrides = None,
    out: Path | None = to_folder("By default runs/NAME-frontier-TIME."),
) -> Reply:
    """Plan for many budgets: what more money serves, with bounds, and where it stops paying.

    Exit 3: a gap over 100 %.
    """
    from siting import review
    from siting.terminal.plan_tables import print_frontier

    table, folder = review.frontier_to_folder(
        config,
        review.budgets_of(budgets),
        overrides=overrides or (),
        out=out,
        now=datetime.now(UTC).astimezone(),
        progress=progress(),
    )
    return Reply(
        lambda: table.to_dict("records"),
        lambda: print_frontier(table, folder),
        gaps=[*table["gap"]],
    )
