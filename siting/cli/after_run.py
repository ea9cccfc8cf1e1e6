"""Commands for stored runs, such as ``report`` and ``replan``, and the command ``evaluate``."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

import typer

from siting.cli.app import (
    AFTER,
    TRUST,
    ConfigPath,
    Overrides,
    Reply,
    Run,
    asked_of_folder,
    flag,
    items,
    now,
    option,
    progress,
    verb,
)
from siting.cli.run_folders import names_like, run_folder, run_folders
from siting.errors import InputError


@verb(AFTER, "siting runs", quiet=False)
def runs(
    *,
    here: Path = option(
        "DIR", "Look for runs in and around this folder.", default=Path(), name="--in"
    ),
) -> Reply:
    """List the runs in runs/, ../runs/ and */runs/, newest first."""
    folders = run_folders(here)

    def json() -> Any:
        keys = ("title", "written", "status", "served_share", "subsidy_pkr", "new_stations")
        return [{"run": str(path), **{k: facts.get(k) for k in keys}} for path, facts in folders]

    def show() -> None:
        from siting.terminal.result_tables import print_runs

        print_runs([(path.name, facts) for path, facts in folders])

    return Reply(json, show)


@verb(AFTER, "siting open @latest")
def open_(folder: Run) -> Reply:
    """Open a run's report in the browser, or print its path if there is no browser."""
    import webbrowser

    folder = run_folder(folder)
    pages = (folder / name for name in ("report.html", "index.html", "compare.html"))
    if (page := next(filter(Path.is_file, pages), None)) is None:
        raise InputError(str(folder), "has no report.html", f"write it with siting report {folder}")
    path = page.resolve()
    try:
        opened = webbrowser.get().open(path.as_uri())
    except webbrowser.Error:
        opened = False
    return Reply(
        lambda: {"page": str(path), "opened": opened},
        lambda: typer.echo(f"Opened {page}" if opened else path),
        always=not opened,
    )


@verb(AFTER, "siting report @latest --out plan.html")
def report(
    folder: Run,
    *,
    out: Path | None = option("FILE", "The new file; by default report.html in the run folder."),
    frontier: Path | None = option(
        "DIR", "A `siting frontier` folder; its curve is added to the report."
    ),
    language: Literal["en", "ur"] | None = option(
        "LANG", "en or ur (Urdu); by default report.language."
    ),
) -> Reply:
    """Write a stored run as one HTML page that works offline: map, costs, stations and sources."""
    from siting.study import write_report

    return Reply.written(write_report(run_folder(folder), out, frontier, language))


@verb(TRUST, "siting verify @latest")
def verify(
    folder: Run,
    *,
    frontier: Path | None = option(
        "DIR", "The `siting frontier` folder whose curve is in report.html."
    ),
) -> Reply:
    """Check a run's files and recompute its plan independently.

    Exit code 0 means that all checks pass.
    """
    from siting.review import verify_run

    verified = verify_run(run_folder(folder), frontier=frontier, progress=progress())
    return Reply(verified.plain, verified, code=int(bool(verified.faults)))


@verb(AFTER, "siting replan @latest --drop s0042 --budget 5e7", solver=("gap", "time_limit"))
def replan(
    folder: Run,
    *,
    drop: list[str] | None = option(
        "SITE", "Site that must not have a station; [A,B] for several."),
    require: list[str] | None = option("SITE", "Site that must have a station; [A,B] for several."),
    budget_pkr: float | None = option("PKR", "The new budget.", name="--budget", min=0),
    add: Path | None = option("LAYER", "A layer of additional candidate sites."),
    answers: Path | None = option("CSV", "CSV of sanctioned, refused or withdrawn places."),
    overrides: Overrides = None,
    out: Path | None = option("DIR", "The new folder; by default RUN-replan-TIME next to the run."),
) -> Reply:  # fmt: skip
    """Replan a stored run with different requirements, and show the changes.

    Exit code 3 means a gap over 100 %.
    """
    from siting import review

    replanned = review.replan(
        run_folder(folder),
        drop=items(drop),
        require=items(require),
        budget_pkr=budget_pkr,
        add=add,
        answers=answers,
        **asked_of_folder(overrides, out),
    )
    return Reply(
        lambda: {**replanned.after.facts, "changes": replanned.changes.to_dict("records")},
        replanned,
        replanned.folder,
        gaps=[replanned.after.outcome.gap],
    )


