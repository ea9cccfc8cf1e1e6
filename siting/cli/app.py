"""Arguments, error messages and progress on stderr, shared by all commands."""

from __future__ import annotations

import csv
import functools
import json
import logging
import shutil
import signal
import sys
import textwrap
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from inspect import Parameter, Signature, signature
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer.core import TyperGroup

from siting.cli.run_folders import names_like
from siting.errors import Fault, InfeasibleError, Override, SitingError
from siting.shown import Shown
from siting.texts import visible

if TYPE_CHECKING:
    from siting.study import Event
    from siting.terminal.progress import StageLines

# The groups of commands in the order of ``--help``.
BEGIN, PLAN, AFTER, TRUST = "Begin", "Make plans", "After a run", "Check a run"
GROUPS = (BEGIN, PLAN, AFTER, TRUST)
# Seconds without output after which a command reports that it is at work.
FIRST_LINE_S = 0.5
# Exit code if a plan was written with a gap above 100 %.
FAR_FROM_PROVEN = 3


@dataclass
class Said:
    """The running command, whether it prints JSON, and whether its JSON is already on stdout."""

    verb: str = ""
    asked: bool = False
    done: bool = False
    # The typed options, by parameter. A parameter is named after the argument of the function.
    options: dict[str, str] = field(default_factory=dict)


# The running command; error messages anywhere in the code read it.
_SAID: ContextVar[Said] = ContextVar("said")
# The base class of usage errors; typer exports only one of its subclasses.
_UsageError: Any = typer.BadParameter.__mro__[1]


class Verbs(TyperGroup):
    """Lists the commands by group in ``--help``; prints usage errors as JSON if requested."""

    def make_context(self, info_name: Any, args: list[str], *more: Any, **named: Any) -> Any:
        """Begin a command, and record whether JSON is requested."""
        verb = next((word for word in args if word in self.commands), "")
        known = self.commands[verb].params if verb else []
        typed = {word.partition("=")[0] for word in args}
        options = {str(p.name): p.opts[0] for p in known if typed & set(p.opts)}
        _SAID.set(Said(verb, asked="--json" in args, options=options))
        with _usage_as_json():
            return super().make_context(info_name, args, *more, **named)

    def invoke(self, ctx: Any) -> Any:
        """Run the command."""
        with _usage_as_json():
            return super().invoke(ctx)

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        """Write the commands with their descriptions, one section per group."""
        for group in GROUPS:
            verbs = [(n, v) for n, v in self.commands.items() if v.rich_help_panel == group]  # type: ignore[attr-defined]
            with formatter.section(group):
                formatter.write_dl([(name, verb.get_short_help_str()) for name, verb in verbs])


app = typer.Typer(
    name="siting",
    cls=Verbs,
    help="Plan electric-vehicle charging stations: where, of which kind, at what public cost.",
    epilog="Run `siting COMMAND --help` to see the options of a command, with an example.",
    no_args_is_help=True,
    rich_markup_mode=None,  # boxes would triple the run time of --help
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def option(metavar: str, help_: str, default: Any = None, *, name: str = "", **rules: Any) -> Any:
    """Return a typer option; if `default` is ``...``, the option is required.

    The option is called `name`. If `name` is blank, the option is named after the parameter:
    ``write_lp`` becomes ``--write-lp``.
    """
    names = [name] if name else []
    return typer.Option(default, *names, metavar=metavar, help=help_, **rules)


def flag(name: str, help_: str) -> Any:
    """Return a typer option without a value, which is off by default."""
    return typer.Option(False, name, help=help_)


ConfigPath = Annotated[Path, typer.Argument(metavar="CONFIG", help="The study's YAML file.")]
Overrides = Annotated[
    list[str] | None,
    option(
        "KEY=VALUE",
        "Override a key, e.g. --set program.budget_pkr=2e8. May be repeated.",
        default=...,
        name="--set",
    ),
]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="Print errors only.")]
Json = Annotated[
    bool, typer.Option("--json", help="Print the result as JSON on stdout, and nothing else.")
]


