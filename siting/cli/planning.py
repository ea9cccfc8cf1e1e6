"""Verbs that work from a configuration: run, demand, check, fetch, frontier."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from siting.cli.app import ConfigPath, Overrides, Quiet, app, errors_explained, stage_lines


@app.command()
def run(
    config: ConfigPath,
    *,
    overrides: Overrides = None,
    out: Annotated[
        Path | None,
        typer.Option(
            "--out", metavar="DIR", help="The run folder itself; by default runs/NAME-TIME."
        ),
    ] = None,
    write_lp: Annotated[
        Path | None,
        typer.Option(
            "--write-lp", metavar="FILE", help="Write the whole program as an .lp file, then solve."
        ),
    ] = None,
    robust: Annotated[
        bool,
        typer.Option(
            "--robust", help="One plan for slow, planned and fast sales (0.3, 0.5, 0.2) at once."
        ),
    ] = False,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print run.json on stdout and nothing else there.")
    ] = False,
    quiet: Quiet = False,
) -> None:
    """Make a plan: read, solve, recount, and write the run folder."""
    with errors_explained(quiet=quiet):
        from siting import study
        from siting.terminal import print_plan

        plan, folder = study.run_to_folder(
            config,
            overrides=overrides or [],
            out=out,
            write_lp=write_lp,
            robust=robust,
            now=datetime.now(UTC).astimezone(),
            progress=None if quiet else stage_lines(),
        )
        if as_json:
            typer.echo(json.dumps(study.plain(plan.facts), indent=2, ensure_ascii=False))
        elif not quiet:
            print_plan(plan, folder)


@app.command()
def demand(
    config: ConfigPath,
    *,
    overrides: Overrides = None,
    out: Annotated[
        Path | None,
        typer.Option("--out", metavar="DIR", help="The folder; by default runs/NAME-demand-TIME."),
    ] = None,
    sensitivity: Annotated[
        bool,
        typer.Option("--sensitivity", help="Rank the figures by what moves the total and the map."),
    ] = False,
    draws: Annotated[
        int, typer.Option("--draws", min=1, max=1_000_000, help="Random draws of all ranges.")
    ] = 1000,
    seed: Annotated[int, typer.Option("--seed", min=0, help="Seed of the draws.")] = 1,
    quiet: Quiet = False,
) -> None:
    """Work out the demand alone: its layers, totals with ranges, and every figure with source."""
    with errors_explained(quiet=quiet):
        from siting import study
        from siting.terminal import print_demand

        found, folder = study.demand_to_folder(
            config,
            overrides=overrides or [],
            out=out,
            sensitivity=sensitivity,
            draws=draws,
            seed=seed,
            now=datetime.now(UTC).astimezone(),
            progress=None if quiet else stage_lines(),
        )
        if not quiet:
            print_demand(found, folder)


@app.command()
def check(
    configs: Annotated[list[Path], typer.Argument(metavar="CONFIG...", help="YAML files.")],
    *,
    overrides: Overrides = None,
    quiet: Quiet = False,
) -> None:
    """Read a configuration and all its inputs without solving, and list every fault."""
    from siting import study

    failed = False
    for path in configs:
        with errors_explained(quiet=quiet):
            report = study.check(
                path,
                overrides=overrides or [],
                today=datetime.now(UTC).astimezone().date(),
                progress=None if quiet else stage_lines(),
            )
            for fault in report.faults:
                typer.echo(f"{path}: {fault}", err=True)
            if not quiet:
                for line in report.notes:
                    typer.echo(f"{path}: {line}")
            failed = failed or bool(report.faults)
    if failed:
        raise typer.Exit(2)


@app.command()
def fetch(config: ConfigPath, *, overrides: Overrides = None, quiet: Quiet = False) -> None:
    """Download what a configuration needs ahead of time, for work without internet."""
    with errors_explained(quiet=quiet):
        from siting import study

        lines = study.fetch(
            config, overrides=overrides or [], progress=None if quiet else stage_lines()
        )
        if not quiet:
            for line in lines:
                typer.echo(line)


@app.command()
def frontier(
    config: ConfigPath,
    budgets: Annotated[
        str, typer.Option("--budgets", metavar="LOW:HIGH:COUNT", help="Budgets, PKR: 2e7:1e8:5.")
    ],
    *,
    overrides: Overrides = None,
    out: Annotated[
        Path | None,
        typer.Option("--out", metavar="DIR", help="By default runs/NAME-frontier-TIME."),
    ] = None,
    quiet: Quiet = False,
) -> None:
    """Plan for many budgets: what more money serves, with bounds, and where it stops paying."""
    with errors_explained(quiet=quiet):
        from siting import review
        from siting.terminal import print_frontier

        table, folder = review.frontier_to_folder(
            config,
            review.budgets_of(budgets),
            overrides=overrides or [],
            out=out,
            now=datetime.now(UTC).astimezone(),
            progress=None if quiet else stage_lines(),
        )
        if not quiet:
            print_frontier(table, folder)
