"""Run all stages of a city of Karachi's size, from its files to the recounted plan.

The city is made up. It has roads as OSM XML, people at its corners, and two thousand places. The
measured run finds the roads in the cache, like every run after the first. The first program is
coverage with one vehicle class and money for some twenty stations, like M, for which the goal was
set. The other programs have money for some seventy stations, or capacities. The measured time is
the CPU time of the whole process, with imports.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from benchmarks import made_city
from benchmarks.asked import Asked, real_data
from benchmarks.measure import ROOT, SAME_DRIVES, SAME_QUESTION, same_offers, watch
from benchmarks.record import Finding

STAGES = (
    "network", "cells", "demand", "candidates", "offers", "reach", "instance", "outcome", "plan",
)  # fmt: skip
GAP = 0.005
BUDGET, MORE = 115e6, 400e6
CONFIG = """\
name: made-up
title: A synthetic city
year: 2030
roads:
  source: {{kind: file, path: city.osm, licence: CC0, attribution: nobody}}
  speeds: karachi_lahore
demand:
  city: karachi
  people: {{kind: points, path: people.csv, source: made up, licence: CC0}}
  cells: {{shape: square, size_m: 250}}
  vehicle_classes: [car]
candidates:
  sources:
    - {{kind: layer, path: places.csv, name_column: name, site_kind: fuel, source: made up}}
offers:
  configurations:
    hub: {{dc_60: 2}}
  subsidy: {{rule: share}}
reach: {{cutoff_min: 10}}
program: {{model: coverage, budget_pkr: {budget}}}
solver: {{gap: {gap}, time_limit_s: 120}}
output: {{runs_dir: runs, cache_dir: cache}}
"""


def measure(asked: Asked) -> Finding:
    """Measure row 11."""
    side, places, budget = asked.size((made_city.SIDE, 2000, BUDGET), (50, 40, 100e6))
    finding = Finding("city", "a synthetic city end to end")
    finding.figures = {f"city_{k}": None for k in ("gap_pct", "cpu_s", "peak_mb")}
    folder = asked.folder
    given = {"folder": str(folder), "side": side, "places": places, "budget": budget}
    prepared = asked.call("benchmarks.city:prepare", 300, **given)
    if prepared.value is None:
        finding.add("making the files", prepared)
        return finding
    path = str(folder / "city.yaml")
    cold = asked.call("benchmarks.city:stages", 300, config=path, last="network")
    finding.add("roads, first time", cold)
    limit_s = asked.stretched(120)
    own = [f"solver.time_limit_s={limit_s:.0f}"]
    ours = _run(asked, finding, f"coverage, {budget / 1e6:.0f} M", path, own)
    if ours is not None:
        line = finding.lines[-1]
        finding.title += f": {ours['sizes']}"
        finding.figures = {
            "city_gap_pct": 100 * ours["gap"],
            "city_cpu_s": line.cpu_s,
            "city_peak_mb": line.peak_mb,
        }
    if asked.short:
        return finding
    more = [*own, f"program.budget_pkr={MORE:.0f}"]
    _run(asked, finding, f"coverage, {MORE / 1e6:.0f} M", path, more)
    more.append("program.model=capacitated")
    _run(asked, finding, f"capacitated, {MORE / 1e6:.0f} M", path, more)
    _real(asked, finding, limit_s)
    return finding


def _real(asked: Asked, finding: Finding, limit_s: float) -> None:
    data = real_data()
    for config in sorted((ROOT / "configs").glob("real-karachi*.yaml")):
        if data is None:
            finding.notes.append(f"{config.stem} was left out: its data are not available.")
            continue
        roads = data / "karachi" / "karachi_saddar_town_drive_20241231.osm.bz2"
        stations = data / "ev_chargers" / "pakistan_ev_chargers_ocm.csv"
        own = [
            f"roads.source.path={roads}",
            f"candidates.existing.path={stations}",
            f"output.cache_dir={asked.folder / 'cache'}",
            f"solver.time_limit_s={limit_s:.0f}",
            "offers.subsidy.rule=share",
            same_offers(),
        ]
        _run(asked, finding, f"real roads, {config.stem}", str(config), own)


def _run(
    asked: Asked, finding: Finding, way: str, config: str, overrides: list[str]
) -> dict[str, Any] | None:
    done = asked.call("benchmarks.city:stages", 900, config=config, overrides=overrides)
    found = finding.add(way, done)
    if found is None:
        return None
    line = finding.lines[-1]
    if not asked.short:  # the whole process, with imports
        line.cpu_s, line.wall_s, line.peak_mb = done.cpu_s, done.wall_s, done.peak_mb
    finding.expect_bound(f"{way}: bound", found["value"], found["bound"])
    finding.expect(f"{way}: recounted", True, found["checks"] > 0)  # a check that fails raises
    each = ", ".join(f"{name} {s:.1f}" for name, s in found["each"].items())
    finding.notes.append(f"{way}: {found['sizes']}. CPU s by stage: {each}.")
    return found


def prepare(folder: str, side: int, places: int, budget: float) -> dict[str, Any]:
    """Write the city's files."""
    write_files(Path(folder), side, places, seed=4)
    text = CONFIG.format(budget=int(budget), gap=GAP)
    (Path(folder) / "city.yaml").write_text(text, encoding="utf-8")
    return {}


