"""A study: its stages in order, each of which is computed once and timed."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import date
from inspect import Parameter, signature
from pathlib import Path
from typing import Any, Self

import pandas as pd

from siting.config import Config, changed, load, with_keys, words
from siting.engine.clock import Progress
from siting.errors import SitingError, did_you_mean, naming, refuse, require_kind
from siting.plan import ask
from siting.study.depends import STAGES, Stages, changed_keys, gone, still_known
from siting.study.python_inputs import in_words, lay_down
from siting.study.spare import Spare
from siting.study.stages import Context, Event, Report, Stage, notebook, stages_html


class Study(Stages):
    """A configuration, the tables that its stages make, and the plan.

    Each stage is computed once, when it is first read. `siting.run` writes the run folder.

    Parameters
    ----------
    config
        The configuration, or the path of its YAML file; None if `keys` give the configuration.
    overrides
        ``key.path=value`` strings that replace keys of the file.
    progress
        Called with an `Event` when a stage is done, and at intervals while solving. The default in
        a notebook is ``siting.show_progress()``.
    today
        The current date. The target year must not be before this date.
    tables
        Tables that are already known, by the name of their stage.
    keys
        Keys of the configuration, as in `with_`.

    Attributes
    ----------
    config, progress
        The configuration, and the progress callback.
    seconds
        Run time of each stage (s), excluding the stages that it reads.
    reused
        Groups of stages taken from a run folder.
    start
        Offers of the plan in the run folder, from which a solve starts.
    spare
        The time left for further results of the plan.

    Examples
    --------
    >>> study = Study("configs/islamabad.yaml")  # doctest: +SKIP
    >>> study.cells.explore("people")  # doctest: +SKIP
    >>> study.plan.headline()  # doctest: +SKIP
    >>> study = Study(
    ...     roads=graph, people=gdf, candidates=places, city="lahore", budget_pkr=2e8
    ... )  # doctest: +SKIP
    """

    def __init__(
        self,
        config: Config | Path | str | None = None,
        overrides: Sequence[str] = (),
        *,
        progress: Report | None = None,
        today: date | None = None,
        tables: Mapping[str, Any] | None = None,
        **keys: Any,
    ) -> None:
        if config is not None and not isinstance(config, Config):
            fix = "pass the path of a YAML file, or its keys as arguments: Study(**keys)"
            require_kind("config", config, str | Path, fix)
            config = load(Path(config), overrides, today)
        self.config = config if config and not keys else changed(config, keys, lay_down)
        self.seconds: dict[str, float] = {}
        self.reused: tuple[str, ...] = ()
        self.start: tuple[str, ...] = ()
        self.spare = Spare(self.config.solver.time_limit_s)
        if progress is None and tables is None and notebook() is not None:
            import siting

            progress = siting.show_progress()
        self.progress = progress
        self._tables: dict[str, Any] = dict(tables or {})
        self._found: dict[str, str] = {}
        self._inner: list[float] = []
        # The study from which stages are taken, and the names of these stages.
        self._shared: tuple[Study, frozenset[str]] | None = None

    @property
    def budget_pkr(self) -> float:
        """Public money available, PKR: ``program.budget_pkr`` of the configuration."""
        return self.config.program.budget_pkr

    def __repr__(self) -> str:
        """Return the study's name and the stages that have been computed so far."""
        done = ", ".join(self.seconds) or "nothing yet"
        return f"Study {self.config.name!r} ({self.config.title}); computed: {done}"

    def _repr_html_(self) -> str:
        """Return an HTML table for notebooks, with the result and run time of each stage."""
        rows = []
        for name in (made.told for made in STAGES.values() if made.told):
            seconds = f"{self.seconds[name]:,.1f}" if name in self._found else ""
            rows.append((name, self._found.get(name, "not computed yet"), seconds))
        return stages_html(self.config.title, self.config.note, rows)

    def table_of[T](self, stage: Stage[T]) -> T:
        """Return the result of a stage, computing it if necessary."""
        name = stage.name
        if name not in self._tables:
            other, shared = self._shared or (self, frozenset())
            self._tables[name] = getattr(other, name) if name in shared else self._made(stage)
        value: T = self._tables[name]
        return value

    def has(self, name: str) -> bool:
        """Return whether the named stage already has a result."""
        other, shared = self._shared or (self, frozenset())
        return name in self._tables or (name in shared and other.has(name))

    def _made[T](self, stage: Stage[T]) -> T:
        if not stage.told:
            return stage.make(*self._arguments(stage))
        with self.timed(stage.told) as heard:
            try:
                arguments = self._arguments(stage)
                self._say(Event(stage.told, "working", 0.0, done=False))
                value = stage.make(*arguments)
            except SitingError as err:
                told = in_words(err)
                if told is err:
                    raise
                raise told from None
            said = stage.found(value) if stage.found else ""
            if said is not None:
                heard.append(said)
        return value

    @contextmanager
    def timed(self, name: str) -> Iterator[list[str]]:
        """Time a named phase in the same way as a stage, and report the phase when it ends.

        Yields
        ------
        list of str
            The caller appends the result in words. If the list stays empty, nothing is reported,
            and the time counts towards the surrounding stage.
        """
        begun, heard = time.perf_counter(), list[str]()
        self._inner.append(0.0)
        try:
            yield heard
        finally:
            elapsed = time.perf_counter() - begun
            own_s = elapsed - self._inner.pop()
            if self._inner:
                self._inner[-1] += elapsed if heard else elapsed - own_s
        if heard:
            self.seconds[name] = round(self.seconds.get(name, 0.0) + own_s, 3)
            self._found[name] = heard[-1]
            self._say(Event(name, heard[-1], own_s, done=True))

    def _arguments(self, stage: Stage[Any]) -> list[Any]:
        context = Context(stage.told or stage.name, self.config.output.cache_dir, self.progress)
        at_hand = {"config": stage.part_of(self.config), "context": context, "study": self}
        return [at_hand[n] if n in at_hand else getattr(self, n) for n in stage.parameters]

    def with_(self, **keys: Any) -> Self:
        """Return the study with some keys changed. Stages that the change does not affect are kept.

        Parameters
        ----------
        keys
            Keys of the YAML file. A key that occurs in only one section can be given without the
            section (``budget_pkr``). Other keys are nested in dicts, which change only the keys
            that they name: ``offers={"subsidy": {"rule": "share"}}``. Lists are replaced as a
            whole. A GeoDataFrame, DataFrame, OSMnx graph or `siting.Network` can replace a file.

        Raises
        ------
        ConfigError, InputError
            If a key or value is invalid. The error lists every problem.

        Examples
        --------
        >>> richer = study.with_(budget_pkr=2e8, reach={"cutoff_min": 8})  # doctest: +SKIP
        >>> richer.plan.headline()  # doctest: +SKIP
        """
        config = changed(self.config, keys, lay_down)
        # A file that is read again may have changed, so its stored record is dropped.
        known = still_known(self.known_inputs.values(), changed_keys(self.config, config))
        return self.with_stages({"known_inputs": known}, config)

    def at(
        self, *, year: int | None = None, scenario: str | None = None, case: str | None = None
    ) -> Self:
        """Return this study for a different target year, fleet scenario or demand case."""
        given = {"year": year, "demand.scenario": scenario, "demand.case": case}
        return self.with_(**{key: value for key, value in given.items() if value is not None})

    def with_stages(
        self,
        given: Mapping[str, Any],
        config: Config | None = None,
        *,
        progress: Report | None = None,
    ) -> Self:
        """Return the study with some tables replaced, and optionally another configuration.

        Stages that the change does not affect are shared with this study and computed only once.

        Parameters
        ----------
        given
            Tables, keyed by the name of their stage.
        config
            The new configuration; by default, this study's configuration.
        progress
            The progress callback, as for `Study`; by default, this study's callback.

        Examples
        --------
        >>> fewer = study.with_stages({"offers": study.offers[:9]})  # doctest: +SKIP
        >>> fewer.plan.headline()  # doctest: +SKIP
        """
        require_kind("given", given, Mapping, "pass tables by the name of their stage")
        unknown = sorted(set(given) - set(STAGES))
        fix = did_you_mean(unknown[0], STAGES) if unknown else ""
        refuse(naming("with_stages", "no such stages", unknown, fix))
        changed = () if config is None else changed_keys(self.config, config)
        return self._with(given, config, gone(changed, given), progress or self.progress)

    def in_other(
        self, *, year: int | None = None, scenario: str | None = None, case: str | None = None
    ) -> Self:
        """Return the same study with the demand of another year, scenario or case.

        Stages that do not depend on demand, such as sites and reach, are shared with this study.
        """
        given = {"year": year, "demand.scenario": scenario, "demand.case": case}
        config = with_keys(self.config, {key: value for key, value in given.items() if value})
        return self._with({}, config, gone(changed_keys(self.config, config), once=True), None)

    def _with(
        self,
        given: Mapping[str, Any],
        config: Config | None,
        anew: frozenset[str],
        progress: Report | None,
    ) -> Self:
        other = type(self)(config or self.config, progress=progress, tables=given)
        other.start = self.start
        other.reused = tuple(g for g in self.reused if g not in {STAGES[n].stored for n in anew})
        other._shared = (self, frozenset(STAGES) - anew)
        return other

    def award(self, bids: Path | str | pd.DataFrame, **how: Any) -> Any:
        """Award bids for places under the rules of this study, and return the award.

        Parameters
        ----------
        bids
            A CSV of bids, or a table with the same columns.
        how
            The other parameters of `siting.award`.

        Examples
        --------
        >>> study.award("bids.csv").losers  # doctest: +SKIP
        """
        return ask("award", self, bids, **how)

    @property
    def solve_progress(self) -> Callable[[Progress], None] | None:
        """The function that receives the progress of a solve; None if there is no listener."""
        return Context("solve", self.config.output.cache_dir, self.progress).solving

    def tell(self, stage: str, text: str) -> None:
        """Report one step of a slow stage."""
        self._say(Event(stage, text, 0.0, done=True))

    def _say(self, event: Event) -> None:
        if self.progress is not None:
            self.progress(event)


def _takes_words(call: Any) -> None:
    """Add all configuration keys to a call's signature, so that editors can complete them."""
    declared = signature(call)
    *plain, rest = declared.parameters.values()  # the last is `**keys`
    more = [
        Parameter(word, Parameter.KEYWORD_ONLY, default=None)
        for word in words()
        if word.isidentifier() and word not in declared.parameters
    ]
    call.__signature__ = declared.replace(parameters=[*plain, *more, rest])


for _call in (Study.__init__, Study.with_):
    _takes_words(_call)
