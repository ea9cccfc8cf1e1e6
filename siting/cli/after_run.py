"""Verbs on runs: runs, open, report, verify, replan, export, trace, explain, lots, papers."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Literal

import typer

from siting.cli.app import (
    AFTER,
    TRUST,
    Gap,
    Json,
    Overrides,
    Quiet,
    Run,
    TimeLimit,
    asked_of_solver,
    errors_explained,
    exit_if_far,
    items,
    print_json,
    verb,
)
from siting.cli.run_folders import run_folder, run_folders


@verb(AFTER, "siting runs")
def runs(
    *,
    here: Annotated[
        Path, typer.Option("--in", metavar="DIR", help="Look for runs from this folder.")
    ] = Path(),
    as_json: Json = False,
) -> None:
    """List the runs in runs/, ../runs/ and */runs/, newest first."""
    with errors_explained():
        folders = run_folders(here)
        if as_json:
            keys = ("title", "written", "status", "served_share", "subsidy_pkr", "new_stations")
            rows = [(run, run.facts or {}) for run in folders]
            print_json([{"run": str(r.path), **{k: f.get(k) for k in keys}} for r, f in rows])
        else:
            from siting.terminal.runs import print_runs

            print_runs([(run.path.name, run.facts or {}) for run in folders])


@verb(AFTER, "siting open @latest")
def open_(
    folder: Run,
    *,
    as_json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Open a run's report in the browser; print its path where there is none."""
    with errors_explained(quiet=quiet):
        import webbrowser

        from siting.errors import Fault, InputError

        folder = run_folder(folder)
        pages = [folder / name for name in ("report.html", "index.html", "compare.html")]
        page = next((page for page in pages if page.is_file()), None)
        if page is None:
            what = "has no report.html"
            raise InputError(Fault(str(folder), what, f"write it with siting report {folder}"))
        try:
            opened = webbrowser.get().open(page.resolve().as_uri())
        except webbrowser.Error:
            opened = False
        if as_json:
            print_json({"page": str(page.resolve()), "opened": opened})
        elif not quiet or not opened:
            typer.echo(f"Opened {page}" if opened else page.resolve())


@verb(AFTER, "siting report @latest --out plan.html")
def report(
    folder: Run,
    *,
    out: Annotated[
        Path | None,
        typer.Option(
            "--out", metavar="FILE", help="A new file; by default report.html in the run."
        ),
    ] = None,
    frontier: Annotated[
        Path | None,
        typer.Option(
            "--frontier", metavar="DIR", help="A folder of `siting frontier`: its curve as well."
        ),
    ] = None,
    language: Annotated[
        Literal["en", "ur"] | None,
        typer.Option(
            "--language", metavar="LANG", help="en or ur (Urdu); by default report.language."
        ),
    ] = None,
    as_json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Write a stored run as one HTML page that needs no network: map, money, stations, sources."""
    with errors_explained(quiet=quiet):
        from siting.study import write_report

        path = write_report(run_folder(folder), out, frontier, language)
        if as_json:
            print_json({"written": str(path)})
        elif not quiet:
            typer.echo(f"Written to {path}")


@verb(TRUST, "siting verify @latest")
def verify(
    folder: Run,
    *,
    frontier: Annotated[
        Path | None,
        typer.Option("--frontier", metavar="DIR", help="Whose curve is in the run's report.html."),
    ] = None,
    as_json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Check a run from its own files: hashes, layers, recount, bound, tables. Exit 0 if sound."""
    with errors_explained(quiet=quiet) as progress:
        from siting.review import verify_run
        from siting.terminal.verify import print_verified

        verified = verify_run(run_folder(folder), frontier=frontier, progress=progress)
        if as_json:
            print_json(verified.plain())
        elif not quiet:
            print_verified(verified)
        if verified.faults:
            raise typer.Exit(1)


@verb(AFTER, "siting replan @latest --drop s0042 --budget 5e7")
def replan(
    folder: Run,
    *,
    drop: Annotated[
        list[str] | None,
        typer.Option("--drop", metavar="SITE", help="A site that gets none; or a list [A,B]."),
    ] = None,
    require: Annotated[
        list[str] | None,
        typer.Option("--require", metavar="SITE", help="A site that gets one; or a list [A,B]."),
    ] = None,
    budget: Annotated[
        float | None, typer.Option("--budget", metavar="PKR", min=0, help="Another budget.")
    ] = None,
    add: Annotated[
        Path | None,
        typer.Option("--add", metavar="LAYER", help="Further places where one could stand."),
    ] = None,
    answers: Annotated[
        Path | None,
        typer.Option(
            "--answers",
            metavar="CSV",
            help="What was sanctioned, refused, asked for and withdrawn.",
        ),
    ] = None,
    overrides: Overrides = None,
    gap: Gap = None,
    time_limit: TimeLimit = None,
    out: Annotated[
        Path | None,
        typer.Option("--out", metavar="DIR", help="By default RUN-replan-TIME beside the run."),
    ] = None,
    as_json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Plan a stored run again with other wishes, and show what changes.

    Exit 3: a gap over 100 %.
    """
    with errors_explained(quiet=quiet) as progress:
        from siting import review
        from siting.terminal.replan import print_replan

        replanned = review.replan(
            run_folder(folder),
            drop=items(drop),
            require=items(require),
            budget_pkr=budget,
            add=add,
            answers=answers,
            overrides=asked_of_solver(overrides, gap, time_limit),
            out=out,
            now=datetime.now(UTC).astimezone(),
            progress=progress,
        )
        if as_json:
            said = {**replanned.after.facts, "changes": replanned.changes.to_dict("records")}
            print_json(said)
        elif not quiet:
            print_replan(replanned)
        exit_if_far(replanned.after.outcome.gap)


@verb(AFTER, "siting export @latest --to plan.xlsx")
def export(
    folder: Run,
    *,
    to: Annotated[
        Path,
        typer.Option("--to", metavar="FILE",
                     help="A new file: .gpkg, .shp, .parquet, .fgb, .geojson, .kml or .xlsx."),
    ],
    layers: Annotated[
        list[str] | None,
        typer.Option("--layer", metavar="NAME",
                     help="A layer, or a list [A,B]. By default the stations; in .kml and .gpkg "
                     "the demand too; in .xlsx all but the roads."),
    ] = None,
    as_json: Json = False,
    quiet: Quiet = False,
) -> None:  # fmt: skip
    """Write a stored run for other programs: GeoPackage, Shapefile, GeoParquet, KML, a workbook."""
    with errors_explained(quiet=quiet):
        from siting.export.exchange import require_ending

        require_ending(to)  # before the run is opened, which takes seconds
        from siting.study import plan_from_run

        path = plan_from_run(run_folder(folder)).export(to, items(layers))
        if as_json:
            print_json({"written": str(path)})
        elif not quiet:
            typer.echo(f"Written to {path}")


@verb(AFTER, "siting trace @latest c00337 --class car")
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
    as_json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Follow a cell's demand or a station's figures back to the rows of the tables they rest on."""
    with errors_explained(quiet=quiet):
        from siting import review
        from siting.terminal.trace import print_trace

        run = review.Traced(run_folder(folder))
        traced = review.trace(
            run, wanted, vehicle_class=vehicle_class, year=year, scenario=scenario
        )
        if as_json:
            print_json(traced.to_dict())
        elif not quiet:
            print_trace(traced, run.config.note)


@verb(AFTER, "siting explain @latest s0042")
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
        typer.Option("--time-limit", "--seconds", metavar="S", min=1, max=3600,
                     help="Seconds that each question to the solver may take."),
    ] = 30.0,
    as_json: Json = False,
    quiet: Quiet = False,
) -> None:  # fmt: skip
    """Say why a place gets its station or none; or list all stations, the most doubtful first."""
    with errors_explained(quiet=quiet):
        from siting.review import Explained, explain_plan, explain_site
        from siting.terminal.explain import print_plan_reasons, print_site_reasons

        run = Explained(run_folder(folder))
        if site is None:
            plan_reasons = explain_plan(run, time_limit_s=seconds)
            said = {
                "binding": dict(plan_reasons.binding),
                **plan_reasons.figures,
                "stations": plan_reasons.stations.to_dict("records"),
            }
            if not (as_json or quiet):
                print_plan_reasons(plan_reasons, run.plan)
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
            if not (as_json or quiet):
                print_site_reasons(why, run.plan)
        if as_json:
            print_json(said)


