"""Verbs that judge plans: evaluate, compare, simulate."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import typer

from siting.cli.app import (
    AFTER,
    ConfigPath,
    Overrides,
    Reply,
    Run,
    items,
    option,
    progress,
    to_folder,
    verb,
)
from siting.cli.run_folders import names_like, run_folder


def _names(pairs: list[str]) -> dict[str, str]:
    """Return what ``THEIRS=OURS`` texts say."""
    from siting.errors import InputError

    odd = tuple(text for text in pairs if not all(text.partition("=")))
    if odd:
        raise InputError("map-config", "not THEIRS=OURS", "write e.g. fast=dc_hub", odd)
    return {theirs: ours for theirs, _, ours in (text.partition("=") for text in pairs)}


@verb(
    AFTER,
    "siting evaluate configs/islamabad.yaml --sites theirs.geojson",
    solver=("gap", "time_limit"),
)
def evaluate(
    config: ConfigPath,
    sites: Path = option("--sites", "LAYER", "Points with their chargers.", default=...),
    *,
    overrides: Overrides = None,
    names: list[str] | None = option(
        "--map-config",
        "THEIRS=OURS",
        "What the layer calls a configuration or charger, and what the study calls it.",
    ),
    same_stations: bool = typer.Option(
        False, "--same-stations", help="Hold the best plan to no more new stations than theirs."
    ),
    out: Path | None = to_folder("By default runs/NAME-evaluate-TIME."),
) -> Reply:
    """Score a plan drawn by hand or by another tool beside the best for the same money.

    Exit 3: a gap over 100 %.
    """
    from siting.review import evaluate_to_folder
    from siting.terminal.comparison_tables import print_evaluation

    evaluation, folder = evaluate_to_folder(
        config,
        sites,
        overrides=overrides or (),
        names=_names(items(names)),
        same_stations=same_stations,
        out=out,
        now=datetime.now(UTC).astimezone(),
        progress=progress(),
    )
    return Reply(
        lambda: evaluation.facts,
        lambda: print_evaluation(evaluation, folder),
        gaps=() if evaluation.best is None else (evaluation.best.outcome.gap,),
    )


@verb(AFTER, "siting compare @latest islamabad-20261124-153000")
def compare(
    runs: list[Path] = typer.Argument(
        ...,
        metavar="RUN...",
        help="Two runs or more: folders, names in `siting runs`, or @latest.",
        autocompletion=names_like,
    ),
    *,
    out: Path | None = to_folder("By default compare-TIME beside the first run."),
) -> Reply:
    """Put stored runs of one city side by side: figures, what was asked, a map of differences."""
    from siting.review import compare_to_folder
    from siting.terminal.comparison_tables import print_comparison

    now = datetime.now(UTC).astimezone()
    comparison, folder = compare_to_folder([run_folder(run) for run in runs], out=out, now=now)
    return Reply(lambda: comparison.facts, lambda: print_comparison(comparison, folder))


@verb(AFTER, "siting simulate @latest --days 20")
def simulate(
    run: Run,
    *,
    days: int = typer.Option(10, "--days", min=2, help="Independent days."),
    seed: int = typer.Option(1, "--seed", help="Seed of the days."),
    balk_min: float = option(
        "--balk-min", "MIN", "Longest expected wait drivers put up with", default=30.0
    ),
    spread: float = typer.Option(
        0.5, "--spread", help="How session energy spreads: 0 all the same, 1 exponential."
    ),
    out: Path | None = to_folder("By default RUN-simulate-TIME beside the run."),
) -> Reply:
    """Play a plan's day driver by driver: waits, who is turned away, how busy each station is."""
    from siting.review import Rules, simulate_to_folder
    from siting.terminal.comparison_tables import print_simulation

    now = datetime.now(UTC).astimezone()
    rules = Rules(days, seed, balk_min, spread)
    simulated_day, folder = simulate_to_folder(
        run_folder(run), rules, out=out, now=now, progress=progress()
    )
    return Reply(lambda: simulated_day.facts, lambda: print_simulation(simulated_day, folder))
