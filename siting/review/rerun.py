"""Repeat a run from its folder, and compare the inputs, objective and plan of both runs."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import count
from pathlib import Path
from typing import Any

import pandas as pd

from siting import __version__
from siting.config import load
from siting.errors import Fault, InputError, SitingError, naming, refuse
from siting.files import read_csv
from siting.manifest import read_manifest
from siting.plan import Plan
from siting.shown import Block, Display, Shown, sentences
from siting.study.facts import versions, with_facts
from siting.study.pipeline import Study
from siting.study.runs import write_run
from siting.study.stages import Report

# Relative tolerance: another machine may add numbers in a different order and round differently.
RELATIVE = 1e-9
# At most this many differences of a part are shown.
DIFFERENCES_SHOWN = 8


@dataclass(frozen=True)
class Compared:
    """The comparison of one part (such as the inputs or the plan) of two runs."""

    what: str  # the part: inputs, figures, tables, objective, plan, or versions
    differences: tuple[str, ...]  # one line per difference, with both values
    counted: str  # what was compared, in words
    # Whether a difference in this part makes the runs differ; False for tables and versions.
    decides: bool = True

    @property
    def same(self) -> bool:
        """Whether the part is the same in both runs."""
        return not self.differences

    @property
    def verdict(self) -> str:
        """The result in a word: ``same``, or else ``differ`` or ``differs``."""
        return "same" if self.same else "differ" if self.what.endswith("s") else "differs"


@dataclass(frozen=True, eq=False, repr=False)
class Rerun(Shown):
    """The run in `folder` and its repetition, whose plan is `plan`.

    `compared` has the comparisons; each part comes after the parts on which it depends. `notes` are
    for readers, e.g. that the time limit ended the first solve.
    """

    folder: Path
    plan: Plan
    compared: tuple[Compared, ...]
    notes: tuple[str, ...]

    @property
    def same(self) -> bool:
        """Whether inputs, figures, objective and plan are the same."""
        return all(part.same for part in self.compared if part.decides)

    def _shown(self) -> Display:
        colours = {
            one.what.capitalize(): "" if one.same else "red" if one.decides else "yellow"
            for one in self.compared
        }
        rows = [(one.what.capitalize(), one.verdict, one.counted) for one in self.compared]
        differ = [
            sentences(
                [f"  {one.what}: {line}" for line in one.differences[:DIFFERENCES_SHOWN]],
                all_in="compared", more=max(len(one.differences) - DIFFERENCES_SHOWN, 0),
            )
            for one in self.compared
        ]  # fmt: skip
        verdicts = Block((), rows, style=lambda row: colours[row[0]])
        return Display(
            f"{'The same' if self.same else 'Not the same'}: {self.folder} repeated",
            "",
            [verdicts, *(block for block in differ if block.rows)],
            notes=self.notes,
            good=self.same,
        )

    def plain(self) -> dict[str, Any]:
        """Return the result as plain JSON values."""
        return {
            "run": str(self.folder),
            "same": self.same,
            **{part.what: {"same": part.same, "differences": list(part.differences)}
               for part in self.compared},
            "notes": list(self.notes),
        }  # fmt: skip


def rerun(
    folder: Path | str,
    overrides: Sequence[str] = (),
    *,
    out: Path | str | None = None,
    progress: Report | None = None,
) -> Rerun:
    """Repeat a stored run, and return the new plan and all differences from the run.

    The study is computed again from the stored configuration and date. Inputs (by SHA-256),
    figures, tables, objective, chosen offers and package versions are compared.

    Parameters
    ----------
    folder
        A folder written by `siting run`.
    overrides
        ``key.path=value`` strings, for inputs that have moved.
    out
        The run folder in which to store the repetition; if None, it is not stored.
    progress
        Called with an `Event` when a stage is done.

    Returns
    -------
    Rerun
        The new plan, whether the runs agree, and every difference.

    Raises
    ------
    InputError
        If the folder is not a run of this format.
    ConfigError
        If the run's configuration cannot be used, for example because an input is missing.

    Examples
    --------
    >>> rerun("runs/lahore-20261124-101500").same  # doctest: +SKIP
    True
    """
    folder = Path(folder)
    facts, offers = _read(folder)
    written = datetime.fromisoformat(facts["written"])
    study = Study(load(folder / "config.yaml", overrides, written.date()), progress=progress)
    inputs = _inputs(facts["inputs"], study.inputs)
    try:
        if out is None:
            plan = with_facts(study, study.plan, written)
        else:
            plan, _ = write_run(study, Path(out), datetime.now().astimezone())
    except SitingError as err:
        # Changed inputs are a likely cause of the failure.
        changed = [Fault("changed since the first run", line) for line in inputs.differences]
        raise type(err)([*err.faults, *changed]) from err
    compared = (
        inputs,
        _figures(facts["assumptions"], study.assumptions),
        _tables(facts["contents"], study.contents),
        _objective(facts, plan),
        _plan(offers, plan),
        _versions(facts),
    )
    return Rerun(folder, plan, compared, tuple(_notes(facts, plan, study, overrides)))


def _read(folder: Path) -> tuple[dict[str, Any], list[str]]:
    """Return the facts and chosen offers of a run folder; reject a folder with edited files."""
    _, facts = read_manifest(folder)
    wanted = (
        "written", "inputs", "assumptions", "objective_kwh_day", "contents", "packages", "proof",
    )  # fmt: skip
    missing = (key for key in wanted if key not in facts)
    refuse(naming(str(folder / "run.json"), "lacks keys", missing, "run it again"))
    sites = read_csv(folder / "sites.csv", dtype={"offer_id": str})
    if "offer_id" not in sites.columns:
        raise InputError(f"{folder / 'sites.csv'}, column offer_id", "is missing")
    return facts, sites["offer_id"].to_list()


def _inputs(before: list[dict[str, Any]], now: list[dict[str, Any]]) -> Compared:
    was, is_ = ({record["key"]: record for record in records} for records in (before, now))
    lines = [f"{key}: is not an input now" for key in was if key not in is_]
    lines += [f"{key}: was not an input then" for key in is_ if key not in was]
    for key in (key for key in was if key in is_):
        digits = [record[key].get("sha256") for record in (was, is_)]
        if digits[0] != digits[1]:
            name = is_[key].get("file") or was[key].get("file")
            then, today = (f"{sha256[:12]}…" if sha256 else "none" for sha256 in digits)
            lines.append(f"{key}, {name}: SHA-256 was {then}, is {today}")
    files = sum("file" in record for record in was.values())
    other = len(was) - files
    counted = f"{files:,} files" + (f", {other:,} other inputs" if other else "")
    return Compared("inputs", tuple(lines), counted)


def _figures(before: list[dict[str, Any]], now: pd.DataFrame) -> Compared:
    was, is_ = _numbered(before), _numbered(now.to_dict("records"))
    lines = []
    for mark in dict.fromkeys([*was, *is_]):
        name = " of ".join(part for part in mark[:2] if part)
        if mark not in is_ or mark not in was:
            lines.append(f"{name}: {'was not used then' if mark in is_ else 'is not used now'}")
            continue
        for column in ("value", "low", "high"):
            a, b = was[mark][column], is_[mark][column]
            if not _close(a, b):
                lines.append(f"{name}, {column}: was {a}, is {b}")
    return Compared("figures", tuple(lines), f"{len(was):,} figures")


def _numbered(rows: Sequence[Mapping[Any, Any]]) -> dict[tuple[str, str, int], Mapping[Any, Any]]:
    """Return the figures, indexed by name, subject and a counter of repeated figures."""
    names = [(str(row["figure"]), str(row["of"] or "")) for row in rows]
    counters = {name: count() for name in names}
    return {(*name, next(counters[name])): row for name, row in zip(names, rows, strict=True)}


def _tables(before: dict[str, str], now: dict[str, str]) -> Compared:
    lines = tuple(f"{name}: differs" for name, digits in now.items() if before.get(name) != digits)
    # Different tables do not make the runs differ, because another machine may round differently.
    return Compared("tables", lines, f"{len(now):,} stages, bit by bit", decides=False)


def _objective(before: dict[str, Any], plan: Plan) -> Compared:
    lines = []
    pairs = [("energy served, kWh/day", before["objective_kwh_day"], plan.served_kwh_day)]
    proof = before["proof"]
    if proof["unit"] != "kWh/day":
        pairs.append((f"aim, {proof['unit']}", proof["objective"], plan.outcome.proof.objective))
    for name, a, b in pairs:
        if not _close(a, b):
            change = f"{b / a - 1:+.2%}" if a else "from nothing"
            lines.append(f"{name}: was {a:,.6f}, is {b:,.6f} ({change})")
    return Compared("objective", tuple(lines), f"{plan.served_kwh_day:,.3f} kWh/day")


def _plan(before: list[str], plan: Plan) -> Compared:
    was, is_ = set(before), set(plan.sites["offer_id"].astype(str))
    lines = [f"{offer}: is not built in the rerun" for offer in sorted(was - is_)]
    lines += [f"{offer}: was not built in the stored run" for offer in sorted(is_ - was)]
    return Compared("plan", tuple(lines), f"{len(was):,} stations")


def _versions(before: dict[str, Any]) -> Compared:
    was, is_ = (
        {name: facts[name] for name in ("siting", "python", "platform")} | facts["packages"]
        for facts in (before, {"siting": __version__, **versions()})
    )
    lines = tuple(
        f"{name}: was {was.get(name, 'none')}, is {is_.get(name, 'none')}"
        for name in dict.fromkeys([*was, *is_])
        if was.get(name) != is_.get(name)
    )
    return Compared("versions", lines, f"{len(was):,} packages", decides=False)


def _notes(
    before: dict[str, Any], plan: Plan, study: Study, overrides: Sequence[str]
) -> Iterator[str]:
    first, second = (before["stopped"], before["gap"]), (plan.outcome.stopped, plan.gap)
    for when, (stopped, gap) in {"first": first, "second": second}.items():
        if stopped in ("time limit", "interrupted"):
            yield (
                f"the {when} solve was stopped ({stopped}) at a gap of {gap:.2%}; solvers "
                "progress differently in each run, so a different plan is to be expected"
            )
    threads = before["solver"]["threads"]
    if threads != study.config.solver.threads:
        yield f"solver threads: {threads} then, {study.config.solver.threads} now"
    downloads = [r["key"] for r in study.inputs if r["kind"] in ("place", "bbox", "osm_download")]
    if downloads:
        yield "downloads, compared only by the tables made from them: " + ", ".join(downloads)
    if overrides:
        yield "keys set by hand: " + ", ".join(text.partition("=")[0] for text in overrides)


def _close(a: Any, b: Any) -> bool:
    if isinstance(a, int | float) and isinstance(b, int | float):
        return math.isclose(a, b, rel_tol=RELATIVE, abs_tol=1e-9)
    # JSON has no NaN, so a stored NaN is null.
    return a == b or (a is None and b != b)
