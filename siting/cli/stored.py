"""Verbs that work from stored runs: report, verify, export, trace, explain, replan."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from siting.cli.app import Overrides, Quiet, app, errors_explained, stage_lines

Run = Annotated[Path, typer.Argument(metavar="RUN", help="A run folder.")]


@app.command()
def report(
    folder: Run,
    *,
    out: Annotated[
        Path | None,
        typer.Option("--out", metavar="FILE", help="By default report.html in the folder."),
    ] = None,
    frontier: Annotated[
        Path | None,
        typer.Option(
            "--frontier", metavar="DIR", help="A folder of `siting frontier`: its curve as well."
        ),
    ] = None,
    language: Annotated[
        str | None,
        typer.Option(
            "--language", metavar="LANG", help="en or ur (Urdu); by default report.language."
        ),
    ] = None,
    quiet: Quiet = False,
) -> None:
    """Write a stored run as one HTML page that needs no network: map, money, stations, sources."""
    with errors_explained(quiet=quiet):
        from siting.report import write_report

        path = write_report(folder, out, frontier, language)
        if not quiet:
            typer.echo(f"Written to {path}")


@app.command()
def verify(
    folder: Run,
    *,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print the checks as JSON on stdout, nothing else.")
    ] = False,
    quiet: Quiet = False,
) -> None:
    """Hold a run against itself: hashes, layers, recount, bound, tables. Exit 0 holds, 1 not."""
    with errors_explained(quiet=quiet):
        from siting.review import verify_run
        from siting.study import plain
        from siting.terminal.verify import print_verified

        found = verify_run(folder, progress=None if quiet else stage_lines())
        if as_json:
            typer.echo(json.dumps(plain(found.plain()), indent=2, ensure_ascii=False))
        elif not quiet:
            print_verified(found)
        if found.faults:
            raise typer.Exit(1)


@app.command()
def replan(
    folder: Run,
    *,
    drop: Annotated[
        list[str] | None,
        typer.Option("--drop", metavar="SITE", help="A site that gets none. May be repeated."),
    ] = None,
    require: Annotated[
        list[str] | None,
        typer.Option("--require", metavar="SITE", help="A site that gets one. May be repeated."),
    ] = None,
    budget: Annotated[
        float | None, typer.Option("--budget", metavar="PKR", min=0, help="Another budget.")
    ] = None,
    add: Annotated[
        Path | None,
        typer.Option("--add", metavar="LAYER", help="Further places where one could stand."),
    ] = None,
    overrides: Overrides = None,
    out: Annotated[
        Path | None,
        typer.Option("--out", metavar="DIR", help="By default RUN-replan-TIME beside the run."),
    ] = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print run.json and changes on stdout, nothing else.")
    ] = False,
    quiet: Quiet = False,
) -> None:
    """Plan a stored run again with other wishes, and show what changes."""
    with errors_explained(quiet=quiet):
        from siting import review
        from siting.study import plain
        from siting.terminal.replan import print_replan

        found = review.replan(
            folder,
            drop=drop or [],
            require=require or [],
            budget_pkr=budget,
            add=add,
            overrides=overrides or [],
            out=out,
            now=datetime.now(UTC).astimezone(),
            progress=None if quiet else stage_lines(),
        )
        if as_json:
            said = {**found.after.facts, "changes": found.changes.to_dict("records")}
            typer.echo(json.dumps(plain(said), indent=2, ensure_ascii=False))
        elif not quiet:
            print_replan(found)


@app.command()
def export(
    folder: Run,
    *,
    to: Annotated[
        Path,
        typer.Option("--to", metavar="FILE",
                     help="Ends in .parquet, .fgb, .kml, .geojson or .xlsx."),
    ],
    layers: Annotated[
        list[str] | None,
        typer.Option("--layer", metavar="NAME",
                     help="Which layer; may be repeated. By default the stations; in .kml the "
                     "demand too; in .xlsx all but the roads."),
    ] = None,
    quiet: Quiet = False,
) -> None:  # fmt: skip
    """Write a stored run for other programs: GeoParquet, FlatGeobuf, KML, GeoJSON, a workbook."""
    with errors_explained(quiet=quiet):
        from siting.study import plan_from_run

        path = plan_from_run(folder).export(to, layers or ())
        if not quiet:
            typer.echo(f"Written to {path}")


@app.command()
def trace(
    folder: Run,
    wanted: Annotated[
        str, typer.Argument(metavar="CELL|STATION", help="A cell by id, a station by id or name.")
    ],
    *,
    vehicle_class: Annotated[
        str | None,
        typer.Option("--class", metavar="CLASS", help="One vehicle class; by default all."),
    ] = None,
    year: Annotated[
        int | None, typer.Option("--year", help="In a plan in years; by default the last.")
    ] = None,
    scenario: Annotated[
        str | None,
        typer.Option("--scenario", metavar="NAME", help="In a plan for several scenarios."),
    ] = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print the chains as JSON on stdout, nothing else.")
    ] = False,
    quiet: Quiet = False,
) -> None:
    """Follow a cell's demand or a station's figures back to the rows of the tables they rest on."""
    with errors_explained(quiet=quiet):
        from siting import review
        from siting.study import plain
        from siting.terminal.trace import print_trace

        run = review.Traced(folder)
        found = review.trace(run, wanted, vehicle_class=vehicle_class, year=year, scenario=scenario)
        if as_json:
            typer.echo(json.dumps(plain(found.to_dict()), indent=2, ensure_ascii=False))
        else:
            print_trace(found, run.config.note)


@app.command()
def explain(
    folder: Run,
    site: Annotated[
        str | None, typer.Argument(metavar="[SITE]", help="A place, by id or name; none: all.")
    ] = None,
    *,
    alternatives: Annotated[
        int,
        typer.Option("--alternatives", metavar="N", min=0, max=50,
                     help="Near-optimal plans to compare a place in; 0: none."),
    ] = 5,
    seconds: Annotated[
        float,
        typer.Option("--seconds", metavar="S", min=1, max=3600,
                     help="Seconds that each question to the solver may take."),
    ] = 30.0,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print the reasons as JSON on stdout, nothing else.")
    ] = False,
    quiet: Quiet = False,
) -> None:  # fmt: skip
    """Say why a place gets its station or none; or list all stations, the most doubtful first."""
    with errors_explained(quiet=quiet):
        from siting.review import Explained, explain_plan, explain_site
        from siting.study import plain
        from siting.terminal.explain import print_plan_reasons, print_site_reasons

        run = Explained(folder)
        if site is None:
            found = explain_plan(run, time_limit_s=seconds)
            said = {
                "binding": dict(found.binding),
                **found.figures,
                "stations": found.stations.to_dict("records"),
            }
            if not as_json:
                print_plan_reasons(found, run.plan)
        else:
            why = explain_site(run, site, alternatives=alternatives, time_limit_s=seconds)
            said = {
                "site_id": why.site_id,
                "name": why.name,
                "state": why.state,
                "reasons": dict(why.reasons),
                **why.figures,
                "classes": why.classes.to_dict("records"),
                "offers": why.offers.to_dict("records"),
            }
            if not as_json:
                print_site_reasons(why, run.plan)
        if as_json:
            typer.echo(json.dumps(plain(said), indent=2, ensure_ascii=False))
