"""Solve nations of synthetic cities, with money by year and in one sum, and measure the proven gap.

The cities ask the default question, so the plans decide the number of chargers. With money by year
(2027 to 2030, equal amounts) the subsidy is a share of the cost, because a nation does not pay
viability gaps by year. The populations of the cities come from the package's library. Everything
else is made up; the largest city has the size of Karachi. Together the cities have ten thousand
candidates. The time is that of the command, and the memory is that of its largest process.
"""

from __future__ import annotations

import json
import math
import resource
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks import made_city
from benchmarks.asked import Asked
from benchmarks.dask_cluster import cluster
from benchmarks.measure import ROOT, SAME_DRIVES, same_offers, watch
from benchmarks.record import Finding, Table

MILLION = 1e6
CANDIDATES, BUDGET, APART_M = 10_000, 2_000 * MILLION, 60_000.0
# In smaller nations public money and candidates are in proportion to people.
SIZES = (3, 6, 11)
YEARS = range(2027, 2031)
WORKERS = (1, 2, 4)
CITY = """\
name: {name}
title: {name} (made up)
year: 2030
roads:
  source: {{kind: file, path: city.osm, licence: CC0, attribution: nobody}}
  speeds: karachi_lahore
demand:
  city: {name}
  people: {{kind: points, path: people.csv, source: made up, licence: CC0}}
  cells: {{shape: square, size_m: 500}}
candidates:
  sources:
    - {{kind: layer, path: places.csv, name_column: name, site_kind: fuel, source: made up}}
program: {{budget_pkr: 100_000_000}}
output: {{runs_dir: runs, cache_dir: cache}}
"""


def measure(asked: Asked) -> Finding:
    """Measure row 17."""
    finding = Finding("nation", "synthetic cities of the library's populations")
    finding.figures = dict.fromkeys(
        f"nation_{money}{figure}"
        for money in ("", "by_year_")
        for figure in ("gap_pct", "minutes", "peak_mb")
    )
    sizes, seconds = asked.size(SIZES, (2,)), asked.size(12.0, 1.0)
    given = {"folder": str(asked.folder / "nation"), "short": asked.short, "count": max(sizes)}
    prepared = asked.call("benchmarks.nation:prepare", 900, **given)
    if prepared.value is None:
        finding.add("making the files", prepared)
        return finding
    rows = []
    work = {"folder": given["folder"], "limit_s": asked.stretched(seconds)}
    # The nations of the goals come first, because time may run out.
    asks = [(n, by_year) for n in (max(sizes), *sizes[:-1]) for by_year in (False, True)]
    for count, by_year in asks:
        money = "by year" if by_year else "one sum"
        what = f"{count} cities, {money}"
        call = asked.call("benchmarks.nation:solved", 4000, **work, count=count, by_year=by_year)
        ours = finding.add(what, call)
        if ours is None:
            continue
        finding.expect_bound(f"{what}: bound", ours["value"], ours["bound"])
        finding.expect(f"{what}: certificate adds up", True, ours["adds_up"])
        rows.append([f"{count}", f"{ours['candidates']:,}", f"{ours['budget'] / MILLION:,.0f}",
                     money, f"{ours['value']:,.0f}", f"{100 * ours['gap']:.2f} %",
                     f"{ours['wall_s'] / 60:.1f}", f"{ours['peak_mb']:,.0f}"])  # fmt: skip
        if count == max(sizes):
            of = "nation_by_year_" if by_year else "nation_"
            finding.figures |= {
                f"{of}gap_pct": 100 * ours["gap"],
                f"{of}minutes": ours["wall_s"] / 60,
                f"{of}peak_mb": ours["peak_mb"],
            }
    heads = ["cities", "candidates", "PKR m", "money", "served, kWh/day", "gap", "minutes", "MB"]
    finding.tables.append(
        Table("A nation as it grows", heads, sorted(rows, key=lambda r: int(r[0])))
    )
    finding.tables.append(_on_dask(asked, finding))
    return finding


def _on_dask(asked: Asked, finding: Finding) -> Table:
    """Plan the schematic cities on clusters with increasing numbers of workers."""
    rows, alone_s = [], math.nan
    for workers in asked.size(WORKERS, (1,)):
        what = f"schematic cities, {workers} Dask workers"
        given = {"folder": str(asked.folder / "dask"), "short": asked.short}
        call = asked.call("benchmarks.nation:on_dask", 1200, **given, workers=workers)
        ours = finding.add(what, call)
        if ours is not None:
            alone_s = ours["wall_s"] if workers == 1 else alone_s
            rows.append([f"{workers}", f"{ours['wall_s']:,.0f}", f"{alone_s / ours['wall_s']:.2f}",
                         f"{ours['value']:,.0f}", f"{100 * ours['gap']:.2f} %"])  # fmt: skip
    heads = ["Dask workers", "seconds", "times as fast as one", "served, kWh/day", "gap"]
    return Table("The schematic cities on Dask workers of one thread", heads, rows)


