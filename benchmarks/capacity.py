"""Prove capacitated programs: S with charger counts, and offers on real roads of Karachi.

The peer is HiGHS on the whole program in PuLP (`siting.Program.to_pulp`), without a warm start. A
separate linear program values every plan again (`benchmarks.revalue`).
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from benchmarks import cover_city
from benchmarks.asked import Asked, real_data
from benchmarks.cover_city import MILLION
from benchmarks.measure import watch
from benchmarks.record import Finding, Line
from benchmarks.revalue import most_served

COUNTS = 8  # largest number of chargers at a site
CHARGER_COST = 0.25  # million rupees
SHARE = 60  # a charger serves 1/60 of all demand
EXTRACT = "karachi/karachi_saddar_town_drive_20241231.osm.bz2"
# Cost (million rupees), and kWh/day for two- and three-wheelers and for cars.
CONFIGURATIONS = (
    (1.0, 400, 0), (2.2, 900, 0), (7.0, 0, 450), (13.0, 0, 1000), (9.0, 500, 450),
    (17.0, 1000, 1000),
)  # fmt: skip
BUDGETS = (200, 300, 600)


def chargers(asked: Asked) -> Finding:
    """Measure row 10."""
    name, gap = asked.size("S", "120,20,120,5,4"), 0.01
    size = cover_city.size_of(name)
    finding = Finding(
        "chargers",
        f"{size.sites:,} sites of up to {COUNTS} chargers × {size.demands:,} demands to {gap:.0%}",
    )
    limit_s = asked.stretched(60)
    given = {"make": "charger_instance", "given": {"name": name}, "gap": gap, "limit_s": limit_s}
    ours = finding.add(
        "siting", asked.call("benchmarks.capacity:by_siting", 2 * limit_s + 120, **given)
    )
    plain = finding.add(
        "the PuLP program + HiGHS",
        asked.call("benchmarks.capacity:by_highs", 2 * limit_s + 120, **given),
    )
    finding.figures = {"chargers_gap_pct": None, "chargers_cpu_s": None}
    if ours is not None:
        finding.figures = {
            "chargers_gap_pct": 100 * ours["gap"],
            "chargers_cpu_s": ours["cpu_s"],
        }
        _judge(finding, "", ours, plain)
    return finding


def karachi(asked: Asked) -> Finding:
    """Measure row 10b."""
    gap = 0.005
    sites, cells = asked.size((300, 2000), (12, 60))
    budgets = asked.size(BUDGETS, (60,))
    finding = Finding(
        "karachi",
        f"real roads of Saddar, Karachi: {sites:,} sites × {len(CONFIGURATIONS)} offers, "
        f"{cells:,} cells, to {gap:.1%}",
    )
    finding.figures = {f"karachi_{k}": None for k in ("gap_pct", "cpu_s", "highs_gap_pct")}
    data = real_data()
    if data is None or not (data / EXTRACT).is_file():
        why = "the extract is not available (SITING_TEST_DATA names its folder)"
        finding.lines.append(Line("siting", found=f"not measured: {why}"))
        finding.notes.append(f"Not measured: {why}.")
        return finding
    gaps, times = [], []
    for budget in budgets:
        given = {"path": str(data / EXTRACT), "sites": sites, "cells": cells, "budget": budget}
        work = {"make": "karachi_instance", "given": given, "gap": gap}
        limit_s = asked.stretched(60)
        what = f"budget {budget} M"
        ours = finding.add(
            f"siting, {what}",
            asked.call("benchmarks.capacity:by_siting", 2 * limit_s + 120, limit_s=limit_s, **work),
        )
        plain = None
        if budget == budgets[-1]:
            limit_s = asked.stretched(120)
            plain = finding.add(
                f"the PuLP program + HiGHS, {what}",
                asked.call("benchmarks.capacity:by_highs", 2 * limit_s + 120, limit_s=limit_s,
                           **work),
            )  # fmt: skip
        if ours is not None:
            gaps.append(100 * ours["gap"])
            times.append(ours["cpu_s"])
            _judge(finding, f"{what}: ", ours, plain)
            finding.notes.append(f"{what}: {ours['sizes']}.")
        if plain is not None and plain["gap"] is not None:
            finding.figures["karachi_highs_gap_pct"] = 100 * plain["gap"]
    if len(gaps) == len(budgets):
        finding.figures |= {"karachi_gap_pct": max(gaps), "karachi_cpu_s": max(times)}
    return finding


def _judge(finding: Finding, what: str, ours: dict[str, Any], plain: dict[str, Any] | None) -> None:
    finding.expect(f"{what}value of the plan recounted", ours["value"], ours["claimed"], 1e-6)
    finding.expect(f"{what}plan within the budget", True, ours["affordable"])
    finding.expect_bound(f"{what}bound of ours", ours["value"], ours["bound"])
    if plain is not None:
        finding.expect_bound(f"{what}bound of ours, over HiGHS's plan", plain["value"],
                             ours["bound"])  # fmt: skip
        if plain["bound"] is not None:
            finding.expect_bound(f"{what}HiGHS's bound, over our plan", ours["value"],
                                 plain["bound"])  # fmt: skip


def charger_instance(name: str) -> Any:
    """Return S with one offer for each number of chargers at a site."""
    from dataclasses import replace

    of = cover_city.arrays(cover_city.size_of(name))
    base = cover_city.instance(of)
    count = np.tile(np.arange(1, COUNTS + 1), len(of.cost))
    site = np.repeat(np.arange(len(of.cost)), COUNTS)
    cost = (of.cost[site] + CHARGER_COST * count) * MILLION
    names = [f"{base.site_ids[j]}:{k}" for j, k in zip(site, count, strict=True)]
    return replace(
        base,
        offer_ids=np.array(names, dtype=object),
        offer_site=site,
        offer_capacity=(count * of.weight.sum() / SHARE)[:, None],
        offer_cost=cost,
        offer_subsidy=cost.copy(),
        offer_existing=np.zeros(len(site), dtype=bool),
        offer_bundle=np.full(len(site), "", dtype=object),
        offer_opens=np.zeros(len(site), dtype=np.int64),
    )


def karachi_instance(path: str, sites: int, cells: int, budget: float) -> Any:
    """Return offers at crossings of the real extract, with synthetic demand of two classes."""
    import pandas as pd

    from siting import Instance, roads
    from siting.reference import table

    network = roads.network_from_file(Path(path), table("speeds"), "karachi_lahore")
    rng = np.random.default_rng(1)
    degree = network.edges.groupby(level="u").size().reindex(network.nodes.index, fill_value=0)
    node = network.nodes.index.to_numpy()
    cell_node = rng.choice(node, cells, replace=False)
    crossing = node[degree.to_numpy() >= 3]
    site_node = rng.choice(crossing, sites, replace=False)
    cell_id = np.array([f"c{i:05d}" for i in range(cells)], dtype=object)
    site_id = np.array([f"s{i:05d}" for i in range(sites)], dtype=object)
    reach = roads.reach(
        network,
        pd.DataFrame({"cell_id": cell_id, "node_id": cell_node, "snap_m": 0.0}),
        pd.DataFrame({"site_id": site_id, "node_id": site_node, "snap_m": 0.0}),
        4.6,
        15.0,
    )
    share = rng.lognormal(0, 0.8, cells)
    share /= share.sum()
    factor = rng.uniform(0.8, 1.4, sites)
    part = cells / 2000
    demand = pd.DataFrame(
        {
            "cell_id": np.tile(cell_id, 2),
            "vehicle_class": np.repeat(["two_wheeler", "car"], cells),
            "demand_kwh_day": np.concatenate([38e3 * part * share, 25e3 * part * share]),
        }
    )
    demand.insert(0, "demand_id", [f"d{i:05d}" for i in range(len(demand))])
    offers = pd.DataFrame(
        [
            {
                "offer_id": f"{site}:{k}",
                "site_id": site,
                "configuration": f"{k}",
                "chargers": "",
                "existing": False,
                "power_kw": 0.0,
                "charger_cost_pkr": cost * f * MILLION,
                "grid_cost_pkr": 0.0,
                "fee_cost_pkr": 0.0,
                "cost_pkr": cost * f * MILLION,
                "subsidy_pkr": cost * f * MILLION,
                "capacity_lev_kwh_day": float(lev),
                "capacity_dc_kwh_day": float(dc),
                "reason": "",
            }
            for site, f in zip(site_id, factor.tolist(), strict=True)
            for k, (cost, lev, dc) in enumerate(CONFIGURATIONS)
        ]
    )
    plugs = pd.DataFrame({"charger_group": ["lev", "dc"], "vehicle_class": ["two_wheeler", "car"]})
    return Instance.from_tables(demand, offers, reach, plugs, budget * MILLION)


def by_siting(make: str, given: dict[str, Any], gap: float, limit_s: float) -> dict[str, Any]:
    """Time `siting.solve` on a capacitated instance, and value the plan again."""
    from siting import Program, solve

    instance = globals()[make](**given)
    with watch() as seen:
        answer = solve(Program(instance), gap=gap, time_limit_s=limit_s, threads=1)
    value, affordable = value_of(instance, instance.positions_of(answer.offers))
    return seen.facts(
        value=value,
        affordable=affordable,
        claimed=answer.proof.objective,
        bound=answer.proof.bound,
        gap=answer.proof.gap,
        found=f"{value:,.0f}, gap {answer.proof.gap:.2%}, {answer.proof.stopped}",
        sizes=f"{len(instance.demand_ids):,} demand rows, {len(instance.reach_site):,} cell–site "
        f"pairs, {len(instance.offer_ids):,} offers",
    )


def by_highs(make: str, given: dict[str, Any], gap: float, limit_s: float) -> dict[str, Any]:
    """Time HiGHS on the whole program in PuLP."""
    import pulp

    from siting import Program

    instance = globals()[make](**given)
    with watch() as seen:
        program = Program(instance)
        matrix = program.matrix()
        prob = program.to_pulp()
        solver = pulp.HiGHS(msg=False, gapRel=gap, timeLimit=limit_s, threads=1)
        stats = prob.solve(solver)
    value = 0.0
    if stats.has_solution:
        taken = {v.name for v in prob.variables() if (v.varValue or 0.0) > 0.5}
        chosen = [n for n in range(len(program.options)) if f"y_{n}" in taken]
        value, _ = value_of(instance, program.options.last[chosen])
    # The PuLP problem is scaled; its bound is converted to kWh/day.
    bound = stats.best_bound
    bound = None if bound is None else matrix.size * bound
    gap_found = None if bound is None or value <= 0 else max(bound / value - 1, 0.0)
    text = f"{value:,.0f}" if value > 0 else "no plan"
    text += ", no bound" if gap_found is None else f", gap {gap_found:.2%}"
    return seen.facts(
        value=value, bound=bound, gap=gap_found, found=f"{text} (says {stats.status.name})"
    )


def value_of(instance: Any, offers: np.ndarray) -> tuple[float, bool]:
    """Return the most energy that offers serve (kWh/day), and whether they keep to the budget."""
    spent = float(instance.offer_subsidy[offers].sum())
    paid = spent <= instance.budget_pkr * (1 + 1e-12) + 1e-6
    return most_served(instance, offers), paid
