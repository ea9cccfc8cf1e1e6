"""What all verbs share: arguments, errors in words, and the progress on stderr."""

from __future__ import annotations

import logging
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from siting.errors import Fault, InfeasibleError, SitingError, visible

if TYPE_CHECKING:
    from siting.study import Event

app = typer.Typer(
    name="siting",
    help="Where electric-vehicle chargers go, which kind and with how much public money.",
    no_args_is_help=True,
    rich_markup_mode=None,  # the boxes would take two thirds of the time of --help
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
            "--version", help="Print the version and stop.", callback=_print_version, is_eager=True
        ),
    ] = False,
) -> None:
    """Hold the options that go before a command."""


@contextmanager
def errors_explained(*, quiet: bool = False) -> Iterator[None]:
    """Turn an error of ours into its text and an exit code; let any other show itself."""
    level = logging.ERROR if quiet else logging.WARNING
    handler = logging.StreamHandler()
    handler.setFormatter(_Notes("Note: %(message)s"))
    logging.basicConfig(handlers=[handler], level=level)
    told = _listen_to_sigterm()
    try:
        yield
    except InfeasibleError as err:
        _print_error("This cannot hold", err)
        raise typer.Exit(1) from err
    except SitingError as err:
        _print_error("Error", err)
        raise typer.Exit(2) from err
    except OSError as err:
        where = "" if err.filename is None else visible(str(err.filename))
        _print_error("Error", SitingError(Fault(where, f"the system says: {err.strerror or err}")))
        raise typer.Exit(2) from err
    except MemoryError as err:
        what = "needs more memory than there is: ask for less, e.g. a smaller area or cutoff_min"
        _print_error("Error", SitingError(Fault("", f"{what} ({err})" if str(err) else what)))
        raise typer.Exit(2) from err
    except KeyboardInterrupt as err:
        typer.echo(f"{str(err) or 'Stopped'}; nothing was written.", err=True)
        raise typer.Exit(130) from None
    finally:
        told()


class _Notes(logging.Formatter):
    """Notes in which no text of a user's commands the terminal."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the note, its control characters made visible."""
        return visible(super().format(record))


def _listen_to_sigterm() -> Callable[[], None]:
    """Take SIGTERM as Ctrl-C for now; return what takes it as before again."""
    if threading.current_thread() is not threading.main_thread():
        return lambda: None

    def as_ctrl_c(_number: int, _frame: object) -> None:
        signal.raise_signal(signal.SIGINT)

    before = signal.signal(signal.SIGTERM, as_ctrl_c)

    def as_before() -> None:
        signal.signal(signal.SIGTERM, before)

    return as_before


def _print_error(heading: str, err: SitingError) -> None:
    more = f" ({len(err.faults)} faults)" if len(err.faults) > 1 else ""
    typer.echo(f"{heading}{more}:", err=True)
    for line in str(err).splitlines():
        typer.echo(f"  {line}", err=True)


def stage_lines() -> Callable[[Event], None]:
    """Return a reporter that writes one line a stage to stderr, and a live line while solving."""
    from siting.terminal import show_lines

    return show_lines()