@verb(AFTER, "siting export @latest --to plan.xlsx")
def export(
    folder: Run,
    *,
    to: Path = option(
        "FILE", "A new file: .gpkg, .shp, .parquet, .fgb, .geojson, .kml or .xlsx.", default=...),
    layer: list[str] | None = option(
        "NAME", "A layer, or a list [A,B]. By default, .xlsx gets all layers but the roads, "
        ".kml and .gpkg get stations and demand, and other files get stations."),
) -> Reply:  # fmt: skip
    """Export a stored run, e.g. to GeoPackage, Shapefile, GeoParquet, KML or a workbook."""
    from siting.export.exchange import require_ending

    require_ending(to)  # first, because opening a run takes seconds
    from siting.study import plan_from_run

    return Reply.written(plan_from_run(run_folder(folder)).export(to, items(layer)))


@verb(AFTER, "siting trace @latest c00337 --class car")
def trace(
    folder: Run,
    wanted: str = typer.Argument(
        ..., metavar="CELL|STATION", help="The id of a cell, or the id or name of a station."),
    *,
    vehicle_class: str | None = option(
        "CLASS", "One vehicle class; by default all.", name="--class"),
    year: int | None = typer.Option(None, help="Year of a multi-year plan; by default the last."),
    scenario: str | None = option(
        "NAME", "The scenario to show, for a plan made for several scenarios."),
) -> Reply:  # fmt: skip
    """Trace a cell's demand or a station's figures back to the table rows behind them."""
    from siting import review

    run = review.Traced(run_folder(folder))
    traced = review.trace(run, wanted, vehicle_class=vehicle_class, year=year, scenario=scenario)
    return Reply(traced.to_dict, traced)


@verb(AFTER, "siting explain @latest s0042")
def explain(
    folder: Run,
    site: str | None = typer.Argument(
        None, metavar="[SITE]", help="The id or name of a place; by default, all new stations."),
    *,
    alternatives: int = option(
        "N", "Number of near-optimal plans to check for a station at the place; 0 for none.",
        default=5, min=0, max=50),
    seconds: float = typer.Option(30.0, "--time-limit", "--seconds", metavar="S", min=1, max=3600,
                                  help="Time limit for each solve, s."),
) -> Reply:  # fmt: skip
    """Explain why a place has or lacks a station, or list all stations, the most doubtful first."""
    from siting.review import Explained, explain_plan, explain_site

    run = Explained(run_folder(folder))
    if site is None:
        plan_reasons = explain_plan(run, time_limit_s=seconds)
        return Reply(
            lambda: {
                "binding": dict(plan_reasons.binding),
                **plan_reasons.figures,
                "stations": plan_reasons.stations.to_dict("records"),
            },
            plan_reasons,
        )
    why = explain_site(run, site, alternatives=alternatives, time_limit_s=seconds)
    return Reply(
        lambda: {
            "site_id": why.site_id,
            "name": why.name,
            "state": why.state,
            "reasons": dict(why.reasons),
            **why.figures,
            "classes": why.classes.to_dict("records"),
            "offers": why.offers.to_dict("records"),
        },
        why,
    )


@verb(AFTER, "siting lots @latest --lots 12")
def lots(
    folder: Run,
    *,
    lots: int = option("N", "Number of lots.", default=...),
    within: float = option(
        "SHARE", "Share by which the largest lot may exceed the smallest, in energy and public "
        "money.", default=0.10),
    loss: float = option(
        "SHARE", "Maximum share of energy that a station may lose by moving within its search "
        "area.", default=0.05),
    most_m: float = option(
        "M", "Maximum radius of a search area, metres.", default=1000.0, name="--radius"),
    out: Path | None = option("DIR", "The new folder; by default RUN-lots-TIME next to the run."),
) -> Reply:  # fmt: skip
    """Divide a run's new stations into connected lots of similar value for a tender."""
    from siting.lots import lots_to_folder

    parted, written = lots_to_folder(
        run_folder(folder), lots, out=out, now=now(), within=within, loss=loss, most_m=most_m
    )
    return Reply(lambda: {"written": str(written), **parted.facts}, parted, written)


