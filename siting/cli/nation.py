"""The verb for a nation: many cities on one budget."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from siting.cli.app import (
    PLAN,
    Budget,
    Overrides,
    Reply,
    asked_of_solver,
    option,
    progress,
    to_folder,
    verb,
)
from siting.errors import InputError

if TYPE_CHECKING:
    from siting.nation import Nation


@verb(PLAN, "siting nation configs/nation.yaml --budget 3e8", solver=("gap", "time_limit"))
def nation(
    config: Path = typer.Argument(
        ..., metavar="CONFIG", help="The nation's YAML file; or a folder it wrote, to verify it."
    ),
    *,
    overrides: Overrides = None,
    budget: Budget = None,
    out: Path | None = to_folder("The folder itself; by default runs/NAME-TIME."),
    workers: int | None = typer.Option(
        None, "--workers", min=1, max=1024, help="Processes here; by default one a core."
    ),
    dask: str | None = option("--dask", "ADDRESS", "Work on a Dask cluster: tcp://HOST:PORT."),
    earlier: Path | None = option(
        "--from",
        "DIR",
        "An earlier plan: what its cities answered is not asked again; what changes is shown.",
    ),
    explain: str | None = option("--explain", "CITY", "Of a folder: why a city gets its money."),
    compare: Path | None = option("--compare", "DIR", "Of a folder: what changes against another."),
) -> Reply:
    """Divide one budget among cities, with what no division exceeds; or check such a folder."""
    if not config.is_dir() and (explain or compare):
        option = "--explain" if explain else "--compare"
        raise InputError(option, f"{config} is no folder", "name what siting nation wrote")
    if not config.is_dir():
        from siting.nation import Nation

        asked = Nation(
            config,
            asked_of_solver(overrides, budget=budget, budget_key="budget_pkr"),
            workers=workers,
            dask=dask,
            progress=None if progress() is None else lambda text: typer.echo(text, err=True),
            today=datetime.now(UTC).astimezone().date(),
            earlier=earlier,
        )
        return plan_nation(asked, out, earlier)
    if explain is None and compare is None:
        from siting.nation import read_nation, verify_nation
        from siting.terminal.run_lists import print_verified

        verified = verify_nation(config, progress=progress())
        return Reply(
            lambda: {**({} if verified.faults else read_nation(config)[0]), **verified.plain()},
            lambda: print_verified(verified),
            code=int(bool(verified.faults)),
        )
    from siting.nation import compare_nations, explain_city
    from siting.terminal.nation_tables import print_changes, print_city

    said: dict[str, Any] = {}
    shown: list[Callable[[], None]] = []
    if explain is not None:
        lines, plans = explain_city(config, explain)
        said |= {"lines": dict(lines), "plans": plans.to_dict("records")}
        shown.append(lambda: print_city(explain, lines, plans))
    if compare is not None:
        changes = compare_nations(compare, config)
        said["changes"] = changes.to_dict("records")
        shown.append(lambda: print_changes(changes))
    return Reply(lambda: said, lambda: [show() for show in shown])


def plan_nation(asked: Nation, out: Path | None = None, earlier: Path | None = None) -> Reply:
    """Make the plan of a nation and write its folder."""
    from siting.nation import compare_nations
    from siting.terminal.nation_tables import print_changes, print_nation

    plan, folder = asked.to_folder(out, now=datetime.now(UTC).astimezone())

    def show() -> None:
        print_nation(plan, folder)
        if earlier is not None:
            print_changes(compare_nations(earlier, folder))

    written = folder / "nation.json"
    return Reply(lambda: json.loads(written.read_text(encoding="utf-8")), show, gaps=[plan.gap])
