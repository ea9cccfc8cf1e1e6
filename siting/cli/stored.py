"""Verbs that work from stored runs: report."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from siting.cli.app import Quiet, app, errors_explained


@app.command()
def report(
    folder: Annotated[Path, typer.Argument(metavar="RUN", help="A run folder.")],
    *,
    out: Annotated[
        Path | None,
        typer.Option("--out", metavar="FILE", help="By default report.html in the folder."),
    ] = None,
    quiet: Quiet = False,
) -> None:
    """Write a stored run as one HTML page that needs no network: map, money, stations, sources."""
    with errors_explained(quiet=quiet):
        from siting.report import write_report

        path = write_report(folder, out)
        if not quiet:
            typer.echo(f"Written to {path}")
