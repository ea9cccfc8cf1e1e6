"""Verbs that judge plans: evaluate, compare, simulate."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from siting.cli.app import ConfigPath, Overrides, Quiet, app, errors_explained, stage_lines


def _names(pairs: list[str]) -> dict[str, str]:
    """Return what ``THEIRS=OURS`` texts say."""
    from siting.errors import Fault, InputError

    odd = tuple(text for text in pairs if not all(text.partition("=")))
    if odd:
        raise InputError(Fault("map-config", "not THEIRS=OURS", "write e.g. fast=dc_hub", odd))
    return {theirs: ours for theirs, _, ours in (text.partition("=") for text in pairs)}


@app.command()
def evaluate(
    config: ConfigPath,
    sites: Annotated[
        Path, typer.Option("--sites", metavar="LAYER", help="Points with their chargers.")
    ],
    *,
    overrides: Overrides = None,
    names: Annotated[
        list[str] | None,
        typer.Option(
            "--map-config",
            metavar="THEIRS=OURS",
            help="What the layer calls a configuration or charger, and what the study calls it.",
        ),
    ] = None,
    same_stations: Annotated[
        bool,
        typer.Option(
            "--same-stations", help="Hold the best plan to no more new stations than theirs."
        ),
    ] = False,
    out: Annotated[
        Path | None,
        typer.Option("--out", metavar="DIR", help="By default runs/NAME-evaluate-TIME."),
    ] = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print evaluation.json on stdout and nothing else there.")
    ] = False,
    quiet: Quiet = False,
) -> None:
    """Score a plan drawn by hand or by another tool beside the best for the same money."""
    with errors_explained(quiet=quiet):
        from siting.review import evaluate_to_folder
        from siting.study import plain
        from siting.terminal.evaluate import print_evaluation

        found, folder = evaluate_to_folder(
            config,
            sites,
            overrides=overrides or [],
            names=_names(names or []),
            same_stations=same_stations,
            out=out,
            now=datetime.now(UTC).astimezone(),
            progress=None if quiet else stage_lines(),
        )
        if as_json:
            typer.echo(json.dumps(plain(found.facts), indent=2, ensure_ascii=False))
        elif not quiet:
            print_evaluation(found, folder)


@app.command()
def compare(
    runs: Annotated[list[Path], typer.Argument(metavar="RUN...", help="Run folders, two or more.")],
    *,
    out: Annotated[
        Path | None,
        typer.Option("--out", metavar="DIR", help="By default compare-TIME beside the first run."),
    ] = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print compare.json on stdout and nothing else there.")
    ] = False,
    quiet: Quiet = False,
) -> None:
    """Put stored runs of one city side by side: figures, what was asked, a map of differences."""
    with errors_explained(quiet=quiet):
        from siting.review import compare_to_folder
        from siting.study import plain
        from siting.terminal.compare import print_comparison

        now = datetime.now(UTC).astimezone()
        folder = out or runs[0].resolve().parent / f"compare-{now:%Y%m%d-%H%M%S}"
        found = compare_to_folder(runs, out=folder, now=now)
        if as_json:
            typer.echo(json.dumps(plain(found.facts), indent=2, ensure_ascii=False))
        elif not quiet:
            print_comparison(found, folder)


@app.command()
def simulate(
    run: Annotated[Path, typer.Argument(metavar="RUN", help="A run folder.")],
    *,
    days: Annotated[int, typer.Option("--days", min=2, help="Independent days.")] = 10,
    seed: Annotated[int, typer.Option("--seed", help="Seed of the days.")] = 1,
    balk_min: Annotated[
        float,
        typer.Option("--balk-min", metavar="MIN", help="Longest expected wait drivers put up with"),
    ] = 30.0,
    spread: Annotated[
        float,
        typer.Option("--spread", help="How session energy spreads: 0 all the same, 1 exponential."),
    ] = 0.5,
    out: Annotated[
        Path | None,
        typer.Option("--out", metavar="DIR", help="By default RUN-simulate-TIME beside the run."),
    ] = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print simulation.json on stdout and nothing else there.")
    ] = False,
    quiet: Quiet = False,
) -> None:
    """Play a plan's day driver by driver: waits, who is turned away, how busy each station is."""
    with errors_explained(quiet=quiet):
        from siting.review import Rules, simulate_to_folder
        from siting.study import plain
        from siting.terminal.simulate import print_simulation

        now = datetime.now(UTC).astimezone()
        rules = Rules(days, seed, balk_min, spread)
        place = run.resolve()
        folder = out or place.parent / f"{place.name}-simulate-{now:%Y%m%d-%H%M%S}"
        progress = None if quiet else stage_lines()
        found = simulate_to_folder(run, rules, out=folder, now=now, progress=progress)
        if as_json:
            typer.echo(json.dumps(plain(found.facts), indent=2, ensure_ascii=False))
        elif not quiet:
            print_simulation(found, folder)