@verb(AFTER, "siting lots @latest --lots 12")
def lots(
    folder: Run,
    *,
    number: Annotated[int, typer.Option("--lots", metavar="N", help="How many lots.")],
    within: Annotated[
        float,
        typer.Option(metavar="SHARE",
                     help="How far the largest lot may be above the smallest, energy and money."),
    ] = 0.10,
    loss: Annotated[
        float,
        typer.Option(metavar="SHARE",
                     help="What a station may lose of its energy anywhere in its search area."),
    ] = 0.05,
    radius: Annotated[
        float, typer.Option(metavar="M", help="Largest radius of a search area, metres.")
    ] = 1000.0,
    out: Annotated[
        Path | None,
        typer.Option("--out", metavar="DIR", help="By default RUN-lots-TIME beside the run."),
    ] = None,
    as_json: Json = False,
    quiet: Quiet = False,
) -> None:  # fmt: skip
    """Part a run's new stations into connected lots of like value, for a tender: map and tables."""
    with errors_explained(quiet=quiet):
        from siting.lots import lots_to_folder
        from siting.terminal.lots import print_lots

        parted, written = lots_to_folder(
            run_folder(folder), number, out=out, now=datetime.now(UTC).astimezone(),
            within=within, loss=loss, most_m=radius,
        )  # fmt: skip
        if as_json:
            print_json({"written": str(written), **parted.facts})
        elif not quiet:
            print_lots(parted, written)


@verb(AFTER, "siting papers @latest --kind pc1")
def papers(
    folder: Run,
    *,
    kind: Annotated[str, typer.Option("--kind", metavar="KIND",
                                      help="pc1, load, licence or tender.")],
    lots_folder: Annotated[
        Path | None,
        typer.Option("--lots", metavar="DIR", help="For a tender: a folder of `siting lots`."),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option("--out", metavar="FILE", help="A new .docx; by default RUN-KIND.docx."),
    ] = None,
    as_json: Json = False,
    quiet: Quiet = False,
) -> None:  # fmt: skip
    """Write a paper from a run as .docx: PC-I, load applications, licence files, tender annexes."""
    with errors_explained(quiet=quiet):
        from siting.papers import write_paper

        path = write_paper(run_folder(folder), kind, out, lots=lots_folder)
        if as_json:
            print_json({"written": str(path)})
        elif not quiet:
            typer.echo(f"Written to {path}")
