"""The tables and figures of a run folder, for tracing.

No stage of a study runs, and none of the run's input files is needed.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field, replace
from functools import cache
from itertools import product
from pathlib import Path
from typing import Any

import pandas as pd

from siting.config import load
from siting.errors import Fault, did_you_mean, refuse
from siting.manifest import FOLDER, read_manifest
from siting.shown import MOST_LETTERS, Block, Column, Display, Shown, block_of, sentences
from siting.study.stored_run import Folder
from siting.study.to_limits import site_named

NEAREST = 3
NEEDED = (
    *("cells", "demand", "energy_factors", "candidates", "chargers", "compatibility", "offers"),
    *("outcome_slices", "outcome_demand", "outcome_service", "outcome_services"),
    *("outcome_built", "outcome_paid"),
)
# Relative and absolute tolerance within which two figures are equal.
SAME = 1e-9
# Text in a step whose stored value differs from its result.
DIFFERS = ", which differs by "
# Columns of numbers in the tables.
RIGHT = ("weight", "part", "served_kwh_day", "travel_min", "value")


@dataclass(frozen=True)
class Factor:
    """One figure in a calculation, and the table row from which it comes."""

    figure: str  # name of the figure; `of` is its subject
    of: str
    value: float
    unit: str
    table: str = ""  # the file or stored table from which the value comes
    low: float | None = None  # the range in the row; None if the row has no range
    high: float | None = None
    source: str = ""  # copied from the table; blank for computed values
    confidence: str = ""
    said: str = ""  # further notes


@dataclass(frozen=True)
class Step:
    """One step of a calculation: the arithmetic in words, its result, and its figures."""

    what: str
    words: str  # the arithmetic
    value: float
    unit: str
    stored: float | None = None  # the value in the run folder, if any
    factors: tuple[Factor, ...] = ()

    @property
    def same(self) -> bool | None:
        """Whether the stored value equals the step's result; None if no value is stored."""
        if self.stored is None:
            return None
        return math.isclose(self.value, self.stored, rel_tol=SAME, abs_tol=SAME)


@dataclass(frozen=True)
class Chain:
    """One figure of a plan with the calculation steps that lead to it."""

    what: str
    steps: tuple[Step, ...]
    notes: tuple[str, ...] = ()

    @property
    def value(self) -> float:
        """The result of the last step."""
        return self.steps[-1].value

    @property
    def stored(self) -> float | None:
        """The stored value of the figure; None if the folder has none."""
        return self.steps[-1].stored

    @property
    def same(self) -> bool:
        """Whether every stored value equals the result of the step that gives it."""
        return all(step.same is not False for step in self.steps)


@dataclass(frozen=True, eq=False, repr=False)
class Trace(Shown):
    """The calculations behind the figures of a cell or station (`kind`) in one year and scenario.

    A blank `scenario` means the configuration's own demand. `chains` has one `Chain` per figure;
    for a cell, the one with the largest demand comes first. `tables` has further tables by name:
    the places in a cell, or the cells that a station serves. `notes` are for readers, and `note` is
    the caveat of the run.
    """

    kind: str
    id: str
    name: str
    year: int
    scenario: str
    chains: tuple[Chain, ...]
    tables: dict[str, pd.DataFrame] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    note: str = ""

    @property
    def same(self) -> bool:
        """Whether the stored values of all chains equal the recomputed results."""
        return all(chain.same for chain in self.chains)

    @property
    def title(self) -> str:
        """The cell or station, and the year and scenario of its figures."""
        name = f" ({self.name})" if self.name else ""
        when = f"{self.year}" + (f", scenario {self.scenario}" if self.scenario else "")
        return f"{self.kind} {self.id}{name}, {when}"

    def _shown(self) -> Display:
        tables = [
            block_of(table, [_column(str(name)) for name in table.columns], "tables", title=title)
            for title, table in self.tables.items()
            if len(table)
        ]
        notes = [sentences(self.notes)] if self.notes else []
        blocks = [*notes, *map(_steps_and_sources, self.chains), *tables]
        return Display(self.title, self.note, blocks)

    def to_dict(self) -> dict[str, Any]:
        """Return the calculations as plain mappings and lists, for JSON."""
        own = ("kind", "id", "name", "year", "scenario", "same")
        return {
            **{name: getattr(self, name) for name in own},
            "notes": list(self.notes),
            "chains": [
                {
                    **{name: getattr(chain, name) for name in ("what", "value", "stored", "same")},
                    "notes": list(chain.notes),
                    "steps": [{**asdict(step), "same": step.same} for step in chain.steps],
                }
                for chain in self.chains
            ],
            **{name: table.to_dict("records") for name, table in self.tables.items()},
        }


