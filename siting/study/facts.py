"""What ``run.json`` says: the answer, what it rests on, and all it takes to repeat it."""

from __future__ import annotations

import math
import platform
import sys
from datetime import datetime
from importlib.metadata import PackageNotFoundError, version
from typing import Any

import numpy as np
import pandas as pd

from siting import __version__, economics, reference
from siting.config import Config, input_files
from siting.files import file_date, sha256
from siting.plan import Plan, status_text
from siting.study.alternatives_text import alternatives_of
from siting.study.demand import DemandStudy
from siting.study.figures import figures_of
from siting.study.kept import content_sha256
from siting.study.pipeline import Study, outside_area

FORMAT = 2
PACKAGES = (
    "geopandas",
    "highspy",
    "networkx",
    "numpy",
    "osmnx",
    "pandas",
    "pulp",
    "pyogrio",
    "pyproj",
    "scipy",
    "shapely",
)
DOUBTFUL = ("ASSUMPTION", "L")


def run_facts(study: Study, plan: Plan, now: datetime) -> dict[str, Any]:
    """Return the contents of ``run.json``, in the order a person reads them."""
    s = plan.outcome
    config = study.config
    return {
        "format": FORMAT,
        "siting": __version__,
        "name": config.name,
        "title": config.title,
        "note": config.note,
        "year": config.year,
        "written": now.isoformat(timespec="seconds"),
        "status": s.status,
        "status_text": status_text(s),
        "stopped": s.stopped,
        "model": s.model,
        "blocks": list(s.blocks),
        "aims": [one.aim for one in s.proofs],
        "aim": s.aim,
        "proof": vars(s.proof),
        "proofs": [{"aim": one.aim, **vars(one.proof)} for one in s.proofs],
        "headline": dict(s.lines),
        "objective_kwh_day": s.served_kwh_day,
        # Of what else is aimed at, the proofs say what is proven; of energy nothing is.
        "bound_kwh_day": s.bound_kwh_day,
        "proof_text": str(s.proof),
        "gap": s.gap,
        "asked_gap": config.solver.gap,
        "tie_break": s.tie_break,
        "budget_pkr": s.budget_pkr,
        "subsidy_pkr": s.subsidy_pkr,
        "cost_pkr": s.cost_pkr,
        "new_stations": len(plan.new_sites),
        "existing_stations": int(plan.sites["existing"].sum()),
        "served_share": plan.served_share,
        "classes": plan.classes.to_dict("records"),
        "demand": demand_facts(study),
        "sizes": {
            "nodes": len(study.network.nodes),
            "edges": len(study.network.edges),
            "cells": len(study.cells),
            "demand_rows": len(study.demand),
            "candidates": len(study.candidates),
            "offers": len(study.offers),
            "reach_pairs": len(study.reach),
        },
        "limits": list(s.limits),
        "alternatives": alternatives_of(plan, study.instance, study.reach, study.forbidden_sites),
        "warnings": warnings_of(study, plan),
        "checks": plan.checks.to_dict("records"),
        "assumptions": assumptions_of(study).to_dict("records"),
        "inputs": inputs_of(study),
        "contents": contents_of(study),
        "roads": study.network.report,
        "seconds": dict(study.seconds),
        "solver": {
            "name": s.solver,
            "version": s.solver_version,
            "method": s.method,
            "seconds": dict(s.seconds),
            "nodes": sum(one.proof.nodes for one in s.proofs),
            "seed": config.solver.seed,
            "threads": config.solver.threads,
            "time_limit_s": config.solver.time_limit_s,
        },
        "peak_memory_mb": peak_memory_mb(),
        "python": platform.python_version(),
        "platform": platform.platform(),
        "packages": package_versions(),
    }


def demand_facts(study: DemandStudy) -> dict[str, Any]:
    """Return what the demand rests on, and its energy by class (kWh/day)."""
    settings = study.config.demand
    own = settings.fleet_csv
    return {
        "fleet": f"table {own.name}" if own else f"scenario {settings.scenario}",
        "case": settings.case,
        "city": settings.city,
        "people": float(study.cells["people"].sum()),
        "area_share": study.area_share,
        "where": "people" if study.surfaces is None else "home, destination, en route",
        "kwh_day": study.demand.groupby("vehicle_class")["demand_kwh_day"].sum().to_dict(),
    }


