"""Divide the embedded city and Saddar into twelve lots, connected by road, with values within 10 %.

The goal is measured on plans in which no station is larger than the share of a lot (`SIZES`).
Default plans, in which a station may be larger, are shown too, with a lower bound on the spread of
any division. networkx's Voronoi cells show whether a lot is connected. Sums come from the table of
the plan.
"""

from __future__ import annotations

from typing import Any

from benchmarks.asked import Asked
from benchmarks.measure import ROOT, watch
from benchmarks.programme import saddar_name, saddar_work
from benchmarks.record import Finding

SIZES = "offers.sizes={lev_3: [12, 24], ac_22: [4], dc_60: [1]}"
LOTS, WITHIN = 12, 0.10
SOLVE_S = 60.0
NEED = "offers.subsidy.rule=need"


def measure(asked: Asked) -> Finding:
    """Measure row 22."""
    finding = Finding("lots", f"{asked.size(LOTS, 4)} lots of the embedded city and of Saddar")
    names = ("lots_city_spread_pct", "lots_saddar_spread_pct", "lots_torn", "lots_money_apart")
    finding.figures = dict.fromkeys(names)
    works = {"city": {"config": str(ROOT / "configs" / "islamabad.yaml"), "overrides": []}}
    saddar = saddar_work(asked, finding)
    if saddar is not None:
        works["saddar"] = saddar
    torn, apart = 0, 0
    for name, work in works.items():
        called = "the embedded city" if name == "city" else saddar_name(asked)
        for sizes in asked.size(("small", "default"), ("small",)):
            more = [SIZES] if sizes == "small" else []
            given = {
                "config": work["config"],
                "overrides": [*work["overrides"], NEED, *more],
                "lots": asked.size(LOTS, 4), "limit_s": asked.stretched(asked.size(SOLVE_S, 3.0)),
            }  # fmt: skip
            done = asked.call("benchmarks.lots:parted", 600, **given)
            value = finding.add(f"{called}, {sizes} stations", done)
            if value is None:
                continue
            finding.lines[-1].found = value["words"]
            finding.wrong += [f"{called}, {sizes} stations: {line}" for line in value["wrong"]]
            if sizes == "small":
                finding.figures[f"lots_{name}_spread_pct"] = 100 * value["spread"]
                torn += value["torn"]
                apart += not value["money_reached"]
                finding.figures |= {"lots_torn": torn, "lots_money_apart": apart}
    return finding


def parted(config: str, overrides: list[str], lots: int, limit_s: float) -> dict[str, Any]:
    """Make a plan, divide it into lots, and check the lots independently."""
    import networkx as nx

    from siting.lots import part_into_lots
    from siting.study import Study

    plan = Study(config, [*overrides, f"solver.time_limit_s={limit_s}"]).plan
    with watch() as seen:
        made = part_into_lots(plan, lots, within=WITHIN)
    new = plan.new_sites.set_index("site_id")
    site_at = plan.candidates.set_index("site_id")["node_id"].astype(int)
    network = plan.study.network
    roads = nx.Graph()
    for (u, v, _), minutes in network.edges["travel_min"].items():
        if not roads.has_edge(u, v) or roads[u][v]["weight"] > minutes:
            roads.add_edge(u, v, weight=minutes)
    heads = {int(site_at[site]) for site in new.index}
    owner = {node: head for head, cell in nx.voronoi_cells(roads, heads).items() for node in cell}
    torn = 0
    for _, rows in made.areas.groupby("lot"):
        inside = {int(site_at[site]) for site in rows["site_id"]}
        ground = [node for node, head in owner.items() if head in inside]
        torn += not nx.is_connected(roads.subgraph(ground))
    energy = made.areas.groupby("lot")["site_id"].agg(
        lambda ids: float(new.loc[ids, "served_kwh_day"].sum())
    )
    spread = float(energy.max() / energy.min() - 1)
    facts = made.facts
    wrong = []
    if len(energy) != lots or sorted(made.areas["site_id"]) != sorted(new.index):
        wrong.append(f"expected each of {len(new)} stations in one of {lots} lots, found otherwise")
    if abs(spread - facts["energy"]["spread_share"]) > 1e-6:
        wrong.append(f"spread: expected {spread}, found {facts['energy']['spread_share']}")
    if spread < facts["energy"]["least_possible_share"] - 1e-9:
        wrong.append(f"spread: expected the bound or more, found {spread}")
    if torn:
        wrong.append(f"lots: expected each to be connected, found {torn} that are not")
    words = f"{len(new)} stations; " + "; ".join(facts["notes"]) + f"; {seen.wall_s:.0f} s"
    return {
        "spread": spread, "torn": torn, "money_reached": facts["money"]["reached"],
        "words": words, "wrong": wrong,
    }  # fmt: skip