def _rupees(text: str) -> float:
    from siting.config import rupees

    try:
        return rupees(text)
    except ValueError as err:
        raise typer.BadParameter(str(err)) from None


Budget = Annotated[
    float | None,
    option(
        "PKR",
        "The budget, in place of the file's; e.g. 5e6, 5m, 50 lakh or 2cr.",
        default=...,
        parser=_rupees,
    ),
]
Gap = Annotated[
    float | None, option("SHARE", "Gap at which to stop (solver.gap).", default=..., min=0, max=1)
]
TimeLimit = Annotated[
    float | None, option("S", "Time limit, s (solver.time_limit_s).", default=..., min=0)
]
Run = Annotated[
    Path,
    typer.Argument(
        metavar="RUN",
        help="A run: its folder, its name in `siting runs`, or @latest.",
        autocompletion=names_like,
    ),
]


@dataclass
class Reply:
    """The result of a command: its JSON, what the terminal shows, and its exit code.

    `shown` is a result, or a function that prints a result. The `folder` to which a result was
    written is printed below the result. If one of `gaps` is above 100 %, the exit code is
    `FAR_FROM_PROVEN`. If `always` is true, the result is printed despite ``--quiet``.
    """

    json: Callable[[], Any]
    shown: Shown | Callable[[], object]
    folder: Path | None = None
    code: int = 0
    gaps: Sequence[float | None] = ()
    always: bool = False

    @classmethod
    def written(cls, path: Path) -> Reply:
        """Return the reply for a command that wrote one file."""
        return cls(lambda: {"written": str(path)}, lambda: typer.echo(f"Written to {path}"))

    def show(self) -> None:
        """Print the result in the terminal."""
        if isinstance(self.shown, Shown):
            from siting.terminal.screen import print_result

            print_result(self.shown, self.folder)
        else:
            self.shown()


# Options that several commands have, in the order of ``--help``, and the keys that they set.
_SOLVER: dict[str, Any] = {
    "overrides": Overrides, "budget": Budget, "gap": Gap, "time_limit": TimeLimit,
}  # fmt: skip
_KEYS = {"budget": "program.budget_pkr", "gap": "solver.gap", "time_limit": "solver.time_limit_s"}


def verb(
    group: str, example: str, *, solver: Sequence[str] = (), quiet: bool = True, bare: bool = False
) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Return a decorator that turns a function into a command with an example in its help.

    The command prints the text or (with ``--json``) the JSON of the function's `Reply`, and errors
    with their remedies. `group` is the command's group in ``--help``. `solver` lists its solver
    options (``budget``, ``gap``, ``time_limit``), whose values become overrides. `quiet` adds
    ``--quiet``. If `bare` is true, the function itself prints its result and explains errors.
    """

    def make(function: Callable[..., Any]) -> Callable[..., Any]:
        # Without `short_help`, the list of commands would cut off long descriptions.
        said = " ".join((function.__doc__ or "").split())
        name = function.__name__.rstrip("_")  # a final _ avoids names that Python uses
        command = app.command(
            name, short_help=said, epilog=f"Example: {example}", rich_help_panel=group
        )
        return command(function if bare else _with_common_options(function, solver, quiet))

    return make


def _with_common_options(
    function: Callable[..., Reply], solver: Sequence[str], quiet: bool
) -> Callable[..., None]:
    """Return a command that takes the common options, prints a reply and exits with its code."""
    own = dict(signature(function, eval_str=True).parameters)

    def run(**given: Any) -> None:
        as_json, hushed = given.pop("as_json"), given.pop("quiet", False)
        if "overrides" in given:
            options = {name: given.pop(name) for name in solver}
            given["overrides"] = asked_of_solver(given["overrides"], **options)
        with errors_explained(quiet=hushed) as shown:
            _PROGRESS.set(shown)
            reply = function(**given)
            if as_json:
                print_json(reply.json())
            elif reply.always or not hushed:
                reply.show()
            if reply.code:
                raise typer.Exit(reply.code)
            if reply.gaps:
                from siting.engine.proof import is_far

                if any(map(is_far, reply.gaps)):
                    raise typer.Exit(FAR_FROM_PROVEN)

    def added_option(name: str, kind: Any, default: Any = None) -> Parameter:
        return Parameter(name, Parameter.KEYWORD_ONLY, annotation=kind, default=default)

    added = {name: added_option(name, _SOLVER[name]) for name in solver}
    if "overrides" in own:
        named = {name: p for name in _SOLVER if (p := own.get(name, added.get(name)))}
        before = list(own)[: list(own).index("overrides")]
        own = {name: own.pop(name) for name in before} | named | own
    own["as_json"] = added_option("as_json", Json, False)
    if quiet:
        own["quiet"] = added_option("quiet", Quiet, False)
    functools.update_wrapper(run, function)
    del run.__wrapped__  # type: ignore[attr-defined]  # its signature differs
    run.__signature__ = Signature(list(own.values()))  # type: ignore[attr-defined]
    run.__annotations__ = {name: parameter.annotation for name, parameter in own.items()}
    return run


def asked_of_solver(
    overrides: Sequence[str] | None, *, budget_key: str = _KEYS["budget"], **options: float | None
) -> list[str]:
    """Return the overrides of a command, including its solver options; errors name the option."""
    keys = _KEYS | {"budget": budget_key}
    return [
        *(Override(text, "--set {}") for text in overrides or ()),
        *(
            Override(f"{keys[name]}={value!r}", f"--{name.replace('_', '-')}")
            for name, value in options.items()
            if value is not None
        ),
    ]


def asked_of_folder(overrides: Sequence[str] | None, out: Path | None) -> dict[str, Any]:
    """Return the arguments shared by the functions that write a new folder."""
    return {"overrides": overrides or (), "out": out, "now": now(), "progress": progress()}


def now() -> datetime:
    """Return the current time in this machine's time zone."""
    return datetime.now(UTC).astimezone()


