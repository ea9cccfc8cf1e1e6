"""Define a stage: a function that makes one table from other tables and declares its inputs.

The parameters of a stage name the stages that it reads. A stage can read only the configuration
keys that it declares. From both, `siting.study.depends` finds the stages that a change affects.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from inspect import signature
from operator import itemgetter
from pathlib import Path
from typing import Any, cast, overload

import geopandas as gpd
import pandas as pd
from pydantic import BaseModel

from siting.config import Config
from siting.engine.clock import Progress
from siting.shown import Block, Column, Display
from siting.study.table_cache import kept_table

type Layer = gpd.GeoDataFrame
type Table = pd.DataFrame
type Row = pd.Series[Any]

# Names of parameters that are not stages. A stage uses `study` to read the stages of other years.
AT_HAND = ("config", "context", "study")
# These keys affect no table, so any stage may read them.
INERT = ("name", "output", "download", "sweep", "report", "award")
EVERY_KEY = ("*",)  # the `keys` of a stage that reads the whole configuration
BAR_LETTERS = 20  # width of a progress bar


@dataclass(frozen=True)
class Event:
    """One line of a stage's progress: the current step or the result, and the run time (s)."""

    stage: str
    text: str
    seconds: float
    done: bool


Report = Callable[[Event], None]


@dataclass(frozen=True)
class Context:
    """The environment of a stage: the cache folder and the progress listener."""

    stage: str
    cache_dir: Path
    report: Report | None

    def count(self, things: str) -> Callable[[int, int], None]:
        """Return a function that reports how many `things` are done, if there is a listener."""
        begun = time.perf_counter()

        def count(done: int, of: int) -> None:
            if self.report is not None:
                filled = "━" * (BAR_LETTERS * done // of)
                text = f"{filled:─<{BAR_LETTERS}} {done:,} of {of:,} {things}"
                self.report(Event(self.stage, text, time.perf_counter() - begun, done=False))

        return count

    @property
    def solving(self) -> Callable[[Progress], None] | None:
        """The function that receives the progress of a solve; None if there is no listener."""
        if (report := self.report) is None:
            return None
        return lambda now: report(Event(self.stage, solve_in_words(now), now.seconds, done=False))

    def kept(self, parts: tuple[Any, ...], build: Callable[[], pd.DataFrame]) -> pd.DataFrame:
        """Return the table that `build` makes from `parts`, or its copy in the cache folder."""
        return kept_table(self.cache_dir / "stages", self.stage, parts, build)


@dataclass(frozen=True, eq=False)
class Stage[T]:
    """A function and its declared inputs. On a study, the attribute is the function's result."""

    make: Callable[..., T]  # each parameter names a stage that is read, or is one of `AT_HAND`
    keys: tuple[str, ...] = ()  # the keys that the stage reads; a key includes all keys below it
    seen: tuple[str, ...] = ()  # further keys that may be read, because an earlier stage reads them
    also: tuple[str, ...] = ()  # stages that the stage reads through `study`
    told: str = ""  # the stage's name in progress lines and records; blank if not reported
    # Returns the result in words, or None if there is nothing to report.
    found: Callable[[T], str | None] | None = None
    stored: str = ""  # name of the stage's group in a run folder; blank if not stored
    once: bool = False  # whether the result is the same in every year, scenario and case

    def __post_init__(self) -> None:
        """Copy the function's docstring, so that help shows it."""
        object.__setattr__(self, "__doc__", self.make.__doc__)

    @property
    def name(self) -> str:
        """The name of the function, which is also the name of the attribute of a study."""
        return self.make.__name__

    @property
    def parameters(self) -> tuple[str, ...]:
        """The names of the function's arguments, in order."""
        return tuple(signature(self.make).parameters)

    @property
    def reads(self) -> tuple[str, ...]:
        """The stages that this stage reads."""
        return (*(name for name in self.parameters if name not in AT_HAND), *self.also)

    def reads_key(self, key: str) -> bool:
        """Return whether a change to a key changes the stage's inputs."""
        return self.keys == EVERY_KEY or any(
            key == declared or key.startswith(f"{declared}.") or declared.startswith(f"{key}.")
            for declared in self.keys
        )

    def part_of(self, config: Config) -> Config:
        """Return a view of a configuration that has only the keys that the stage may read."""
        if self.keys == EVERY_KEY:
            return config
        return cast("Config", Part(config, self.name, (*self.keys, *self.seen, *INERT)))

    @overload
    def __get__(self, study: None, owner: type) -> Stage[T]: ...
    @overload
    def __get__(self, study: object, owner: type) -> T: ...
    def __get__(self, study: Any, owner: type) -> Any:
        """Return the stage's result if accessed on a study; on its class, return the stage."""
        return self if study is None else study.table_of(self)

    def __set__(self, study: object, value: T) -> None:
        """Reject an assignment, because the stages that read this stage would become stale."""
        raise AttributeError(f"{self.name} is a stage; use study.with_stages({{{self.name!r}: …}})")


def stage[T](*keys: str, **fields: Any) -> Callable[[Callable[..., T]], Stage[T]]:
    """Return a decorator that makes a function a stage with the given `keys` and `Stage` fields.

    One string may list several keys of one section: ``"reach: cutoff_min access_kmh"``.
    """
    full_keys: list[str] = []
    for text in keys:
        section, _, names = text.rpartition(": ")
        full_keys += [f"{section}.{name}" for name in names.split()] if section else [text]

    return lambda make: Stage(make, tuple(full_keys), **fields)


class Part:
    """The part of a configuration that a stage declares. Reading any other key raises an error."""

    def __init__(self, section: BaseModel, reader: str, keys: Sequence[str], at: str = "") -> None:
        self._own = (section, reader, keys, at)

    def __getattr__(self, name: str) -> Any:
        """Return a declared key's value, or the declared part of a section."""
        section, reader, keys, at = self._own
        key, value = f"{at}{name}", getattr(section, name)
        if any(key == declared or key.startswith(f"{declared}.") for declared in keys):
            return value
        if any(declared.startswith(f"{key}.") for declared in keys):
            return Part(value, reader, keys, f"{key}.") if isinstance(value, BaseModel) else value
        raise AttributeError(f"the stage {reader} does not declare that it reads {key}")


# Phases of a solve in planners' terms, by the engine's short names.
PHASES = {
    "": "working out who is served",
    "aim": "next objective",
    "alone": "who is served, year by year",
    "areas": "building a plan area by area",
    "build": "setting up the model",
    "exchanges": "exchanging stations",
    "floors": "meeting the minimum shares",
    "nearer": "shortening drives",
    "programs": "combining plans",
    "crossings": "combining two plans at a time",
    "scenarios": "weighing the scenarios",
    **dict.fromkeys(("start", "dive", "rounding"), "looking for a first plan"),
    **dict.fromkeys(("search", "kicks"), "looking for a better plan"),
    **dict.fromkeys(("filter", "reduction"), "ruling out irrelevant options"),
    **dict.fromkeys(("area bounds", "cuts", "prices", "pricing", "relaxation"),
                    "proving a limit"),
    "ties": "choosing among equally good plans",
    "tree": "closing the gap",
    "viable": "making each station viable",
    "whole": "solving the whole model",
    "windows": "improving the plan part by part",
    "years": "deciding when to build each station",
}  # fmt: skip


def solve_in_words(now: Progress) -> str:
    """Return the progress of a solve as one line of text, with the phase in planners' terms."""
    return str(replace(now, phase=PHASES.get(now.phase, now.phase)))


def notebook() -> Any:
    """Return the shell of the running notebook; None elsewhere."""
    shell = sys.modules["IPython"].get_ipython() if "IPython" in sys.modules else None
    return shell if type(shell).__name__ == "ZMQInteractiveShell" else None


def stages_html(title: str, note: str, stages: Sequence[tuple[str, str, str]]) -> str:
    """Return stages as an HTML table for notebooks: name, result and run time, all as text."""
    columns = [
        Column("stage", itemgetter(0)),
        Column("result", itemgetter(1)),
        Column("seconds", itemgetter(2), ">"),
    ]
    return Display(title, note, [Block(columns, stages, most=len(stages))]).html()
