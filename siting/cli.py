"""The terminal: one verb a command, one clear error, and JSON alone on stdout when asked for.

Exit codes: 0 done; 1 the requirements cannot hold together; 2 bad input; 130 stopped by Ctrl-C
before there was a plan.
"""

from __future__ import annotations

import json
import logging
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from siting.errors import InfeasibleError, SitingError

if TYPE_CHECKING:
    from siting.study import Event

app = typer.Typer(
    name="siting",
    help="Where electric-vehicle chargers go, which kind and with how much public money.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)

ConfigPath = Annotated[Path, typer.Argument(metavar="CONFIG", help="The study's YAML file.")]
Overrides = Annotated[
    list[str] | None,
    typer.Option(
        "--set",
        metavar="KEY=VALUE",
        help="Override a key, e.g. --set program.budget_pkr=2e8. May be repeated.",
    ),
]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="Print errors only.")]


def _print_version(value: bool) -> None:
    if value:
        from siting import __version__

        typer.echo(f"siting {__version__}")
        raise typer.Exit


@app.callback()
def _root(
    *,
    version: Annotated[
        bool,
        typer.Option(
            "--version",
            help="Print the version and stop.",
            callback=_print_version,
            is_eager=True,
        ),
    ] = False,
) -> None:
    """Hold the options that go before a command."""


@app.command()
def run(
    config: ConfigPath,
    *,
    overrides: Overrides = None,
    out: Annotated[
        Path | None,
        typer.Option(
            "--out", metavar="DIR", help="The run folder itself; by default runs/NAME-TIME."
        ),
    ] = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print run.json on stdout and nothing else there.")
    ] = False,
    quiet: Quiet = False,
) -> None:
    """Make a plan: read, solve, recount, and write the run folder."""
    with _errors_explained(quiet=quiet):
        from siting import study
        from siting.terminal import print_plan

        plan, folder = study.run_to_folder(
            config,
            overrides=overrides or [],
            out=out,
            now=datetime.now(UTC).astimezone(),
            progress=None if quiet else _progress(),
        )
        if as_json:
            typer.echo(json.dumps(study.plain(plan.facts), indent=2, ensure_ascii=False))
        elif not quiet:
            print_plan(plan, folder)


@app.command()
def demand(
    config: ConfigPath,
    *,
    overrides: Overrides = None,
    out: Annotated[
        Path | None,
        typer.Option("--out", metavar="DIR", help="The folder; by default runs/NAME-demand-TIME."),
    ] = None,
    sensitivity: Annotated[
        bool,
        typer.Option("--sensitivity", help="Rank the figures by what moves the total and the map."),
    ] = False,
    draws: Annotated[
        int, typer.Option("--draws", min=1, max=1_000_000, help="Random draws of all ranges.")
    ] = 1000,
    seed: Annotated[int, typer.Option("--seed", min=0, help="Seed of the draws.")] = 1,
    quiet: Quiet = False,
) -> None:
    """Work out the demand alone: its layers, totals with ranges, and every figure with source."""
    with _errors_explained(quiet=quiet):
        from siting import study
        from siting.terminal import print_demand

        found, folder = study.demand_to_folder(
            config,
            overrides=overrides or [],
            out=out,
            sensitivity=sensitivity,
            draws=draws,
            seed=seed,
            now=datetime.now(UTC).astimezone(),
            progress=None if quiet else _progress(),
        )
        if not quiet:
            print_demand(found, folder)


@app.command()
def check(
    configs: Annotated[list[Path], typer.Argument(metavar="CONFIG...", help="YAML files.")],
    *,
    overrides: Overrides = None,
    quiet: Quiet = False,
) -> None:
    """Read a configuration and all its inputs without solving, and list every fault."""
    from siting import study

    failed = False
    for path in configs:
        with _errors_explained(quiet=quiet):
            report = study.check(
                path,
                overrides=overrides or [],
                today=datetime.now(UTC).astimezone().date(),
                progress=None if quiet else _progress(),
            )
            for fault in report.faults:
                typer.echo(f"{path}: {fault}", err=True)
            if not quiet:
                for line in report.notes:
                    typer.echo(f"{path}: {line}")
            failed = failed or bool(report.faults)
    if failed:
        raise typer.Exit(2)


