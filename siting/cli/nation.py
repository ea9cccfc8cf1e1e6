"""The verb for a nation: many cities on one budget."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import typer

from siting.cli.app import (
    PLAN,
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
from siting.errors import Fault, InputError


@verb(PLAN, "siting nation configs/nation.yaml --budget 3e8")
def nation(
    config: Annotated[
        Path,
        typer.Argument(
            metavar="CONFIG", help="The nation's YAML file; or a folder it wrote, to verify it."
        ),
    ],
    *,
    overrides: Overrides = None,
    budget: Budget = None,
    gap: Gap = None,
    time_limit: TimeLimit = None,
    out: Annotated[
        Path | None,
        typer.Option("--out", metavar="DIR", help="The folder itself; by default runs/NAME-TIME."),
    ] = None,
    workers: Annotated[
        int | None,
        typer.Option("--workers", min=1, max=1024, help="Processes here; by default one a core."),
    ] = None,
    dask: Annotated[
        str | None,
        typer.Option("--dask", metavar="ADDRESS", help="Work on a Dask cluster: tcp://HOST:PORT."),
    ] = None,
    earlier: Annotated[
        Path | None,
        typer.Option("--from", metavar="DIR",
                     help="An earlier plan: what its cities answered is not asked again; what "
                     "changes is shown."),
    ] = None,
    explain: Annotated[
        str | None,
        typer.Option("--explain", metavar="CITY", help="Of a folder: why a city gets its money."),
    ] = None,
    compare: Annotated[
        Path | None,
        typer.Option("--compare", metavar="DIR", help="Of a folder: what changes against another."),
    ] = None,
    as_json: Json = False,
    quiet: Quiet = False,
) -> None:  # fmt: skip
    """Divide one budget among cities, with what no division exceeds; or check such a folder."""
    with errors_explained(quiet=quiet) as progress:
        if not config.is_dir() and (explain or compare):
            option = "--explain" if explain else "--compare"
            raise InputError(
                Fault(option, f"{config} is no folder", "name what siting nation wrote")
            )
        if config.is_dir():
            from siting.nation import compare_nations, explain_city, read_nation, verify_nation
            from siting.terminal.nation import print_changes, print_city

            said: dict[str, Any] = {}
            if explain is not None:
                lines, plans = explain_city(config, explain)
                said |= {"lines": dict(lines), "plans": plans.to_dict("records")}
                if not (as_json or quiet):
                    print_city(explain, lines, plans)
            if compare is not None:
                changes = compare_nations(compare, config)
                said["changes"] = changes.to_dict("records")
                if not (as_json or quiet):
                    print_changes(changes)
            if said:
                if as_json:
                    print_json(said)
                return
            from siting.terminal.verify import print_verified

            verified = verify_nation(config, progress=progress)
            if as_json:
                facts = {} if verified.faults else read_nation(config)[0]
                print_json({**facts, **verified.plain()})
            elif not quiet:
                print_verified(verified)
            if verified.faults:
                raise typer.Exit(1)
            return
        asked = asked_of_solver(overrides, gap, time_limit, budget, "budget_pkr")
        exit_if_far(plan_nation(config, asked, out, workers, dask, as_json, quiet, earlier))


def plan_nation(
    config: Path,
    overrides: list[str],
    out: Path | None = None,
    workers: int | None = None,
    dask: str | None = None,
    as_json: bool = False,
    quiet: bool = False,
    earlier: Path | None = None,
) -> float:
    """Make the plan of a nation, write its folder and print it; return its gap."""
    from siting.nation import Nation, compare_nations
    from siting.terminal.nation import print_changes, print_nation

    now = datetime.now(UTC).astimezone()
    asked = Nation(
        config,
        overrides,
        workers=workers,
        dask=dask,
        progress=None if quiet else lambda text: typer.echo(text, err=True),
        today=now.date(),
        earlier=earlier,
    )
    plan, folder = asked.to_folder(out, now=now)
    if as_json:
        print_json(json.loads((folder / "nation.json").read_text(encoding="utf-8")))
    elif not quiet:
        print_nation(plan, folder)
        if earlier is not None:
            print_changes(compare_nations(earlier, folder))
    return plan.gap