def _steps_and_sources(chain: Chain) -> Block:
    """Return the steps of a chain, one per line, and below them the figures with their sources."""
    factors = dict.fromkeys(factor for step in chain.steps for factor in step.factors)
    lines = [
        *map(_line, chain.steps),
        *(f"  ({note})" for note in chain.notes),
        *(line for factor in factors for line in _lines_of(factor)),
    ]
    title = f"{chain.what}: {_number(chain.value)} {chain.steps[-1].unit}"
    return sentences(
        lines, all_in="chains", title=title, style=lambda row: "red" if DIFFERS in row[0] else ""
    )


def _line(step: Step) -> str:
    unit = "" if step.unit == "share" else f" {step.unit}"
    line = f"  {step.what} = {step.words} = {_number(step.value)}{unit}"
    if step.stored is None:
        return line
    if step.same:
        return f"{line}; stored: the same"
    return f"{line}; stored: {_number(step.stored)}{DIFFERS}{_number(step.value - step.stored)}"


def _lines_of(factor: Factor) -> tuple[str, str]:
    """Return a figure and its source as two lines, because table columns would be too narrow."""
    name = f"{factor.figure} {factor.of}".strip().replace("_", " ")
    range_ = ""
    if factor.low is not None and factor.high is not None and factor.low != factor.high:
        range_ = f" ({_number(factor.low)} to {_number(factor.high)})"
    why = "; ".join(text for text in (factor.said, factor.source) if text)
    told = f"{_number(factor.value)}{range_}, {factor.confidence}, {factor.table}"
    return f"  {name}: {told}", f"      {why}"


def _column(name: str) -> Column:
    def text(row: Any) -> str:
        value = row[name]
        return _number(value) if isinstance(value, int | float) else str(value)[:MOST_LETTERS]

    return Column(name, text, ">" if name in RIGHT else "", overflow="fold")


def _number(value: float) -> str:
    if value != value:
        return ""
    return f"{value:,.0f}" if abs(value) >= 1e5 else f"{value:,.6g}"


@dataclass(frozen=True)
class Slice:
    """A year and a scenario of a run, and their names in the run's tables."""

    name: str | None  # None for the configuration's own demand, which has no scenario
    year: int
    scenario: str
    fleet: str
    case: str