def items(texts: Sequence[str] | None) -> list[str]:
    """Return the values of a repeated option; each string is a value or a list ``[A,B]``."""
    names: list[str] = []
    for text in texts or ():
        if text.startswith("[") and text.endswith("]"):
            names += [one.strip() for one in next(csv.reader([text[1:-1]], skipinitialspace=True))]
        else:
            names.append(text)
    return names


def print_json(facts: Any) -> None:
    """Print the result of a command as JSON on stdout."""
    # In other encodings, some characters would be printed as escapes that are not JSON.
    ascii_only = not (sys.stdout.encoding or "utf-8").lower().startswith("utf")
    try:
        text = json.dumps(facts, indent=2, ensure_ascii=ascii_only, allow_nan=False)
    except (TypeError, ValueError):
        from siting.export.values import plain

        text = json.dumps(plain(facts), indent=2, ensure_ascii=ascii_only, allow_nan=False)
    _SAID.get(Said()).done = True
    typer.echo(text)


@contextmanager
def _usage_as_json() -> Iterator[None]:
    """Print usage errors as JSON too, if JSON is requested."""
    try:
        yield
    except _UsageError as err:
        fix = "run `siting COMMAND --help` to see the options of a command"
        _json_of([Fault("command line", err.format_message(), fix)])
        raise


def _json_of(faults: Sequence[Fault]) -> None:
    """Print errors as JSON if requested, unless the command has already printed its JSON."""
    said = _SAID.get(Said())
    if said.asked and not said.done:
        with suppress(OSError):  # stdout may have failed
            print_json({"error": [fault.plain() for fault in faults]})


def _print_version(value: bool) -> None:
    if value:
        from siting import __version__

        typer.echo(f"siting {__version__}")
        raise typer.Exit


@app.callback()
def _root(
    *,
    version: bool = typer.Option(False, "--version", help="Print the version and stop.",
                                 callback=_print_version, is_eager=True),
) -> None:  # fmt: skip
    """Define the options that precede a command."""