def _people(count: int) -> dict[str, float]:
    """Return the populations of the largest cities in the library."""
    from siting.reference import table

    rows = table("cities").sort_values("people_2023", ascending=False, kind="stable").head(count)
    names = rows["city"].str.lower().str.replace(" ", "-")
    return dict(zip(names, rows["people_2023"].astype(float), strict=True))


def prepare(folder: str, count: int, short: bool) -> dict[str, Any]:
    """Write the files of the cities, beginning with the largest city."""
    people = _people(count)
    most, whole = max(people.values()), sum(people.values())
    for n, (name, own) in enumerate(people.items()):
        root = Path(folder) / name
        root.mkdir(parents=True, exist_ok=True)
        side = max(round((30 if short else made_city.SIDE) * math.sqrt(own / most)), 20)
        places = max(round((60 if short else CANDIDATES) * own / whole), 10)
        city = made_city.make_city(side, seed=7 + n)
        shift = APART_M * np.array(divmod(n, 4), dtype=float)
        city = replace(city, x=city.x + shift[0], y=city.y + shift[1])
        _write(root, city, places, own if not short else own / 100, seed=4 + n)
        (root / "city.yaml").write_text(CITY.format(name=name), encoding="utf-8")
    return {}


def _write(root: Path, city: made_city.City, places: int, people: float, seed: int) -> None:
    from benchmarks.city import write_tables

    made_city.write_osm(city, root / "city.osm")
    write_tables(root, city, places, seed, people)


def on_dask(folder: str, short: bool, workers: int) -> dict[str, Any]:
    """Return the result for the schematic cities on a Dask cluster of `workers`."""
    from siting.nation import Nation

    place = Path(folder)
    place.mkdir(parents=True, exist_ok=True)
    asked = [f"output.cache_dir={place / 'cache'}", same_offers(), SAME_DRIVES]
    sets = [
        f"set={json.dumps(asked)}",
        *(["solver.rounds=1", "solver.time_limit_s=1"] if short else []),
    ]
    with cluster(workers, place) as address, watch() as seen:
        plan = Nation(ROOT / "configs" / "nation.yaml", sets, dask=address).solve()
    return {
        "cpu_s": seen.cpu_s,
        "wall_s": seen.wall_s,
        "value": plan.served_kwh_day,
        "gap": plan.gap,
        "found": f"gap {plan.gap:.2%}, {plan.served_kwh_day:,.0f} kWh/day",
    }


def solved(folder: str, count: int, limit_s: float, by_year: bool) -> dict[str, Any]:
    """Return the result for the nation of the largest cities."""
    import pandas as pd

    from siting.nation import Nation

    people = _people(count)
    whole = sum(_people(max(SIZES)).values())
    budget = BUDGET * sum(people.values()) / whole
    money = f"budget_pkr: {budget:.0f}"
    if by_year:
        each = ", ".join(f"{year}: {budget / len(YEARS):.0f}" for year in YEARS)
        money = f"years: {{budgets_pkr: {{{each}}}}}"
    text = f"name: made-up\n{money}\ncities:\n"
    text += "".join(f"  - {name}/city.yaml\n" for name in people)
    text += "set: [offers.subsidy.rule=share]\n" if by_year else ""
    text += f"solver: {{gap: 0.01, time_limit_s: {limit_s:.0f}}}\n"
    path = Path(folder) / f"nation-{count}.yaml"
    path.write_text(text, encoding="utf-8")
    with watch() as seen:
        plan = Nation(path, workers=2).solve()
    term = math.fsum(plan.terms["term_kwh_day"])
    sites = [len(pd.read_csv(Path(folder) / name / "places.csv")) for name in people]
    largest = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
    return {
        "cpu_s": seen.cpu_s,
        "wall_s": seen.wall_s,
        "peak_mb": max(seen.peak_mb, largest),
        "value": plan.served_kwh_day,
        "bound": plan.bound_kwh_day,
        "gap": plan.gap,
        "adds_up": math.isclose(max(term, plan.served_kwh_day), plan.bound_kwh_day),
        "budget": budget,
        "candidates": sum(sites),
        "found": f"gap {plan.gap:.2%}, {plan.served_kwh_day:,.0f} kWh/day",
    }