@verb(AFTER, "siting papers @latest --kind pc1")
def papers(
    folder: Run,
    *,
    kind: str = option("KIND", "pc1, load, licence or tender.", default=...),
    lots: Path | None = option("DIR", "For a tender: a `siting lots` folder."),
    out: Path | None = option("FILE", "The new .docx file; by default RUN-KIND.docx."),
) -> Reply:
    """Write a run's PC-I, load applications, licence files or tender annexes as a .docx file."""
    from siting.papers import write_paper

    return Reply.written(write_paper(run_folder(folder), kind, out, lots=lots))


@verb(
    AFTER,
    "siting evaluate configs/islamabad.yaml --sites theirs.geojson",
    solver=("gap", "time_limit"),
)
def evaluate(
    config: ConfigPath,
    sites: Path = option("LAYER", "The given plan: points with their chargers.", default=...),
    *,
    overrides: Overrides = None,
    map_config: list[str] | None = option(
        "THEIRS=OURS",
        "Name of a configuration or charger in the layer, and its name in the study."),
    same_stations: bool = flag(
        "--same-stations", "Limit the best plan to as many new stations as the given plan has."),
    out: Path | None = option("DIR", "The new folder; by default runs/NAME-evaluate-TIME."),
) -> Reply:  # fmt: skip
    """Score a plan made by hand or by another tool against the best plan with the same budget.

    Exit code 3 means a gap over 100 %.
    """
    from siting.review import evaluate_to_folder

    pairs = [text.partition("=") for text in items(map_config)]
    if odd := tuple("".join(pair) for pair in pairs if not all(pair)):
        raise InputError("map-config", "is not THEIRS=OURS", "write e.g. fast=dc_hub", odd)
    names = {theirs: ours for theirs, _, ours in pairs}
    evaluation, folder = evaluate_to_folder(
        config, sites, names=names, same_stations=same_stations, **asked_of_folder(overrides, out)
    )
    gaps = () if evaluation.best is None else (evaluation.best.outcome.gap,)
    return Reply(lambda: evaluation.facts, evaluation, folder, gaps=gaps)


@verb(AFTER, "siting compare @latest islamabad-20261124-153000")
def compare(
    runs: list[Path] = typer.Argument(
        ..., metavar="RUN...", autocompletion=names_like,
        help="Two or more runs: folders, names in `siting runs`, or @latest."),
    *,
    out: Path | None = option(
        "DIR", "The new folder; by default compare-TIME next to the first run."),
) -> Reply:  # fmt: skip
    """Compare stored runs of one city: figures, configurations and a map of differences."""
    from siting.review import compare_to_folder

    comparison, folder = compare_to_folder([run_folder(run) for run in runs], out=out, now=now())
    return Reply(lambda: comparison.facts, comparison, folder)


@verb(AFTER, "siting simulate @latest --days 20")
def simulate(
    run: Run,
    *,
    days: int = typer.Option(10, min=2, help="Number of independent days to simulate."),
    seed: int = typer.Option(1, help="Random seed of the simulation."),
    balk_min: float = option(
        "MIN", "Longest expected wait that drivers accept, min.", default=30.0),
    spread: float = typer.Option(
        0.5, help="Spread of the energy of a session: standard deviation divided by mean. In an "
        "exponential distribution, the spread is 1."),
    out: Path | None = option(
        "DIR", "The new folder; by default RUN-simulate-TIME next to the run."),
) -> Reply:  # fmt: skip
    """Simulate a plan's day driver by driver: waits, drivers turned away and use of stations."""
    from siting.review import Rules, simulate_to_folder

    rules = Rules(days, seed, balk_min, spread)
    simulated_day, folder = simulate_to_folder(
        run_folder(run), rules, out=out, now=now(), progress=progress()
    )
    return Reply(lambda: simulated_day.facts, simulated_day, folder)