def inputs_of(study: DemandStudy) -> list[dict[str, Any]]:
    """Return one record an input: key, file with its date and SHA-256, source and licence."""
    config = study.config
    about: dict[str, Any] = {
        "roads.source": config.roads.source,
        "demand.people": config.demand.people,
    }
    surfaces = config.demand.surfaces
    if surfaces is not None and surfaces.places is not None:
        about["demand.surfaces.places"] = surfaces.places
    if config.candidates.existing is not None:
        about["candidates.existing"] = config.candidates.existing
    for i, source in enumerate(config.candidates.sources):
        about[f"candidates.sources.{i}"] = source
    files = {k: p for k, p in input_files(config).items() if k not in study.known_inputs}
    records = []
    for key, section in about.items():
        if key in study.known_inputs:
            records.append(dict(study.known_inputs[key]))
            continue
        record: dict[str, Any] = {"key": key, "kind": getattr(section, "kind", "layer")}
        for name in ("query", "basis"):
            if hasattr(section, name):
                record[name] = getattr(section, name)
        credit = getattr(section, "source", "") or getattr(section, "attribution", "")
        record["source"] = credit or "not stated"
        record["licence"] = getattr(section, "licence", "") or "not stated"
        records.append(record)
    by_key = {record["key"]: record for record in records}
    for key, path in files.items():
        section_key = key.rpartition(".")[0]
        if section_key in study.known_inputs:
            continue
        owner = by_key.get(section_key)
        if owner is None or "file" in owner:
            owner = {"key": key, "kind": "table", "source": "given by the user", "licence": ""}
            records.append(owner)
        owner |= {"file": path.name, "file_date": file_date(path), "sha256": sha256(path)}
    said = {record["key"] for record in records}
    records += [dict(known) for key, known in study.known_inputs.items() if key not in said]
    return records


def contents_of(study: Study) -> dict[str, str]:
    """Return the SHA-256 of each stage's table, by which a run can be compared with another.

    Downloads have no file to compare: the roads and candidates made from them are here.
    """
    tables = {
        "cells": study.cells,
        "demand": study.demand,
        "candidates": study.candidates,
        "offers": study.offers,
        "reach": study.reach,
    }
    found = {name: content_sha256(table) for name, table in tables.items()}
    return {"roads": study.network_sha256, **found}


def assumptions_of(study: Study) -> pd.DataFrame:
    """Return every figure behind the plan with its source and confidence mark, one row each.

    Returns
    -------
    DataFrame
        ``figure``, ``of`` (vehicle class, charger …), ``value``, ``low``, ``high``, ``unit``,
        ``source``, ``confidence``.
    """
    config = study.config
    if study.known_figures is not None:
        settings = _settings(study)
        others = study.known_figures[~study.known_figures["figure"].isin(settings["figure"])]
        at = int((others["figure"] != "capex_pkr").cummin().sum())
        return pd.concat([others[:at], settings[others.columns], others[at:]], ignore_index=True)
    figures = figures_of(study).rename(columns={"vehicle_class": "of"})
    used = {name for counts in config.offers.configurations.values() for name in counts}
    chargers = reference.table("chargers", config.offers.chargers_csv)
    chargers = chargers[chargers["charger_id"].isin(used)]
    capex = pd.DataFrame(
        {
            "figure": "capex_pkr",
            "of": chargers["charger_id"],
            "value": chargers["capex_pkr"],
            "low": chargers["capex_low_pkr"],
            "high": chargers["capex_high_pkr"],
            "unit": "PKR",
            "source": chargers["source"],
            "confidence": chargers["confidence"],
        }
    )
    grid = reference.table("grid", config.offers.grid_csv)
    unused = ["headroom"] if config.offers.upgrade else ["headroom", "upgrade_fixed", "upgrade_kw"]
    grid = grid[~grid["item"].isin(unused)].rename(columns={"item": "of"})
    grid = grid.assign(figure="grid works")[capex.columns]
    works = reference.table("works").rename(columns={"item": "of"})
    works = works.assign(figure="site costs")[capex.columns]
    money = economics.money_figures().rename(columns={"item": "of"})
    money = money.assign(figure="business case")[capex.columns]
    parts = [figures[capex.columns], _settings(study), capex, grid, works, money]
    return pd.concat(parts, ignore_index=True)


