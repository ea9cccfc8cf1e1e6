"""A run folder's own stages: what a later solve needs, kept beside the layers, and read again.

The layers of a run folder are rounded for people; ``stages/`` keeps the tables to the last bit as
Parquet, with the hash of each file. `study_from_run` opens a folder as the study it came from, with
those stages in place that a change of the configuration leaves true (`siting.study.depends`); with
no change at all the outcome is among them, and its plan is recounted without being solved again.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import geopandas as gpd
import pandas as pd

from siting import __version__
from siting.config import Config, input_files, load
from siting.errors import ConfigError, Fault, InputError
from siting.export import write_json
from siting.files import sha256
from siting.outcome import Outcome
from siting.plan import Plan
from siting.program.limits import Limit, limit_tables
from siting.roads import Network
from siting.study.depends import STAGES, changed_keys, feeds, stale
from siting.study.manifest import AGAIN, FOLDER, FORMAT, MANIFEST, WHOLE, read_manifest
from siting.study.people import People
from siting.study.pipeline import Study
from siting.study.stages import Report

# The names a study keeps its stages by.
ATTRIBUTES: Mapping[str, tuple[str, ...]] = {
    "network": ("network",),
    "people": ("_people",),
    "cells": ("cells",),
    "surfaces": ("surfaces",),
    "demand": ("demand",),
    "candidates": ("_candidates_and_dropped",),
    "offers": ("offers", "compatibility"),
    "reach": ("reach",),
    "cell_zones": ("cell_zones",),
    "limits": ("limits",),
    "outcome": ("outcome",),
}


# --- writing -------------------------------------------------------------------------------------


def write_stages(study: Study, folder: Path) -> None:
    """Write what a later solve needs into a run folder, as ``stages/``.

    Parameters
    ----------
    study
        A study whose plan is made.
    folder
        Its run folder, ``config.yaml`` and ``run.json`` in it already.
    """
    found = study.outcome
    use, there = limit_tables(study.limits)
    network, cell_zones = study.network, study.cell_zones
    frames: dict[str, pd.DataFrame | None] = {
        "nodes": network.nodes,
        "edges": network.edges,
        "cells": study.cells,
        "candidates": study.candidates,
        "dropped": study.dropped,
        "demand": study.demand,
        "offers": study.offers,
        "reach": study.reach,
        "compatibility": study.compatibility,
        "limits": there,
        "limit_use": use,
        "surfaces": study.surfaces,
        "zones": study.zones,
        "outside": study.people_outside if len(study.people_outside) else None,
        "cell_zones": None if cell_zones is None else cell_zones.rename("zone").to_frame(),
        **found.frames(),
    }
    stages = folder / FOLDER
    stages.mkdir()
    notes = {}
    for name, frame in frames.items():
        if frame is None:
            continue
        notes[name] = _plain(frame.attrs)
        bare = frame.copy(deep=False)
        bare.attrs = {}
        bare.to_parquet(stages / f"{name}.parquet", compression="zstd")
    files = {path.name: sha256(path) for path in sorted(stages.iterdir())}
    write_json(
        {
            "format": FORMAT,
            "siting": __version__,
            "sha256": files,
            "of_the_run": {name: sha256(folder / name) for name in WHOLE},
            "attrs": {name: attrs for name, attrs in notes.items() if attrs},
            "network": network.report,
            "people_notes": list(study.people_notes),
            "outcome": found.facts(),
        },
        stages / MANIFEST,
    )


def _plain(attrs: Mapping[Any, Any]) -> dict[str, Any]:
    return {str(key): value for key, value in attrs.items()}


# --- reading -------------------------------------------------------------------------------------


def study_from_run(
    folder: Path | str, overrides: Sequence[str] = (), *, progress: Report | None = None
) -> Study:
    """Return the study of a stored run, with the stages in place that the overrides leave true.

    Parameters
    ----------
    folder
        What `siting run` wrote.
    overrides
        ``key.path=value`` texts that replace keys of its ``config.yaml``.
    progress
        Called with an `Event` when a stage is done that has to be worked out again.

    Returns
    -------
    Study
        `Study.reused` names the stages taken from the folder. Without overrides the outcome is
        one of them, and `Study.plan` is its plan, recounted. People are known by cell only.

    Raises
    ------
    InputError
        If the folder is no run, of another format, incomplete or edited, or if a stage has to be
        worked out again from a file that is not there any more; every fault is named.
    ConfigError
        If an override makes no sense.

    Examples
    --------
    >>> study = study_from_run("runs/islamabad", ["program.budget_pkr=8e7"])  # doctest: +SKIP
    >>> study.plan.headline()  # doctest: +SKIP
    """
    folder = Path(folder)
    manifest, facts = read_manifest(folder)

    def read(gone: Sequence[str]) -> dict[str, object]:
        return _read_stages(folder / FOLDER, manifest, gone)

    study = _opened(folder, facts, overrides, progress, read)
    study.start = tuple(manifest["outcome"]["offers"])
    return study


def study_again(
    first: Study, folder: Path, overrides: Sequence[str], *, progress: Report | None = None
) -> Study:
    """Return what `study_from_run` does, sharing the stages of a study opened from the folder."""
    facts = json.loads((folder / "run.json").read_text(encoding="utf-8"))

    def share(gone: Sequence[str]) -> dict[str, object]:
        names = [n for stage in STAGES if stage not in gone for n in ATTRIBUTES[stage]]
        return {name: getattr(first, name) for name in names}

    study = _opened(folder, facts, overrides, progress, share)
    study.start = first.start
    return study


def _opened(
    folder: Path,
    facts: Mapping[str, Any],
    overrides: Sequence[str],
    progress: Report | None,
    kept: Callable[[Sequence[str]], dict[str, object]],
) -> Study:
    try:
        before = load(folder / "config.yaml", check_files=False)
    except ConfigError as err:  # whole, yet of a version with other keys
        raise InputError(
            [Fault(fault.where, fault.what, fault.fix or AGAIN) for fault in err.faults]
        ) from err
    after = load(folder / "config.yaml", overrides, check_files=False) if overrides else before
    changed = changed_keys(before, after)
    gone = stale(changed)
    if "cells" in gone:  # people are kept by cell only: other cells need them as they were read
        gone = tuple(stage for stage in STAGES if stage in {*gone, "people"})
    _require_inputs(after, gone, changed)
    study = Study(after, progress=progress)
    study.__dict__.update(kept(gone))
    study.reused = tuple(stage for stage in STAGES if stage not in gone)
    study.known_inputs = {
        str(record["key"]): record
        for record in facts["inputs"]
        if not set(feeds(str(record["key"]))).intersection(gone)
    }
    figures_gone = {"cells", "demand", "offers", "candidates"}.intersection(gone)
    if not figures_gone and not any(key.startswith("money.") for key in changed):
        study.known_figures = pd.DataFrame(facts["assumptions"])
    return study


def plan_from_run(folder: Path | str) -> Plan:
    """Return the plan of a stored run, recounted from its tables, without solving.

    Parameters
    ----------
    folder
        What `siting run` wrote.

    Raises
    ------
    InputError
        As for `study_from_run`.
    VerifyError
        If the stored plan is not what it says it is.

    Examples
    --------
    >>> plan = plan_from_run("runs/islamabad")  # doctest: +SKIP
    >>> plan.sites[["site_id", "name", "served_kwh_day"]]  # doctest: +SKIP
    """
    return plan_of(study_from_run(folder), Path(folder))


def plan_of(study: Study, folder: Path) -> Plan:
    """Return the plan of a study opened from a folder without overrides, with the run's facts."""
    facts = json.loads((folder / "run.json").read_text(encoding="utf-8"))
    return study.plan.with_facts(facts)