class Progress:
    """Shows progress on stderr; its modules are imported only at the first event."""

    def __init__(self) -> None:
        self.lines: StageLines | None = None
        self.waiting = threading.Timer(FIRST_LINE_S, self._say_at_work, (_SAID.get(Said()).verb,))
        self.waiting.daemon = True
        if sys.stderr.isatty():  # only if a person reads stderr
            self.waiting.start()

    def _say_at_work(self, verb: str) -> None:
        if self.lines is None:
            typer.echo(" ".join(filter(None, ("siting", verb, "is at work …"))), err=True)

    def __call__(self, event: Event) -> None:
        """Show one event of a study."""
        if self.lines is None:
            from siting.terminal.progress import StageLines

            self.lines = StageLines()
        self.lines(event)

    def stop(self) -> None:
        """Clear the live line."""
        self.waiting.cancel()
        if self.lines is not None:
            self.lines.stop()


_PROGRESS: ContextVar[Progress | None] = ContextVar("progress", default=None)


def progress() -> Progress | None:
    """Return the progress display of the running command; None if it is quiet."""
    return _PROGRESS.get()


@contextmanager
def errors_explained(*, quiet: bool = False) -> Iterator[Progress | None]:
    """Turn known errors into messages and an exit code; yield the progress display (or None)."""
    handler = logging.StreamHandler()
    handler.setFormatter(_Notes("Note: %(message)s"))
    logging.basicConfig(handlers=[handler], level=logging.ERROR if quiet else logging.WARNING)
    restore_sigterm = _listen_to_sigterm()
    progress = None if quiet else Progress()
    try:
        try:
            yield progress
        finally:
            if progress is not None:
                progress.stop()
    except InfeasibleError as err:
        raise failed("Not all requirements can be met", err, 1) from err
    except SitingError as err:
        raise failed("Error", err) from err
    except OSError as err:
        where = "" if err.filename is None else str(err.filename)
        fault = Fault(where, f"the operating system reports: {err.strerror or err}")
        raise failed("Error", SitingError(fault)) from err
    except MemoryError as err:
        what = "not enough memory; use e.g. a smaller area or a smaller cutoff_min"
        raise failed("Error", SitingError(f"{what} ({err})" if str(err) else what)) from err
    except KeyboardInterrupt as err:
        raise stopped(f"{str(err) or 'Stopped'}; nothing was written.") from None
    except typer.Exit:
        raise
    except Exception as err:
        what = f"siting itself failed: {type(err).__name__}: {err}"
        _json_of([Fault("", what, "report this bug, with the output on stderr")])
        raise
    finally:
        restore_sigterm()


class _Notes(logging.Formatter):
    """Log formatter that makes control characters visible."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the message of a record."""
        return visible(super().format(record))


def _listen_to_sigterm() -> Callable[[], object]:
    """Treat SIGTERM as Ctrl-C; return a function that restores the handler."""
    if threading.current_thread() is not threading.main_thread():
        return lambda: None
    before = signal.signal(signal.SIGTERM, lambda *_: signal.raise_signal(signal.SIGINT))
    return functools.partial(signal.signal, signal.SIGTERM, before)


def stopped(text: str) -> typer.Exit:
    """Print that a command was stopped; return the exception that ends it."""
    typer.echo(text, err=True)
    _json_of([Fault("", text.strip())])
    return typer.Exit(130)


def _as_typed(fault: Fault) -> Fault:
    """Return a fault that names the typed options instead of a Python function's arguments."""
    options = _SAID.get(Said()).options
    places = fault.where.split(" and ")
    return replace(fault, where=" and ".join(options.get(place, place) for place in places))


def failed(heading: str, err: SitingError, code: int = 2) -> typer.Exit:
    """Print an error on stderr, and as JSON if requested; return the exception to raise."""
    err = SitingError(map(_as_typed, err.faults))
    _json_of(err.faults)
    more = f" ({len(err.faults)} problems)" if len(err.faults) > 1 else ""
    typer.echo(f"{heading}{more}:", err=True)
    # A terminal would break long lines inside words, so they are wrapped there, but not in a pipe.
    width = shutil.get_terminal_size().columns if sys.stderr.isatty() else 0
    for line in str(err).splitlines():
        lines = textwrap.wrap(line, max(width - 4, 20), break_long_words=False) if width else [line]
        typer.echo("\n".join(f"  {part}" for part in lines), err=True)
    return typer.Exit(code)
