"""Commands that use the content of the package: demo, cities, new, schema."""

from __future__ import annotations

import json
import os
from dataclasses import replace
from pathlib import Path

import typer

from siting.cli.app import (
    BEGIN,
    Budget,
    Overrides,
    Reply,
    asked_of_folder,
    asked_of_solver,
    flag,
    option,
    print_json,
    verb,
)


@verb(BEGIN, "siting demo", solver=("gap", "time_limit"))
def demo(
    *,
    overrides: Overrides = None,
    budget: Budget = None,
    out: Path = option(
        "DIR", "Folder for configuration, data and runs.", default=Path("siting-demo")
    ),
    files_only: bool = flag("--files-only", "Only copy the files, for editing; make no plan."),
    nation: bool = flag("--nation", "Use three schematic cities with one budget."),
) -> Reply:
    """Copy the package's schematic Islamabad to a folder and make its plan; works offline."""
    from siting.cli.planning import plan_city, plan_nation
    from siting.embedded import copy_embedded_city

    config = copy_embedded_city(out, nation)
    if files_only:
        reply = Reply(lambda: {"written": str(config)}, lambda: None)
    elif nation:
        reply = plan_nation(config, overrides, budget)
    else:
        asked = asked_of_folder(asked_of_solver(overrides, budget=budget), out=None)
        reply = plan_city(config, **asked)

    def show() -> None:
        reply.show()
        verb = "nation" if nation else "run"
        typer.echo(f"To continue, edit {config}, and then run: siting {verb} {config}")

    return replace(reply, shown=show)


@verb(BEGIN, "siting cities", quiet=False)
def cities() -> Reply:
    """List the cities in the package, with population, power company and other figures."""
    from siting.cities import library

    def show() -> None:
        from siting.shown import Column
        from siting.terminal.screen import Screen

        columns = [
            Column("City", "city"),
            Column("People 2023", "people_2023", ",.0f"),
            Column("DISCO", "disco"),
            Column("With power", "availability", ".0%"),
            Column("Speeds", "speed_group"),
            Column("Zones", "zones", ",.0f"),
        ]
        Screen().table(columns, library())
        typer.echo("siting new CITY writes a configuration for one of them.")

    return Reply(lambda: json.loads(library().to_json(orient="records")), show)


@verb(BEGIN, "siting new multan --out configs/multan.yaml", quiet=False)
def new(
    city: str = typer.Argument(
        ..., metavar="CITY", help="A city of `siting cities`, or a tehsil of the 2023 census."),
    *,
    like: str | None = option(
        "CITY", "Use the power supply, speeds and vehicles per head of this city."),
    people: int | None = option("N", "The population; by default from the census.", min=1),
    roads: Path | None = option(
        "FILE", "The road file (.osm, .pbf, .graphml) to use; nothing is downloaded.",
        exists=True, dir_okay=False),
    out: Path | None = option("FILE", "The new file; by default CITY.yaml here."),
) -> Reply:  # fmt: skip
    """Write a commented configuration for any city or town, ready for `siting check`."""
    from siting.cities import new_config, slug_of
    from siting.writing import write_text

    path = out or Path(f"{slug_of(city)}.yaml")
    at = None if roads is None else os.path.relpath(roads, path.parent)
    text = new_config(city, like, people, at)
    write_text(path, text)
    what = text.partition(":")[0].removeprefix("# ")
    return Reply(
        lambda: {"written": str(path)},
        lambda: typer.echo(f"{what}. Written to {path}. Next: siting check {path}"),
    )


@verb(BEGIN, "siting schema > siting.schema.json", bare=True)
def schema() -> None:
    """Print the JSON schema of the configuration file."""
    from siting import config

    print_json(config.schema())
