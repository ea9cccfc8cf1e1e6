"""Verbs for what is in the package: demo, cities, new, schema."""

from __future__ import annotations

import json
import os
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from siting.cli.app import (
    BEGIN,
    Budget,
    Gap,
    Json,
    Overrides,
    Quiet,
    TimeLimit,
    asked_of_solver,
    errors_explained,
    exit_if_far,
    print_json,
    verb,
)


@verb(BEGIN, "siting demo")
def demo(
    *,
    overrides: Overrides = None,
    budget: Budget = None,
    gap: Gap = None,
    time_limit: TimeLimit = None,
    out: Annotated[
        Path, typer.Option("--out", metavar="DIR", help="Folder for configuration, data and runs.")
    ] = Path("siting-demo"),
    files_only: Annotated[
        bool, typer.Option("--files-only", help="Copy the files to edit, and make no plan.")
    ] = False,
    nation: Annotated[
        bool, typer.Option("--nation", help="Three schematic cities on one budget.")
    ] = False,
    as_json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Copy the embedded, schematic Islamabad into a folder and make its plan; needs no internet."""
    with errors_explained(quiet=quiet) as progress:
        from siting.embedded import copy_embedded_city

        config = copy_embedded_city(out, nation)
        reached = 0.0  # the gap
        if nation and not files_only:
            from siting.cli.nation import plan_nation

            asked = asked_of_solver(overrides, gap, time_limit, budget, "budget_pkr")
            reached = plan_nation(config, asked, as_json=as_json, quiet=quiet)
        elif not files_only:
            from siting import study
            from siting.terminal import print_plan

            plan, folder = study.run_to_folder(
                config,
                overrides=asked_of_solver(overrides, gap, time_limit, budget),
                now=datetime.now(UTC).astimezone(),
                progress=progress,
            )
            reached = plan.outcome.gap
            if as_json:
                print_json(plan.facts)
            elif not quiet:
                print_plan(plan, folder)
        elif as_json:
            print_json({"written": str(config)})
        if not (quiet or as_json):
            verb = "nation" if nation else "run"
            typer.echo(f"To go on from here: edit {config}, then siting {verb} {config}")
        exit_if_far(reached)


@verb(BEGIN, "siting cities")
def cities(*, as_json: Json = False) -> None:
    """List the cities with figures in the package: people, power company, roads, area."""
    if as_json:
        from siting.cities import library

        print_json(json.loads(library().to_json(orient="records")))
        return
    from rich import box
    from rich.console import Console
    from rich.table import Table

    from siting.cities import library

    table = Table(box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0))
    for name in ("City", "People 2023", "DISCO", "Grid up", "Speeds", "Zones"):
        right = name in ("People 2023", "Grid up", "Zones")
        table.add_column(name, justify="right" if right else "left")
    for row in library().itertuples(index=False):
        table.add_row(
            str(row.city),
            f"{row.people_2023:,.0f}",
            str(row.disco),
            f"{row.availability:.0%}",
            str(row.speed_group),
            f"{row.zones:,}",
        )
    Console(highlight=False).print(table)
    typer.echo("siting new CITY writes a configuration for one of them.")


@verb(BEGIN, "siting new multan --out configs/multan.yaml")
def new(
    city: Annotated[
        str,
        typer.Argument(
            metavar="CITY", help="A city of `siting cities`, or a tehsil of the census of 2023."
        ),
    ],
    *,
    like: Annotated[
        str | None,
        typer.Option(
            "--like", metavar="CITY", help="Take power, speeds and vehicles a head from this city."
        ),
    ] = None,
    people: Annotated[
        int | None,
        typer.Option("--people", metavar="N", min=1, help="How many live there; else the census."),
    ] = None,
    roads: Annotated[
        Path | None,
        typer.Option("--roads", metavar="FILE", exists=True, dir_okay=False,
                     help="A road file (.osm, .pbf, .graphml) to plan on; nothing is downloaded."),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option("--out", metavar="FILE", help="Where to write it; by default CITY.yaml here."),
    ] = None,
    as_json: Json = False,
) -> None:  # fmt: skip
    """Write a commented configuration for a city or any town, ready for `siting check`."""
    with errors_explained():
        from siting.cities import new_config, slug_of
        from siting.writing import write_whole

        path = out or Path(f"{slug_of(city)}.yaml")
        at = None if roads is None else os.path.relpath(roads, path.parent)
        text = new_config(city, like, people, at)
        write_whole(path, lambda part: part.write_text(text, encoding="utf-8"))
        if as_json:
            print_json({"written": str(path)})
        else:
            what = text.partition(":")[0].removeprefix("# ")
            typer.echo(f"{what}. Written to {path}. Next: siting check {path}")


@verb(BEGIN, "siting schema > siting.schema.json")
def schema() -> None:
    """Print the JSON schema of the configuration file."""
    from siting import config

    print_json(config.schema())
