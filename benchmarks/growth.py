"""Measure time and memory of reach and solve for 10³ to 10⁶ demands and 10² to 10⁴ candidates.

Places are corners of the synthetic city, and drivers reach ten minutes far. Several demands share a
corner if there are more demands than corners. The budget is a hundredth of the cost of all
candidates, but at least 5 and at most 40 million. If a solve runs out of time, its cell of the
table shows the gap; if it runs out of memory, the cell shows a note.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from benchmarks import cover_city, made_city
from benchmarks.asked import Asked
from benchmarks.measure import watch
from benchmarks.record import Finding, Table

GAP = 0.01
MINUTES = 10.0
LIMIT_S, MEMORY_MB = 60.0, 9 * 1024
DEMANDS, SITES = (10**3, 10**4, 10**5, 10**6), (10**2, 10**3, 10**4)
CAPACITATED = ((10**3, 10**2), (10**4, 10**2), (10**3, 10**3), (10**4, 10**3), (10**5, 10**3))


def coverage(asked: Asked) -> Finding:
    """Measure coverage without capacities."""
    finding = Finding("growth", f"coverage to {GAP:.0%} as the work grows")
    demands, sites = asked.size((DEMANDS, SITES), ((200, 1000), (20,)))
    return _grown(asked, finding, "coverage", [(d, s) for s in sites for d in demands])


def capacitated(asked: Asked) -> Finding:
    """Measure the capacitated program up to the sizes that it can solve."""
    finding = Finding("growth_capacity", f"capacities and charger counts to {GAP:.0%} as it grows")
    return _grown(asked, finding, "capacitated", asked.size(CAPACITATED, ((100, 10), (200, 10))))


def _grown(asked: Asked, finding: Finding, model: str, cells: list[tuple[int, int]]) -> Finding:
    rows: list[list[str]] = []
    stuck: set[tuple[int, int]] = set()
    for demands, sites in cells:
        if any(demands >= d and sites >= s for d, s in stuck):
            gone = "left out: a smaller program did not finish"
            rows.append([f"{demands:,}", f"{sites:,}", "", "", "", "", "", gone])
            continue
        row, why = _cell(asked, finding, model, demands, sites)
        rows.append(row)
        if why and "no time left" not in why:
            stuck.add((demands, sites))
        print(f"    {row[0]} × {row[1]}: {row[-1]}", flush=True)
    columns = ["demands", "candidates", "reach, CPU s", "reach, MB", "pairs", "solve, CPU s",
               "solve, MB", "outcome"]  # fmt: skip
    if model != "coverage":
        columns = [c for c in columns if not c.startswith("reach")]
        rows = [row[:2] + row[4:] for row in rows]
    finding.tables = [Table(finding.title, columns, rows)]
    finding.figures = {f"{finding.row}_cells": float(len(rows))}
    finding.notes.append(
        f"Sites up to {MINUTES:g} minutes away are within reach. The budget is a hundredth of the "
        f"cost of all candidates, but at least 5 and at most 40 million. Each solve has "
        f"{LIMIT_S:g} s and {MEMORY_MB / 1024:.0f} GB of address space."
    )
    return finding


def _cell(
    asked: Asked, finding: Finding, model: str, demands: int, sites: int
) -> tuple[list[str], str]:
    """Return a row of the table, with the reason if there is no answer."""
    limit_s = asked.stretched(LIMIT_S)
    given = {
        "side": asked.size(made_city.SIDE, 60), "sites": sites, "demands": demands,
        "minutes": asked.size(MINUTES, 4.0), "memory_mb": MEMORY_MB,
    }  # fmt: skip
    reach = None
    if model == "coverage":
        reach = asked.call("benchmarks.growth:reached", 2 * limit_s, **given)
    done = asked.call(
        "benchmarks.growth:solved", 3 * limit_s + 60, model=model, limit_s=limit_s, **given
    )
    row = [f"{demands:,}", f"{sites:,}", *_reach_texts(finding, reach)]
    what = f"{model}, {row[0]} × {row[1]}"
    found = done.value
    if found is None:
        if not done.why.startswith("not finished"):
            finding.wrong.append(f"{what}: expected an answer, found {done.why}")
        return [*row, "", f"{done.cpu_s:.0f}", f"{done.peak_mb:,.0f}", done.why], done.why
    finding.expect_bound(what, found["value"], found["bound"])
    finding.expect(f"{what}, recounted", found["value"], found["claimed"], 1e-6)
    gap = found["gap"]
    said = f"proven, gap {gap:.2%}" if gap <= GAP else f"stopped at gap {gap:.1%}"
    figures = [f"{found['pairs']:,}", f"{found['cpu_s']:.1f}", f"{found['peak_mb']:,.0f}"]
    return [*row, *figures, said], ""


def _reach_texts(finding: Finding, reach: Any) -> list[str]:
    if reach is None:
        return ["", ""]
    if reach.value is None:
        if not reach.why.startswith("not finished"):
            finding.wrong.append(f"reach: expected an answer, found {reach.why}")
        return [reach.why.removeprefix("not finished: "), ""]
    return [f"{reach.value['cpu_s']:.1f}", f"{reach.value['peak_mb']:,.0f}"]


def reached(side: int, sites: int, demands: int, minutes: float) -> dict[str, Any]:
    """Time `siting.roads.reach` for a number of cells and a number of sites."""
    import pandas as pd

    from siting.roads import reach

    city = made_city.make_city(side)
    places = made_city.make_places(city, sites, demands)
    network = made_city.network(city)
    ids = np.array([f"c{i:07d}" for i in range(demands)], dtype=object)
    names = np.array([f"s{i:07d}" for i in range(sites)], dtype=object)
    cells = pd.DataFrame({"cell_id": ids, "node_id": places.demand, "snap_m": 0.0})
    candidates = pd.DataFrame({"site_id": names, "node_id": places.candidate, "snap_m": 0.0})
    with watch() as seen:
        table = reach(network, cells, candidates, minutes, 15)
    return seen.facts(pairs=len(table))


def solved(
    side: int, sites: int, demands: int, minutes: float, model: str, limit_s: float
) -> dict[str, Any]:
    """Time `siting.solve` for a number of demands and a number of sites."""
    from benchmarks import capacity
    from siting import Program, solve

    budget = float(np.clip(1.15 * sites / 100, 5, 40))
    name = f"{side},{sites},{demands},{minutes},{budget}"
    if model == "coverage":
        of = cover_city.arrays(cover_city.size_of(name))
        instance = cover_city.instance(of)
        pairs = of.pairs
    else:
        instance = capacity.charger_instance(name)
        pairs = len(instance.reach_site)
    with watch() as seen:
        answer = solve(Program(instance, model), gap=GAP, time_limit_s=limit_s, threads=1)
    offers = instance.positions_of(answer.offers)
    if model == "coverage":
        value, _ = cover_city.value_of(of, instance.offer_site[offers])
    else:
        value, _ = capacity.value_of(instance, offers)
    return seen.facts(
        pairs=pairs, value=value, claimed=answer.proof.objective,
        bound=answer.proof.bound, gap=answer.proof.gap,
    )  # fmt: skip