class Traced:
    """A folder written by `siting run` or `siting replan`, whose figures can be traced.

    Raises `InputError` if the folder is not a run of this format, or is incomplete or edited.
    """

    def __init__(self, folder: Path | str) -> None:
        self.path = Path(folder)
        record, self.facts = read_manifest(self.path, NEEDED)
        self.config = load(self.path / "config.yaml", check_files=False)
        # Returns the stored table with a given name; None if the run does not have it.
        self.table = cache(Folder(self.path / FOLDER, record).table)
        # Steps that are the same for all cells, by class and slice (computed once).
        self.fleets: dict[tuple[str, Slice], list[Step]] = {}
        self._rows: dict[str, Mapping[Any, Any]] = {}
        self.figures = pd.DataFrame(self.facts["assumptions"])
        texts = ["figure", "of", "unit", "source", "confidence", "table", "used_for"]
        self.figures[texts] = self.figures[texts].fillna("").astype(str)
        rows = self.figures.drop_duplicates(["figure", "of"]).to_dict("records")
        self._factors = {(row["figure"], row["of"]): factor_of(row) for row in rows}

    def rows_of(self, name: str, cell: str) -> pd.DataFrame:
        """Return the rows of a cell in a stored table; an empty table if there are none."""
        table: pd.DataFrame = self.table(name)
        if name not in self._rows:
            self._rows[name] = table.groupby(table["cell_id"].astype(str)).indices
        return table.take(self._rows[name].get(cell, []))

    def figure(self, figure: str, of: str = "") -> Factor | None:
        """Return a figure from the run's list of figures; None if it is not listed."""
        return self._factors.get((figure, of))

    def value(self, figure: str, of: str) -> float:
        """Return the value of a figure from the run's list of figures; 0 if it is not listed."""
        factor = self.figure(figure, of)
        return 0.0 if factor is None else factor.value

    def figures_of(self, figures: Iterable[str], *of: str) -> tuple[Factor, ...]:
        """Return the named figures of each subject in `of`; unlisted figures are left out."""
        factors = (self.figure(figure, one) for one, figure in product(of, figures))
        return tuple(one for one in factors if one is not None)

    def worked_out(
        self, figure: str, of: str, value: float, unit: str, table: str, said: str = ""
    ) -> Factor:
        """Return a factor with this value, and with the figure's source if the figure is listed."""
        known = self.figure(figure, of) or self.figure(figure)
        if known is None:
            return Factor(figure, of, value, unit, table, said=said)
        if not math.isclose(known.value, value, rel_tol=SAME, abs_tol=SAME):
            said = said or f"the list of figures has {known.value:,.6g}"
        return replace(known, value=value, unit=unit or known.unit, said=said)

    def find(self, wanted: str) -> tuple[str, str]:
        """Return the kind (``cell`` or ``station``) and the id; an error suggests similar names."""
        cells = self.table("cells")["cell_id"].astype(str)
        if wanted in set(cells):
            return "cell", wanted
        sites, kind = self.table("candidates"), "cell or station"
        return "station", site_named(sites, wanted, "CELL|STATION", kind, cells, NEAREST)

    def slice(self, year: int | None = None, scenario: str | None = None) -> Slice:
        """Return the slice of a year and scenario, or raise `InputError` if the run lacks it."""
        asked = self.config.demand
        rows = self.table("outcome_slices")
        years = rows["year"].fillna(self.config.year).astype(int)
        names = rows["scenario"].fillna("").astype(str)
        faults = []
        known = sorted({*years, self.config.year} if (names != "").any() else set(years))
        if year is not None and year not in known:
            has = "it has " + ", ".join(map(str, known))
            faults.append(Fault("year", f"{year} is not a year of this run", has))
        there = sorted(set(names) - {""})
        if scenario is not None and scenario not in there:
            fix = did_you_mean(scenario, there, None if there else "the run has no scenarios")
            faults.append(Fault("scenario", f"no scenario {scenario!r} in this run", fix))
        refuse(faults)
        wanted = int(years.max()) if year is None else year
        if there and scenario is None and wanted == self.config.year:
            return Slice(None, wanted, "", asked.scenario, asked.case)
        named = scenario or (there[0] if there else "")
        at = rows.loc[(years == wanted) & (names == named), "slice"]
        fleet, case = asked.scenario, asked.case
        if named and self.config.program.scenarios is not None:
            future = self.config.program.scenarios.of[named]
            fleet, case = future.fleet or fleet, future.case or case
        return Slice(str(at.iloc[0]), wanted, named, fleet, case)

    def of_slice(self, table: str, name: str) -> pd.DataFrame:
        """Return the rows of one slice (a year and scenario) from one of the outcome's tables."""
        rows: pd.DataFrame = self.table(f"outcome_{table}")
        return rows[rows["slice"].fillna("").astype(str) == name].reset_index(drop=True)


def factor_of(row: Mapping[Any, Any]) -> Factor:
    """Return a `Factor` made from a row of the list of figures."""
    low, high = (None if pd.isna(row[end]) else float(row[end]) for end in ("low", "high"))
    return Factor(
        row["figure"], row["of"], float(row["value"]), row["unit"], row["table"],
        low, high, row["source"], row["confidence"],
    )  # fmt: skip