def _require_inputs(config: Config, gone: Sequence[str], changed: Sequence[str]) -> None:
    """Refuse to work a stage out again from files that are not there, naming every one of them."""
    faults = []
    for key, path in input_files(config).items():
        needed = [stage for stage in feeds(key) if stage in gone]
        if needed and not path.is_file():
            what = (
                f"{path} is not there any more, and {' and '.join(needed)} must be worked out "
                f"again from it"
            )
            fix = "put it back, name another with --set, or leave out the change"
            faults.append(Fault(key, what, fix, tuple(changed)))
    if faults:
        raise InputError(faults)


def _read_stages(
    folder: Path, manifest: Mapping[str, Any], gone: Sequence[str]
) -> dict[str, object]:
    """Return the stages that still hold, under the names a study keeps them by."""
    there = manifest["sha256"]
    attrs = manifest["attrs"]

    def table(name: str, read: Callable[[Path], Any] = pd.read_parquet) -> Any:
        if f"{name}.parquet" not in there:
            return None
        path = folder / f"{name}.parquet"
        try:
            frame = read(path)
        except (OSError, ValueError, KeyError, TypeError) as err:
            raise InputError(Fault(str(path), f"cannot be read: {err}", AGAIN)) from err
        frame.attrs = attrs.get(name, {})
        return frame

    def layer(name: str) -> Any:
        return table(name, gpd.read_parquet)

    def network() -> Network:
        return Network(layer("nodes"), layer("edges"), manifest["network"])

    def people() -> People:
        cells = layer("cells")
        columns = ["people", "geometry", *(["zone_id"] if "zone_id" in cells.columns else [])]
        rows = cells.loc[cells["people"] > 0, columns].copy()
        rows.attrs = {}
        rows = rows.set_geometry(rows.geometry.representative_point()).to_crs(4326)
        outside = layer("outside")
        return People(
            rows.reset_index(drop=True),
            rows.iloc[:0] if outside is None else outside,
            layer("zones"),
            tuple(manifest.get("people_notes", ())),
        )

    makers: dict[str, Callable[[], object]] = {
        "network": network,
        "_people": people,
        "cells": lambda: layer("cells"),
        "surfaces": lambda: table("surfaces"),
        "demand": lambda: table("demand"),
        "_candidates_and_dropped": lambda: (layer("candidates"), layer("dropped")),
        "offers": lambda: table("offers"),
        "compatibility": lambda: table("compatibility"),
        "reach": lambda: table("reach"),
        "cell_zones": lambda: _zones(table("cell_zones")),
        "limits": lambda: _limits(table("limits"), table("limit_use")),
        "outcome": lambda: Outcome.read(manifest["outcome"], table),
    }
    return {
        name: makers[name]()
        for stage, names in ATTRIBUTES.items()
        if stage not in gone
        for name in names
    }


def _zones(frame: pd.DataFrame | None) -> pd.Series | None:
    return None if frame is None else frame["zone"].rename(None)


def _limits(there: pd.DataFrame, use: pd.DataFrame) -> tuple[Limit, ...]:
    amounts: dict[str, dict[str, float]] = {str(name): {} for name in there["limit"]}
    for name, offer_id, amount in use[["limit", "offer_id", "use"]].itertuples(index=False):
        amounts[str(name)][str(offer_id)] = float(amount)
    columns = ["limit", "kind", "unit", "at_most", "at_least", "per_rupee"]
    return tuple(
        Limit(name, kind, unit, float(most), amounts[name], float(least), bool(rupee))
        for name, kind, unit, most, least, rupee in there[columns].itertuples(
            index=False, name=None
        )
    )