def _settings(study: Study) -> pd.DataFrame:
    """Return the planning settings of the configuration as figures, marked for what they are."""
    config = study.config
    subsidy = config.offers.subsidy
    stated = "configuration; no published figure"
    rows: list[tuple[str, float, str, str]] = [
        ("budget_pkr", config.program.budget_pkr, "PKR", "configuration"),
        ("cutoff_min", config.reach.cutoff_min, "min", stated),
        ("access_kmh", config.reach.access_kmh, "km/h", stated),
        ("headroom_kw", config.offers.headroom_kw, "kW", "configuration; feeder loads not public"),
        *_standard(config),
        ("subsidy.charger_share", subsidy.charger_share, "share", "configuration; rule not found"),
        ("subsidy.grid_share", subsidy.grid_share, "share", "configuration; rule not found"),
        ("subsidy.fee_share", subsidy.fee_share, "share", "configuration; rule not found"),
    ]
    if config.offers.availability is None:
        source = f"{study.city['disco']}: {study.city['availability_source']}"
        rows.append(("availability", study.availability, "share", source))
    else:
        rows.append(("availability", study.availability, "share", "configuration"))
    frame = pd.DataFrame(rows, columns=["figure", "value", "unit", "source"])
    return frame.assign(of="", low=frame["value"], high=frame["value"], confidence="ASSUMPTION")


def _standard(config: Config) -> list[tuple[str, float, str, str]]:
    """Return the figures of the service standard that is used."""
    service, stated = config.offers.service, "configuration; no published figure"
    if service.rule == "utilisation":
        return [("utilisation", config.offers.utilisation, "share", stated)]
    return [
        ("service.wait_min", service.wait_min, "min", stated),
        ("service.alpha", service.alpha, "share", stated),
    ]


def warnings_of(study: Study, plan: Plan) -> list[str]:
    """Return in plain words what a reader of the plan must know before using it."""
    lines = list(study.demand_notes)
    if study.config.sweep:
        lines.append("the section sweep was not used: only siting batch reads it")
    by_share = study.config.offers.service.rule == "utilisation"
    if by_share and study.config.program.model != "coverage":
        lines.append(
            "capacity is a share of the day (offers.utilisation) and promises nothing about "
            "waiting: `siting simulate RUN` shows the queues, offers.service.rule: waiting plans "
            "for them"
        )
    outside = outside_area(study.dropped)
    if outside.any():
        lines.append(f"{outside.sum():,} places outside the area of the roads were left out")
    if (~outside).any():
        lines.append(
            f"{(~outside).sum():,} places are further than "
            f"{study.config.candidates.max_snap_m:g} m from a road and were left out "
            "(layer dropped in plan.gpkg)"
        )
    ruled_out = study.offers["reason"].fillna("").astype(str).str.strip() != ""
    if ruled_out.any():
        lines.append(f"{ruled_out.sum():,} offers were ruled out; offers.csv says why")
    if study.config.program.model == "coverage":
        over = plan.sites[plan.sites["use_share"] > 1]
        if len(over):
            lines.append(
                f"{len(over):,} stations would have to deliver more than their chargers can: the "
                "model coverage has no capacity; use model capacitated to size them"
            )
    share = study.network.report.get("share_lost")
    if share and share > 0.02:
        lines.append(f"{share:.1%} of the street length was cut off from the rest and left out")
    doubtful = int(assumptions_of(study)["confidence"].isin(DOUBTFUL).sum())
    lines.append(f"{doubtful} figures are assumptions or weakly sourced; run.json lists them")
    return lines


def package_versions() -> dict[str, str]:
    """Return the versions of the packages that a plan depends on."""
    found = {}
    for name in PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:  # vendored or renamed: say so rather than fail a run
            found[name] = "unknown"
    return found


def peak_memory_mb() -> float | None:
    """Return the most memory this process has held, MB; ``None`` where it is not told."""
    if sys.platform == "win32":
        return None
    import resource

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return round(peak / (2**20 if sys.platform == "darwin" else 2**10), 1)


def plain(value: Any) -> Any:
    """Return a value with nothing in it but what JSON knows; a missing number becomes ``None``."""
    if isinstance(value, dict):
        return {str(k): plain(v) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [plain(v) for v in value]
    if isinstance(value, np.ndarray):
        return plain(value.tolist())
    if isinstance(value, np.generic):
        return plain(value.item())
    if value is pd.NA or (isinstance(value, float) and not math.isfinite(value)):
        return None
    return value
