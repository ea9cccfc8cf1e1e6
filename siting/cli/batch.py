"""Verbs for many studies and for the same study again: batch, rerun."""

from __future__ import annotations

import json
from contextlib import nullcontext
from datetime import UTC, datetime
from pathlib import Path

import typer

from siting.cli.app import (
    PLAN,
    TRUST,
    Overrides,
    Reply,
    Run,
    option,
    print_error,
    progress,
    stopped,
    to_folder,
    verb,
)
from siting.cli.run_folders import run_folder


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
        "--sweep",
        "KEY=LIST",
        "Try each value of a key: KEY=[4e7,6e7], or KEY=2e7:1e8:5 for five even steps. "
        "Repeated: every combination.",
    ),
    out: Path = option(
        "--out", "DIR", "The batch's folder; started again, it goes on.", default=Path("runs/batch")
    ),
    workers: int | None = typer.Option(
        None, "--workers", min=1, max=1024, help="Processes here; by default one a core."
    ),
    threads: int | None = typer.Option(
        None, "--threads", min=1, max=1024, help="Solver threads a study; by default cores/workers."
    ),
    dask: str | None = option("--dask", "ADDRESS", "Work on a Dask cluster: tcp://HOST:PORT."),
    retry: bool = typer.Option(
        False, "--retry", help="Try again what failed by its own inputs before."
    ),
    dry_run: bool = typer.Option(
        False, "--dry-run", help="List the studies and stop, before anything is run."
    ),
) -> Reply:
    """Run many studies, each once; killed and started again it does what is left."""
    from siting import batch as many
    from siting.config import parse_sweeps
    from siting.errors import InputError
    from siting.terminal.batch_tables import BatchLines, print_batch, print_studies

    if dask is not None and workers is not None:
        where = "--workers"
        raise InputError(where, "does not go with --dask", "start workers in the cluster")
    studies = many.list_studies(
        configs, overrides or (), parse_sweeps(sweep or []), datetime.now(UTC).astimezone().date()
    )
    if dry_run:
        keys = ("config", "name", "sweep", "key", "fault")
        return Reply(
            lambda: [{key: getattr(s, key) for key in keys} for s in studies],
            lambda: print_studies(studies, out),
            code=2 if any(study.fault for study in studies) else 0,
        )
    lines = None if progress() is None else BatchLines()
    try:
        with nullcontext((None, None)) if dask is None else many.dask_pool(dask) as pool:
            executor, cluster_threads = pool
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
        kept = "\nStopped. What is finished is kept; the same command goes on."
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
        "--set", "KEY=VALUE", "Where an input lies now, e.g. roads.source.path=…"
    ),
    out: Path | None = to_folder("Keep the repetition as a run folder too."),
) -> Reply:
    """Repeat a run from its folder: are inputs, objective and plan the same? Exit 0 same, 1 not."""
    from siting.errors import InfeasibleError
    from siting.review import rerun as repeat
    from siting.terminal.run_lists import print_rerun

    try:
        repetition = repeat(run_folder(folder), overrides or [], out=out, progress=progress())
    except InfeasibleError as err:
        # The first run had a plan: that there is none now is a difference, and no bad input.
        print_error("Differs: there was a plan, now there is none", err)
        raise typer.Exit(1) from err
    return Reply(repetition.plain, lambda: print_rerun(repetition), code=int(not repetition.same))
