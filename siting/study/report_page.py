"""Make the report of a run from its study or from its run folder."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

import yaml

from siting.config import to_yaml
from siting.errors import Fault, InputError, refuse
from siting.export import layers_of
from siting.export.values import plain
from siting.manifest import REPORT
from siting.plan import Plan
from siting.report import RunRecord, read_frontier, render
from siting.study.depends import leaves
from siting.study.facts import with_facts
from siting.study.pipeline import Study
from siting.study.program_zones import with_zones
from siting.study.stored_run import Source, plan_of, study_of
from siting.writing import require_free, write_text

AGAIN = "run the study again, because a file was edited or comes from another run"
RELATIVE = 1e-6


def write_report(
    folder: Path, out: Path | None = None, frontier: Path | None = None, language: str | None = None
) -> Path:
    """Write the report of a stored run as one self-contained HTML file; return its path.

    The same folder always yields the same bytes. `folder` is a run folder. `out` is the new file;
    by default, ``report.html`` in the folder is replaced. `frontier` is a folder that
    `siting frontier` wrote for the same study; the report then also shows its curve. `language` is
    ``en`` or ``ur`` (Urdu); by default, the language of the run's configuration.

    Raises `InputError`, with all problems, if the folder is incomplete, edited or in another
    format, `VerifyError` if the stored plan contradicts its tables, and `MissingExtraError` if the
    packages of the ``report`` extra are not installed.

    >>> write_report(Path("runs/lahore-20261124-101500"))  # doctest: +SKIP
    PosixPath('runs/lahore-20261124-101500/report.html')
    """
    path = folder / REPORT if out is None else out
    own = path.resolve() == (folder / REPORT).resolve()
    if not own:
        require_free(path)
    write_text(path, page_of(record_of(folder), frontier, language), replace=own)
    return path


def page_of(run: RunRecord, frontier: Path | None = None, language: str | None = None) -> str:
    """Return the report of a run as the text of an HTML page; see `write_report`."""
    if language not in (None, "en", "ur"):
        raise InputError("language", f"{language!r} is not one of en, ur")
    if language is not None:
        run = replace(run, settings={**run.settings, "report": {"language": language}})
    return render(run, None if frontier is None else read_frontier(frontier, run))


def record_of(source: Source) -> RunRecord:
    """Return the record of a run folder, study or plan; raises errors as `write_report` does."""
    study = study_of(source)
    plan = plan_of(study, source)
    if plan.facts_of is None:
        plan = with_facts(study, plan, datetime.now().astimezone())
    record = record_of_plan(study, plan)
    if isinstance(source, Path | str):
        refuse(_disagreements(record, study, plan, Path(source) / "run.json"))
    return record


def record_of_plan(study: Study, plan: Plan) -> RunRecord:
    """Return the record of a study's plan. The plan must already have its facts."""
    settings = yaml.safe_load(to_yaml(study.config))
    return RunRecord.of(plain(plan.facts), settings, layers_of(plan, **shown_beside(study, plan)))


def shown_beside(study: Study, plan: Plan) -> dict[str, Any]:
    """Return the additional tables that a plan's layers show (`siting.export.layers_of`)."""
    return {
        "cells": with_zones(plan.cells, study.cell_zones),
        "offers": study.shown_offers,
        "zone_of_cells": study.cell_zones,
        "neighbourhoods": study.neighbourhoods,
        "isochrones": study.isochrones,
    }


def _disagreements(run: RunRecord, study: Study, plan: Plan, path: Path) -> Iterator[Fault]:
    """Yield a fault for each figure of ``run.json`` that differs from the plan."""
    found: dict[str, Any] = {
        **{name: getattr(study.config, name) for name in ("name", "title", "year")},
        "objective_kwh_day": plan.served_kwh_day,
        "served_share": plan.served_share,
        **{name: getattr(plan, name) for name in ("budget_pkr", "subsidy_pkr", "cost_pkr")},
        "new_stations": len(plan.new_sites),
        "existing_stations": int(plan.sites["existing"].sum()),
        "sizes": {
            "cells": len(study.cells),
            "edges": len(study.network.edges),
            "offers_shown": len(study.shown_offers),
        },
        "classes": plan.classes.to_dict("records"),
    }
    said = dict(leaves(run.facts, first=1))
    for key, value in leaves(plain(found), first=1):
        if said.get(key) != value:
            what = f"is {said.get(key)}, but the plan has {value}"
            yield Fault(f"{path}, key {key}", what, AGAIN)
    bound, served = run.facts["bound_kwh_day"], run.facts["objective_kwh_day"]
    if run.facts["gap"] is not None and bound is not None and served > 0:
        gap = (bound - served) / served
        if abs(gap - run.facts["gap"]) > RELATIVE:
            what = f"is {run.facts['gap']:.6f}, but the bound and the energy served give {gap:.6f}"
            yield Fault(f"{path}, key gap", what, AGAIN)
