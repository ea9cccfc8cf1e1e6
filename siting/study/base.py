"""What every study has: its configuration, its roads, and the time each stage took."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import date
from functools import cached_property
from pathlib import Path
from typing import Any

import pandas as pd

from siting import demand as people_to_energy
from siting import reference, roads
from siting.config import Config, load
from siting.roads import Network
from siting.study.kept import content_sha256, kept_table
from siting.study.sources import read_network, roads_key
from siting.study.stages import Event, Report, bar, stage, stage_names, stages_html


class RoadStudy:
    """A configuration and its roads; see `siting.Study` for what is built on them.

    Parameters
    ----------
    config
        The configuration, or the path of its YAML file.
    overrides
        ``key.path=value`` texts that replace keys of the file.
    progress
        Called with an `Event` when a stage is done, and now and then while solving;
        ``siting.show_progress()`` shows them.
    today
        The day that dates in the configuration are held against.

    Attributes
    ----------
    reused
        Stages taken from a run folder instead of worked out.
    start
        Offers of that folder's plan, the first plan of another solve.
    known_inputs, known_figures
        What that folder says of the inputs of those stages, by key, and of the figures.
    """

    def __init__(
        self,
        config: Config | Path | str,
        overrides: Sequence[str] = (),
        *,
        progress: Report | None = None,
        today: date | None = None,
    ) -> None:
        if not isinstance(config, Config):
            config = load(Path(config), overrides, today)
        self.config = config
        self.seconds: dict[str, float] = {}
        self._found: dict[str, str] = {}
        self._progress = progress
        self._inner: list[float] = []
        # Of a study that was opened from a run folder: see `siting.study.stored`.
        self.reused: tuple[str, ...] = ()
        self.start: tuple[str, ...] = ()
        self.known_inputs: dict[str, dict[str, Any]] = {}
        self.known_figures: pd.DataFrame | None = None

    def __repr__(self) -> str:
        """Return the study's name and what has been computed so far."""
        done = ", ".join(self.seconds) or "nothing yet"
        return f"Study {self.config.name!r} ({self.config.title}); computed: {done}"

    def _repr_html_(self) -> str:
        """Return the stages as an HTML table for notebooks: what came out of each, and seconds."""
        rows = [
            (name, self._found[name], f"{self.seconds[name]:,.1f}")
            if name in self._found
            else (name, "not asked for yet", "")
            for name in stage_names(type(self))
        ]
        return stages_html(self.config.title, self.config.note, rows)

    @contextmanager
    def _timing(self, name: str) -> Iterator[Callable[[str], None]]:
        # Stages ask for earlier stages while they run; only a stage's own seconds are its own.
        said: list[str] = []
        start = time.perf_counter()
        self._inner.append(0.0)
        try:
            yield said.append
        finally:
            elapsed = time.perf_counter() - start
            own = elapsed - self._inner.pop()
            if self._inner:
                self._inner[-1] += elapsed
        self.seconds[name] = round(own, 3)
        self._found[name] = said[0]
        self._say(name, said[0], own, done=True)

    def tell(self, stage: str, text: str) -> None:
        """Report a step inside a stage that takes long."""
        self._say(stage, text, 0.0, done=True)

    def _counting(self, stage: str, things: str) -> Callable[[int, int], None] | None:
        """Return what reports how many of all things of a stage are done; none if nobody hears."""
        if self._progress is None:
            return None
        begun = time.perf_counter()

        def count(done: int, of: int) -> None:
            text = f"{bar(done, of)} {done:,} of {of:,} {things}"
            self._say(stage, text, time.perf_counter() - begun, done=False)

        return count

    def _say(self, stage: str, text: str, seconds: float, *, done: bool) -> None:
        if self._progress is not None:
            self._progress(Event(stage, text, seconds, done))

    # --- roads -----------------------------------------------------------------------------------

    @cached_property
    def city(self) -> pd.Series[Any]:
        """The row of the city table: people, DISCO, availability, speed group."""
        return people_to_energy.city_figures(self.config.demand.city)

    @stage("roads", lambda n: f"{len(n.nodes):,} nodes, {len(n.edges):,} directed edges")
    def network(self) -> Network:
        """The road network, directed and strongly connected, in UTM metres."""
        config = self.config
        group = config.roads.speeds or str(self.city["speed_group"])
        speeds = reference.table("speeds", config.roads.speeds_csv)
        key = roads_key(config) | {
            "speed_group": group,
            "peak": config.roads.peak,
            "speeds": speeds.to_csv(index=False),
        }

        def build() -> Network:
            return read_network(config, speeds, group)

        return roads.cached_network(config.output.cache_dir / "roads", key, build)

    @cached_property
    def network_sha256(self) -> str:
        """The SHA-256 of the road network's content."""
        return content_sha256(self.network)

    def kept(
        self, name: str, parts: tuple[Any, ...], build: Callable[[], pd.DataFrame]
    ) -> pd.DataFrame:
        """Return a table made from the roads and `parts`, from the cache folder if it is there."""
        folder = self.config.output.cache_dir / "stages"
        return kept_table(folder, name, (self.network_sha256, *parts), build)