@app.command()
def fetch(config: ConfigPath, *, overrides: Overrides = None, quiet: Quiet = False) -> None:
    """Download what a configuration needs ahead of time, for work without internet."""
    with _errors_explained(quiet=quiet):
        from siting import study

        lines = study.fetch(
            config,
            overrides=overrides or [],
            progress=None if quiet else _progress(),
        )
        if not quiet:
            for line in lines:
                typer.echo(line)


@app.command()
def frontier(
    config: ConfigPath,
    budgets: Annotated[
        str, typer.Option("--budgets", metavar="LOW:HIGH:COUNT", help="Budgets, PKR: 2e7:1e8:5.")
    ],
    *,
    overrides: Overrides = None,
    out: Annotated[
        Path | None,
        typer.Option("--out", metavar="DIR", help="By default runs/NAME-frontier-TIME."),
    ] = None,
    quiet: Quiet = False,
) -> None:
    """Plan for many budgets: what more money serves, with bounds, and where it stops paying."""
    with _errors_explained(quiet=quiet):
        from siting import study
        from siting.terminal import print_frontier

        table, folder = study.frontier_to_folder(
            config,
            study.budgets_of(budgets),
            overrides=overrides or [],
            out=out,
            now=datetime.now(UTC).astimezone(),
            progress=None if quiet else _progress(),
        )
        if not quiet:
            print_frontier(table, folder)


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
    with _errors_explained(quiet=quiet):
        from siting.report import write_report

        path = write_report(folder, out)
        if not quiet:
            typer.echo(f"Written to {path}")


@app.command()
def cities() -> None:
    """List the cities with figures in the package: people, power company, roads, area."""
    from rich import box
    from rich.console import Console
    from rich.table import Table

    from siting.cities import library

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for name in ("City", "People 2023", "DISCO", "Grid up", "Speeds", "Census zones"):
        right = name in ("People 2023", "Grid up", "Census zones")
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


@app.command()
def new(
    city: Annotated[str, typer.Argument(metavar="CITY", help="A city of `siting cities`.")],
    *,
    out: Annotated[
        Path | None,
        typer.Option("--out", metavar="FILE", help="Where to write it; by default CITY.yaml here."),
    ] = None,
) -> None:
    """Write a commented configuration for a city, ready for `siting check`."""
    with _errors_explained():
        from siting.cities import new_config
        from siting.errors import Fault, InputError
        from siting.files import write_whole

        text = new_config(city)
        path = out or Path(f"{city.lower()}.yaml")
        if path.exists():
            raise InputError(Fault(str(path), "is there already", "name another file with --out"))
        write_whole(path, lambda part: part.write_text(text, encoding="utf-8"))
        typer.echo(f"Written to {path}. Next: siting check {path}")


@app.command()
def schema() -> None:
    """Print the JSON schema of the configuration file."""
    from siting import config

    typer.echo(json.dumps(config.schema(), indent=2, ensure_ascii=False))


@contextmanager
def _errors_explained(*, quiet: bool = False) -> Iterator[None]:
    """Turn an error of ours into its text and an exit code; let any other show itself."""
    level = logging.ERROR if quiet else logging.WARNING
    logging.basicConfig(format="Note: %(message)s", level=level)
    try:
        yield
    except InfeasibleError as err:
        _print_error("This cannot hold", err)
        raise typer.Exit(1) from err
    except SitingError as err:
        _print_error("Error", err)
        raise typer.Exit(2) from err
    except KeyboardInterrupt:
        typer.echo("Stopped before there was a plan; nothing was written.", err=True)
        raise typer.Exit(130) from None


def _print_error(heading: str, err: SitingError) -> None:
    more = f" ({len(err.faults)} faults)" if len(err.faults) > 1 else ""
    typer.echo(f"{heading}{more}:", err=True)
    for line in str(err).splitlines():
        typer.echo(f"  {line}", err=True)


def _progress() -> Callable[[Event], None]:
    """Return a reporter that writes one line a stage to stderr, and a live line while solving."""
    live = sys.stderr.isatty()

    def report(event: Event) -> None:
        line = f"{event.stage:<11} {event.text}"
        if event.done:
            clear = "\r\x1b[2K" if live else ""
            typer.echo(f"{clear}{line}  {event.seconds:,.1f} s", err=True)
        elif live:
            typer.echo(f"\r\x1b[2K{line}", nl=False, err=True)

    return report


def main() -> None:
    """Run the command line."""
    app(prog_name="siting")


if __name__ == "__main__":
    main()