def write_files(root: Path, side: int, places: int, seed: int, people: float | None = None) -> None:
    """Write roads, places, and people at the corners; `people` is their total, if it is fixed."""
    city = made_city.make_city(side)
    if not (root / "city.osm").is_file():
        made_city.write_osm(city, root / "city.osm")
    write_tables(root, city, places, seed, people)


def write_tables(
    root: Path, city: made_city.City, places: int, seed: int, people: float | None = None
) -> None:
    """Write the people and places of a city, as for `write_files`."""
    import pandas as pd

    lon, lat = made_city.lonlat(city)
    rng = np.random.default_rng(seed)
    dense = made_city.density(city, rng)
    each = np.ceil(dense * 80) if people is None else np.round(dense / dense.sum() * people, 2)
    table = pd.DataFrame({"lon": lon, "lat": lat, "people": each})
    table.to_csv(root / "people.csv", index=False)
    share = dense**0.5
    at = rng.choice(len(lon), places, replace=False, p=share / share.sum())
    names = [f"Pump {i}" for i in range(places)]
    table = pd.DataFrame({"lon": lon[at], "lat": lat[at], "name": names})
    table.to_csv(root / "places.csv", index=False)


def stages(config: str, overrides: list[str] | None = None, last: str = "plan") -> dict[str, Any]:
    """Run the stages of a study in order."""
    from siting.study import Study

    each: dict[str, float] = {}
    study = Study(config, [*SAME_QUESTION, SAME_DRIVES, *(overrides or [])])
    with watch() as seen:
        for name in STAGES:
            with watch() as one:
                getattr(study, name)
            each[name] = round(one.cpu_s, 2)
            if name == last:
                break
    if last != "plan":
        found = f"{len(study.network.nodes):,} nodes, {len(study.network.edges):,} directed edges"
        return seen.facts(found=found)
    proof = study.outcome.proof
    instance = study.instance
    sizes = (
        f"{len(study.network.nodes):,} nodes, {len(instance.demand_ids):,} demand rows, "
        f"{len(instance.site_ids):,} sites, {len(instance.offer_ids):,} offers, "
        f"{len(instance.reach_site):,} pairs"
    )
    return {
        "cpu_s": seen.cpu_s,
        "wall_s": seen.wall_s,
        "peak_mb": seen.peak_mb,
        "each": each,
        "sizes": sizes,
        "value": proof.objective,
        "bound": proof.bound,
        "gap": proof.gap,
        "checks": len(study.plan.checks),
        "found": f"{proof.objective:,.0f} {proof.unit}, gap {proof.gap:.2%}, {proof.stopped}; "
        f"{len(study.plan.new_sites)} stations",
    }
