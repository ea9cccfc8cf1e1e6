"""Consistency of the files of a run folder: later edits show."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd

from siting.errors import Fault, InputError
from siting.manifest import read_manifest
from siting.report.folder import RunFolder
from siting.report.reading import read_csv
from siting.texts import cell_text

FIX = "a file was edited or comes from another run: make the run again with `siting run`"
# Layers hold watt-hours and paisas; half of one may be lost a row.
ROUNDED_KWH, ROUNDED_PKR, RELATIVE = 5e-4, 5e-3, 1e-6

# Programs whose money is not the budget of the configuration.


def require_agreement(run: RunFolder) -> None:
    """Raise unless ``run.json``, the layers, the tables and the configuration agree.

    An `InputError` names every figure that two files give differently, else every file that was
    changed.
    """
    faults = [
        *_counts(run),
        *_sums(run),
        *_links(run),
        *_figures(run),
        *_settings(run),
        *_zones(run),
        *_years(run),
    ]
    if faults:
        raise InputError(faults)
    # Figures found once only have nothing to contradict.
    read_manifest(run.path)


def _counts(run: RunFolder) -> Iterator[Fault]:
    facts, sizes = run.facts, run.facts["sizes"]
    existing = run.sites["existing"].astype(bool)
    # Many roads are drawn as fewer lines, which have their number.
    roads = run.roads["roads"].sum() if "roads" in run.roads.columns else len(run.roads)
    for file, what, counted, said in (
        ("sites.geojson", "new stations", int((~existing).sum()), facts["new_stations"]),
        ("sites.geojson", "existing stations", int(existing.sum()), facts["existing_stations"]),
        ("demand.geojson", "cells", len(run.demand), sizes["cells"]),
        ("plan.gpkg", "roads", int(roads), sizes["edges"]),
        ("offers.csv", "offers", len(run.offers), sizes["offers_shown"]),
    ):
        if counted != said:
            yield _differs(run, file, what, f"{counted:,}", f"{said:,}")


def _sums(run: RunFolder) -> Iterator[Fault]:
    facts, sites, demand, service = run.facts, run.sites, run.demand, run.service
    rows = [
        ("sites.geojson", "subsidy_pkr", sites["subsidy_pkr"], facts["subsidy_pkr"]),
        ("sites.geojson", "cost_pkr", sites["cost_pkr"], facts["cost_pkr"]),
        ("sites.geojson", "served_kwh_day", sites["served_kwh_day"], facts["objective_kwh_day"]),
        ("demand.geojson", "served_kwh_day", demand["served_kwh_day"], facts["objective_kwh_day"]),
    ]
    by_class = service.groupby("vehicle_class")["served_kwh_day"]
    parts = {str(name): part for name, part in by_class}
    for row in facts["classes"]:
        name, got = str(row["vehicle_class"]), float(row["served_kwh_day"])
        column = f"served_{name}_kwh_day"
        wanted = f"demand_{name}_kwh_day"
        rows += [
            ("demand.geojson", wanted, demand[wanted], float(row["demand_kwh_day"])),
            ("demand.geojson", column, demand[column], got),
            ("sites.geojson", column, sites[column], got),
            ("service.geojson", f"{name} served", parts.get(name, pd.Series(dtype=float)), got),
        ]
    for file, what, values, said in rows:
        slack = (ROUNDED_PKR if what.endswith("_pkr") else ROUNDED_KWH) * (len(values) + 1)
        total = float(values.sum())
        if not math.isclose(total, said, rel_tol=RELATIVE, abs_tol=slack):
            yield _differs(run, file, f"sum of {what}", f"{total:,.2f}", f"{said:,.2f}")
    for key, top, bottom in (("gap", "bound_kwh_day", "objective_kwh_day"),):
        if facts[key] is not None and facts[top] is not None and facts[bottom] > 0:
            gap = (facts[top] - facts[bottom]) / facts[bottom]
            if abs(gap - facts[key]) > RELATIVE:
                where = f"{run.path / 'run.json'}, key {key}"
                what = f"{facts[key]:.6f}, where the bound and the energy served give {gap:.6f}"
                yield Fault(where, what, FIX)
    wanted_kwh = sum(float(row["demand_kwh_day"]) for row in facts["classes"])
    served_kwh = sum(float(row["served_kwh_day"]) for row in facts["classes"])
    share = served_kwh / wanted_kwh if wanted_kwh else 0.0
    if abs(share - facts["served_share"]) > RELATIVE:
        where = f"{run.path / 'run.json'}, key served_share"
        yield Fault(where, f"{facts['served_share']:.6f}, where its classes give {share:.6f}", FIX)


def _links(run: RunFolder) -> Iterator[Fault]:
    sites, service = run.sites, run.service
    for column, known, file in (
        ("site_id", sites["site_id"], "sites.geojson"),
        ("cell_id", run.demand["cell_id"], "demand.geojson"),
    ):
        stray = tuple(dict.fromkeys(service.loc[~service[column].isin(known), column].astype(str)))
        if stray:
            where = f"{run.path / 'service.geojson'}, column {column}"
            yield Fault(where, f"not in {file}", FIX, stray)
    for file, frame, column in (
        ("sites.geojson", sites, "site_id"),
        ("demand.geojson", run.demand, "cell_id"),
        ("offers.csv", run.offers, "offer_id"),
    ):
        twice = tuple(dict.fromkeys(frame.loc[frame[column].duplicated(), column].astype(str)))
        if twice:
            yield Fault(f"{run.path / file}, column {column}", "duplicate", FIX, twice)
    unknown = sites.loc[~sites["offer_id"].isin(run.offers["offer_id"]), "offer_id"]
    if len(unknown):
        where = f"{run.path / 'sites.geojson'}, column offer_id"
        yield Fault(where, "not in offers.csv", FIX, tuple(unknown.astype(str)))
    carried = service.groupby("site_id")["served_kwh_day"].agg(["sum", "size"])
    carried = carried.reindex(sites["site_id"]).fillna(0.0)
    off = np.abs(carried["sum"].to_numpy() - sites["served_kwh_day"].to_numpy())
    bad = off > ROUNDED_KWH * (carried["size"].to_numpy() + 1) + RELATIVE * sites["served_kwh_day"]
    if bad.any():
        where = f"{run.path / 'sites.geojson'}, column served_kwh_day"
        ids = tuple(sites.loc[bad.to_numpy(), "site_id"].astype(str))
        yield Fault(where, "differs from the sum of service.geojson", FIX, ids)


def _figures(run: RunFolder) -> Iterator[Fault]:
    stored, said = run.figures, run.facts["assumptions"]
    if len(stored) != len(said):
        yield _differs(run, "figures.csv", "assumptions", f"{len(stored):,}", f"{len(said):,}")
        return
    names = list(said[0]) if said else []
    lines = [
        str(i)
        for i, (row, fact) in enumerate(zip(stored.to_dict("records"), said, strict=True), start=2)
        if any(not _same(row.get(name), fact.get(name)) for name in names)
    ]
    if lines:
        where = str(run.path / "figures.csv")
        yield Fault(where, "lines that differ from the assumptions in run.json", FIX, tuple(lines))


def _same(a: Any, b: Any) -> bool:
    a, b = ("" if v is None or v != v else cell_text(v) for v in (a, b))
    if isinstance(a, int | float) and isinstance(b, int | float):
        return math.isclose(a, b, rel_tol=1e-12)
    return str(a) == str(b)


def _settings(run: RunFolder) -> Iterator[Fault]:
    facts = run.facts
    program = run.settings.get("program")
    budget = program.get("budget_pkr") if isinstance(program, dict) else None
    # With years, and with the least money first, the program has another budget.
    if "years" in facts["blocks"] or facts["aims"][:1] == ["least money"]:
        budget = facts["budget_pkr"]
    for key, configured, said in (
        ("name", run.settings.get("name"), facts["name"]),
        ("title", run.settings.get("title"), facts["title"]),
        ("year", run.settings.get("year"), facts["year"]),
        ("program.budget_pkr", budget, facts["budget_pkr"]),
    ):
        if configured != said:
            yield _differs(run, "config.yaml", f"key {key}", f"{configured!r}", f"{said!r}")


def _zones(run: RunFolder) -> Iterator[Fault]:
    """Yield differences between the table of zones and the cells."""
    path = run.path / "zones.csv"
    if not path.is_file() or "zone" not in run.demand.columns:
        return
    try:
        table = read_csv(path, ("zone", "demand_kwh_day", "served_kwh_day"))
    except InputError as err:
        yield from err.faults
        return
    inside = run.demand[run.demand["zone"].fillna("").astype(str) != ""]
    for column in ("demand_kwh_day", "served_kwh_day"):
        total, said = float(table[column].sum()), float(inside[column].sum())
        slack = ROUNDED_KWH * (len(inside) + len(table) + 1)
        if not math.isclose(total, said, rel_tol=RELATIVE, abs_tol=slack):
            what = f"sum of {column} is {total:,.2f}, where demand.geojson has {said:,.2f}"
            yield Fault(str(path), what, FIX)


def _years(run: RunFolder) -> Iterator[Fault]:
    """Yield differences between the tables of a plan in years."""
    if run.years is None:
        return
    cells, facts = run.years.cells, run.facts
    for row in run.years.years.to_dict("records"):
        here = cells[cells["year"] == row["year"]]
        for column in ("demand_kwh_day", "served_kwh_day"):
            total, slack = float(here[column].sum()), ROUNDED_KWH * (len(here) + 1)
            if not math.isclose(total, row[column], rel_tol=RELATIVE, abs_tol=slack):
                what = f"sum of {column} in {row['year']:.0f} is {total:,.2f}"
                yield Fault(
                    f"{run.path / 'year_cells.csv'}",
                    f"{what}, where years.csv says {row[column]:,.2f}",
                    FIX,
                )
    last = run.years.years.iloc[-1]
    for what, got, said in (
        ("served_kwh_day of the last year", last["served_kwh_day"], facts["objective_kwh_day"]),
        ("sum of spent_pkr", run.years.years["spent_pkr"].sum(), facts["subsidy_pkr"]),
    ):
        if not math.isclose(got, said, rel_tol=RELATIVE, abs_tol=0.02):
            yield _differs(run, "years.csv", what, f"{got:,.2f}", f"{said:,.2f}")
    built = run.years.built
    for column, known in (("site_id", run.sites["site_id"]), ("offer_id", run.offers["offer_id"])):
        stray = tuple(dict.fromkeys(built.loc[~built[column].isin(known), column].astype(str)))
        if stray:
            where = f"{run.path / 'built.csv'}, column {column}"
            yield Fault(where, "not among those of the run", FIX, stray)


def _differs(run: RunFolder, file: str, what: str, here: str, said: str) -> Fault:
    return Fault(f"{run.path / file}, {what}", f"{here}, where run.json says {said}", FIX)
